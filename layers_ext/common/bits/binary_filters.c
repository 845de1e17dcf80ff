/* binary_filters.c - binarises and packs filters, and computes the gradients of real weights. */
#include "common/bits/binary_filters.h"

#include "kernels/kernels.h"
#include "kernels/pool.h"

dnx_status dnx_binary_filters_make(dnx_binary_filters *f, dnx_node *n, dnx_err *err) {
    const dnx_kernel_set *k = dnx_kernels();
    int K = f->at.K, N = f->at.N;
    size_t count = (size_t)K * (size_t)N, threads = (size_t)dnx_pool_threads(n->pool);
    const dnx_param w = {"weights", count, 1, N, DNX_WEIGHTS, true};
    dnx_status st = dnx_new_normal(n, &f->w, &f->d_w, 2.f / (float)K, w, err);
    if (!st) st = dnx_new(n, &f->alpha, (size_t)N, err);
    if (!st && (!f->takes_signs || n->trains)) st = dnx_new(n, &f->packed, k->packed(K, N), err);
    if (!st && n->trains) {
        st = dnx_new(n, &f->packed_t, k->packed(N, K), err);
        if (!st) st = dnx_new(n, &f->b, count, err);
        if (!st) st = dnx_new(n, &f->wk, count, err);
        if (!st) st = dnx_new(n, &f->d_wk, threads * count, err);
    }
    return st;
}

dnx_status dnx_binary_filters_binarise(dnx_binary_filters *f, dnx_node *n, dnx_err *err) {
    size_t K = (size_t)f->at.K, N = (size_t)f->at.N;
    dnx_status st = f->b ? DNX_OK : dnx_new(n, &f->b, K * N, err);
    if (!st && !f->wk) st = dnx_new(n, &f->wk, K * N, err);
    for (size_t i = 0; !st && i < N; i++)
        dnx_binarise(&f->how, f->w + i * K, f->b + i * K, &f->alpha[i]);
    return st;
}

void dnx_binary_filters_pack(dnx_binary_filters *f, const dnx_node *n, const float *norm_scale) {
    for (int i = 0; norm_scale && i < f->at.N; i++) f->alpha[i] *= norm_scale[i];
    dnx_filters_order(&f->at, n->pool, f->b, f->alpha, f->wk);
    dnx_filters_pack(&f->at, n->pool, f->wk, f->packed, f->packed_t);
    if (!f->takes_signs) return;
    dnx_filters_order(&f->at, n->pool, f->b, NULL, f->wk);
    dnx_filters_pack(&f->at, n->pool, f->wk, f->packed, NULL);
}

void dnx_binary_filters_round(dnx_binary_filters *f) {
    size_t K = (size_t)f->at.K;
    for (size_t i = 0; i < (size_t)f->at.N; i++) {
        float alpha, *w = f->w + i * K;
        dnx_binarise(&f->how, w, w, &alpha);
        for (size_t k = 0; k < K; k++) w[k] *= alpha;
    }
}

void dnx_binary_filters_back(dnx_binary_filters *f, const dnx_node *n, float *scratch) {
    size_t K = (size_t)f->at.K, N = (size_t)f->at.N;
    float *G = scratch;
    for (int t = 1; t < dnx_pool_threads(n->pool); t++)
        dnx_kernels()->add(f->d_wk + (size_t)t * K * N, K * N, f->d_wk);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < K; k++) G[dnx_filters_place(&f->at, k)] = f->d_wk[k * N + i];
        dnx_binarise_back(&f->how, f->w + i * K, G, scratch + K, f->d_w + i * K);
    }
}
