/* embeddings.h - the file of `darknet embed`: features of images, by name. Little endian:
 *
 *   "DNXE", uint32 version, uint32 count, uint32 dim
 *   version 2 only: uint32 bytes of a number (2: half precision), uint32 0, uint64 0
 *   count names, each uint32 length and that many bytes
 *   version 2 only: zeros up to a multiple of 64
 *   count x dim numbers
 *
 * Single precision is version 1. The teachers' cache is version 3: see cache.h.
 * scripts/lib/embeddings.py reads all. */
#ifndef DNX_EMBEDDINGS_H
#define DNX_EMBEDDINGS_H
#include <stdbool.h>
#include <stdint.h>

#include "base/outfile.h"

typedef struct {
    dnx_outfile file;
    uint32_t dim;
    size_t start; /* where the rows begin */
    bool is_half, has_names;
} dnx_embeddings_out;

/* Begins the file; finish ends it. DNX_EIO, DNX_EMEM. */
dnx_status dnx_embeddings_create(dnx_embeddings_out *f, const char *path, size_t count, size_t dim,
                               bool half, dnx_err *err);
/* All names come before all rows. finish reports what cannot be written, and numbers that do not
 * fit 16 bits (dnx_fits_half). */
void dnx_embeddings_name(dnx_embeddings_out *f, const char *name);
void dnx_embeddings_rows(dnx_embeddings_out *f, const float *v, size_t rows);
/* Leaves only these names, when rows of others were not written: `count` of those that were given,
 * in their order, as many as there are rows. After the last row. */
void dnx_embeddings_keep(dnx_embeddings_out *f, char *const *name, size_t count);
/* Puts the file in its place; with keep=false leaves nothing of it. DNX_EIO. */
dnx_status dnx_embeddings_finish(dnx_embeddings_out *f, bool keep, dnx_err *err);

#endif
