/* verify.c - verification accuracy on pairs, by cross-validation. */
#include "face/verify.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "face/pairs.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"

enum { RETRIES = 10 };
#define RETRY_AFTER .2 /* seconds */

typedef struct {
    int a, b, fold; /* a, b: indices of images */
    bool same;
    float score;
} pair;

struct dnx_verify {
    dnx_images images; /* sorted; each image occurs once */
    uint64_t checksum; /* of the pairs */
    int n, folds, n_pairs;
    pair *pairs;
};

typedef struct {
    dnx_verify *v;
    dnx_net *net;
    float *x;
    int first, count;
    dnx_err *errors; /* one for each thread */
} job;

/* ---- pairs and their images ---- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_score(const void *a, const void *b) {
    float x = ((const pair *)a)->score, y = ((const pair *)b)->score;
    return (x > y) - (x < y);
}

/* Sorts the names, removes doubles, and sets the images of each pair. names: memory for 2 * p->n
 * names. */
static void unite(dnx_verify *v, const dnx_pairs *p, char **names) {
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (int k = 0; k < 2; k++) names[2 * i + (size_t)k] = p->pair[i].name[k];
    qsort(names, 2 * p->n, sizeof *names, by_text);
    for (size_t i = 0; i < 2 * p->n; i++)
        if (!n || strcmp(names[n - 1], names[i])) names[n++] = names[i];
    v->n = (int)n;
    for (size_t i = 0; i < p->n; i++) {
        const dnx_face_pair *m = &p->pair[i];
        char **a = bsearch(&m->name[0], names, n, sizeof *a, by_text);
        char **b = bsearch(&m->name[1], names, n, sizeof *b, by_text);
        v->pairs[i] = (pair){(int)(a - names), (int)(b - names), m->fold, m->same, 0};
    }
}

/* Finds the files of all names, in their order. */
static dnx_status find_files(dnx_verify *v, char **names, const char *pairs, const char *faces,
                             dnx_err *err) {
    dnx_loc at = {pairs, 0};
    int missing = 0, first = 0;
    v->images.name = calloc((size_t)v->n + 1, sizeof *v->images.name);
    if (!v->images.name) return dnx_fail(err, DNX_EMEM, at, "no memory for the pairs");
    v->images.n = (size_t)v->n;
    for (int i = 0; i < v->n; i++) {
        if (!dnx_pairs_find(faces, names[i], &v->images.name[i]))
            return dnx_fail(err, DNX_EMEM, at, "no memory for the pairs");
        if (!v->images.name[i] && missing++ == 0) first = i;
    }
    if (!missing) return DNX_OK;
    return dnx_fail(err, DNX_EIO, at, "%d of its %d images are missing, the first is %s/%s",
                    missing, v->n, faces, names[first]);
}

static dnx_status read_pairs(dnx_verify *v, const char *pairs, const char *faces, dnx_pairs *p,
                             dnx_err *err) {
    dnx_loc at = {pairs, 0};
    bool is_set = dnx_pairs_is_set(pairs);
    dnx_status st = is_set ? dnx_images_find(pairs, &v->images, err)
                           : dnx_pairs_open(pairs, p, err);
    if (!st && is_set) st = dnx_pairs_of_set(&v->images.set, pairs, p, err);
    if (!st && !is_set && !faces)
        st = dnx_fail(err, DNX_EIO, at, "needs the folder of its faces");
    if (!st && p->n > INT_MAX / 2) st = dnx_fail(err, DNX_EIO, at, "too many pairs");
    if (st) return st;
    char **names = malloc(2 * p->n * sizeof *names);
    v->pairs = malloc(p->n * sizeof *v->pairs);
    if (names && v->pairs) {
        unite(v, p, names);
        v->n_pairs = (int)p->n;
        v->folds = p->folds;
        v->checksum = p->checksum;
        if (!is_set) st = find_files(v, names, pairs, faces, err);
    } else st = dnx_fail(err, DNX_EMEM, at, "no memory for the pairs");
    free(names);
    return st;
}

dnx_status dnx_verify_open(const char *pairs, const char *faces, dnx_verify **out, dnx_err *err) {
    dnx_pairs p = {0};
    *out = NULL;
    dnx_verify *v = calloc(1, sizeof *v);
    if (v && !dnx_pairs_is_set(pairs)) v->images.base = strdup("");
    dnx_status st = v && (v->images.base || dnx_pairs_is_set(pairs))
                        ? read_pairs(v, pairs, faces, &p, err)
                        : dnx_fail(err, DNX_EMEM, (dnx_loc){pairs, 0}, "no memory");
    dnx_pairs_free(&p);
    if (st) dnx_verify_close(v);
    else *out = v;
    return st;
}

void dnx_verify_close(dnx_verify *v) {
    if (!v) return;
    dnx_images_free(&v->images);
    free(v->pairs);
    free(v);
}

int dnx_verify_folds(const dnx_verify *v) { return v->folds; }

uint64_t dnx_verify_checksum(const dnx_verify *v) { return v->checksum; }

/* ---- reading the images ---- */

/* Loads image i of the batch. When reading fails it tries again for a while: the disk may
 * recover. */
static void load_image(const job *j, int i, dnx_err *err) {
    float *x = j->x + (size_t)i * dnx_size(j->net->in);
    for (int tries = 0;; tries++) {
        *err = (dnx_err){0};
        dnx_images_load(&j->v->images, (size_t)(j->first + i), j->net, x, NULL, err);
        if (err->status != DNX_EIO || tries == RETRIES || !dnx_stop_sleep(RETRY_AFTER)) return;
    }
}

static void load_one(void *arg, int t, long i) {
    job *j = arg;
    if (!j->errors[t].status) load_image(j, (int)i, &j->errors[t]);
}

/* Loads a batch of images, which begins at j->first. The last batch may be smaller. */
static dnx_status load_batch(job *j, dnx_err *err) {
    dnx_net *net = j->net;
    j->count = j->v->n - j->first < net->batch ? j->v->n - j->first : net->batch;
    dnx_pool_each(net->pool, j->count, load_one, j);
    for (int t = 0; t < dnx_pool_threads(net->pool); t++)
        if (j->errors[t].status) {
            if (err) *err = j->errors[t];
            return j->errors[t].status;
        }
    return dnx_stop_check(err);
}

static dnx_status begin(job *j, dnx_err *err) {
    j->x = dnx_alloc((size_t)j->net->batch * dnx_size(j->net->in));
    j->errors = calloc((size_t)dnx_pool_threads(j->net->pool), sizeof *j->errors);
    if (j->x && j->errors) return DNX_OK;
    return dnx_fail(err, DNX_EMEM, (dnx_loc){j->net->file, 0}, "no memory for verification");
}

static void end(job *j) {
    dnx_free(j->x);
    free(j->errors);
}

dnx_status dnx_verify_check(dnx_verify *v, dnx_net *net, dnx_err *err) {
    job j = {.v = v, .net = net};
    dnx_status st = begin(&j, err);
    for (j.first = 0; !st && j.first < v->n; j.first += j.count) st = load_batch(&j, err);
    end(&j);
    return st;
}

/* ---- scores ---- */

/* Computes the unit features of all images: n x D. */
static dnx_status features(job *j, int last, float *out, dnx_err *err) {
    dnx_net *net = j->net;
    const dnx_verify *v = j->v;
    size_t D = dnx_size(net->nodes[last].out);
    for (j->first = 0; j->first < v->n; j->first += j->count) {
        dnx_status st = load_batch(j, err);
        if (st) return st;
        float *to = out + (size_t)j->first * D;
        dnx_net_run(net, j->x, j->count, last, to);
        st = dnx_net_status(net, err);
        if (st) return st;
        for (int i = 0; i < j->count; i++, to += D) {
            double norm = sqrt(dnx_kernels()->dot(to, to, D));
            if (!isfinite(norm))
                return dnx_fail(err, DNX_ENUMBER, (dnx_loc){v->images.name[j->first + i], 0},
                                "its feature is not finite");
            for (size_t k = 0; norm > 0 && k < D; k++) to[k] = (float)(to[k] / norm);
        }
    }
    return DNX_OK;
}

static bool is_outside(const dnx_verify *v, int i, int fold) {
    return v->folds == 1 || v->pairs[i].fold != fold;
}

/* Returns the threshold with the fewest errors on the pairs outside of `fold`. A pair counts as the
 * same person when score > threshold. Pairs are sorted by score. When several thresholds are
 * equally good, the middle one is returned: the first pass counts them, the second finds it. */
static double threshold(const dnx_verify *v, int fold) {
    int best = -1, ties = 0, seen = 0;
    for (int pass = 0; pass < 2; pass++) {
        const pair *before = NULL;
        int right = 0;
        for (int i = 0; i < v->n_pairs; i++) right += is_outside(v, i, fold) && v->pairs[i].same;
        for (int i = 0; i <= v->n_pairs; i++) {
            const pair *p = i < v->n_pairs ? &v->pairs[i] : NULL;
            if (p && !is_outside(v, i, fold)) continue;
            bool fits = !p || !before || p->score > before->score;
            if (fits && pass == 0 && right > best) {
                best = right;
                ties = 0;
            }
            if (fits && right == best && pass == 0) ties++;
            if (fits && right == best && pass == 1 && seen++ == ties / 2) {
                double low = before ? (double)before->score : (double)p->score - 1e-6;
                return (low + (p ? (double)p->score : low + 2e-6)) / 2;
            }
            if (p) right += p->same ? -1 : 1;
            before = p;
        }
    }
    return 0;
}

dnx_status dnx_verify_run(dnx_verify *v, dnx_net *net, int last, double *accuracy,
                          dnx_err *err) {
    size_t D = dnx_size(net->nodes[last].out);
    job j = {.v = v, .net = net};
    float *out = dnx_alloc((size_t)v->n * D);
    dnx_status st = begin(&j, err);
    if (!st && !out)
        st = dnx_fail(err, DNX_EMEM, (dnx_loc){net->file, 0}, "no memory for verification");
    if (!st) st = features(&j, last, out, err);
    for (int i = 0; !st && i < v->n_pairs; i++) {
        pair *p = &v->pairs[i];
        p->score = (float)dnx_kernels()->dot(out + (size_t)p->a * D, out + (size_t)p->b * D, D);
    }
    dnx_free(out);
    end(&j);
    if (st) return st;
    qsort(v->pairs, (size_t)v->n_pairs, sizeof *v->pairs, by_score);
    double sum = 0;
    for (int f = 0; f < v->folds; f++) {
        double t = threshold(v, f);
        int right = 0, n = 0;
        for (int i = 0; i < v->n_pairs; i++)
            if (v->pairs[i].fold == f) {
                right += ((double)v->pairs[i].score > t) == v->pairs[i].same;
                n++;
            }
        sum += (double)right / n;
    }
    *accuracy = sum / v->folds;
    return DNX_OK;
}
