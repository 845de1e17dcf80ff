/* binset.h - InsightFace's verification sets (lfw.bin, agedb_30.bin, ...): a Python pickle of
 * ([bytes of image 0, image 1, ...], [is pair 0 the same person, ...]); pair i has the images 2i
 * and 2i + 1. Read by the few opcodes that such a pickle has: protocol 2 as Python 2 writes it,
 * 3 to 5 of Python 3. What could name a class or a function is refused; that includes protocol 2 of
 * Python 3, which has bytes made by a function. */
#ifndef DNX_BINSET_H
#define DNX_BINSET_H
#include "dnx.h"

typedef struct {
    const unsigned char *bytes; /* of an image file: JPEG or PNG */
    size_t n;
} dnx_binset_image;

typedef struct {
    char *data; /* the whole file */
    dnx_binset_image *image;
    size_t n;   /* images: two a pair */
    bool *same; /* n / 2 */
} dnx_binset;

/* DNX_EIO: unreadable; DNX_EPARSE: no such pickle, cut short, or with other contents; DNX_EMEM.
 * Close s in any case. */
dnx_status dnx_binset_open(const char *path, dnx_binset *s, dnx_err *err);
void dnx_binset_close(dnx_binset *s);
#endif
