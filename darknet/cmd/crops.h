/* crops.h - folders of crops, which have the same tree as the folders of images. */
#ifndef DNX_CMD_CROPS_H
#define DNX_CMD_CROPS_H
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Writes the file of a crop, n bytes, and makes its folders. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_crop_write(char *path, const unsigned char *bytes, size_t n, dnx_err *err);
/* Makes the folder `out`. Returns DNX_EIO when `out` and `images` are the same folder or one is
 * inside the other. Otherwise a crop could replace an image, or the next run could take crops for
 * images. */
dnx_status dnx_crops_apart(const char *images, const char *out, dnx_err *err);
/* Returns DNX_EIO when `file` has the name of an image and is inside `folder`: `file` could replace
 * an image there, or a later run could take `file` for an image. Other error: DNX_EMEM. */
dnx_status dnx_crops_no_image(const char *file, const char *folder, dnx_err *err);
/* Removes the incomplete files of a killed process from the folder of a crop. *swept: the folder of
 * the previous call, which is not searched again, or NULL before the first call. The caller frees
 * *swept. */
void dnx_crops_sweep(const char *crop, char **swept);
/* Returns the path without the slashes at its end; free() it. NULL when memory runs out. */
char *dnx_folder_name(const char *path);
#endif
