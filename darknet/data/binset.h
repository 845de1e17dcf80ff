/* binset.h - verification sets as InsightFace has them (lfw.bin, agedb_30.bin, ...): a pickle of
 * ([image 0, image 1, ...], [is pair 0 the same person, ...]), as a tuple or a list; pair i has the
 * images 2i and 2i + 1. An image is an image file, as bytes or as a NumPy array of bytes. Python 2
 * and 3, protocols 0 to 5 (pickle.h). */
#ifndef DNX_BINSET_H
#define DNX_BINSET_H
#include "data/pickle.h"
#include "dnx.h"

typedef struct {
    const unsigned char *bytes; /* of an image file: JPEG or PNG */
    size_t n;
} dnx_binset_image;

typedef struct {
    char *data; /* the whole file, or NULL */
    dnx_pickle pickle;
    dnx_binset_image *image;
    size_t n;   /* images: two a pair */
    bool *same; /* n / 2 */
} dnx_binset;

/* DNX_EIO: unreadable; DNX_EPARSE: no such pickle, cut short, or with other contents; DNX_EMEM.
 * Close s in any case. */
dnx_status dnx_binset_open(const char *path, dnx_binset *s, dnx_err *err);
/* The same of bytes in memory, which the caller keeps. */
dnx_status dnx_binset_parse(const void *bytes, size_t n, const char *file, dnx_binset *s,
                            dnx_err *err);
void dnx_binset_close(dnx_binset *s);
#endif
