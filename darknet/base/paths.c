/* paths.c - joins paths, orders names and makes folders. */
#include "base/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *dnx_path_join(const char *folder, const char *name) {
    size_t n = strlen(folder);
    char *s = malloc(n + strlen(name) + 2);
    if (s) sprintf(s, "%s%s%s", folder, n && folder[n - 1] != '/' ? "/" : "", name);
    return s;
}

int dnx_by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

dnx_status dnx_folder_make(const char *path, dnx_err *err) {
    struct stat info;
    if (!mkdir(path, 0777)) return DNX_OK;
    if (errno != EEXIST)
        return dnx_fail_at(err, DNX_EIO, path, "cannot make this folder: %s", strerror(errno));
    if (!stat(path, &info) && S_ISDIR(info.st_mode)) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, path, "is not a folder");
}
