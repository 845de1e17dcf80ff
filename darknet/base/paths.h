/* paths.h - names of files, and the folders that they lie in. */
#ifndef DNX_PATHS_H
#define DNX_PATHS_H
#include "base/err.h"

/* folder/name, free() it; NULL: no memory. Of the folder "" that is name. */
char *dnx_path_join(const char *folder, const char *name);
/* Makes a folder, unless something of that name is there. DNX_EIO. */
dnx_status dnx_folder_make(const char *path, dnx_err *err);
#endif
