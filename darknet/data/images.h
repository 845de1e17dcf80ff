/* images.h - a folder or list of images that need not be labelled, and one of them as the network's
 * floats: what embeddings and verification look at. */
#ifndef DNX_IMAGES_H
#define DNX_IMAGES_H
#include "data/binset.h"
#include "data/decode.h"
#include "data/skipped.h"
#include "net/net.h"

typedef struct {
    char **name; /* as listed; in a folder: relative to it */
    size_t n, room;
    char *base;  /* the folder that relative names begin in; "" the current one; the .bin itself */
    dnx_skipped left_out; /* files of a folder whose names are not those of images */
    dnx_binset set; /* of a file *.bin: its images, whose names are numbers from 0 */
} dnx_images;

/* All images of a folder (dnx_image_is_named) and its folders, sorted; or those of a list (list.h);
 * or of a verification set *.bin (binset.h); or path itself, if its name or its first bytes are an
 * image's. A link of a folder that leads nowhere counts as an image; names that begin with a dot do
 * not count at all. DNX_EIO: unreadable, no images; DNX_EPARSE: no such list or set; DNX_EMEM. Free
 * l in any case. */
dnx_status dnx_images_find(const char *path, dnx_images *l, dnx_err *err);
void dnx_images_free(dnx_images *l);
/* Notes the images that are the file `path` as inputs (base/inputs.h): an output must not replace
 * one. DNX_EMEM. */
dnx_status dnx_images_note(const dnx_images *l, const char *path, dnx_err *err);

/* Image i as H x W x C floats, (pixel - input_mean) * input_scale, and its mirror image where
 * mirrored is not NULL. DNX_EIO; DNX_EPARSE: it cannot be decoded; DNX_ESHAPE: it has not the
 * network's size. Thread safe. */
dnx_status dnx_images_load(const dnx_images *l, size_t i, const dnx_net *net, float *x,
                           float *mirrored, dnx_err *err);
#endif
