/* embeddings.h - the file of `darknet embed`: features of images, by name. Little endian:
 *
 *   "DNXE", uint32 2, uint32 count, uint32 dim
 *   uint32 bytes of a number: 4, or 2 for half precision; uint32 flip, uint64 network
 *   count names, each uint32 length and that many bytes
 *   zeros up to a multiple of 64
 *   count x dim numbers
 *
 * An older version 1 has no second line, no zeros, and numbers of 4 bytes. The cache of a teacher
 * is version 4, see cache.h. scripts/lib/embeddings.py reads all versions. */
#ifndef DNX_EMBEDDINGS_H
#define DNX_EMBEDDINGS_H
#include <stdbool.h>
#include <stdint.h>

#include "base/outfile.h"
#include "data/skipped.h"

/* Whether the features of the mirrored image are ignored, added, or appended. */
typedef enum { DNX_NO_FLIP, DNX_FLIP_SUM, DNX_FLIP_CONCAT } dnx_flip;

/* What the features are. */
typedef struct {
    bool is_half;
    dnx_flip flip;
    uint64_t network; /* its dnx_net_fingerprint(); 0 when it is not known */
} dnx_embeddings_kind;

typedef struct {
    dnx_outfile file;
    uint32_t dim;
    size_t start; /* offset of the rows */
    dnx_embeddings_kind kind;
    bool has_names;
} dnx_embeddings_out;

/* Begins the file; dnx_embeddings_finish() or _discard() ends it. DNX_EIO, DNX_EMEM. */
dnx_status dnx_embeddings_create(dnx_embeddings_out *f, const char *path, size_t count, size_t dim,
                                 const dnx_embeddings_kind *kind, dnx_err *err);
/* Write all names before the first row. dnx_embeddings_finish() reports write errors, and numbers
 * that do not fit 16 bits (dnx_fits_half). */
void dnx_embeddings_name(dnx_embeddings_out *f, const char *name);
void dnx_embeddings_rows(dnx_embeddings_out *f, const float *v, size_t rows);
/* Replaces the list of names after the last row, because some images gave no row. name: `count` of
 * the names that were written, in the same order, one for each row. */
void dnx_embeddings_keep(dnx_embeddings_out *f, char *const *name, size_t count);
/* Gives the file its name. DNX_EIO. */
dnx_status dnx_embeddings_finish(dnx_embeddings_out *f, dnx_err *err);
/* Removes the file. */
void dnx_embeddings_discard(dnx_embeddings_out *f);

/* Returns NULL, or what is wrong with a feature: it has numbers that are not finite or too large,
 * or it is all zero. It has no direction then, and no cosine with it means anything. */
const char *dnx_feature_fault(const float *v, size_t dim);
/* Looks for faults in *count new features, count x dim, of the images name[]. Removes features that
 * are all zero, with a line in `skipped`: the other features and their names move to the front, and
 * *count becomes their number. DNX_ENUMBER when a feature is not finite. DNX_EMEM. */
dnx_status dnx_features_keep(float *v, int *count, size_t dim, char **name, dnx_skipped *skipped,
                             dnx_err *err);

/* A whole file in memory. */
typedef struct {
    size_t n, dim;
    dnx_embeddings_kind kind;
    char **name;
    float *v; /* n x dim */
} dnx_embeddings;

/* Reads a file of `darknet embed` (versions 1 and 2). It is not registered as an input, because an
 * index of a gallery may be replaced. DNX_EIO when it cannot be read. DNX_EPARSE when it is another
 * kind of file, is damaged, or has a feature with a fault; DNX_EMEM. Free e in any case. */
dnx_status dnx_embeddings_read(const char *path, dnx_embeddings *e, dnx_err *err);
void dnx_embeddings_free(dnx_embeddings *e);
#endif
