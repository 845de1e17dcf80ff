/* products.c - convolutions as products of matrices. */
#include "common/conv/products.h"

#include <string.h>

#include "kernels/pool.h"

#define FILTERS 96 /* filters at a time, so that their gradients stay in the cache */

static dnx_filters filters_of(const dnx_products *s) {
    return (dnx_filters){s->groups, s->K, s->N, s->at.c};
}

size_t dnx_products_block(const dnx_products *s, const dnx_node *n) {
    return (size_t)dnx_pool_threads(n->pool) * DNX_PRODUCT_BLOCK * (size_t)s->K;
}

dnx_status dnx_products_make(dnx_products *s, dnx_node *n, bool needs_block, dnx_err *err) {
    const dnx_kernel_set *k = dnx_kernels();
    const size_t groups = (size_t)s->groups, threads = (size_t)dnx_pool_threads(n->pool);
    const size_t filters = groups * (size_t)s->N, count = (size_t)s->K * filters;
    dnx_status st = dnx_new(n, &s->packed, groups * k->packed(s->K, s->N), err);
    if (!st && needs_block && n->trains) st = dnx_new(n, &s->block, dnx_products_block(s, n), err);
    if (st) return st;
    if (!n->trains) {
        if (needs_block) n->scratch = dnx_products_block(s, n);
        return DNX_OK;
    }
    st = dnx_new(n, &s->packed_t, groups * k->packed(s->N, s->K), err);
    if (!st && s->at.size > 1) st = dnx_new(n, &s->wk, count, err);
    if (!st && !s->has_few_rows) st = dnx_new(n, &s->d_wk, threads * count, err);
    n->scratch = s->has_few_rows ? (size_t)n->batch * dnx_size(n->out)
                                 : threads * DNX_PRODUCT_BLOCK * filters;
    return st;
}

dnx_status dnx_products_prepare(dnx_products *s, dnx_node *n, const float *scale, dnx_err *err) {
    dnx_filters f = filters_of(s);
    if (!n->trains) {
        dnx_status st = dnx_new(n, &s->wk, (size_t)s->K * (size_t)n->out.c, err);
        if (st) return st;
    }
    if (s->wk) dnx_filters_order(&f, n->pool, s->w, n->trains ? NULL : scale, s->wk);
    dnx_filters_pack(&f, n->pool, s->wk ? s->wk : s->w, s->packed, s->packed_t);
    if (!n->trains) {
        dnx_free(s->wk);
        s->wk = NULL;
    }
    return DNX_OK;
}

typedef struct {
    dnx_products *s;
    dnx_norm_act *norm;
    dnx_node *n;
    dnx_pass *p;
    const float *dz; /* dz of all pixels; NULL unless has_few_rows */
} job;

static dnx_patches of_group(const dnx_products *s, int g) {
    dnx_patches at = s->at;
    at.c0 = g * at.c;
    return at;
}

/* Returns the windows of `count` output pixels from p on as rows, *lda floats apart. A deferred
 * batch norm and activation are applied. */
static const float *rows_at(const job *j, const dnx_patches *at, long p, int count, float *block,
                            size_t *lda) {
    const float *rows = dnx_patches_rows(at, j->p->x[0], p, count, block, lda);
    if (!dnx_deferred(j->p)) return rows;
    dnx_norm_act_rows(dnx_deferred(j->p), rows, (long)count * at->size * at->size, block);
    return block;
}

static void forward_part(job *j, int t, dnx_part of) {
    dnx_node *n = j->n;
    dnx_products *s = j->s;
    const dnx_kernel_set *k = dnx_kernels();
    size_t lda;
    float *block = (s->block ? s->block : j->p->scratch) +
                   (size_t)t * DNX_PRODUCT_BLOCK * (size_t)s->K;
    int step = s->has_few_rows ? (int)(of.hi - of.lo) : DNX_PRODUCT_BLOCK;
    for (long p = of.lo; p < of.hi; p += step) {
        int rows = (int)(of.hi - p < step ? of.hi - p : step);
        for (int g = 0; g < s->groups; g++) {
            dnx_patches at = of_group(s, g);
            const float *a = rows_at(j, &at, p, rows, block, &lda);
            int f = g * s->N + of.first;
            dnx_epilogue e = dnx_norm_act_epilogue(j->norm, j->p, p, f);
            if (dnx_deferred(j->p) && s->reads_in_place)
                e.next = j->p->x[0] + (size_t)(p + rows) * lda;
            k->mm(a, lda, rows, s->K,
                  s->packed + (size_t)g * k->packed(s->K, s->N) + (size_t)of.first * (size_t)s->K,
                  of.end - of.first, &e);
        }
        if (n->trains) dnx_norm_act_stats(j->norm, j->p, t, j->norm->z + p * n->out.c, rows);
    }
}

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    const dnx_products *s = j->s;
    long pixels = (long)j->p->batch * n->out.h * n->out.w;
    /* Batch statistics need all N outputs of a pixel, so with batch norm threads divide pixels. */
    bool has_few = n->trains ? s->has_few_rows && !j->norm->has_bn
                             : pixels < DNX_FEW_OUTPUTS * threads;
    dnx_part of = dnx_share_outputs(has_few, pixels, s->N, dnx_kernels()->panel, t, threads);
    if (of.first < of.end) forward_part(j, t, of);
}

void dnx_products_forward(dnx_products *s, dnx_node *n, dnx_pass *p, dnx_norm_act *norm) {
    job j = {s, norm, n, p, NULL};
    if (n->trains) dnx_norm_act_begin(norm, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (n->trains) dnx_norm_act_end(norm, n, p);
}

/* Returns the arrays that the block of output pixels from p on will read, so that mmt() prefetches
 * them. */
static dnx_ahead next_block(const job *j, long p, long hi) {
    const dnx_products *s = j->s;
    size_t N = (size_t)j->n->out.c, K = s->reads_in_place ? (size_t)s->at.in.c : 0;
    size_t at = (size_t)p, rows = (size_t)(hi - p < DNX_PRODUCT_BLOCK ? hi - p : DNX_PRODUCT_BLOCK);
    if (p >= hi) return (dnx_ahead){{0}, {0}};
    return (dnx_ahead){{j->p->dy + at * N, j->norm->z + at * N, j->p->x[0] + at * K},
                       {rows * N, rows * N, rows * K}};
}

/* Computes the gradients of w and x block by block, while dz of a block is in the cache. */
static void backward_part(job *j, int t, long lo, long hi) {
    dnx_node *n = j->n;
    dnx_products *s = j->s;
    const dnx_kernel_set *k = dnx_kernels();
    size_t N = (size_t)n->out.c, K = (size_t)s->K, Ng = (size_t)s->N, lda;
    float *block = s->block ? s->block + (size_t)t * DNX_PRODUCT_BLOCK * K : NULL;
    float *dx = j->p->dx[0];
    float *d_wk = s->d_wk + (size_t)t * K * N;
    float *scratch = j->p->scratch + (size_t)t * DNX_PRODUCT_BLOCK * N;
    for (long p = lo; p < hi; p += DNX_PRODUCT_BLOCK) {
        int rows = (int)(hi - p < DNX_PRODUCT_BLOCK ? hi - p : DNX_PRODUCT_BLOCK);
        const float *dz = dnx_norm_act_dz(j->norm, j->p->dy + (size_t)p * N,
                                          j->norm->z + (size_t)p * N, rows, scratch);
        dnx_ahead next = next_block(j, p + rows, hi);
        for (int g = 0; g < s->groups; g++) {
            const float *d = dz + (size_t)g * Ng;
            dnx_patches at = of_group(s, g);
            const float *a = rows_at(j, &at, p, rows, block, &lda);
            const float *wt = s->packed_t + (size_t)g * k->packed(s->N, s->K);
            k->mmt(d, N, a, lda, rows, s->N, s->K, d_wk + (size_t)g * Ng * K, &next);
            next = next_block(j, hi, hi); /* only the first group prefetches */
            if (!dx) continue;
            const dnx_epilogue e = {.y = s->reads_in_place ? dx + (size_t)p * lda + at.c0 : block,
                                    .ldy = lda,
                                    .adds = s->reads_in_place && j->p->dx_adds[0]};
            k->mm(d, N, rows, s->N, wt, s->K, &e);
            if (!s->reads_in_place) dnx_patches_scatter(&at, block, p, rows, dx);
            if (dnx_deferred(j->p))
                dnx_norm_act_sums(dnx_deferred(j->p), t, e.y, j->p->x[0] + (size_t)p * K, rows);
        }
    }
}

static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    const dnx_products *s = j->s;
    long lo, hi;
    dnx_patches_share(&s->at, j->p->batch, j->p->dx[0], j->p->dx_adds[0], t, threads, &lo, &hi);
    backward_part(j, t, lo, hi);
}

static void sum_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_products *s = j->s;
    dnx_filters order = filters_of(s);
    size_t K = (size_t)s->K, count = K * (size_t)j->n->out.c;
    long lo, hi;
    dnx_share(j->n->out.c, t, threads, &lo, &hi);
    for (int k = 0; k < threads; k++) {
        const float *d = s->d_wk + (size_t)k * count + (size_t)lo * K;
        float *to = s->d_w + (size_t)lo * K;
        if (s->at.size == 1) dnx_kernels()->add(d, (size_t)(hi - lo) * K, to);
        else
            for (long f = lo; f < hi; f++, d += K, to += K)
                for (size_t i = 0; i < K; i++) to[dnx_filters_place(&order, i)] += d[i];
    }
}

/* The backward pass with has_few_rows. Each thread first computes d_w of its own filters, then its
 * own columns of dx. */
static void few_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_products *s = j->s;
    const dnx_kernel_set *k = dnx_kernels();
    size_t N = (size_t)s->N, K = (size_t)s->K;
    int rows = j->p->batch * j->n->out.h * j->n->out.w;
    long lo, hi;
    dnx_share(s->N, t, threads, &lo, &hi);
    for (long f = lo; f < hi; f += FILTERS)
        k->mmt(j->dz + f, N, j->p->x[0], K, rows, (int)(hi - f < FILTERS ? hi - f : FILTERS), s->K,
               s->d_w + (size_t)f * K, NULL);
    if (!j->p->dx[0]) return;
    int first, end;
    dnx_share_columns(s->K, k->panel, t, threads, &first, &end);
    const dnx_epilogue e = {.y = j->p->dx[0] + first, .ldy = K, .adds = j->p->dx_adds[0]};
    if (first < end) k->mm(j->dz, N, rows, s->N, s->packed_t + (size_t)first * N, end - first, &e);
}

void dnx_products_backward(dnx_products *s, dnx_node *n, dnx_pass *p, dnx_norm_act *norm) {
    job j = {s, norm, n, p, NULL};
    dnx_norm_act_backward(norm, n, p);
    if (dnx_deferred(p)) dnx_norm_act_begin(dnx_deferred(p), n);
    if (s->has_few_rows) {
        j.dz = dnx_norm_act_dz(norm, p->dy, norm->z, (long)p->batch * n->out.h * n->out.w,
                               p->scratch);
        dnx_pool_run(n->pool, few_share, &j);
        return;
    }
    memset(s->d_wk, 0,
           sizeof(float) * (size_t)s->K * (size_t)n->out.c * (size_t)dnx_pool_threads(n->pool));
    dnx_pool_run(n->pool, backward_share, &j);
    dnx_pool_run(n->pool, sum_share, &j);
}
