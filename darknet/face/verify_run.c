/* verify_run.c - reads the images of a verification, and measures accuracy, TAR or rank-1. */
#include <stdlib.h>

#include "base/stop.h"
#include "face/all_pairs.h"
#include "face/search.h"
#include "face/verify.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"

enum { RETRIES = 10 };
#define RETRY_AFTER .2 /* seconds */

typedef struct {
    dnx_verify *v;
    dnx_net *net;
    float *x;
    int first, count;
    dnx_err *errors; /* one error for each thread */
} job;

static int images_of(const dnx_verify *v) { return v->n + v->n_others; }

/* Returns the list that contains image i, and sets *at to the index of the image in this list.
 * The images of v->others (the distractors) are numbered after the images of v->images. */
static const dnx_images *list_of(const dnx_verify *v, int i, size_t *at) {
    *at = (size_t)(i < v->n ? i : i - v->n);
    return i < v->n ? &v->images : &v->others;
}

/* Loads image i of the batch. Retries for two seconds when it cannot be read. */
static void load_image(const job *j, int i, dnx_err *err) {
    float *x = j->x + (size_t)i * dnx_size(j->net->in);
    size_t at;
    const dnx_images *list = list_of(j->v, j->first + i, &at);
    for (int tries = 0;; tries++) {
        *err = (dnx_err){0};
        dnx_images_load(list, at, j->net, x, NULL, err);
        if (err->status != DNX_EIO || tries == RETRIES || !dnx_stop_sleep(RETRY_AFTER)) return;
    }
}

static void load_one(void *arg, int t, long i) {
    job *j = arg;
    if (!j->errors[t].status) load_image(j, (int)i, &j->errors[t]);
}

/* Loads up to net->batch images from j->first on and sets j->count to their number. */
static dnx_status load_batch(job *j, dnx_err *err) {
    dnx_net *net = j->net;
    const int left = images_of(j->v) - j->first;
    j->count = left < net->batch ? left : net->batch;
    dnx_pool_each(net->pool, j->count, load_one, j);
    const dnx_status st = dnx_first_error(j->errors, dnx_pool_threads(net->pool), err);
    return st ? st : dnx_stop_check(err);
}

static dnx_status begin(job *j, dnx_err *err) {
    j->x = dnx_alloc((size_t)j->net->batch * dnx_size(j->net->in));
    j->errors = calloc((size_t)dnx_pool_threads(j->net->pool), sizeof *j->errors);
    if (j->x && j->errors) return DNX_OK;
    return dnx_fail_at(err, DNX_EMEM, j->net->file, "no memory for verification");
}

static void end(job *j) {
    dnx_free(j->x);
    free(j->errors);
}

dnx_status dnx_verify_check(dnx_verify *v, dnx_net *net, dnx_err *err) {
    job j = {.v = v, .net = net};
    dnx_status st = begin(&j, err);
    for (j.first = 0; !st && j.first < images_of(v); j.first += j.count) st = load_batch(&j, err);
    end(&j);
    return st;
}

/* Computes the features of all images and scales them to length 1. out: a row for each image. */
static dnx_status features(job *j, int last, float *out, dnx_err *err) {
    dnx_net *net = j->net;
    const dnx_verify *v = j->v;
    size_t D = dnx_size(net->nodes[last].out), at;
    for (j->first = 0; j->first < images_of(v); j->first += j->count) {
        dnx_status st = load_batch(j, err);
        if (st) return st;
        float *to = out + (size_t)j->first * D;
        dnx_net_run(net, j->x, j->count, last, to);
        st = dnx_net_status(net, err);
        if (st) return st;
        for (int i = 0; i < j->count; i++, to += D) {
            const dnx_images *list = list_of(v, j->first + i, &at);
            if (!dnx_unit(to, D))
                return dnx_fail_at(err, DNX_ENUMBER, list->name[at], "its feature is not finite");
        }
    }
    return DNX_OK;
}

static double accuracy(dnx_verify *v, const float *rows, size_t D) {
    for (int i = 0; i < v->n_pairs; i++) {
        dnx_scored_pair *p = &v->pairs[i];
        p->score = (float)dnx_kernels()->dot(rows + (size_t)p->a * D, rows + (size_t)p->b * D, D);
    }
    return dnx_folds_accuracy(v->pairs, v->n_pairs, v->folds);
}

static dnx_status measure(dnx_verify *v, const float *rows, size_t D, dnx_pool *pool,
                          double *result, dnx_err *err) {
    const dnx_face_rows f = {rows, images_of(v), v->n, (int)D, v->person, pool};
    dnx_tar tar;
    uint64_t searches;
    if (v->judge.kind == DNX_BY_RANK_1) return dnx_rank_1(&f, result, &searches, err);
    if (v->judge.kind == DNX_BY_ACCURACY) {
        *result = accuracy(v, rows, D);
        return DNX_OK;
    }
    dnx_status st = dnx_tar_at_far(&f, v->judge.rate, &tar, err);
    *result = tar.tar;
    return st;
}

dnx_status dnx_verify_run(dnx_verify *v, dnx_net *net, int last, double *result, dnx_err *err) {
    size_t D = dnx_size(net->nodes[last].out);
    job j = {.v = v, .net = net};
    float *rows = dnx_alloc((size_t)images_of(v) * D);
    dnx_status st = begin(&j, err);
    if (!st && !rows) st = dnx_fail_at(err, DNX_EMEM, net->file, "no memory for verification");
    if (!st) st = features(&j, last, rows, err);
    if (!st) st = measure(v, rows, D, net->pool, result, err);
    dnx_free(rows);
    end(&j);
    return st;
}
