#include "dwconv.h"

#include <math.h>
#include <string.h>

#include "kernels/pool.h"

static size_t wide_row(const dnx_node *n) { return (size_t)n->in[0].w * (size_t)n->out.c; }

dnx_status dnx_dwconv_make(dnx_node *n, dnx_dwconv *s, bool has_bn, dnx_act act, dnx_err *err) {
    size_t taps = (size_t)s->kh * (size_t)s->kw, count = taps * (size_t)n->out.c;
    dnx_status st = dnx_tail_make(&s->tail, n, has_bn, act, err);
    if (!st) st = dnx_new(n, &s->w, count, err);
    if (!st) st = dnx_new(n, &s->taps, count, err);
    if (!st && n->trains) st = dnx_new(n, &s->d_w, count, err);
    if (!st && n->trains)
        st = dnx_new(n, &s->d_taps, count * (size_t)dnx_pool_threads(n->pool), err);
    if (!st && s->multiplier > 1)
        st = dnx_new(n, &s->wide, 2 * (size_t)s->kh * wide_row(n) *
                                      (size_t)dnx_pool_threads(n->pool), err);
    if (st) return st;
    dnx_rng r;
    dnx_rng_seed(&r, n->seed, (uint64_t)n->index);
    float std = sqrtf(2.f / (float)taps);
    for (size_t i = 0; i < count; i++) s->w[i] = std * dnx_rng_normal(&r);
    n->scratch = n->trains ? (size_t)n->batch * dnx_size(n->out) : 0;
    return dnx_dwconv_prepare(n, err);
}

void dnx_dwconv_unmake(dnx_node *n) {
    dnx_dwconv *s = n->state;
    dnx_tail_unmake(&s->tail);
    dnx_free(s->w);
    dnx_free(s->d_w);
    dnx_free(s->taps);
    dnx_free(s->d_taps);
    dnx_free(s->wide);
}

int dnx_dwconv_params(dnx_node *n, dnx_param *list) {
    dnx_dwconv *s = n->state;
    dnx_param w = {"weights", s->w, s->d_w, (size_t)s->kh * (size_t)s->kw * (size_t)n->out.c, 1,
                   true};
    return dnx_tail_params(&s->tail, &w, false, list);
}

dnx_status dnx_dwconv_prepare(dnx_node *n, dnx_err *err) {
    (void)err;
    dnx_dwconv *s = n->state;
    size_t C = (size_t)n->out.c, taps = (size_t)s->kh * (size_t)s->kw;
    if (!n->trains) dnx_tail_fold(&s->tail);
    for (size_t c = 0; c < C; c++)
        for (size_t i = 0; i < taps; i++)
            s->taps[i * C + c] = s->w[c * taps + i] * (n->trains ? 1 : s->tail.scale[c]);
    return DNX_OK;
}

double dnx_dwconv_macs(const dnx_node *n) {
    const dnx_dwconv *s = n->state;
    return (double)dnx_size(n->out) * s->kh * s->kw;
}

bool dnx_dwconv_can_add(const dnx_node *n) {
    (void)n;
    return true;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    const float *du;
} job;

/* Repeats each value of rows[ky] for its filters in the thread's wide rows, and points there. */
static void widen(const dnx_node *n, const dnx_dwconv *s, int t, const float **rows) {
    size_t m = (size_t)s->multiplier, size = wide_row(n);
    for (int ky = 0; ky < s->kh && m > 1; ky++) {
        float *to = s->wide + ((size_t)t * 2 * (size_t)s->kh + (size_t)ky) * size;
        for (size_t i = 0; rows[ky] && i < size; i++) to[i] = rows[ky][i / m];
        if (rows[ky]) rows[ky] = to;
    }
}

/* Input gradient of one output row; with more filters per channel by way of wide rows. */
static void add_dx(const dnx_node *n, const dnx_dwconv *s, int t, float *const *dx_rows,
                   const float *dz) {
    const dnx_kernel_set *k = dnx_kernels();
    size_t m = (size_t)s->multiplier, size = wide_row(n);
    float *to[DNX_MAX_TAPS];
    for (int ky = 0; ky < s->kh; ky++) {
        to[ky] = dx_rows[ky];
        if (m == 1 || !to[ky]) continue;
        to[ky] = s->wide + ((size_t)t * 2 * (size_t)s->kh + (size_t)(s->kh + ky)) * size;
        memset(to[ky], 0, sizeof(float) * size);
    }
    k->dw_row_dx(to, n->in[0].w, n->out.c, s->taps, s->kh, s->kw, s->stride, s->pad, dz, n->out.w);
    for (int ky = 0; ky < s->kh && m > 1; ky++)
        for (size_t i = 0; dx_rows[ky] && i < size; i++) dx_rows[ky][i / m] += to[ky][i];
}

/* Pointers to the input rows that output row oy reads; NULL for rows of padding. */
static void find_rows(const dnx_node *n, const dnx_dwconv *s, const float *x, int oy,
                      const float **rows) {
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->stride - s->pad + ky;
        bool inside = iy >= 0 && iy < n->in[0].h;
        rows[ky] = inside && x ? x + (size_t)iy * (size_t)n->in[0].w * (size_t)n->in[0].c : NULL;
    }
}

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    dnx_dwconv *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    int C = n->out.c, oh = n->out.h, ow = n->out.w;
    size_t row = (size_t)ow * (size_t)C;
    const float *rows[DNX_MAX_TAPS];
    long lo, hi;
    dnx_share((long)j->p->batch * oh, t, threads, &lo, &hi);
    for (long i = lo; i < hi; i++) {
        find_rows(n, s, j->p->x[0] + (size_t)(i / oh) * dnx_size(n->in[0]), (int)(i % oh), rows);
        widen(n, s, t, rows);
        dnx_epilogue e = {0};
        float *out = n->trains ? s->tail.z : j->p->y;
        if (!n->trains) {
            e = dnx_tail_epilogue(&s->tail, j->p);
            if (e.residual) e.residual += (size_t)i * row;
        }
        out += (size_t)i * row;
        k->dw_row(rows, n->in[0].w, C, s->taps, s->kh, s->kw, s->stride, s->pad, out, ow, &e);
        if (n->trains) dnx_tail_block(&s->tail, j->p, t, out, ow);
    }
}

void dnx_dwconv_forward(dnx_node *n, dnx_pass *p) {
    dnx_dwconv *s = n->state;
    job j = {n, p, NULL};
    if (n->trains) dnx_tail_begin(&s->tail, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (n->trains) dnx_tail_end(&s->tail, n, p);
}

/* A thread owns whole images, so that no two add to the same dx. */
static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    dnx_dwconv *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    int C = n->out.c, oh = n->out.h, ow = n->out.w, iw = n->in[0].w;
    size_t row = (size_t)ow * (size_t)C;
    float *d_taps = s->d_taps + (size_t)t * (size_t)s->kh * (size_t)s->kw * (size_t)C;
    const float *rows[DNX_MAX_TAPS];
    float *dx_rows[DNX_MAX_TAPS];
    long lo, hi;
    dnx_share(j->p->batch, t, threads, &lo, &hi);
    for (long b = lo; b < hi; b++) {
        const float *x = j->p->x[0] + (size_t)b * dnx_size(n->in[0]);
        float *dx = j->p->dx[0] ? j->p->dx[0] + (size_t)b * dnx_size(n->in[0]) : NULL;
        if (dx && !j->p->dx_adds[0]) memset(dx, 0, sizeof *dx * dnx_size(n->in[0]));
        for (int oy = 0; oy < oh; oy++) {
            size_t at = ((size_t)b * (size_t)oh + (size_t)oy) * row;
            const float *dz = dnx_tail_dz(&s->tail, j->du + at, s->tail.z + at, ow,
                                          j->p->scratch + at);
            find_rows(n, s, x, oy, rows);
            for (int ky = 0; ky < s->kh; ky++)
                dx_rows[ky] = dx && rows[ky] ? dx + (rows[ky] - x) : NULL;
            widen(n, s, t, rows);
            k->dw_row_dw(rows, iw, C, d_taps, s->kh, s->kw, s->stride, s->pad, dz, ow);
            if (dx) add_dx(n, s, t, dx_rows, dz);
        }
    }
}

void dnx_dwconv_backward(dnx_node *n, dnx_pass *p) {
    dnx_dwconv *s = n->state;
    size_t C = (size_t)n->out.c, taps = (size_t)s->kh * (size_t)s->kw, count = taps * C;
    int threads = dnx_pool_threads(n->pool);
    job j = {n, p, dnx_tail_backward(&s->tail, n, p, p->scratch)};
    memset(s->d_taps, 0, sizeof(float) * count * (size_t)threads);
    dnx_pool_run(n->pool, backward_share, &j);
    for (int t = 0; t < threads; t++)
        for (size_t i = 0; i < taps; i++)
            for (size_t c = 0; c < C; c++)
                s->d_w[c * taps + i] += s->d_taps[(size_t)t * count + i * C + c];
}
