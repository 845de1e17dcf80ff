/* binset.h - verification sets in the format of InsightFace (lfw.bin, agedb_30.bin, ...).
 *
 * A set is a pickle of ([image 0, image 1, ...], [is pair 0 the same person, ...]), as a tuple or a
 * list. Pair i consists of images 2i and 2i + 1. Each image is an image file, as bytes or as a
 * NumPy array of bytes. Pickles of Python 2 and 3 are read, protocols 0 to 5 (pickle.h). */
#ifndef DNX_BINSET_H
#define DNX_BINSET_H
#include "data/pickle.h"
#include "dnx.h"

typedef struct {
    const unsigned char *bytes; /* an image file, mostly JPEG or PNG */
    size_t n;
} dnx_binset_image;

typedef struct {
    char *data; /* the whole file; NULL after dnx_binset_parse() */
    dnx_pickle pickle;
    dnx_binset_image *image;
    size_t n;   /* number of images, two for each pair */
    bool *same; /* n / 2: the pair shows one person */
} dnx_binset;

/* DNX_EIO when the file cannot be read. DNX_EPARSE when it is not a pickle, is cut short, or has
 * another form. DNX_EMEM. Close s in any case. */
dnx_status dnx_binset_open(const char *path, dnx_binset *s, dnx_err *err);
/* Reads a set from memory. The bytes must outlive s. */
dnx_status dnx_binset_parse(const void *bytes, size_t n, const char *file, dnx_binset *s,
                            dnx_err *err);
void dnx_binset_close(dnx_binset *s);
#endif
