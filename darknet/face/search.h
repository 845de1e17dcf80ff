/* search.h - the nearest of many features, exactly: products in blocks and a running list of the
 * best. The table is read once for all queries. */
#ifndef DNX_SEARCH_H
#define DNX_SEARCH_H
#include "dnx.h"

struct dnx_pool;

typedef struct {
    size_t row;   /* of the table; SIZE_MAX: there are no more rows */
    float cosine;
} dnx_hit;

/* Scales n vectors of dim numbers to length 1; zero vectors stay. */
void dnx_unit_rows(float *v, size_t n, size_t dim);
/* table: n x dim and queries: q x dim, all of length 1. hits: q x k, of each query the k rows of
 * largest cosine in falling order; of equal ones the first rows. The threads of the pool share the
 * table. DNX_EMEM. */
dnx_status dnx_search(const float *table, size_t n, const float *queries, int q, int dim, int k,
                      struct dnx_pool *pool, dnx_hit *hits, dnx_err *err);
#endif
