/* crops.h - folders of crops, for `align` and `faces`. The folder of crops has the same
 * tree as the folder of images. */
#ifndef DNX_CMD_CROPS_H
#define DNX_CMD_CROPS_H
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Writes one of many files, and makes its folders. DNX_EIO, DNX_EMEM. */
dnx_status dnx_crop_write(char *path, const unsigned char *bytes, size_t n, dnx_err *err);
/* Makes the folder `out`. DNX_EIO when one of the folders `out` and `images` is inside the other,
 * because a crop could then be an image of the next run, or replace an image. */
dnx_status dnx_crops_apart(const char *images, const char *out, dnx_err *err);
/* Removes the incomplete files of a killed process from the folder of a crop. *swept: the last
 * folder, which is not searched again; NULL at first, free() it. */
void dnx_crops_sweep(const char *crop, char **swept);
/* Returns the path without the slashes at its end; free() it. NULL when memory runs out. */
char *dnx_folder_name(const char *path);
#endif
