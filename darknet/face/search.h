/* search.h - exact search for the nearest of many features. Compares all rows of a table, block by
 * block, and keeps the best rows for each query. Reads the table once for all queries. */
#ifndef DNX_SEARCH_H
#define DNX_SEARCH_H
#include "dnx.h"

struct dnx_pool;
struct dnx_byte_set;

typedef struct {
    size_t row; /* row of the table; SIZE_MAX for the hits after the n-th when n < k */
    float cosine;
} dnx_hit;

/* Scales a vector of dim numbers to length 1. A zero vector is not changed. Returns false when the
 * length is not a finite number. */
bool dnx_unit(float *v, size_t dim);
/* Scales n vectors of dim numbers to length 1. Zero vectors are not changed. */
void dnx_unit_rows(float *v, size_t n, size_t dim);
/* For each query finds the k rows of the table with the largest cosines. table: n x dim, queries:
 * q x dim; all vectors have length 1. hits: q x k, by falling cosine, and by row where cosines are
 * equal. The threads of the pool share the rows of the table. DNX_EMEM. */
dnx_status dnx_search(const float *table, size_t n, const float *queries, int q, int dim, int k,
                      struct dnx_pool *pool, dnx_hit *hits, dnx_err *err);
/* Like dnx_search() with the same hits. The caller chooses how a first pass selects the rows: by
 * bytes (kernels/bytes.h), or by floats when bytes is NULL or dim is above DNX_BYTE_MOST. */
dnx_status dnx_search_by(const struct dnx_byte_set *bytes, const float *table, size_t n,
                         const float *queries, int q, int dim, int k, struct dnx_pool *pool,
                         dnx_hit *hits, dnx_err *err);
#endif
