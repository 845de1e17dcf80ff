/* crops.c - makes folders of crops, and writes crops. */
#include "cmd/crops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"
#include "base/paths.h"
#include "data/decode.h"

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

/* Returns true when `path` is the folder or lies in it. Both are from realpath(). */
static bool is_inside(const char *path, const char *folder) {
    const size_t n = strlen(folder);
    return !strncmp(path, folder, n) && (!path[n] || path[n] == '/' || folder[n - 1] == '/');
}

dnx_status dnx_crops_apart(const char *images, const char *out, dnx_err *err) {
    dnx_status st = dnx_folder_make(out, err);
    if (st) return st;
    char *a = realpath(images, NULL), *b = realpath(out, NULL);
    if (!a || !b)
        st = dnx_fail_at(err, DNX_EIO, a ? out : images, "cannot open: %s", strerror(errno));
    else if (is_inside(a, b) || is_inside(b, a))
        st = dnx_fail_at(err, DNX_EIO, out, "must be a folder apart from the images in %s", images);
    free(a);
    free(b);
    return st;
}

dnx_status dnx_crops_no_image(const char *file, const char *folder, dnx_err *err) {
    if (!dnx_image_is_named(file)) return DNX_OK;
    char *parent = strdup(file), *slash = parent ? strrchr(parent, '/') : NULL;
    if (!parent) return dnx_no_memory(file, err);
    if (slash) slash[slash == parent] = 0;
    char *a = realpath(slash ? parent : ".", NULL), *b = realpath(folder, NULL);
    const bool is_bad = a && b && is_inside(a, b);
    free(a);
    free(b);
    free(parent);
    if (!is_bad) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, file,
                       "has the name of an image: must be outside of the folder %s", folder);
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
