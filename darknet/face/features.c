/* features.c - features of many images, a batch at a time. */
#include "face/features.h"

#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "kernels/pool.h"

typedef struct {
    dnx_features *f;
    size_t first;
    float *x; /* batch x H x W x C, then the mirror images */
    /* sides: features of the images, then of the mirror images. y: both, combined by f->flip. */
    float *sides, *y;
    dnx_err *errors; /* one for each image of the batch */
    char **name;     /* names of the images that could be loaded */
} job;

size_t dnx_features_dim(const dnx_features *f) {
    return dnx_size(f->net->nodes[f->last].out) * (f->flip == DNX_FLIP_CONCAT ? 2 : 1);
}

static void load(void *arg, int t, long i) {
    (void)t;
    const job *j = arg;
    const dnx_net *net = j->f->net;
    const size_t size = dnx_size(net->in);
    float *x = j->x + (size_t)i * size;
    j->errors[i] = (dnx_err){0};
    dnx_images_load(j->f->images, j->first + (size_t)i, net, x,
                    j->f->flip ? x + (size_t)net->batch * size : NULL, &j->errors[i]);
}

/* Moves the loaded images to the front of j->x, sets *count to their number, and lists the other
 * images as skipped. */
static dnx_status close_gaps(const job *j, int *count, dnx_err *err) {
    const dnx_net *net = j->f->net;
    const size_t size = dnx_size(net->in), mirrored = (size_t)net->batch * size;
    int good = 0;
    for (int i = 0; i < *count; i++) {
        const dnx_err *e = &j->errors[i];
        if (e->status == DNX_EMEM || (e->status && !dnx_skipped_add_line(&j->f->skipped, e->text)))
            return dnx_fail_at(err, DNX_EMEM, net->file, "no memory for the images");
        if (e->status) continue;
        float *from = j->x + (size_t)i * size, *to = j->x + (size_t)good * size;
        if (good < i) memcpy(to, from, size * sizeof *to);
        if (good < i && j->f->flip) memcpy(to + mirrored, from + mirrored, size * sizeof *to);
        j->name[good++] = j->f->images->name[j->first + (size_t)i];
    }
    *count = good;
    return DNX_OK;
}

/* Computes the features j->y, *count x dim. Drops features that are all zero. */
static dnx_status compute(const job *j, int *count, dnx_err *err) {
    const dnx_features *f = j->f;
    const size_t D = dnx_size(f->net->nodes[f->last].out), dim = dnx_features_dim(f);
    for (int side = 0; *count && side < (f->flip ? 2 : 1); side++) {
        const float *x = j->x + (size_t)side * (size_t)f->net->batch * dnx_size(f->net->in);
        dnx_net_run(f->net, x, *count, f->last, j->sides);
        for (size_t b = 0; b < (size_t)*count; b++)
            for (size_t k = 0; k < D; k++) {
                float *to = j->y + b * dim + k + (side && f->flip == DNX_FLIP_CONCAT ? D : 0);
                *to = j->sides[b * D + k] + (side && f->flip == DNX_FLIP_SUM ? *to : 0);
            }
    }
    dnx_status st = dnx_net_status(f->net, err);
    return st ? st : dnx_features_keep(j->y, count, dim, j->name, &j->f->skipped, err);
}

dnx_status dnx_features_run(dnx_features *f, dnx_err *err) {
    const size_t batch = (size_t)f->net->batch, n = f->images->n;
    job j = {f,
             0,
             dnx_alloc((f->flip ? 2 : 1) * batch * dnx_size(f->net->in)),
             dnx_alloc(batch * dnx_features_dim(f)),
             dnx_alloc(batch * dnx_features_dim(f)),
             calloc(batch, sizeof *j.errors),
             calloc(batch, sizeof *j.name)};
    dnx_status st = j.x && j.sides && j.y && j.errors && j.name
                        ? DNX_OK
                        : dnx_fail_at(err, DNX_EMEM, f->net->file, "no memory for the images");
    for (; !st && j.first < n; j.first += batch) {
        int count = (int)(n - j.first < batch ? n - j.first : batch);
        dnx_pool_each(f->net->pool, count, load, &j);
        st = close_gaps(&j, &count, err);
        if (!st) st = compute(&j, &count, err);
        if (!st) st = f->take(f->arg, j.name, j.y, count, err);
        if (!st) st = dnx_stop_check(err);
    }
    dnx_free(j.x);
    dnx_free(j.sides);
    dnx_free(j.y);
    free(j.errors);
    free(j.name);
    return st;
}
