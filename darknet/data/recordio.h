/* recordio.h - reads MXNet's records: NAME.rec with images and labels, NAME.idx with offsets. */
#ifndef DNX_RECORDIO_H
#define DNX_RECORDIO_H
#include "data/decode.h"
#include "dnx.h"

typedef struct {
    uint64_t *at; /* offset of each image's record, in the order of the keys */
    size_t n;
    int fd; /* descriptor of the .rec */
    uint64_t size;
} dnx_records;

/* Opens NAME.rec and reads NAME.idx, which has lines `key offset`. When record 0 has labels a, b
 * and no image, it is InsightFace's header. Keys 1 to a-1 are then images, and the other records
 * describe identities. Errors: DNX_EIO when NAME.rec is wrong or a file cannot be read; DNX_EPARSE
 * when the index is wrong; DNX_EMEM. Free r, also after an error. */
dnx_status dnx_records_open(const char *path, dnx_records *r, dnx_err *err);
void dnx_records_free(dnx_records *r); /* does not close r->fd: the caller does */

/* Reads the label (the class) of the record at offset `at` in a .rec of `size` bytes. Copies the
 * first DNX_IMAGE_HEAD bytes of its image to head, or all bytes of a shorter image, and sets *n to
 * their number. Returns NULL, or a constant string that names the fault. Thread safe. */
const char *dnx_record_label(int fd, uint64_t size, uint64_t at, float *label,
                             unsigned char head[DNX_IMAGE_HEAD], size_t *n);
/* Returns the *len bytes of a record's image; free() them. On failure sets *why, a constant, and
 * returns NULL. */
unsigned char *dnx_record_image(int fd, uint64_t size, uint64_t at, size_t *len, const char **why);
#endif
