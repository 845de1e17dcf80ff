/* binarise.c - binary weights with their gradient estimators; batch norm of the signs' input. */
#include "common/bits/binarise.h"

#include <math.h>
#include <string.h>

#include "common/norm_act.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"

static bool is_binary(const float *w, int n) {
    for (int i = 1; i < n; i++)
        if (fabsf(w[i]) != fabsf(w[0])) return false;
    return true;
}

/* v = w minus its mean over the channels, for each tap of the filter. */
static void center(const float *w, int C, int taps, float *v) {
    for (int t = 0; t < taps; t++) {
        double mean = 0;
        for (int c = 0; c < C; c++) mean += (double)w[c * taps + t];
        mean /= C;
        for (int c = 0; c < C; c++) v[c * taps + t] = (float)(w[c * taps + t] - mean);
    }
}

static float mean_magnitude(const float *v, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += fabs((double)v[i]);
    return (float)(sum / n);
}

void dnx_binarise(const float *w, int C, int taps, bool centers, bool has_alpha, float *b,
                  float *alpha) {
    int n = C * taps;
    if (centers && !is_binary(w, n)) center(w, C, taps, b);
    else memmove(b, w, sizeof *b * (size_t)n); /* b may be w */
    *alpha = has_alpha ? mean_magnitude(b, n) : 1; /* the mean of equal floats is exact */
    for (int i = 0; i < n; i++) b[i] = b[i] >= 0 ? 1 : -1;
}

void dnx_binarise_back(const float *w, int C, int taps, bool centers, bool has_alpha,
                       dnx_estimator how, const float *G, float *scratch, float *d_w) {
    int n = C * taps;
    centers = centers && !is_binary(w, n);
    if (centers) center(w, C, taps, scratch);
    else memcpy(scratch, w, sizeof *scratch * (size_t)n);
    double alpha = has_alpha ? (double)mean_magnitude(scratch, n) : 1, sum = 0;
    if (!has_alpha) how = DNX_PLAIN;
    for (int i = 0; i < n; i++) sum += scratch[i] >= 0 ? (double)G[i] : -(double)G[i];
    for (int i = 0; i < n; i++) {
        double pass = fabsf(scratch[i]) <= 1, g = (double)G[i];
        if (how == DNX_PLAIN) g *= pass;
        else if (how == DNX_PAPER) g *= 1. / n + alpha * pass;
        else g = (scratch[i] >= 0 ? sum : -sum) / n + alpha * g * pass;
        scratch[i] = (float)g;
    }
    if (centers && how == DNX_EXACT) center(scratch, C, taps, scratch); /* centring is symmetric */
    dnx_kernels()->add(scratch, (size_t)n, d_w);
}

dnx_status dnx_input_norm_make(dnx_input_norm *m, dnx_node *n, bool has_bn, dnx_err *err) {
    size_t c = (size_t)n->in[0].c;
    dnx_status s = DNX_OK;
    m->c = n->in[0].c;
    m->has_bn = has_bn;
    if (has_bn) {
        float **all[] = {&m->scales, &m->shifts, &m->mean, &m->variance, &m->scale, &m->shift};
        for (size_t i = 0; i < sizeof all / sizeof *all && !s; i++) s = dnx_new(n, all[i], c, err);
        for (size_t i = 0; !s && i < c; i++) m->scales[i] = m->variance[i] = 1;
    }
    if (has_bn && n->trains) {
        float **all[] = {&m->d_scales, &m->d_shifts, &m->batch_mean, &m->inv_std,
                         &m->p, &m->q, &m->r};
        for (size_t i = 0; i < sizeof all / sizeof *all && !s; i++) s = dnx_new(n, all[i], c, err);
        if (!s) s = dnx_new(n, (float **)&m->sums, c * 4 * (size_t)dnx_pool_threads(n->pool), err);
    }
    if (!s) dnx_input_norm_fold(m);
    return s;
}

void dnx_input_norm_unmake(dnx_input_norm *m) {
    float *all[] = {m->scales, m->shifts, m->mean, m->variance, m->d_scales, m->d_shifts, m->scale,
                    m->shift, m->batch_mean, m->inv_std, m->p, m->q, m->r, (float *)m->sums};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) dnx_free(all[i]);
}

int dnx_input_norm_params(dnx_input_norm *m, dnx_param *list) {
    size_t c = (size_t)m->c;
    if (!m->has_bn) return 0;
    list[0] = (dnx_param){.name = "shifts", .value = m->shifts, .grad = m->d_shifts, .count = c,
                          .is_trained = true};
    list[1] = (dnx_param){.name = "scales", .value = m->scales, .grad = m->d_scales, .count = c,
                          .is_trained = true};
    list[2] = (dnx_param){.name = "mean", .value = m->mean, .count = c};
    list[3] = (dnx_param){.name = "variance", .value = m->variance, .count = c};
    return 4;
}

void dnx_input_norm_fold(dnx_input_norm *m) {
    for (int i = 0; m->has_bn && i < m->c; i++) {
        m->scale[i] = (float)(m->scales[i] / sqrt(m->variance[i] + DNX_NORM_EPS));
        m->shift[i] = m->shifts[i] - m->mean[i] * m->scale[i];
    }
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

/* Adds the sums of all threads to those of thread 0, in the order of the threads. */
static void gather_sums(dnx_input_norm *m, int threads) {
    size_t len = 2 * (size_t)m->c;
    for (int t = 1; t < threads; t++)
        for (size_t i = 0; i < len; i++) m->sums[i] += m->sums[(size_t)t * len + i];
}

void dnx_input_norm_batch(dnx_input_norm *m, dnx_node *n, const float *x, long rows) {
    job j = {.m = m, .x = x, .rows = rows};
    if (!m->has_bn) return;
    dnx_pool_run(n->pool, sums_share, &j);
    gather_sums(m, dnx_pool_threads(n->pool));
    for (int i = 0; i < m->c; i++) {
        double mu = m->sums[i] / (double)rows, v = m->sums[m->c + i] / (double)rows - mu * mu;
        if (v < 0) v = 0;
        m->batch_mean[i] = (float)mu;
        m->inv_std[i] = (float)(1 / sqrt(v + DNX_NORM_EPS));
        m->mean[i] = DNX_NORM_MOMENTUM * m->mean[i] + (1 - DNX_NORM_MOMENTUM) * (float)mu;
        m->variance[i] = DNX_NORM_MOMENTUM * m->variance[i] + (1 - DNX_NORM_MOMENTUM) * (float)v;
        m->scale[i] = m->scales[i] * m->inv_std[i];
        m->shift[i] = m->shifts[i] - m->batch_mean[i] * m->scale[i];
    }
}

/* Backward through the signs; also sums du and du*x for the batch norm. */
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
            float u = s ? x[i] * m->scale[i] : x[i];
            if (s) u += m->shift[i];
            du[i] = (fabsf(u) <= 1 ? du[i] : 0) + (u >= 0 ? map : -map);
        }
        for (size_t i = 0; s && i < c; i++) {
            s[i] += (double)du[i];
            s[c + i] += (double)du[i] * (double)x[i];
        }
    }
}

static void norm_share(void *arg, int t, int threads) {
    job *j = arg;
    const dnx_input_norm *m = j->m;
    long lo, hi;
    dnx_share(j->rows, t, threads, &lo, &hi);
    size_t at = (size_t)lo * (size_t)m->c, count = (size_t)(hi - lo) * (size_t)m->c;
    if (m->has_bn)
        dnx_kernels()->affine2(j->du + at, j->x + at, hi - lo, m->c, m->p, m->q, m->r, j->du + at);
    if (j->adds) dnx_kernels()->add(j->du + at, count, j->dx + at);
    else memcpy(j->dx + at, j->du + at, sizeof(float) * count);
}

void dnx_input_norm_back(dnx_input_norm *m, dnx_node *n, const float *x, long rows, float *du,
                         const float *map, float *dx, bool adds) {
    job j = {m, x, map, du, dx, adds, rows};
    dnx_pool_run(n->pool, signs_share, &j);
    if (m->has_bn) gather_sums(m, dnx_pool_threads(n->pool));
    for (int i = 0; m->has_bn && i < m->c; i++) {
        double is = m->inv_std[i], mu = m->batch_mean[i], g = m->scales[i], s0 = m->sums[i];
        double dg = is * (m->sums[m->c + i] - mu * s0);
        m->d_shifts[i] += (float)s0;
        m->d_scales[i] += (float)dg;
        double c0 = s0 / (double)rows, c1 = dg / (double)rows;
        m->p[i] = (float)(g * is);
        m->q[i] = (float)(-g * is * is * c1);
        m->r[i] = (float)(-g * is * (c0 - mu * is * c1));
    }
    if (dx) dnx_pool_run(n->pool, norm_share, &j);
}
