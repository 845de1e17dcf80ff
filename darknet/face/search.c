/* search.c - exact search by blocks of products. */
#include "face/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/pool.h"

enum { BLOCK = 84 }; /* rows at a time: few enough that their cosines stay in the cache */

void dnx_unit_rows(float *v, size_t n, size_t dim) {
    for (size_t i = 0; i < n; i++, v += dim) {
        const double norm = sqrt(dnx_kernels()->dot(v, v, dim));
        for (size_t k = 0; norm > 0 && k < dim; k++) v[k] = (float)(v[k] / norm);
    }
}

typedef struct {
    const float *table;
    size_t n;
    int q, dim, k;
    float *packed;   /* the queries, as panels */
    float *products; /* threads x BLOCK x q */
    float *least;    /* threads x q: the k-th best so far */
    dnx_hit *hits;   /* threads x q x k */
} job;

/* Puts a row into a list of k in falling order. */
static void insert(dnx_hit *list, int k, size_t row, float cosine) {
    int i = k - 1;
    for (; i > 0 && list[i - 1].cosine < cosine; i--) list[i] = list[i - 1];
    list[i] = (dnx_hit){row, cosine};
}

/* Adds a row with cosines y[q] to the lists where it is among the best. The first loop rejects most
 * rows quickly. */
static void take_row(const job *j, const float *y, size_t row, float *least, dnx_hit *hits) {
    int better = 0;
    for (int i = 0; i < j->q; i++) better |= y[i] > least[i];
    for (int i = 0; better && i < j->q; i++) {
        if (!(y[i] > least[i])) continue;
        dnx_hit *list = hits + (size_t)i * (size_t)j->k;
        insert(list, j->k, row, y[i]);
        least[i] = list[j->k - 1].cosine;
    }
}

static void search_share(void *arg, int t, int threads) {
    const job *j = arg;
    const dnx_epilogue plain = {.act = DNX_LINEAR};
    const size_t q = (size_t)j->q, dim = (size_t)j->dim;
    float *y = j->products + (size_t)t * BLOCK * q, *least = j->least + (size_t)t * q;
    dnx_hit *hits = j->hits + (size_t)t * q * (size_t)j->k;
    long lo, hi;
    for (size_t i = 0; i < q * (size_t)j->k; i++) hits[i] = (dnx_hit){SIZE_MAX, -INFINITY};
    for (size_t i = 0; i < q; i++) least[i] = -INFINITY;
    dnx_share((long)j->n, t, threads, &lo, &hi);
    for (long p = lo; p < hi; p += BLOCK) {
        const int rows = (int)(hi - p < BLOCK ? hi - p : BLOCK);
        dnx_kernels()->mm(j->table + (size_t)p * dim, dim, rows, j->dim, j->packed, j->q, y, q,
                          &plain);
        for (int r = 0; r < rows; r++)
            take_row(j, y + (size_t)r * q, (size_t)(p + r), least, hits);
    }
}

/* Merges the lists of all threads. Thread t has earlier rows than thread t + 1. */
static void merge(const job *j, int threads, dnx_hit *out) {
    const size_t lists = (size_t)j->q, k = (size_t)j->k;
    memcpy(out, j->hits, sizeof *out * lists * k);
    for (int t = 1; t < threads; t++)
        for (size_t i = 0; i < lists * k; i++) {
            const dnx_hit *h = &j->hits[(size_t)t * lists * k + i];
            dnx_hit *list = out + i / k * k;
            if (h->cosine > list[k - 1].cosine) insert(list, j->k, h->row, h->cosine);
        }
}

dnx_status dnx_search(const float *table, size_t n, const float *queries, int q, int dim, int k,
                      dnx_pool *pool, dnx_hit *hits, dnx_err *err) {
    const dnx_kernel_set *kernels = dnx_kernels();
    const size_t threads = (size_t)dnx_pool_threads(pool), lists = threads * (size_t)q;
    job j = {table, n, q, dim, k, dnx_alloc(kernels->packed(dim, q)), dnx_alloc(lists * BLOCK),
             dnx_alloc(lists), malloc(lists * (size_t)k * sizeof *hits)};
    dnx_status st = DNX_OK;
    if (!j.packed || !j.products || !j.least || !j.hits)
        st = dnx_fail(err, DNX_EMEM, (dnx_loc){0}, "no memory for the search");
    else {
        kernels->pack(queries, 1, (size_t)dim, dim, q, j.packed);
        dnx_pool_run(pool, search_share, &j);
        merge(&j, (int)threads, hits);
    }
    dnx_free(j.packed);
    dnx_free(j.products);
    dnx_free(j.least);
    free(j.hits);
    return st;
}
