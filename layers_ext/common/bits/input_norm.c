/* input_norm.c - batch norm before signs, and the gradients through signs and batch norm. */
#include "common/bits/input_norm.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/pool.h"

dnx_status dnx_input_norm_make(dnx_input_norm *m, dnx_node *n, bool has_bn, dnx_err *err) {
    m->norm.c = n->in[0].c;
    m->has_bn = has_bn;
    if (!has_bn) return DNX_OK;
    dnx_status st = dnx_norm_make(&m->norm, n, true, true, err);
    if (st || !n->trains) return st;
    const size_t sums = 2 * (size_t)m->norm.c * (size_t)dnx_pool_threads(n->pool);
    m->sums = dnx_new_array(n, sums, sizeof *m->sums, err);
    return m->sums ? DNX_OK : DNX_EMEM;
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
    size_t c = (size_t)j->m->norm.c;
    double *s = j->m->sums + 2 * c * (size_t)t;
    long lo, hi;
    dnx_share(j->rows, t, threads, &lo, &hi);
    memset(s, 0, sizeof *s * 2 * c);
    dnx_kernels()->stats(j->x + (size_t)lo * c, hi - lo, j->m->norm.c, s, s + c);
}

void dnx_input_norm_batch(dnx_input_norm *m, dnx_node *n, const float *x, long rows) {
    job j = {.m = m, .x = x, .rows = rows};
    if (!m->has_bn) return;
    dnx_pool_run(n->pool, sums_share, &j);
    dnx_norm_gather(m->sums, 2 * (size_t)m->norm.c, dnx_pool_threads(n->pool));
    dnx_norm_batch(&m->norm, m->sums, (double)rows);
}

/* Replaces the gradient of sign(u) in du by the gradient of u. */
static void signs_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_input_norm *m = j->m;
    size_t c = (size_t)m->norm.c;
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
    size_t at = (size_t)lo * (size_t)m->norm.c, count = (size_t)(hi - lo) * (size_t)m->norm.c;
    if (m->has_bn)
        dnx_kernels()->act_dz(j->du + at, j->x + at, hi - lo, &(dnx_scaled_act){.C = m->norm.c},
                              v->p, v->q, v->r, j->du + at);
    if (j->adds) dnx_kernels()->add(j->du + at, count, j->dx + at);
    else memcpy(j->dx + at, j->du + at, sizeof(float) * count);
}

void dnx_input_norm_back(dnx_input_norm *m, dnx_node *n, const float *x, long rows, float *du,
                         const float *map, float *dx, bool adds) {
    job j = {m, x, map, du, dx, adds, rows};
    dnx_pool_run(n->pool, signs_share, &j);
    if (m->has_bn) {
        dnx_norm_gather(m->sums, 2 * (size_t)m->norm.c, dnx_pool_threads(n->pool));
        dnx_norm_back(&m->norm, m->sums, (double)rows);
    }
    if (dx) dnx_pool_rows(n->pool, rows, norm_share, &j);
}
