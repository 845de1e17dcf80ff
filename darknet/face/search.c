/* search.c - exact search. A first pass computes approximate products of queries and rows. Only
 * products that may be among the largest are then computed exactly. */
#include "face/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/bytes.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"

enum { BLOCK = 84, PANEL = DNX_BYTE_PANEL }; /* the products of BLOCK rows fit the cache */

bool dnx_unit(float *v, size_t dim) {
    const double norm = sqrt(dnx_kernels()->dot(v, v, dim));
    for (size_t k = 0; norm > 0 && k < dim; k++) v[k] = (float)(v[k] / norm);
    return isfinite(norm);
}

void dnx_unit_rows(float *v, size_t n, size_t dim) {
    for (size_t i = 0; i < n; i++) (void)dnx_unit(v + i * dim, dim);
}

typedef struct {
    dnx_query in;
    int panels;           /* number of panels of PANEL queries */
    float *packed;        /* the queries, packed for the first pass */
    float *products;      /* threads x BLOCK x q; only when the first pass uses floats */
    float *limit;         /* threads x panels x PANEL: products below a query's limit are no hits */
    dnx_byte_find *found; /* threads x BLOCK x panels: the results of the first pass */
    dnx_hit *hits;        /* threads x q x k: the best hits of each thread */
} job;

/* Inserts a row into a list of k hits with falling cosines. The last hit is dropped. */
static void insert(dnx_hit *list, int k, size_t row, float cosine) {
    int i = k - 1;
    for (; i > 0 && list[i - 1].cosine < cosine; i--) list[i] = list[i - 1];
    list[i] = (dnx_hit){row, cosine};
}

/* Returns the cosine of a hit. Sums in double and in a fixed order, so every CPU gives the same
 * bits. */
static float exact(const float *a, const float *b, int dim) {
    double sum[4] = {0};
    int k = 0;
    for (; k + 4 <= dim; k += 4)
        for (int i = 0; i < 4; i++) sum[i] += (double)a[k + i] * (double)b[k + i];
    for (; k < dim; k++) sum[0] += (double)a[k] * (double)b[k];
    return (float)(sum[0] + sum[1] + (sum[2] + sum[3]));
}

/* Returns a bound for the rounding error of a product of the first pass: 1.2e-7 for each of its dim
 * additions in float32, plus 3e-6, which covers the 1e-6 of kernels/bytes.h. */
static float slack(int dim) { return 3e-6f + 1.2e-7f * (float)dim; }

static size_t look_at_floats(const job *j, const float *rows, int count, float *y,
                             const float *limit, dnx_byte_find *found) {
    size_t n = 0;
    dnx_kernels()->mm(rows, (size_t)j->in.dim, count, j->in.dim, j->packed, j->in.q,
                      &(dnx_epilogue){.y = y, .ldy = (size_t)j->in.q});
    for (int r = 0; r < count; r++, y += j->in.q) {
        int any = 0;
        for (int i = 0; i < j->in.q; i++) any |= y[i] > limit[i];
        for (int p = 0; any && p < j->panels; p++) {
            unsigned bits = 0;
            for (int i = 0; i < PANEL && p * PANEL + i < j->in.q; i++)
                bits |= (unsigned)(y[p * PANEL + i] > limit[p * PANEL + i]) << i;
            if (bits) found[n++] = (dnx_byte_find){(uint16_t)r, (uint16_t)bits, (uint32_t)p};
        }
    }
    return n;
}

/* f names a row of the block, and the queries for which this row may be a hit. Computes the exact
 * cosines of the row with these queries. Inserts the row into the list of each query for which it
 * is a hit. first: the index in the table of the block's first row. */
static void take(const job *j, size_t first, const dnx_byte_find *f, float *limit, dnx_hit *hits) {
    const size_t row = first + f->row;
    const int dim = j->in.dim, k = j->in.k;
    const float *a = j->in.table + row * (size_t)dim;
    for (unsigned bits = f->queries; bits; bits &= bits - 1) {
        const int i = (int)f->panel * PANEL + __builtin_ctz(bits);
        dnx_hit *list = hits + (size_t)i * (size_t)k;
        const float cosine = exact(a, j->in.queries + (size_t)i * (size_t)dim, dim);
        if (!(cosine > list[k - 1].cosine)) continue; /* if equal, the earlier row stays */
        insert(list, k, row, cosine);
        limit[i] = list[k - 1].cosine - slack(dim);
    }
}

static void search_share(void *arg, int t, int threads) {
    const job *j = arg;
    const size_t q = (size_t)j->in.q, k = (size_t)j->in.k, padded = (size_t)j->panels * PANEL;
    const int dim = j->in.dim;
    const dnx_byte_set *b = j->in.bytes;
    float *y = j->products + (size_t)t * BLOCK * q, *limit = j->limit + (size_t)t * padded;
    dnx_byte_find *found = j->found + (size_t)t * BLOCK * (size_t)j->panels;
    dnx_hit *hits = j->hits + (size_t)t * q * k;
    long lo, hi;
    for (size_t i = 0; i < q * k; i++) hits[i] = (dnx_hit){SIZE_MAX, -INFINITY};
    for (size_t i = 0; i < padded; i++) limit[i] = i < q ? -INFINITY : INFINITY;
    dnx_share((long)j->in.n, t, threads, &lo, &hi);
    for (long p = lo; p < hi; p += BLOCK) {
        const int rows = (int)(hi - p < BLOCK ? hi - p : BLOCK);
        const float *a = j->in.table + (size_t)p * (size_t)dim;
        const size_t n = b ? b->look(a, rows, dim, j->packed, j->in.q, limit,
                                     a + (size_t)rows * (size_t)dim, found)
                           : look_at_floats(j, a, rows, y, limit, found);
        for (size_t i = 0; i < n; i++) take(j, (size_t)p, &found[i], limit, hits);
    }
}

/* Merges the lists of all threads into one list for each query. Threads are taken in order, and an
 * earlier thread has earlier rows, so among rows with equal cosines the earlier rows stay. */
static void merge(const job *j, int threads, dnx_hit *out) {
    const size_t lists = (size_t)j->in.q, k = (size_t)j->in.k;
    memcpy(out, j->hits, sizeof *out * lists * k);
    for (int t = 1; t < threads; t++)
        for (size_t i = 0; i < lists * k; i++) {
            const dnx_hit *h = &j->hits[(size_t)t * lists * k + i];
            dnx_hit *list = out + i / k * k;
            if (h->cosine > list[k - 1].cosine) insert(list, j->in.k, h->row, h->cosine);
        }
}

static void pack(const job *j) {
    if (j->in.bytes) j->in.bytes->pack(j->in.queries, j->in.dim, j->in.q, j->packed);
    else dnx_kernels()->pack(j->in.queries, 1, (size_t)j->in.dim, j->in.dim, j->in.q, j->packed);
}

dnx_status dnx_search(const dnx_query *query, dnx_pool *pool, dnx_hit *hits, dnx_err *err) {
    const int q = query->q, dim = query->dim, panels = (q + PANEL - 1) / PANEL;
    const size_t threads = (size_t)dnx_pool_threads(pool), lists = threads * (size_t)q;
    const dnx_byte_set *bytes = dim > DNX_BYTE_MOST ? NULL : query->bytes;
    const size_t packed = bytes ? bytes->packed(dim, q) / sizeof(float)
                                : dnx_kernels()->packed(dim, q);
    job j = {.in = *query,
             .panels = panels,
             .packed = dnx_alloc(packed),
             .products = dnx_alloc(bytes ? 1 : lists * BLOCK),
             .limit = dnx_alloc(threads * (size_t)panels * PANEL),
             .found = malloc(threads * BLOCK * (size_t)panels * sizeof *j.found),
             .hits = malloc(lists * (size_t)query->k * sizeof *hits)};
    dnx_status st = DNX_OK;
    j.in.bytes = bytes;
    if (!j.packed || !j.products || !j.limit || !j.found || !j.hits)
        st = dnx_fail_at(err, DNX_EMEM, NULL, "no memory for the search");
    else {
        pack(&j);
        dnx_pool_run(pool, search_share, &j);
        merge(&j, (int)threads, hits);
    }
    dnx_free(j.packed);
    dnx_free(j.products);
    dnx_free(j.limit);
    free(j.found);
    free(j.hits);
    return st;
}
