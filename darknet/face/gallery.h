/* gallery.h - the known faces to search in: a folder of crops, or a file of `darknet embed`. The
 * features of a folder are computed once and stored in it. */
#ifndef DNX_GALLERY_H
#define DNX_GALLERY_H
#include "data/embeddings.h"
#include "data/skipped.h"
#include "face/portrait.h"

typedef struct {
    dnx_embeddings e;    /* one vector of length 1 for each crop; names relative to the folder */
    bool is_new;         /* this call has computed the features, not read them */
    dnx_skipped skipped; /* crops that cannot be used; also an index that cannot be written */
} dnx_gallery;

/* Opens the gallery `path`, a folder or a file. The features of a folder are in FOLDER/faces.index,
 * in the format of `darknet embed`. FOLDER/faces.index.txt has a checksum of the names, sizes and
 * times of the crops. When it or the network differs, the features are computed again. network: the
 * network's dnx_net_fingerprint(). DNX_EIO when path cannot be read, or no crop can be used.
 * DNX_ESHAPE, DNX_EPARSE for a file of another network or with mirrored images. DNX_ENUMBER when a
 * feature is not finite. DNX_EMEM, DNX_ESTOP. Free g in any case. */
dnx_status dnx_gallery_open(const dnx_matcher *m, uint64_t network, const char *path,
                            dnx_gallery *g, dnx_err *err);
void dnx_gallery_free(dnx_gallery *g);
/* The identity of a face, from its name: the folder, or the name without its suffix when it has no
 * folder. Returns a pointer into `name`; *len is the number of bytes. */
const char *dnx_gallery_identity(const char *name, size_t *len);
#endif
