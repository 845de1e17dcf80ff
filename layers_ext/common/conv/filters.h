/* filters.h - the filters of a grouped convolution as matrices, for products with the rows of
 * patches.h. In a file, a filter is c x size x size floats. In a row the order is (ky, kx,
 * channel). */
#ifndef DNX_FILTERS_H
#define DNX_FILTERS_H
#include "dnx.h"

typedef struct {
    int groups, K, N; /* groups x N filters of K = size*size*c floats */
    int c;            /* channels of one group */
} dnx_filters;

/* Index within a filter of the file of float i of a row. */
static inline size_t dnx_filters_place(const dnx_filters *s, size_t i) {
    size_t c = (size_t)s->c, taps = (size_t)s->K / c;
    return i % c * taps + i / c;
}

/* Reorders w from file order to row order: wk, groups x N x K floats. Filter f is multiplied by
 * scale[f], unless scale is NULL. */
void dnx_filters_order(const dnx_filters *s, struct dnx_pool *pool, const float *w,
                       const float *scale, float *wk);
/* Declares the weights of a layer by dnx_new_param(p), as filters of K floats. Draws normal numbers
 * of variance 2/K with the node's seed (He et al., arXiv 1502.01852). DNX_EMEM. */
dnx_status dnx_filters_new(dnx_node *n, float **w, float **d_w, int K, dnx_param p, dnx_err *err);
#define DNX_FEW_OUTPUTS 8L /* with fewer outputs for a thread, prediction divides the filters */

/* Thread t's part of `pixels` outputs of N filters: outputs [lo, hi), filters [first, end). The
 * threads share the outputs or, with by_filters, the panels of filters. first >= end: no work. */
void dnx_share_outputs(bool by_filters, long pixels, int N, int panel, int t, int threads, long *lo,
                       long *hi, int *first, int *end);
/* Thread t's part of N columns: [lo, hi), whole panels. lo >= hi: no work. */
void dnx_share_columns(int N, int panel, int t, int threads, int *lo, int *hi);
/* Packs each group's K x N matrix into panels, and its transpose unless packed_t is NULL. */
void dnx_filters_pack(const dnx_filters *s, struct dnx_pool *pool, const float *wk, float *packed,
                      float *packed_t);
#endif
