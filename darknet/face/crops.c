/* crops.c - joins the images of a folder with the images that landmarks name. */
#include "face/crops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"

bool dnx_crop_stays(const char *path) {
    if (*path == '/') return false;
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (!p[2] || p[2] == '/')) return false;
    }
    return true;
}

char *dnx_crop_name(const char *folder, const char *path, size_t number) {
    char *s = dnx_path_join(folder, path), *more = s ? realloc(s, strlen(s) + 32) : NULL;
    if (!more) {
        free(s);
        return NULL;
    }
    char *dot = strrchr(more, '.'), *slash = strrchr(more, '/');
    char *end = dot && dot > slash ? dot : more + strlen(more);
    if (number > 1) snprintf(end, 32, ".%zu.jpg", number);
    else strcpy(end, ".jpg");
    return more;
}

static int by_crop(const void *a, const void *b) {
    const dnx_crop *p = a, *q = b;
    int order = p->out && q->out ? strcmp(p->out, q->out) : 0;
    return order ? order : strcmp(p->path, q->path);
}

/* Returns the image whose name without suffix is `name`, or NULL. Sets *err when several images
 * have this name. */
static const char *with_suffix(const dnx_images *images, const char *name, dnx_err *err) {
    size_t lo = 0, hi = images->n, n = strlen(name);
    const char *found = NULL;
    while (lo < hi) { /* finds the first image that does not sort before "name." */
        size_t middle = lo + (hi - lo) / 2;
        int order = strncmp(images->name[middle], name, n);
        if (order < 0 || (!order && (unsigned char)images->name[middle][n] < '.')) lo = middle + 1;
        else hi = middle;
    }
    for (; lo < images->n && !strncmp(images->name[lo], name, n) && images->name[lo][n] == '.';
         lo++) {
        if (strpbrk(images->name[lo] + n + 1, "/.")) continue;
        if (found) {
            dnx_fail_at(err, DNX_EIO, name, "could be %s or %s", found, images->name[lo]);
            return NULL;
        }
        found = images->name[lo];
    }
    return found;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const dnx_landmarked *)a)->path, ((const dnx_landmarked *)b)->path);
}

static dnx_status add_suffixes(dnx_landmarks *l, const dnx_images *images, dnx_err *err) {
    for (size_t i = 0; i < l->n; i++) {
        dnx_landmarked *m = &l->image[i];
        dnx_err several = {0};
        const char *name = dnx_image_is_named(m->path) ? NULL
                                                       : with_suffix(images, m->path, &several);
        if (several.status) return dnx_fail_at(err, several.status, NULL, "%s", several.text);
        char *path = name ? strdup(name) : NULL;
        if (name && !path) return dnx_no_memory(m->path, err);
        if (!path) continue;
        free(m->path);
        m->path = path;
    }
    qsort(l->image, l->n, sizeof *l->image, by_path);
    return DNX_OK;
}

dnx_status dnx_crops_list(dnx_landmarks *l, const dnx_images *images, const char *folder,
                          dnx_crop **crops, size_t *n, dnx_err *err) {
    size_t a = 0, b = 0;
    *n = 0;
    dnx_crop *list = *crops = calloc(l->n + images->n, sizeof *list);
    dnx_status st = list ? add_suffixes(l, images, err) : dnx_no_memory(folder, err);
    while (!st && (a < l->n || b < images->n)) { /* merges two sorted lists; each path once */
        int order = a == l->n ? 1 : b == images->n ? -1 : strcmp(l->image[a].path, images->name[b]);
        dnx_crop *c = &list[(*n)++];
        c->faces = order <= 0 ? &l->image[a] : NULL;
        c->path = order <= 0 ? c->faces->path : images->name[b];
        c->out = dnx_crop_name(folder, c->path, 1);
        a += order <= 0;
        b += order >= 0;
    }
    if (*n) qsort(list, *n, sizeof *list, by_crop);
    return st;
}

void dnx_crops_free(dnx_crop *crops, size_t n) {
    for (size_t i = 0; i < n; i++) free(crops[i].out);
    free(crops);
}
