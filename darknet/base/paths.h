/* paths.h - names of files and folders. */
#ifndef DNX_PATHS_H
#define DNX_PATHS_H
#include "base/err.h"

/* Returns folder/name, or name when the folder is ""; free() the result. Returns NULL when memory
 * runs out. */
char *dnx_path_join(const char *folder, const char *name);
/* Compares by strcmp(), for qsort() and bsearch() of char *. */
int dnx_by_text(const void *a, const void *b);
/* Creates the folder `path` unless it exists. Errors: DNX_EIO. */
dnx_status dnx_folder_make(const char *path, dnx_err *err);
#endif
