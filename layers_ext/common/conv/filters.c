/* filters.c - filters as matrices. */
#include "common/conv/filters.h"

#include <math.h>

#include "kernels/kernels.h"
#include "kernels/pool.h"

dnx_status dnx_new_normal(dnx_node *n, float **w, float **d_w, float variance, dnx_param p,
                          dnx_err *err) {
    dnx_status st = dnx_new_param(n, w, d_w, p, err);
    dnx_rng r;
    dnx_rng_seed(&r, n->seed, (uint64_t)n->index);
    float std = sqrtf(variance);
    for (size_t i = 0; !st && !n->is_blank && i < p.count; i++) (*w)[i] = std * dnx_rng_normal(&r);
    return st;
}

void dnx_share_columns(int N, int panel, int t, int threads, int *lo, int *hi) {
    long a, b;
    dnx_share((N + panel - 1) / panel, t, threads, &a, &b);
    *lo = (int)a * panel;
    *hi = (int)b * panel < N ? (int)b * panel : N;
}

dnx_part dnx_share_outputs(bool by_filters, long pixels, int N, int panel, int t, int threads) {
    dnx_part of = {0, pixels, 0, N};
    if (by_filters) dnx_share_columns(N, panel, t, threads, &of.first, &of.end);
    else dnx_share(pixels, t, threads, &of.lo, &of.hi);
    return of;
}

typedef struct {
    const dnx_filters *s;
    const float *w, *scale;
    float *to, *to_t;
} job;

static void order_share(void *arg, long lo, long hi) {
    const job *j = arg;
    size_t K = (size_t)j->s->K;
    for (size_t f = (size_t)lo; f < (size_t)hi; f++)
        for (size_t i = 0; i < K; i++)
            j->to[f * K + i] = j->w[f * K + dnx_filters_place(j->s, i)] *
                               (j->scale ? j->scale[f] : 1);
}

void dnx_filters_order(const dnx_filters *s, struct dnx_pool *pool, const float *w,
                       const float *scale, float *wk) {
    job j = {s, w, scale, wk, NULL};
    dnx_pool_rows(pool, (long)s->groups * s->N, order_share, &j);
}

static void pack_panels(const dnx_filters *s, const float *w, bool is_transposed, float *packed,
                        int t, int threads) {
    const int rows = is_transposed ? s->N : s->K, columns = is_transposed ? s->K : s->N;
    const size_t K = (size_t)s->K, sk = is_transposed ? K : 1, sn = is_transposed ? 1 : K;
    const dnx_kernel_set *k = dnx_kernels();
    long panels = (columns + k->panel - 1) / k->panel, lo, hi;
    dnx_share(panels * s->groups, t, threads, &lo, &hi);
    for (; lo < hi; lo++) {
        size_t g = (size_t)(lo / panels);
        int first = (int)(lo % panels) * k->panel;
        int width = columns - first < k->panel ? columns - first : k->panel;
        k->pack(w + g * K * (size_t)s->N + (size_t)first * sn, sk, sn, rows, width,
                packed + g * k->packed(rows, columns) + (size_t)first * (size_t)rows);
    }
}

static void pack_share(void *arg, int t, int threads) {
    const job *j = arg;
    pack_panels(j->s, j->w, false, j->to, t, threads);
    if (j->to_t) pack_panels(j->s, j->w, true, j->to_t, t, threads);
}

void dnx_filters_pack(const dnx_filters *s, struct dnx_pool *pool, const float *wk, float *packed,
                      float *packed_t) {
    job j = {s, wk, NULL, packed, packed_t};
    dnx_pool_run(pool, pack_share, &j);
}
