/* recordio.h - reads the record files of MXNet and InsightFace: images and labels in NAME.rec, and
 * the offsets of its records in NAME.idx. */
#ifndef DNX_RECORDIO_H
#define DNX_RECORDIO_H
#include "data/decode.h"
#include "dnx.h"

typedef struct {
    uint64_t *at; /* offset of each image's record, in the order of the keys */
    size_t n;
    int fd;
    uint64_t size;
} dnx_records;

/* Opens a .rec and reads its .idx, which has lines `key offset`. When record 0 is InsightFace's
 * header (flag 2, labels a, b), the images are keys 1..a-1, and the other records describe
 * identities. Without such a header all records are images. The caller frees *r, also after an
 * error. DNX_EIO. DNX_EPARSE for a bad line of the index, a wrong magic number, or a file that was
 * cut short. DNX_EMEM. */
dnx_status dnx_records_open(const char *path, dnx_records *r, dnx_err *err);
void dnx_records_free(dnx_records *r); /* does not close fd */

/* Reads the class of the record at offset `at`. head gets the first *n bytes of its image. Returns
 * NULL or the fault. Thread safe. */
const char *dnx_record_label(int fd, uint64_t size, uint64_t at, float *label,
                             unsigned char head[DNX_IMAGE_HEAD], size_t *n);
/* Returns the bytes of the record's image; free() them. On failure returns NULL and sets *why.
 * Thread safe. */
unsigned char *dnx_record_image(int fd, uint64_t size, uint64_t at, size_t *len, const char **why);
#endif
