/* gallery.h - known faces to search in: a folder of crops, whose features are computed once and
 * kept in the folder, or a file of `darknet embed`. */
#ifndef DNX_GALLERY_H
#define DNX_GALLERY_H
#include "data/embeddings.h"
#include "data/skipped.h"
#include "face/portrait.h"

typedef struct {
    dnx_embeddings e;    /* rows of length 1; names relative to the folder */
    bool is_new;         /* the features have been computed now */
    bool has_network;    /* false: a file that does not name the network it was made with */
    dnx_skipped skipped; /* crops that cannot be used, and an index that cannot be written */
} dnx_gallery;

/* A folder has its index in FOLDER/faces.index, a file of `darknet embed`, and what that was made
 * of in FOLDER/faces.index.txt: the network, and the names, sizes and times of the crops. When that
 * differs the index is made anew. network: the network's dnx_net_fingerprint(). DNX_EIO: cannot be
 * read, no crop can be used; DNX_ESHAPE, DNX_EPARSE: a file of another network; DNX_ENUMBER,
 * DNX_EMEM, DNX_ESTOP. Free g in any case. */
dnx_status dnx_gallery_open(const dnx_matcher *m, uint64_t network, const char *path,
                            dnx_gallery *g, dnx_err *err);
void dnx_gallery_free(dnx_gallery *g);
/* Whose face a name is: its folder, or without a folder the name without its suffix. *len: the
 * length of the text that is returned. */
const char *dnx_gallery_identity(const char *name, size_t *len);
#endif
