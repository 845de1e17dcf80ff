/* crops.h - a folder of crops beside a folder of images: names, folders, what `align` and `faces`
 * share. */
#ifndef DNX_CMD_CROPS_H
#define DNX_CMD_CROPS_H
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* FOLDER/a/b.jpg for the image a/b.png, and with number > 1 FOLDER/a/b.2.jpg; free() it. NULL: no
 * memory. */
char *dnx_crop_name(const char *folder, const char *path, size_t number);
/* Writes one of many files, and makes the folders that it lies in. DNX_EIO, DNX_EMEM. */
dnx_status dnx_crop_write(char *path, const unsigned char *bytes, size_t n, dnx_err *err);
/* Makes the folder `out`. DNX_EIO: it lies in the folder `images` or the other way round, so that a
 * crop would be an image of the next run, or replace one. */
dnx_status dnx_crops_apart(const char *images, const char *out, dnx_err *err);
/* Without the slashes at its end; free() it. NULL: no memory. */
char *dnx_folder_name(const char *path);
#endif
