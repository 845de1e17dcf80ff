/* filters.h - the filters of a convolution in groups as matrices, for products with the rows of
 * patches.h. In a file a filter is c x size x size floats; in a row they come as (ky, kx, channel).
 */
#ifndef DNX_FILTERS_H
#define DNX_FILTERS_H
#include "dnx.h"

/* In restore(): allocates w, count floats, if prepare() has released it. DNX_EMEM. */
dnx_status dnx_filters_restore(dnx_node *n, float **w, size_t count, dnx_err *err);
/* At the end of prepare(): frees w of a node that keeps no weights. */
void dnx_filters_release(dnx_node *n, float **w);

typedef struct {
    int groups, K, N; /* groups x N filters of K = size*size*c floats */
    int c;            /* channels of one group */
} dnx_filters;

/* Where float i of a row stands in a filter of the file. */
static inline size_t dnx_filters_place(const dnx_filters *s, size_t i) {
    size_t c = (size_t)s->c, taps = (size_t)s->K / c;
    return i % c * taps + i / c;
}

/* wk = w in the order of the rows, filter f times scale[f] (NULL: 1). groups x N x K floats. */
void dnx_filters_order(const dnx_filters *s, struct dnx_pool *pool, const float *w,
                       const float *scale, float *wk);
/* count normal numbers of variance 2/K (He et al., arXiv 1502.01852), drawn by the node's seed. */
void dnx_filters_init(const dnx_node *n, int K, float *w, size_t count);
#define DNX_FEW_OUTPUTS 8L /* for a thread: predicting, threads better share the filters */

/* Thread t's part of `pixels` outputs of N filters: outputs [lo, hi), filters [first, end). The
 * threads share the outputs or, by_filters, whole panels of filters; first >= end: none. */
void dnx_share_outputs(bool by_filters, long pixels, int N, int panel, int t, int threads, long *lo,
                       long *hi, int *first, int *end);
/* The columns [lo, hi) of N that thread t computes: whole panels; lo >= hi: none. */
void dnx_share_columns(int N, int panel, int t, int threads, int *lo, int *hi);
/* Panels of each group's K x N matrix and, unless packed_t is NULL, of its transpose. */
void dnx_filters_pack(const dnx_filters *s, struct dnx_pool *pool, const float *wk, float *packed,
                      float *packed_t);
#endif
