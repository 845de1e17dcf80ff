/* embeddings.h - the file of `darknet embed`: features of images, by name. Little endian:
 *
 *   "DNXE", uint32 2, uint32 count, uint32 dim
 *   uint32 bytes of a number: 4, or 2 for half precision; uint32 flip, uint64 network
 *   count names, each a uint32 length and that many bytes
 *   zeros up to a multiple of 64 bytes
 *   count x dim numbers
 *
 * flip is a dnx_flip; network is dnx_embeddings_kind.network. Version 1 lacks the second line and
 * the zeros; its numbers have 4 bytes. A teacher's cache is version 4 (cache.h).
 * scripts/lib/embeddings.py reads all versions. */
#ifndef DNX_EMBEDDINGS_H
#define DNX_EMBEDDINGS_H
#include <stdbool.h>
#include <stdint.h>

#include "base/outfile.h"
#include "data/skipped.h"

/* Whether the features of the mirrored image are left out, added to the features of the image, or
 * appended to them. */
typedef enum { DNX_NO_FLIP, DNX_FLIP_SUM, DNX_FLIP_CONCAT } dnx_flip;

typedef struct {
    bool is_half;
    dnx_flip flip;
    uint64_t network; /* dnx_net_fingerprint() of the network; 0 when unknown */
} dnx_embeddings_kind;

typedef struct {
    dnx_outfile file;
    uint32_t dim;
    size_t start; /* offset of the first row in the file */
    dnx_embeddings_kind kind;
    bool has_names; /* the names are complete, rows follow */
} dnx_embeddings_out;

/* Begins a file of `count` names and rows. Unless this function fails, call dnx_embeddings_finish()
 * or dnx_embeddings_discard() at the end. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_embeddings_create(dnx_embeddings_out *f, const char *path, size_t count, size_t dim,
                                 const dnx_embeddings_kind *kind, dnx_err *err);
/* Append names, then rows of dim numbers. dnx_embeddings_finish() reports errors. */
void dnx_embeddings_name(dnx_embeddings_out *f, const char *name);
void dnx_embeddings_rows(dnx_embeddings_out *f, const float *v, size_t rows);
/* Replaces the names, when some images gave no row. Call it after the last row. name: the `count`
 * names that remain, in the order of the rows. */
void dnx_embeddings_keep(dnx_embeddings_out *f, char *const *name, size_t count);
/* Syncs the temporary file and renames it to the path. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_embeddings_finish(dnx_embeddings_out *f, dnx_err *err);
void dnx_embeddings_discard(dnx_embeddings_out *f);

/* Returns NULL, or the reason why a feature of dim numbers has no cosine. */
const char *dnx_feature_fault(const float *v, size_t dim);
/* v has *count features of dim numbers. Removes the features that are all zero, lowers *count, and
 * moves the names of the removed features to the end of `name`. Adds a line for each of them to
 * `skipped`. Errors: DNX_ENUMBER when a feature is not finite; DNX_EMEM. */
dnx_status dnx_features_keep(float *v, int *count, size_t dim, char **name, dnx_skipped *skipped,
                             dnx_err *err);

typedef struct {
    size_t n, dim;
    dnx_embeddings_kind kind;
    char **name;
    float *v; /* n x dim */
} dnx_embeddings;

/* Reads a file of `darknet embed`. The file is not registered as an input (base/inputs.h), because
 * gallery.c may replace the file that it has read. Errors: DNX_EIO when the file cannot be opened;
 * DNX_EPARSE when its content is wrong; DNX_EMEM. Free e, also after an error. */
dnx_status dnx_embeddings_read(const char *path, dnx_embeddings *e, dnx_err *err);
void dnx_embeddings_free(dnx_embeddings *e);
#endif
