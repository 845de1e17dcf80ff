/* filters.h - the filters of a grouped convolution as matrices. A filter is c x size x size floats
 * in a file, and size x size x c floats in a row, as in patches.h. */
#ifndef DNX_FILTERS_H
#define DNX_FILTERS_H
#include "dnx.h"

typedef struct {
    int groups, K, N; /* groups x N filters of K = size*size*c floats */
    int c;            /* channels of one group */
} dnx_filters;

/* Returns the index in file order of float i in row order. */
static inline size_t dnx_filters_place(const dnx_filters *s, size_t i) {
    size_t c = (size_t)s->c, taps = (size_t)s->K / c;
    return i % c * taps + i / c;
}

/* Reorders w to rows: wk, groups x N x K. Multiplies filter f by scale[f], unless scale is NULL. */
void dnx_filters_order(const dnx_filters *s, struct dnx_pool *pool, const float *w,
                       const float *scale, float *wk);
/* Declares the weights p, filters of K floats. Their initial values are normal with variance 2/K
 * (He et al., arXiv 1502.01852). Fails with DNX_EMEM. */
dnx_status dnx_filters_new(dnx_node *n, float **w, float **d_w, int K, dnx_param p, dnx_err *err);
#define DNX_FEW_OUTPUTS 8L /* outputs for a thread: with fewer, threads divide the filters */

/* Output pixels [lo, hi) of filters [first, end). Each range may be empty. */
typedef struct {
    long lo, hi;
    int first, end;
} dnx_part;
/* Returns the outputs of thread t. Divides the pixels; with by_filters, the panels of filters. */
dnx_part dnx_share_outputs(bool by_filters, long pixels, int N, int panel, int t, int threads);
/* Gives thread t the columns [lo, hi) of N, in whole panels; no columns when lo >= hi. */
void dnx_share_columns(int N, int panel, int t, int threads, int *lo, int *hi);
/* Packs each group's K x N matrix into panels, and its transpose unless packed_t is NULL. */
void dnx_filters_pack(const dnx_filters *s, struct dnx_pool *pool, const float *wk, float *packed,
                      float *packed_t);
#endif
