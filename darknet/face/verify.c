#include "face/verify.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/stop.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"

enum { RETRIES = 10 };
#define RETRY_AFTER .2 /* seconds */

typedef struct {
    int a, b, fold; /* images */
    bool same;
    float score;
} pair;

struct dnx_verify {
    dnx_images images; /* each once, sorted */
    uint64_t checksum; /* of the lines of the pairs file */
    int n, folds, n_pairs;
    pair *pairs;
};

typedef struct {
    dnx_verify *v;
    dnx_net *net;
    float *x;
    int first, count;
    dnx_err *errors; /* one a thread */
} job;

/* ---- reading pairs.txt ---- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_score(const void *a, const void *b) {
    float x = ((const pair *)a)->score, y = ((const pair *)b)->score;
    return (x > y) - (x < y);
}

/* The two images of one line; NULL, NULL: it is no pair. */
static bool parse(const char *line, const char *faces, char *two[2], bool *same) {
    char name[2][256];
    long i[2];
    two[0] = two[1] = NULL;
    *same = sscanf(line, " %255[^\t ] %ld %ld %c", name[0], &i[0], &i[1], name[1]) == 3;
    if (*same) strcpy(name[1], name[0]);
    else if (sscanf(line, " %255[^\t ] %ld %255[^\t ] %ld", name[0], &i[0], name[1], &i[1]) != 4)
        return true;
    for (int k = 0; k < 2; k++) {
        size_t size = strlen(faces) + 2 * strlen(name[k]) + 40;
        two[k] = malloc(size);
        if (!two[k]) return false;
        snprintf(two[k], size, "%s/%s/%s_%04ld.jpg", faces, name[k], name[k], i[k]);
    }
    return true;
}

static dnx_status add(dnx_verify *v, char *two[2], bool same, dnx_loc at, dnx_err *err) {
    if ((v->n_pairs & (v->n_pairs - 1)) == 0) { /* a power of two: double */
        size_t room = v->n_pairs ? 2 * (size_t)v->n_pairs : 1;
        pair *more = realloc(v->pairs, room * sizeof *more);
        if (more) v->pairs = more;
        char **paths = realloc(v->images.name, 2 * room * sizeof *paths);
        if (paths) v->images.name = paths;
        if (!more || !paths) {
            free(two[0]);
            free(two[1]);
            return dnx_fail(err, DNX_EMEM, at, "no memory for the pairs");
        }
    }
    v->pairs[v->n_pairs++] = (pair){v->n, v->n + 1, 0, same, 0};
    v->images.name[v->n++] = two[0];
    v->images.name[v->n++] = two[1];
    return DNX_OK;
}

static dnx_status read_lines(dnx_verify *v, FILE *f, const char *file, const char *faces,
                             dnx_err *err) {
    char line[1024], *two[2];
    int folds = 10, each = 0;
    dnx_status st = DNX_OK;
    for (int number = 1; !st && fgets(line, sizeof line, f); number++) {
        dnx_loc at = {file, number};
        bool same;
        v->checksum = dnx_hash(v->checksum, line, strcspn(line, "\r\n"));
        if (number == 1) {
            int got = sscanf(line, "%d %d", &folds, &each);
            if (got == 1) {
                each = folds;
                folds = 1;
            }
            if (got < 1 || folds < 1 || each < 1)
                st = dnx_fail(err, DNX_EPARSE, at, "must be `folds pairs`, as in LFW's pairs.txt");
            continue;
        }
        if (strspn(line, " \t\r\n") == strlen(line)) continue;
        if (!parse(line, faces, two, &same)) st = dnx_fail(err, DNX_EMEM, at, "no memory");
        else if (!two[0])
            st = dnx_fail(err, DNX_EPARSE, at, "must be `NAME i j` or `NAME i OTHER j`");
        else st = add(v, two, same, at, err);
        if (!st) v->pairs[v->n_pairs - 1].fold = (v->n_pairs - 1) / (2 * each);
    }
    v->folds = folds;
    if (!st && v->n_pairs != 2 * folds * each)
        st = dnx_fail(err, DNX_EPARSE, (dnx_loc){file, 0},
                      "%d pairs, but the first line promises %d folds of 2 x %d", v->n_pairs, folds,
                      each);
    return st;
}

/* Every image once: pairs then point into the sorted paths. */
static dnx_status unite(dnx_verify *v, dnx_err *err) {
    char **all = malloc(sizeof *all * (size_t)v->n);
    if (!all) return dnx_fail(err, DNX_EMEM, (dnx_loc){0}, "no memory for the pairs");
    memcpy(all, v->images.name, sizeof *all * (size_t)v->n);
    qsort(v->images.name, (size_t)v->n, sizeof *v->images.name, by_text);
    int n = 0;
    for (int i = 0; i < v->n; i++)
        if (n == 0 || strcmp(v->images.name[n - 1], v->images.name[i]))
            v->images.name[n++] = v->images.name[i];
    for (int i = 0; i < v->n_pairs; i++) {
        pair *p = &v->pairs[i];
        char **a = bsearch(&all[2 * i], v->images.name, (size_t)n, sizeof *a, by_text);
        char **b = bsearch(&all[2 * i + 1], v->images.name, (size_t)n, sizeof *b, by_text);
        p->a = (int)(a - v->images.name);
        p->b = (int)(b - v->images.name);
    }
    for (int i = 0; i < v->n; i++) { /* what is not one of the n */
        char **kept = bsearch(&all[i], v->images.name, (size_t)n, sizeof *kept, by_text);
        if (*kept != all[i]) free(all[i]);
    }
    v->n = n;
    v->images.n = (size_t)n;
    free(all);
    return DNX_OK;
}

dnx_status dnx_verify_open(const char *pairs, const char *faces, dnx_verify **out, dnx_err *err) {
    dnx_loc at = {pairs, 0};
    *out = NULL;
    FILE *f = dnx_file_stream(pairs);
    if (!f) return dnx_fail(err, DNX_EIO, at, "cannot open: %s", strerror(errno));
    dnx_verify *v = calloc(1, sizeof *v);
    if (v) v->images.base = strdup("");
    dnx_status st = v && v->images.base ? read_lines(v, f, pairs, faces, err)
                                        : dnx_fail(err, DNX_EMEM, at, "no memory");
    if (!st && ferror(f)) st = dnx_fail(err, DNX_EIO, at, "cannot read: %s", strerror(errno));
    fclose(f);
    if (!st) st = unite(v, err);
    int missing = 0, first = 0;
    for (int i = 0; !st && i < v->n; i++)
        if (access(v->images.name[i], R_OK) && missing++ == 0) first = i;
    if (missing)
        st = dnx_fail(err, DNX_EIO, at, "%d of its %d images are missing, the first is %s", missing,
                      v->n, v->images.name[first]);
    if (st) dnx_verify_close(v);
    else *out = v;
    return st;
}

void dnx_verify_close(dnx_verify *v) {
    if (!v) return;
    v->images.n = (size_t)v->n;
    dnx_images_free(&v->images);
    free(v->pairs);
    free(v);
}

uint64_t dnx_verify_checksum(const dnx_verify *v) { return v->checksum; }

/* ---- reading the images ---- */

/* Image i of the batch. A disk that fails may work again a moment later. */
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

/* The images from j->first on, a batch of them or the rest. */
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

/* Unit features of all images into out: n x D. */
static dnx_status features(job *j, int last, float *out, dnx_err *err) {
    dnx_net *net = j->net;
    const dnx_verify *v = j->v;
    size_t D = dnx_size(net->nodes[last].out);
    for (j->first = 0; j->first < v->n; j->first += j->count) {
        dnx_status st = load_batch(j, err);
        if (st) return st;
        float *to = out + (size_t)j->first * D;
        dnx_net_run(net, j->x, j->count, last, to);
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

/* The middle of the range of thresholds that errs least on the pairs outside of `fold`, which are
 * sorted by score; accept: score > threshold. The second pass finds the middle one. */
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
