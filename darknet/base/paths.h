/* paths.h - names of files and folders. */
#ifndef DNX_PATHS_H
#define DNX_PATHS_H
#include "base/err.h"

/* Returns folder/name, or name when the folder is ""; free() it. NULL when memory runs out. */
char *dnx_path_join(const char *folder, const char *name);
/* Makes a folder, unless a file or folder of that name exists. DNX_EIO. */
dnx_status dnx_folder_make(const char *path, dnx_err *err);
#endif
