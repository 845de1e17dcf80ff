#include "images.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

static dnx_loc at(const char *path) { return (dnx_loc){path, 0}; }

/* ---- names ---- */

static char *joined(const char *a, const char *b) {
    size_t n = strlen(a);
    char *s = malloc(n + strlen(b) + 2);
    if (s) sprintf(s, "%s%s%s", a, n && a[n - 1] != '/' ? "/" : "", b);
    return s;
}

static dnx_status add(dnx_images *l, char *name, dnx_err *err) {
    if (name && l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 1024;
        char **more = realloc(l->name, room * sizeof *more);
        if (more) {
            l->name = more;
            l->room = room;
        }
    }
    if (!name || l->n == l->room) {
        free(name);
        return dnx_fail(err, DNX_EMEM, at(l->base), "no memory for the names");
    }
    l->name[l->n++] = name;
    return DNX_OK;
}

static bool is_image(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && (!strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg") ||
                   !strcasecmp(dot, ".png"));
}

#define DEEPEST 32 /* folders in folders: a link may lead in a circle */

static dnx_status add_folder(dnx_images *l, const char *under, int depth, dnx_err *err) {
    char *path = joined(l->base, under);
    DIR *d = path ? opendir(path) : NULL;
    dnx_status st = DNX_OK;
    if (!path) return dnx_fail(err, DNX_EMEM, at(l->base), "no memory for the names");
    if (!d) st = dnx_fail(err, DNX_EIO, at(path), "cannot open: %s", strerror(errno));
    if (depth > DEEPEST)
        st = dnx_fail(err, DNX_EIO, at(path), "more than %d folders deep", DEEPEST);
    for (struct dirent *e; !st && (e = readdir(d));) {
        struct stat info;
        char *name = e->d_name[0] == '.' ? NULL : *under ? joined(under, e->d_name)
                                                         : strdup(e->d_name);
        char *full = name ? joined(l->base, name) : NULL;
        bool found = full && !stat(full, &info);
        if (found && S_ISDIR(info.st_mode)) st = add_folder(l, name, depth + 1, err);
        else if (found && is_image(name)) {
            st = add(l, name, err);
            name = NULL;
        }
        free(name);
        free(full);
    }
    if (d) closedir(d);
    free(path);
    return st;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static dnx_status add_lines(dnx_images *l, const char *path, dnx_err *err) {
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    dnx_status st = DNX_OK;
    if (!f) return dnx_fail(err, DNX_EIO, at(path), "cannot open: %s", strerror(errno));
    while (!st && (n = getline(&line, &room, f)) >= 0) {
        while (n > 0 && strchr(" \t\r\n", line[n - 1])) line[--n] = 0;
        if (n > 0) st = add(l, strdup(line), err);
    }
    if (!st && ferror(f)) st = dnx_fail(err, DNX_EIO, at(path), "cannot read: %s", strerror(errno));
    free(line);
    fclose(f);
    return st;
}

/* Names that sort as the images lie. */
static dnx_status add_set(dnx_images *l, const char *path, dnx_err *err) {
    char name[24];
    dnx_status st = dnx_binset_open(path, &l->set, err);
    for (size_t i = 0; !st && i < l->set.n; i++) {
        snprintf(name, sizeof name, "%06zu", i);
        st = add(l, strdup(name), err);
    }
    return st;
}

static bool is_set(const char *path) {
    size_t n = strlen(path);
    return n > 4 && !strcasecmp(path + n - 4, ".bin");
}

dnx_status dnx_images_find(const char *path, dnx_images *l, dnx_err *err) {
    struct stat info;
    if (stat(path, &info))
        return dnx_fail(err, DNX_EIO, at(path), "cannot open: %s", strerror(errno));
    bool is_folder = S_ISDIR(info.st_mode);
    const char *slash = strrchr(path, '/');
    bool is_bin = !is_folder && is_set(path);
    l->base = is_folder || is_bin ? strdup(path)
                                  : strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
    if (!l->base) return dnx_fail(err, DNX_EMEM, at(path), "no memory");
    dnx_status st = is_folder ? add_folder(l, "", 0, err)
                              : is_bin ? add_set(l, path, err) : add_lines(l, path, err);
    if (st) return st;
    if (!l->n) return dnx_fail(err, DNX_EIO, at(path), "no images");
    if (l->n > UINT32_MAX) return dnx_fail(err, DNX_EIO, at(path), "too many images");
    if (is_folder) qsort(l->name, l->n, sizeof *l->name, by_name);
    return DNX_OK;
}

void dnx_images_free(dnx_images *l) {
    for (size_t i = 0; i < l->n; i++) free(l->name[i]);
    free(l->name);
    free(l->base);
    dnx_binset_close(&l->set);
}

/* ---- pixels ---- */

/* RGB to floats; one channel gets the luma. */
static void normalise(const dnx_net *net, const unsigned char *rgb, float *x, float *mirrored) {
    int H = net->in.h, W = net->in.w, C = net->in.c;
    for (int y = 0; y < H; y++)
        for (int i = 0; i < W; i++, rgb += 3) {
            float grey = .299f * rgb[0] + .587f * rgb[1] + .114f * rgb[2];
            for (int c = 0; c < C; c++) {
                float v = ((C == 1 ? grey : rgb[c]) - net->o.input_mean) * net->o.input_scale;
                x[(y * W + i) * C + c] = v;
                if (mirrored) mirrored[(y * W + W - 1 - i) * C + c] = v;
            }
        }
}

/* path: for messages. */
static dnx_status decode(const dnx_net *net, const char *path, const unsigned char *bytes, size_t n,
                         dnx_decode *other, void (*free_other)(unsigned char *), float *x,
                         float *mirrored, dnx_err *err) {
    int w = 0, h = 0;
    dnx_status st = DNX_OK;
    bool is_jpeg = dnx_jpeg_is(bytes, n);
    unsigned char *rgb = is_jpeg ? dnx_jpeg_decode(bytes, n, &w, &h)
                                 : other(bytes, n, &w, &h);
    if (!rgb) return dnx_fail(err, DNX_EPARSE, at(path), "is no image that can be decoded");
    if (w == net->in.w && h == net->in.h) normalise(net, rgb, x, mirrored);
    else st = dnx_fail(err, DNX_ESHAPE, at(path),
                       "is %d x %d pixels, the network's input %d x %d: align and crop the faces "
                       "to that size", w, h, net->in.w, net->in.h);
    if (is_jpeg) free(rgb);
    else free_other(rgb);
    return st;
}

static dnx_status load(const dnx_net *net, const char *path, dnx_decode *other,
                       void (*free_other)(unsigned char *), float *x, float *mirrored,
                       dnx_err *err) {
    size_t n;
    char *text = dnx_file_read(path, &n);
    if (!text) return dnx_fail(err, DNX_EIO, at(path), "cannot open: %s", strerror(errno));
    const unsigned char *bytes = (unsigned char *)text;
    dnx_status st = n ? DNX_OK : dnx_fail(err, DNX_EIO, at(path), "is empty");
    if (!st) st = decode(net, path, bytes, n, other, free_other, x, mirrored, err);
    free(text);
    return st;
}

dnx_status dnx_images_load(const dnx_images *l, size_t i, const dnx_net *net, dnx_decode *other,
                           void (*free_other)(unsigned char *), float *x, float *mirrored,
                           dnx_err *err) {
    const char *name = l->name[i];
    if (l->set.n) {
        char where[300];
        snprintf(where, sizeof where, "%.250s: image %s", l->base, name);
        return decode(net, where, l->set.image[i].bytes, l->set.image[i].n, other, free_other, x,
                      mirrored, err);
    }
    char *path = name[0] == '/' ? strdup(name) : joined(l->base, name);
    if (!path) return dnx_fail(err, DNX_EMEM, at(name), "no memory");
    if (access(path, F_OK) && !access(name, F_OK)) strcpy(path, name);
    dnx_status st = load(net, path, other, free_other, x, mirrored, err);
    free(path);
    return st;
}
