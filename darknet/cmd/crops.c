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

dnx_status dnx_crops_no_image(const char *file, const char *folder, dnx_err *err) {
    if (!dnx_image_is_named(file)) return DNX_OK;
    char *parent = strdup(file), *slash = parent ? strrchr(parent, '/') : NULL;
    if (!parent) return dnx_no_memory(file, err);
    if (slash) slash[slash == parent] = 0;
    char *a = realpath(slash ? parent : ".", NULL), *b = realpath(folder, NULL);
    const size_t n = b ? strlen(b) : 0;
    const bool is_inside = a && b && !strncmp(a, b, n) && (!a[n] || a[n] == '/' || b[n - 1] == '/');
    free(a);
    free(b);
    free(parent);
    return is_inside
               ? dnx_fail_at(err, DNX_EIO, file,
                             "has the name of an image: must be outside of the folder %s", folder)
               : DNX_OK;
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
