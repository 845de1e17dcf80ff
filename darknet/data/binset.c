/* binset.c - verification sets in InsightFace's .bin format. */
#include "data/binset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/files.h"

static dnx_status take_image(const dnx_pickle *p, const dnx_py *v, size_t i, dnx_loc at,
                             dnx_binset_image *to, dnx_err *err) {
    const dnx_py_array *a = v->is == DNX_PY_ARRAY ? &p->array[v->a] : NULL;
    if (a && a->is_built && a->dimensions == 3)
        return dnx_fail(err, DNX_EPARSE, at,
                        "image %zu: is an array of %zu x %zu x %zu pixels; a set has image files, "
                        "as of cv2.imencode()",
                        i, a->shape[0], a->shape[1], a->shape[2]);
    bool is_run = a && a->is_built && a->size == 1 && a->type == 'u' &&
                  (a->dimensions == 1 ||
                   (a->dimensions == 2 && (a->shape[0] == 1 || a->shape[1] == 1)));
    if (a ? !is_run : v->is != DNX_PY_BYTES)
        return dnx_fail(err, DNX_EPARSE, at, "image %zu: must be bytes of an image file", i);
    *to = (dnx_binset_image){a ? a->p : v->p, a ? a->n : (size_t)v->a};
    return to->n ? DNX_OK : dnx_fail(err, DNX_EPARSE, at, "image %zu: is empty", i);
}

static int64_t element(const dnx_py_array *a, size_t i) {
    uint64_t v = 0;
    for (int k = 0; k < a->size; k++) v |= (uint64_t)a->p[i * (size_t)a->size + (size_t)k] << 8 * k;
    return (int64_t)v;
}

static dnx_status take_same(const dnx_pickle *p, const dnx_py *v, dnx_loc at, bool *same, size_t n,
                            dnx_err *err) {
    const dnx_py_list *l = dnx_pickle_list(p, v);
    for (size_t i = 0; i < n; i++) {
        int64_t is = l ? l->v[i].a : element(&p->array[v->a], i);
        if ((l && l->v[i].is != DNX_PY_NUMBER) || is < 0 || is > 1)
            return dnx_fail(err, DNX_EPARSE, at, "pair %zu: must be True or False", i);
        same[i] = is;
    }
    return DNX_OK;
}

static dnx_status take(dnx_binset *s, dnx_loc at, dnx_err *err) {
    const dnx_pickle *p = &s->pickle;
    const dnx_py_list *both = dnx_pickle_list(p, &p->top);
    const dnx_py_list *images = both && both->n == 2 ? dnx_pickle_list(p, &both->v[0]) : NULL;
    const dnx_py *truths = images ? &both->v[1] : NULL;
    const dnx_py_list *same = truths ? dnx_pickle_list(p, truths) : NULL;
    const dnx_py_array *a = truths && truths->is == DNX_PY_ARRAY ? &p->array[truths->a] : NULL;
    bool is_array = a && a->is_built && a->type != 'O' && a->dimensions == 1;
    if (!images || (!same && !is_array))
        return dnx_fail(err, DNX_EPARSE, at,
                        "must be a pair of lists: images, and whether a pair is the same");
    size_t pairs = same ? same->n : a->shape[0];
    if (images == same || images->n != 2 * pairs || !pairs)
        return dnx_fail(err, DNX_EPARSE, at, "%zu images for %zu pairs: must be two a pair",
                        images->n, pairs);
    s->image = malloc(images->n * sizeof *s->image);
    s->same = malloc(pairs * sizeof *s->same);
    if (!s->image || !s->same) return dnx_fail(err, DNX_EMEM, at, "no memory for the set");
    dnx_status st = DNX_OK;
    for (size_t i = 0; !st && i < images->n; i++)
        st = take_image(p, &images->v[i], i, at, &s->image[i], err);
    if (!st) st = take_same(p, truths, at, s->same, pairs, err);
    if (!st) s->n = images->n;
    return st;
}

dnx_status dnx_binset_parse(const void *bytes, size_t n, const char *file, dnx_binset *s,
                            dnx_err *err) {
    *s = (dnx_binset){0};
    dnx_status st = dnx_pickle_read(bytes, n, file, &s->pickle, err);
    return st ? st : take(s, (dnx_loc){file, 0}, err);
}

bool dnx_binset_is_named(const char *path) {
    size_t n = strlen(path);
    return n > 4 && !strcasecmp(path + n - 4, ".bin");
}

dnx_status dnx_binset_open(const char *path, dnx_binset *s, dnx_err *err) {
    size_t n;
    *s = (dnx_binset){0};
    char *data = dnx_file_read(path, &n);
    if (!data) return dnx_fail_at(err, DNX_EIO, path, "cannot read: %s", strerror(errno));
    dnx_status st = dnx_binset_parse(data, n, path, s, err);
    s->data = data;
    return st;
}

void dnx_binset_close(dnx_binset *s) {
    dnx_pickle_free(&s->pickle);
    free(s->data);
    free(s->image);
    free(s->same);
    *s = (dnx_binset){0};
}
