/* images.h - finds images in a folder, list or verification set, and loads them as floats. */
#ifndef DNX_IMAGES_H
#define DNX_IMAGES_H
#include "data/binset.h"
#include "data/decode.h"
#include "data/skipped.h"
#include "net/net.h"

typedef struct {
    char **name; /* for each image: its path as in the list, its path relative to the folder, or
                  * its number in the set */
    size_t n, capacity;
    char *base; /* the folder of relative names, "" for the current folder; or the path of a set */
    dnx_skipped left_out;
    bool is_folder;
    dnx_binset set; /* the images of a *.bin */
} dnx_images;

/* Finds the images of `path`: a folder with its subfolders, a list (list.h), a verification set
 * *.bin (binset.h), or one image. The images of a folder are sorted by name. *l must be zeroed.
 * Errors: DNX_EIO, also when there are no images; DNX_EPARSE for a wrong list or set; DNX_EMEM.
 * Free l, also after an error. */
dnx_status dnx_images_find(const char *path, dnx_images *l, dnx_err *err);
void dnx_images_free(dnx_images *l);
/* Returns the path of image `name` of a folder or list; free() it. NULL when memory runs out. */
char *dnx_images_path(const dnx_images *l, const char *name);
/* If the file `path` is one of the images, registers it as an input (base/inputs.h): writing to
 * `path` is then refused. Errors: DNX_EMEM. */
dnx_status dnx_images_note(const dnx_images *l, const char *path, dnx_err *err);

/* Loads image i into x, H x W x C floats, (pixel - input_mean) * input_scale. Also loads its mirror
 * image into `mirrored` unless NULL. Thread safe. Errors: DNX_EIO; DNX_EPARSE when the image cannot
 * be decoded; DNX_ESHAPE when it does not have the size of the network's input; DNX_EMEM. */
dnx_status dnx_images_load(const dnx_images *l, size_t i, const dnx_net *net, float *x,
                           float *mirrored, dnx_err *err);
#endif
