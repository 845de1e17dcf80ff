/* crops.c - makes folders of crops, and writes crops. */
#include "cmd/crops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"
#include "base/paths.h"

static dnx_status make_folders(char *path, dnx_err *err) {
    dnx_status st = DNX_OK;
    for (char *slash = strchr(path + 1, '/'); !st && slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        st = dnx_folder_make(path, err);
        *slash = '/';
    }
    return st;
}

dnx_status dnx_crop_write(char *path, const unsigned char *bytes, size_t n, dnx_err *err) {
    dnx_status st = make_folders(path, err);
    return st ? st : dnx_outfile_write_of_many(path, bytes, n, err);
}

dnx_status dnx_crops_apart(const char *images, const char *out, dnx_err *err) {
    dnx_status st = dnx_folder_make(out, err);
    if (st) return st;
    char *a = realpath(images, NULL), *b = realpath(out, NULL);
    if (!a || !b)
        st = dnx_fail_at(err, DNX_EIO, a ? out : images, "cannot open: %s", strerror(errno));
    else {
        size_t n = strlen(a), m = strlen(b), k = n < m ? n : m;
        char next = n < m ? b[k] : a[k];
        if (!strncmp(a, b, k) && (!next || next == '/' || a[k - 1] == '/'))
            st = dnx_fail_at(err, DNX_EIO, out, "must be a folder apart from the images in %s",
                             images);
    }
    free(a);
    free(b);
    return st;
}

char *dnx_folder_name(const char *path) {
    char *name = strdup(path);
    for (size_t n = name ? strlen(name) : 0; n > 1 && name[n - 1] == '/'; n--) name[n - 1] = 0;
    return name;
}

void dnx_crops_sweep(const char *crop, char **swept) {
    const size_t n = (size_t)(strrchr(crop, '/') - crop);
    if (*swept && strlen(*swept) == n && !strncmp(*swept, crop, n)) return;
    free(*swept);
    *swept = strndup(crop, n);
    if (*swept) dnx_outfile_sweep(*swept);
}
