/* images.c - finds the images of a folder, list or set, and loads them. */
#include "data/images.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/inputs.h"
#include "base/paths.h"
#include "data/list.h"
#include "data/pixels.h"

/* ---- names ---- */

static dnx_status no_memory(const dnx_images *l, dnx_err *err) {
    return dnx_fail_at(err, DNX_EMEM, l->base, "no memory for the names");
}

static dnx_status add(dnx_images *l, char *name, dnx_err *err) {
    if (!name || !dnx_grow(&l->name, l->n, &l->capacity, sizeof *l->name)) {
        free(name);
        return no_memory(l, err);
    }
    l->name[l->n++] = name;
    return DNX_OK;
}

#define DEEPEST 32 /* maximum depth of nested folders: symbolic links may form a cycle */

static dnx_status add_folder(dnx_images *l, const char *under, int depth, dnx_err *err);

/* Adds the file or folder `name`. Frees name, or stores it in l. */
static dnx_status add_entry(dnx_images *l, char *name, int depth, dnx_err *err) {
    struct stat info;
    dnx_status st = DNX_OK;
    char *full = name ? dnx_path_join(l->base, name) : NULL;
    if (!full) st = no_memory(l, err);
    else if (!stat(full, &info) && S_ISDIR(info.st_mode)) st = add_folder(l, name, depth, err);
    else if (dnx_image_is_named(name)) {
        st = add(l, name, err);
        name = NULL;
    } else if (!dnx_is_own_file(name) &&
               !dnx_skipped_add(&l->left_out, full, "left out: not named as an image"))
        st = no_memory(l, err);
    free(name);
    free(full);
    return st;
}

/* Returns the next entry of a folder, or NULL. errno is then 0 at the end of the folder, else the
 * error. */
static struct dirent *next(DIR *d) {
    errno = 0;
    return readdir(d);
}

static dnx_status add_folder(dnx_images *l, const char *under, int depth, dnx_err *err) {
    char *path = dnx_path_join(l->base, under);
    DIR *d = path ? opendir(path) : NULL;
    dnx_status st = DNX_OK;
    if (!path) return no_memory(l, err);
    if (!d) st = dnx_fail_at(err, DNX_EIO, path, "cannot open: %s", strerror(errno));
    if (depth > DEEPEST) st = dnx_fail_at(err, DNX_EIO, path, "more than %d folders deep", DEEPEST);
    for (struct dirent *e = NULL; !st && (e = next(d));)
        if (e->d_name[0] != '.') st = add_entry(l, dnx_path_join(under, e->d_name), depth + 1, err);
    if (!st && errno) st = dnx_fail_at(err, DNX_EIO, path, "cannot read: %s", strerror(errno));
    if (d) closedir(d);
    free(path);
    return st;
}

static dnx_status add_list(dnx_images *l, const char *path, dnx_err *err) {
    dnx_image_list list;
    dnx_status st = dnx_image_list_open(path, &list, err);
    for (size_t i = 0; !st && i < list.n; i++) st = add(l, strdup(list.image[i].path), err);
    free(l->base);
    l->base = list.base;
    list.base = NULL;
    dnx_image_list_free(&list);
    return st;
}

/* Returns true for an image, false for a list. A list contains NUL bytes only in UTF-16, which
 * begins with a byte order mark. */
static bool is_image(const char *path) {
    unsigned char head[DNX_IMAGE_HEAD];
    if (dnx_image_is_named(path)) return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);
    if (fd >= 0) close(fd);
    if (n < 2 || !memcmp(head, "\xff\xfe", 2) || !memcmp(head, "\xfe\xff", 2)) return false;
    return memchr(head, 0, (size_t)n);
}

static dnx_status add_set(dnx_images *l, const char *path, dnx_err *err) {
    char name[24];
    dnx_status st = dnx_binset_open(path, &l->set, err);
    for (size_t i = 0; !st && i < l->set.n; i++) {
        snprintf(name, sizeof name, "%06zu", i);
        st = add(l, strdup(name), err);
    }
    return st;
}

dnx_status dnx_images_find(const char *path, dnx_images *l, dnx_err *err) {
    struct stat info;
    if (stat(path, &info))
        return dnx_fail_at(err, DNX_EIO, path, "cannot open: %s", strerror(errno));
    bool is_folder = S_ISDIR(info.st_mode), is_bin = !is_folder && dnx_binset_is_named(path);
    bool is_one = !is_folder && !is_bin && is_image(path);
    const size_t len = strlen(path);
    if (!is_folder && len > 5 && !strcmp(path + len - 5, ".data"))
        return dnx_fail_at(err, DNX_EIO, path,
                           "is a .data file: name a folder or a list, such as that of its train=");
    l->base = strdup(is_one ? "" : path);
    if (!l->base) return dnx_no_memory(path, err);
    dnx_status st = is_folder ? add_folder(l, "", 0, err)
                    : is_bin  ? add_set(l, path, err)
                    : is_one  ? add(l, strdup(path), err)
                              : add_list(l, path, err);
    if (st) return st;
    if (!l->n) return dnx_fail_at(err, DNX_EIO, path, "no images");
    if (l->n > UINT32_MAX) return dnx_fail_at(err, DNX_EIO, path, "too many images");
    l->is_folder = is_folder;
    if (is_folder) qsort(l->name, l->n, sizeof *l->name, dnx_by_text);
    return DNX_OK;
}

void dnx_images_free(dnx_images *l) {
    for (size_t i = 0; i < l->n; i++) free(l->name[i]);
    free(l->name);
    free(l->base);
    dnx_skipped_free(&l->left_out);
    dnx_binset_close(&l->set);
}

/* ---- pixels ---- */

static void normalise(const dnx_net *net, const unsigned char *rgb, float *x, float *mirrored) {
    const float mean = net->o.input_mean, scale = net->o.input_scale;
    const int H = net->in.h, W = net->in.w, C = net->in.c;
    for (int y = 0; y < H; y++)
        for (int i = 0; i < W; i++, rgb += 3) {
            const float pixel[] = {rgb[0], rgb[1], rgb[2]};
            dnx_pixel(pixel, C, mean, scale, x + (y * W + i) * C);
            if (mirrored) dnx_pixel(pixel, C, mean, scale, mirrored + (y * W + W - 1 - i) * C);
        }
}

/* Turns a decoded image into floats and frees it, or reports its fault. `path` is for messages. */
static dnx_status take(const dnx_net *net, const char *path, dnx_image_fault fault,
                       dnx_image *image, float *x, float *mirrored, dnx_err *err) {
    dnx_status st = DNX_OK;
    if (fault == DNX_IMAGE_UNREAD)
        return dnx_fail_at(err, DNX_EIO, path, "cannot open: %s", strerror(errno));
    if (fault) return dnx_fail_at(err, DNX_EPARSE, path, "%s", image->why);
    if (image->w == net->in.w && image->h == net->in.h) normalise(net, image->rgb, x, mirrored);
    else
        st = dnx_fail_at(
            err, DNX_ESHAPE, path,
            "is %d x %d pixels, the network's input %d x %d: align and crop the faces to that size",
            image->w, image->h, net->in.w, net->in.h);
    dnx_image_free(image);
    return st;
}

char *dnx_images_path(const dnx_images *l, const char *name) {
    char *path = name[0] == '/' ? strdup(name) : dnx_path_join(l->base, name);
    if (path && access(path, F_OK) && !access(name, F_OK)) strcpy(path, name);
    return path;
}

dnx_status dnx_images_note(const dnx_images *l, const char *path, dnx_err *err) {
    struct stat out, in;
    if (l->set.n || stat(path, &out)) return DNX_OK;
    for (size_t i = 0; i < l->n; i++) {
        char *image = dnx_images_path(l, l->name[i]);
        bool is_it = image && !stat(image, &in) && in.st_dev == out.st_dev &&
                     in.st_ino == out.st_ino;
        bool ok = image && (!is_it || dnx_input_note(image));
        free(image);
        if (!ok) return dnx_no_memory(l->base, err);
    }
    return DNX_OK;
}

dnx_status dnx_images_load(const dnx_images *l, size_t i, const dnx_net *net, float *x,
                           float *mirrored, dnx_err *err) {
    const char *name = l->name[i];
    dnx_image image;
    if (l->set.n) {
        char where[300];
        snprintf(where, sizeof where, "%.250s: image %s", l->base, name);
        dnx_image_fault fault = dnx_image_decode(l->set.image[i].bytes, l->set.image[i].n, &image);
        return take(net, where, fault, &image, x, mirrored, err);
    }
    char *path = dnx_images_path(l, l->name[i]);
    if (!path) return dnx_no_memory(name, err);
    dnx_image_fault fault = dnx_image_read(path, &image);
    dnx_status st = take(net, path, fault, &image, x, mirrored, err);
    free(path);
    return st;
}
