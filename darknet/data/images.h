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
    char *base; /* the folder of relative names, "" for the current one; for a set, its path */
    dnx_skipped left_out; /* files of a folder without the name of an image */
    bool is_folder;
    dnx_binset set; /* the images of a *.bin, whose names are numbers from 0 */
} dnx_images;

/* Finds the images of `path`. For a folder: all images (dnx_image_is_named) in it and in its
 * folders, sorted. For a list (list.h) or a verification set *.bin (binset.h): its images. Or
 * `path` is an image itself, by its name or its first bytes. A broken link counts as an image;
 * names that begin with a dot are left out. DNX_EIO when something cannot be read, or there are no
 * images. DNX_EPARSE for a bad list or set. DNX_EMEM. Free l in any case. */
dnx_status dnx_images_find(const char *path, dnx_images *l, dnx_err *err);
void dnx_images_free(dnx_images *l);
/* Returns the path of the image `name` of a folder or a list; free() it. NULL when memory runs
 * out. */
char *dnx_images_path(const dnx_images *l, const char *name);
/* Registers as inputs (base/inputs.h) those images that are the same file as `path`, so that no
 * output replaces them. DNX_EMEM. */
dnx_status dnx_images_note(const dnx_images *l, const char *path, dnx_err *err);

/* Loads image i as H x W x C floats, (pixel - input_mean) * input_scale, and its mirror image
 * unless `mirrored` is NULL. DNX_EIO. DNX_EPARSE when it cannot be decoded. DNX_ESHAPE when it does
 * not have the network's size. Thread safe. */
dnx_status dnx_images_load(const dnx_images *l, size_t i, const dnx_net *net, float *x,
                           float *mirrored, dnx_err *err);
#endif
