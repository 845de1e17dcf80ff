#include "dwconv.h"

#include <math.h>
#include <string.h>

#include "kernels/pool.h"

static size_t in_row(const dnx_node *n) { return (size_t)n->in[0].w * (size_t)n->in[0].c; }

static size_t wide_row(const dnx_node *n) { return (size_t)n->in[0].w * (size_t)n->out.c; }

/* Rows of dz that a thread keeps: those that one row of dx needs. */
static int kept_rows(const dnx_node *n, const dnx_dwconv *s) {
    return s->kh < n->out.h ? s->kh : n->out.h;
}

dnx_status dnx_dwconv_make(dnx_node *n, dnx_dwconv *s, bool has_bn, dnx_act act, dnx_err *err) {
    size_t taps = (size_t)s->kh * (size_t)s->kw, count = taps * (size_t)n->out.c;
    dnx_status st = dnx_tail_make(&s->tail, n, has_bn, act, err);
    if (!st) st = dnx_new(n, &s->w, count, err);
    if (!st) st = dnx_new(n, &s->taps, count, err);
    if (!st && n->trains) st = dnx_new(n, &s->d_w, count, err);
    if (!st && n->trains)
        st = dnx_new(n, &s->d_taps, count * (size_t)dnx_pool_threads(n->pool), err);
    if (!st && dnx_dwconv_does_tail(n))
        st = dnx_new(n, &s->x_rows, (size_t)s->kh * in_row(n) * (size_t)dnx_pool_threads(n->pool),
                     err);
    if (!st && s->multiplier > 1)
        st = dnx_new(n, &s->wide, ((size_t)s->kh + 1) * wide_row(n) *
                                      (size_t)dnx_pool_threads(n->pool), err);
    if (st) return st;
    dnx_rng r;
    dnx_rng_seed(&r, n->seed, (uint64_t)n->index);
    float std = sqrtf(2.f / (float)taps);
    for (size_t i = 0; i < count; i++) s->w[i] = std * dnx_rng_normal(&r);
    if (n->trains)
        n->scratch = (size_t)dnx_pool_threads(n->pool) * (size_t)kept_rows(n, s) *
                     (size_t)n->out.w * (size_t)n->out.c;
    return dnx_dwconv_prepare(n, err);
}

void dnx_dwconv_unmake(dnx_node *n) {
    dnx_dwconv *s = n->state;
    dnx_tail_unmake(&s->tail);
    dnx_free(s->w);
    dnx_free(s->d_w);
    dnx_free(s->taps);
    dnx_free(s->d_taps);
    dnx_free(s->x_rows);
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

bool dnx_dwconv_can_add(const dnx_node *n) { return dnx_tail_can_add(n); }

dnx_tail *dnx_dwconv_tail(dnx_node *n, float **z) {
    return dnx_tail_to_leave(&((dnx_dwconv *)n->state)->tail, z);
}

bool dnx_dwconv_does_tail(const dnx_node *n) {
    return n->trains && ((dnx_dwconv *)n->state)->multiplier == 1;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
} job;

/* Repeats each value of rows[ky] for its filters in the thread's wide rows, and points there. */
static void widen(const dnx_node *n, const dnx_dwconv *s, int t, const float **rows) {
    size_t m = (size_t)s->multiplier, size = wide_row(n);
    for (int ky = 0; ky < s->kh && m > 1; ky++) {
        float *to = s->wide + ((size_t)t * ((size_t)s->kh + 1) + (size_t)ky) * size;
        for (size_t i = 0; rows[ky] && i < size; i++) to[i] = rows[ky][i / m];
        if (rows[ky]) rows[ky] = to;
    }
}

/* The input rows of thread t: of the last kh of them, when the tail before is done here, which row
 * of the batch lies where in x_rows. */
typedef struct {
    const job *j;
    int t;
    long held[DNX_MAX_TAPS];
} reader;

static void open_rows(reader *r, const job *j, int t) {
    const dnx_dwconv *s = j->n->state;
    r->j = j;
    r->t = t;
    for (int i = 0; i < s->kh; i++) r->held[i] = -1;
}

/* Pointers to the rows of image b that output row oy reads; NULL for rows of padding. */
static void find_rows(reader *r, long b, int oy, const float **rows) {
    const dnx_node *n = r->j->n;
    const dnx_dwconv *s = n->state;
    size_t row = in_row(n);
    for (int ky = 0; ky < s->kh; ky++) {
        int iy = oy * s->stride - s->pad + ky, slot = iy % s->kh;
        bool inside = iy >= 0 && iy < n->in[0].h;
        long at = b * n->in[0].h + iy;
        rows[ky] = inside ? r->j->p->x[0] + (size_t)at * row : NULL;
        if (!inside || !r->j->p->tail) continue;
        float *done = s->x_rows + ((size_t)r->t * (size_t)s->kh + (size_t)slot) * row;
        if (r->held[slot] != at) dnx_tail_rows(r->j->p->tail, rows[ky], n->in[0].w, done);
        r->held[slot] = at;
        rows[ky] = done;
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
    reader r;
    open_rows(&r, j, t);
    dnx_share((long)j->p->batch * oh, t, threads, &lo, &hi);
    for (long i = lo; i < hi; i++) {
        find_rows(&r, i / oh, (int)(i % oh), rows);
        widen(n, s, t, rows);
        dnx_epilogue e = dnx_tail_epilogue(&s->tail, j->p, i * ow, 0);
        float *out = dnx_tail_out(&s->tail, j->p) + (size_t)i * row;
        k->dw_row(rows, n->in[0].w, C, s->taps, s->kh, s->kw, s->stride, s->pad, out, ow, &e);
        if (n->trains) dnx_tail_block(&s->tail, j->p, t, out, ow);
    }
}

void dnx_dwconv_forward(dnx_node *n, dnx_pass *p) {
    dnx_dwconv *s = n->state;
    job j = {n, p};
    if (n->trains) dnx_tail_begin(&s->tail, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (n->trains) dnx_tail_end(&s->tail, n, p);
}

/* Row iy of dx from the kept rows of dz; with more filters per channel by way of a wide row. */
static void dx_row(const dnx_node *n, const dnx_dwconv *s, int t, const float *kept, int iy,
                   float *dx, bool adds) {
    const float *rows[DNX_MAX_TAPS];
    int iw = n->in[0].w, ow = n->out.w, C = n->out.c, keep = kept_rows(n, s);
    size_t m = (size_t)s->multiplier, size = wide_row(n);
    for (int ky = 0; ky < s->kh; ky++) {
        int at = iy + s->pad - ky, oy = at / s->stride;
        bool meets = at >= 0 && at % s->stride == 0 && oy < n->out.h;
        rows[ky] = meets ? kept + (size_t)(oy % keep) * (size_t)ow * (size_t)C : NULL;
    }
    float *to = dx;
    if (m > 1) to = s->wide + ((size_t)t * ((size_t)s->kh + 1) + (size_t)s->kh) * size;
    dnx_kernels()->dw_dx(rows, ow, C, s->taps, s->kh, s->kw, s->stride, s->pad, to, iw,
                         m == 1 && adds);
    if (m == 1) return;
    if (!adds) memset(dx, 0, sizeof *dx * (size / m));
    for (size_t i = 0; i < size; i++) dx[i / m] += to[i];
}

/* A thread owns whole images. A row of dz is made once, used for the filters' gradient, and kept
 * until the last row of dx that needs it is done. */
static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    dnx_dwconv *s = n->state;
    int C = n->out.c, oh = n->out.h, ow = n->out.w, ih = n->in[0].h, iw = n->in[0].w;
    int keep = kept_rows(n, s);
    size_t row = (size_t)ow * (size_t)C;
    float *d_taps = s->d_taps + (size_t)t * (size_t)s->kh * (size_t)s->kw * (size_t)C;
    float *kept = j->p->scratch + (size_t)t * (size_t)keep * row;
    const float *rows[DNX_MAX_TAPS];
    long lo, hi;
    reader r;
    open_rows(&r, j, t);
    dnx_share(j->p->batch, t, threads, &lo, &hi);
    for (long b = lo; b < hi; b++) {
        size_t image = (size_t)b * dnx_size(n->in[0]);
        for (int oy = 0, iy = 0; oy < oh; oy++) {
            size_t at = ((size_t)b * (size_t)oh + (size_t)oy) * row;
            float *to = kept + (size_t)(oy % keep) * row;
            const float *dz = dnx_tail_dz(&s->tail, j->p->dy + at, s->tail.z + at, ow, to);
            if (dz != to) memcpy(to, dz, sizeof *to * row);
            find_rows(&r, b, oy, rows);
            widen(n, s, t, rows);
            dnx_kernels()->dw_row_dw(rows, iw, C, d_taps, s->kh, s->kw, s->stride, s->pad, to, ow);
            int end = oy + 1 == oh ? ih : (oy + 1) * s->stride - s->pad;
            for (; j->p->dx[0] && iy < end && iy < ih; iy++) {
                size_t first = image + (size_t)iy * in_row(n);
                dx_row(n, s, t, kept, iy, j->p->dx[0] + first, j->p->dx_adds[0]);
                if (j->p->tail)
                    dnx_tail_sums(j->p->tail, t, j->p->dx[0] + first, j->p->x[0] + first, iw);
            }
        }
    }
}

void dnx_dwconv_backward(dnx_node *n, dnx_pass *p) {
    dnx_dwconv *s = n->state;
    size_t C = (size_t)n->out.c, taps = (size_t)s->kh * (size_t)s->kw, count = taps * C;
    int threads = dnx_pool_threads(n->pool);
    job j = {n, p};
    dnx_tail_backward(&s->tail, n, p);
    if (p->tail) dnx_tail_begin(p->tail, n);
    memset(s->d_taps, 0, sizeof(float) * count * (size_t)threads);
    dnx_pool_run(n->pool, backward_share, &j);
    for (int t = 0; t < threads; t++)
        for (size_t i = 0; i < taps; i++)
            for (size_t c = 0; c < C; c++)
                s->d_w[c * taps + i] += s->d_taps[(size_t)t * count + i * C + c];
}
