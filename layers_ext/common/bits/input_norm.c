/* input_norm.c - batch norm before signs, and gradients through both. */
#include "common/bits/input_norm.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/pool.h"

dnx_status dnx_input_norm_make(dnx_input_norm *m, dnx_node *n, bool has_bn, dnx_err *err) {
    size_t c = (size_t)n->in[0].c;
    dnx_status s = DNX_OK;
    dnx_norm *v = &m->norm;
    v->c = m->c = n->in[0].c;
    m->has_bn = has_bn;
    if (has_bn) {
        s = dnx_new_param(n, &v->shifts, &v->d_shifts, (dnx_param){"shifts", c}, err);
        if (!s) s = dnx_new_param(n, &v->scales, &v->d_scales, (dnx_param){"scales", c}, err);
        if (!s) s = dnx_new_param(n, &v->mean, NULL, (dnx_param){"mean", c}, err);
        if (!s) s = dnx_new_param(n, &v->variance, NULL, (dnx_param){"variance", c}, err);
        if (!s) s = dnx_new(n, &v->scale, c, err);
        if (!s) s = dnx_new(n, &v->shift, c, err);
        for (size_t i = 0; !s && i < c; i++) v->scales[i] = v->variance[i] = 1;
    }
    if (!s && has_bn && n->trains) {
        float **all[] = {&v->batch_mean, &v->inv_std, &v->p, &v->q, &v->r};
        for (size_t i = 0; i < sizeof all / sizeof *all && !s; i++) s = dnx_new(n, all[i], c, err);
        if (!s) s = dnx_new(n, (float **)&m->sums, c * 4 * (size_t)dnx_pool_threads(n->pool), err);
    }
    if (!s) dnx_input_norm_fold(m);
    return s;
}

void dnx_input_norm_fold(dnx_input_norm *m) {
    if (m->has_bn) dnx_norm_fold(&m->norm);
}

typedef struct {
    dnx_input_norm *m;
    const float *x, *map;
    float *du, *dx;
    bool adds;
    long rows;
} job;

static void sums_share(void *arg, int t, int threads) {
    job *j = arg;
    size_t c = (size_t)j->m->c;
    double *s = j->m->sums + 2 * c * (size_t)t;
    long lo, hi;
    dnx_share(j->rows, t, threads, &lo, &hi);
    memset(s, 0, sizeof *s * 2 * c);
    dnx_kernels()->stats(j->x + (size_t)lo * c, hi - lo, j->m->c, s, s + c);
}

static void gather_sums(dnx_input_norm *m, const dnx_node *n) {
    dnx_norm_gather(m->sums, 2 * (size_t)m->c, dnx_pool_threads(n->pool));
}

void dnx_input_norm_batch(dnx_input_norm *m, dnx_node *n, const float *x, long rows) {
    job j = {.m = m, .x = x, .rows = rows};
    if (!m->has_bn) return;
    dnx_pool_run(n->pool, sums_share, &j);
    gather_sums(m, n);
    dnx_norm_batch(&m->norm, m->sums, (double)rows);
}

/* Replaces the gradient of sign(u) in du by the gradient of u. */
static void signs_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_input_norm *m = j->m;
    size_t c = (size_t)m->c;
    double *s = m->has_bn ? m->sums + 2 * c * (size_t)t : NULL;
    long lo, hi;
    dnx_share(j->rows, t, threads, &lo, &hi);
    if (s) memset(s, 0, sizeof *s * 2 * c);
    for (long p = lo; p < hi; p++) {
        const float *x = j->x + (size_t)p * c;
        float *du = j->du + (size_t)p * c, map = j->map ? j->map[p] : 0;
        for (size_t i = 0; i < c; i++) {
            float u = s ? x[i] * m->norm.scale[i] : x[i];
            if (s) u += m->norm.shift[i];
            du[i] = (fabsf(u) <= 1 ? du[i] : 0) + (u >= 0 ? map : -map);
        }
        for (size_t i = 0; s && i < c; i++) {
            s[i] += (double)du[i];
            s[c + i] += (double)du[i] * (double)x[i];
        }
    }
}

static void norm_share(void *arg, long lo, long hi) {
    job *j = arg;
    const dnx_input_norm *m = j->m;
    const dnx_norm *v = &m->norm;
    size_t at = (size_t)lo * (size_t)m->c, count = (size_t)(hi - lo) * (size_t)m->c;
    if (m->has_bn)
        dnx_kernels()->affine2(j->du + at, j->x + at, hi - lo, m->c, v->p, v->q, v->r, j->du + at);
    if (j->adds) dnx_kernels()->add(j->du + at, count, j->dx + at);
    else memcpy(j->dx + at, j->du + at, sizeof(float) * count);
}

void dnx_input_norm_back(dnx_input_norm *m, dnx_node *n, const float *x, long rows, float *du,
                         const float *map, float *dx, bool adds) {
    job j = {m, x, map, du, dx, adds, rows};
    dnx_pool_run(n->pool, signs_share, &j);
    if (m->has_bn) {
        gather_sums(m, n);
        dnx_norm_back(&m->norm, m->sums, (double)rows);
    }
    if (dx) dnx_pool_rows(n->pool, rows, norm_share, &j);
}
