/* search.h - exact search for the nearest of many features. */
#ifndef DNX_SEARCH_H
#define DNX_SEARCH_H
#include "dnx.h"

struct dnx_pool;
struct dnx_byte_set;

typedef struct {
    size_t row; /* row of the table; SIZE_MAX when the table has too few rows for this hit */
    float cosine;
} dnx_hit;

/* Scales a vector to length 1, unless it is zero. Returns false when its length is not finite. */
bool dnx_unit(float *v, size_t dim);
/* Scales n vectors of dim numbers to length 1, except zero vectors. */
void dnx_unit_rows(float *v, size_t n, size_t dim);

/* What dnx_search() looks for. All vectors have length 1. */
typedef struct {
    const float *table;               /* n x dim */
    const float *queries;             /* q x dim */
    size_t n;                         /* rows of the table */
    int q, dim, k;                    /* numbers of: queries; floats of a vector; hits of a query */
    const struct dnx_byte_set *bytes; /* finds candidates by products of bytes (kernels/bytes.h);
                                       * NULL: finds them by products of floats, slower */
} dnx_query;

/* For each query finds the k rows of the table with the largest cosines. The hits do not depend on
 * `bytes`. hits: q x k, sorted by falling cosine; hits with equal cosines are sorted by row.
 * Errors: DNX_EMEM. */
dnx_status dnx_search(const dnx_query *query, struct dnx_pool *pool, dnx_hit *hits, dnx_err *err);
#endif
