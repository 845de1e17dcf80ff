/* binset.h - verification sets in the format of InsightFace (lfw.bin, agedb_30.bin, ...).
 *
 * A set is a pickled tuple or list of two lists: the images, and a truth value for each pair.
 * Tuples and NumPy arrays may stand in place of the lists. Pair i consists of images 2i and 2i + 1.
 * An image is the content of an image file, as bytes or as a NumPy array of bytes. */
#ifndef DNX_BINSET_H
#define DNX_BINSET_H
#include "data/pickle.h"
#include "dnx.h"

typedef struct {
    const unsigned char *bytes;
    size_t n;
} dnx_binset_image;

typedef struct {
    char *data; /* content of the file; NULL after dnx_binset_parse() */
    dnx_pickle pickle;
    dnx_binset_image *image;
    size_t n;
    bool *same; /* n / 2 values: true when the pair shows one person */
} dnx_binset;

/* Returns true when the path ends in .bin, in any case, as the paths of InsightFace's sets do. */
bool dnx_binset_is_named(const char *path);
/* Reads a set. Errors: DNX_EIO, DNX_EMEM; DNX_EPARSE for wrong content. Close s, also after an
 * error. */
dnx_status dnx_binset_open(const char *path, dnx_binset *s, dnx_err *err);
/* Like dnx_binset_open(), from memory. The bytes must outlive s. `file` names the set in errors. */
dnx_status dnx_binset_parse(const void *bytes, size_t n, const char *file, dnx_binset *s,
                            dnx_err *err);
void dnx_binset_close(dnx_binset *s);
#endif
