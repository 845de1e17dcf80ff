/* gallery.h - the known faces to search in: a folder of crops, or a file of `darknet embed`. */
#ifndef DNX_GALLERY_H
#define DNX_GALLERY_H
#include "data/embeddings.h"
#include "data/skipped.h"
#include "face/portrait.h"

typedef struct {
    dnx_embeddings e;    /* vectors of length 1; names of crops are relative to their folder */
    bool is_new;         /* dnx_gallery_open() has computed the features, not read them */
    dnx_skipped skipped; /* lines about unusable crops, or about an index that cannot be written */
} dnx_gallery;

/* Opens the gallery `path`, a folder or a file. network: the network's dnx_net_fingerprint().
 * FOLDER/faces.index has the features of a folder, unless a crop cannot be used.
 * FOLDER/faces.index.txt has a checksum of the names, sizes and modification times of the crops.
 * The features are computed again when this checksum or the network has changed. Errors: DNX_EIO,
 * also when no crop can be used; DNX_ESHAPE or DNX_EPARSE when a file is damaged, was made with
 * another network, or has features of mirrored images; DNX_ENUMBER when a crop's feature is not
 * finite; DNX_EMEM; DNX_ESTOP. Free g, also after an error. */
dnx_status dnx_gallery_open(const dnx_matcher *m, uint64_t network, const char *path,
                            dnx_gallery *g, dnx_err *err);
void dnx_gallery_free(dnx_gallery *g);
/* Returns the identity of a face, taken from its name: the folder in the name or, when the name has
 * no folder, the name without suffix. The result points into `name` and has *len bytes. */
const char *dnx_gallery_identity(const char *name, size_t *len);
#endif
