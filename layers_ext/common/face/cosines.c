/* cosines.c - cosines as matrix products. */
#include "common/face/cosines.h"

#include <math.h>
#include <string.h>

#include "common/conv/filters.h"
#include "common/face/unit.h"
#include "kernels/pool.h"

#define BLOCK 128 /* classes of one matrix product */
#define UNIT 32   /* a thread's classes begin at a multiple of UNIT */

dnx_status dnx_cosines_make(dnx_cosines *c, dnx_node *n, int classes, bool is_trained,
                            dnx_err *err) {
    const dnx_kernel_set *k = dnx_kernels();
    size_t D = dnx_size(n->in[0]), N = (size_t)classes, B = (size_t)n->batch;
    size_t a = k->packed((int)D, BLOCK), b = k->packed(BLOCK, (int)D);
    c->pool = n->pool;
    c->D = D;
    c->share = BLOCK * D + (a > b ? a : b);
    const dnx_param w = {"weights", N * D, 1};
    dnx_status st = dnx_new_normal(n, &c->w, is_trained ? &c->d_w : NULL, 1e-4f, w, err);
    if (!st && n->trains) st = dnx_new(n, &c->unit, B * D, err);
    if (!st && n->trains) st = dnx_new(n, &c->d_unit, B * D, err);
    if (!st) st = dnx_new(n, &c->w_inv, N, err);
    if (!st) st = dnx_new(n, &c->scratch, c->share * (size_t)dnx_pool_threads(n->pool), err);
    return st;
}

typedef struct {
    dnx_cosines *c;
    const float *x;
    int batch;
    dnx_classes of;
    float scale;
    float *out;
    const float *d;
    size_t ld;
} job;

static float feature_factor(const dnx_cosines *c, const float *x) {
    return c->by_length ? 1 : (float)dnx_inverse_norm(x, c->D);
}

static size_t class_of(const job *j, int i) { return (size_t)(j->of.rows ? j->of.rows[i] : i); }

static void my_classes(const job *j, int t, int threads, int *from, int *to) {
    int n = j->of.hi - j->of.lo;
    long lo, hi;
    dnx_share((n + UNIT - 1) / UNIT, t, threads, &lo, &hi);
    *from = j->of.lo + (int)lo * UNIT;
    *to = hi * UNIT < n ? j->of.lo + (int)hi * UNIT : j->of.hi;
}

/* Copies columns [lo, hi) of the normalised weights to `rows`, for the classes with the indices i
 * to i + count - 1 in j->of. */
static void gather(const job *j, int i, int count, size_t lo, size_t hi, float *rows) {
    for (int k = 0; k < count; k++) {
        size_t at = class_of(j, i + k);
        const float *w = j->c->w + at * j->c->D, inv = j->c->w_inv[at];
        for (size_t q = lo; q < hi; q++) *rows++ = w[q] * inv;
    }
}

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_cosines *c = j->c;
    const dnx_kernel_set *k = dnx_kernels();
    size_t D = c->D;
    float *rows = c->scratch + c->share * (size_t)t, *packed = rows + BLOCK * D;
    int from, to;
    my_classes(j, t, threads, &from, &to);
    for (int i = from; i < to; i += BLOCK) {
        int width = to - i < BLOCK ? to - i : BLOCK;
        for (int q = 0; q < width; q++)
            c->w_inv[class_of(j, i + q)] = (float)dnx_inverse_norm(c->w + class_of(j, i + q) * D,
                                                                   D);
        gather(j, i, width, 0, D, rows);
        k->pack(rows, 1, D, (int)D, width, packed);
        float *out = j->out + (i - j->of.lo);
        const dnx_epilogue e = {.y = out, .ldy = j->ld};
        k->mm(j->x, D, j->batch, (int)D, packed, width, &e);
        for (int b = 0; b < j->batch; b++, out += j->ld) {
            float inv = feature_factor(c, j->x + (size_t)b * D);
            float most = c->by_length ? HUGE_VALF : 1;
            for (int q = 0; q < width; q++) {
                float v = out[q] * inv;
                out[q] = j->scale * (v > most ? most : v < -most ? -most : v);
            }
        }
    }
}

void dnx_cosines_forward(dnx_cosines *c, const float *x, int batch, dnx_classes of, float scale,
                         float *out) {
    job j = {c, x, batch, of, scale, out, NULL, (size_t)(of.hi - of.lo)};
    dnx_pool_run(c->pool, forward_share, &j);
}

static void weights_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_cosines *c = j->c;
    const dnx_kernel_set *k = dnx_kernels();
    size_t D = c->D;
    float *rows = c->scratch + c->share * (size_t)t;
    int from, to;
    my_classes(j, t, threads, &from, &to);
    for (int i = from; i < to; i += BLOCK) {
        int width = to - i < BLOCK ? to - i : BLOCK;
        memset(rows, 0, sizeof *rows * (size_t)width * D);
        k->mmt(j->d + (i - j->of.lo), j->ld, c->unit, D, j->batch, width, (int)D, rows, NULL);
        for (int q = 0; q < width; q++) {
            size_t at = class_of(j, i + q);
            const float *w = c->w + at * D, *sum = rows + (size_t)q * D;
            float *d_w = c->d_w + at * D, inv = c->w_inv[at];
            float along = (float)(k->dot(w, sum, D) * inv * inv), f = j->scale * inv;
            for (size_t r = 0; r < D; r++) d_w[r] += f * (sum[r] - along * w[r]);
        }
    }
}

/* Computes d_unit = d times the normalised weights. The threads divide the columns of d_unit, so
 * the order of each sum does not depend on the number of threads. */
static void unit_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_cosines *c = j->c;
    const dnx_kernel_set *k = dnx_kernels();
    long D = (long)c->D, lo, hi;
    float *rows = c->scratch + c->share * (size_t)t, *packed = rows + BLOCK * c->D;
    dnx_share((D + k->panel - 1) / k->panel, t, threads, &lo, &hi);
    lo *= k->panel;
    hi = hi * k->panel < D ? hi * k->panel : D;
    for (int i = j->of.lo; i < j->of.hi && lo < hi; i += BLOCK) {
        int height = j->of.hi - i < BLOCK ? j->of.hi - i : BLOCK;
        const dnx_epilogue e = {.y = c->d_unit + lo, .ldy = c->D, .adds = i > j->of.lo};
        gather(j, i, height, (size_t)lo, (size_t)hi, rows);
        k->pack(rows, (size_t)(hi - lo), 1, height, (int)(hi - lo), packed);
        k->mm(j->d + (i - j->of.lo), j->ld, j->batch, height, packed, (int)(hi - lo), &e);
    }
}

void dnx_cosines_back(dnx_cosines *c, const float *x, int batch, dnx_classes of, float scale,
                      const float *d, float *dx, bool adds) {
    job j = {c, x, batch, of, scale, NULL, d, (size_t)(of.hi - of.lo)};
    size_t D = c->D;
    for (int b = 0; b < batch; b++) {
        float inv = feature_factor(c, x + (size_t)b * D);
        for (size_t i = 0; i < D; i++) c->unit[(size_t)b * D + i] = x[(size_t)b * D + i] * inv;
    }
    if (c->d_w) dnx_pool_run(c->pool, weights_share, &j);
    if (!dx) return;
    dnx_pool_run(c->pool, unit_share, &j);
    for (int b = 0; b < batch; b++, dx += D) {
        const float *d_u = c->d_unit + (size_t)b * D, *u = c->unit + (size_t)b * D;
        float along = !c->by_length ? (float)dnx_kernels()->dot(d_u, u, D)
                      : c->along    ? c->along[b]
                                    : 0;
        float f = scale * feature_factor(c, x + (size_t)b * D);
        for (size_t i = 0; i < D; i++) {
            float v = (d_u[i] - along * u[i]) * f;
            dx[i] = adds ? dx[i] + v : v;
        }
    }
}
