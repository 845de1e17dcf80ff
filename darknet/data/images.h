/* images.h - finds the images of a folder, list or set, with or without labels, and loads them as
 * the network's floats. Embedding and verification use it. */
#ifndef DNX_IMAGES_H
#define DNX_IMAGES_H
#include "data/binset.h"
#include "data/decode.h"
#include "data/skipped.h"
#include "net/net.h"

typedef struct {
    char **name; /* as listed; for a folder, relative to it */
    size_t n, capacity;
    char *base;  /* the folder of relative names, "" for the current one; for a set, its path */
    dnx_skipped left_out; /* files of a folder whose names are not those of images */
    bool is_folder;
    dnx_binset set; /* of a *.bin: its images, whose names are numbers from 0 */
} dnx_images;

/* Finds the images of `path`. It is a folder: then all images (dnx_image_is_named) in it and in its
 * folders, sorted. Or a list (list.h), a verification set *.bin (binset.h), or an image, by its
 * name or its first bytes. A link to nothing counts as an image; names that begin with a dot are
 * left out. DNX_EIO: cannot be read, or no images. DNX_EPARSE: a bad list or set. DNX_EMEM. Free l
 * in any case. */
dnx_status dnx_images_find(const char *path, dnx_images *l, dnx_err *err);
void dnx_images_free(dnx_images *l);
/* Returns the path of the image `name` of a folder or a list; free() it. NULL: no memory. */
char *dnx_images_path(const dnx_images *l, const char *name);
/* Registers those images that are the file `path` as inputs (base/inputs.h), so that no output
 * replaces them. DNX_EMEM. */
dnx_status dnx_images_note(const dnx_images *l, const char *path, dnx_err *err);

/* Loads image i as H x W x C floats, (pixel - input_mean) * input_scale, and its mirror image
 * unless `mirrored` is NULL. DNX_EIO. DNX_EPARSE: it cannot be decoded. DNX_ESHAPE: it does not
 * have the network's size. Thread safe. */
dnx_status dnx_images_load(const dnx_images *l, size_t i, const dnx_net *net, float *x,
                           float *mirrored, dnx_err *err);
#endif
