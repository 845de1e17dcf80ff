/* recordio.h - the record files of MXNet and InsightFace: images and labels in one file NAME.rec,
 * and the places of its records in NAME.idx. */
#ifndef DNX_RECORDIO_H
#define DNX_RECORDIO_H
#include "data/decode.h"
#include "dnx.h"

typedef struct {
    uint64_t *at; /* of each image's record in the file, in the order of the keys */
    size_t n;
    int fd;
    uint64_t size;
} dnx_records;

/* Opens a .rec and reads its .idx, lines `key offset`. Where record 0 is InsightFace's header (flag
 * 2, labels a, b) the images are keys 1..a-1; the rest are identities and not needed. Without it
 * all records are images. *r is the caller's to close, also when it fails. DNX_EIO, DNX_EPARSE: a
 * line of the index, a wrong magic number, a file cut short. DNX_EMEM. */
dnx_status dnx_records_open(const char *path, dnx_records *r, dnx_err *err);
void dnx_records_free(dnx_records *r); /* keeps fd open: it is closed by whoever took it */

/* The class of the record at a place; NULL, or what is wrong. head gets the first bytes of the
 * image, n of them. Thread safe. */
const char *dnx_record_label(int fd, uint64_t size, uint64_t at, float *label,
                             unsigned char head[DNX_IMAGE_HEAD], size_t *n);
/* The bytes of its image, free() them; NULL with *why set. Thread safe. */
unsigned char *dnx_record_image(int fd, uint64_t size, uint64_t at, size_t *len, const char **why);
#endif
