/* filters.h - the filters of a grouped convolution as matrices. A filter is c x size x size floats
 * in a file, and size x size x c floats in a row of its matrix, like the windows of patches.h. */
#ifndef DNX_FILTERS_H
#define DNX_FILTERS_H
#include "dnx.h"

typedef struct {
    int groups, K, N; /* groups x N filters of K = size*size*c floats */
    int c;            /* input channels of one group */
} dnx_filters;

/* A filter's row has a float at index i, 0 to K - 1. Returns the index of this float in the filter
 * as the file orders it. */
static inline size_t dnx_filters_place(const dnx_filters *s, size_t i) {
    size_t c = (size_t)s->c, taps = (size_t)s->K / c;
    return i % c * taps + i / c;
}

/* Copies the filters w, in file order, to the rows wk, groups x N x K. Multiplies filter f by
 * scale[f], unless scale is NULL. */
void dnx_filters_order(const dnx_filters *s, struct dnx_pool *pool, const float *w,
                       const float *scale, float *wk);
/* Declares the weights p. Their initial values are normal with mean 0 and the given variance. For
 * filters of K floats, callers pass 2/K (He et al., arXiv 1502.01852). With d_w = NULL the weights
 * are not trained. Fails with DNX_EMEM. */
dnx_status dnx_new_normal(dnx_node *n, float **w, float **d_w, float variance, dnx_param p,
                          dnx_err *err);
#define DNX_FEW_OUTPUTS 8L /* output pixels of a thread: with fewer, threads divide the filters */

/* A part of the outputs: output pixels [lo, hi), filters [first, end). Each range may be empty. */
typedef struct {
    long lo, hi;
    int first, end;
} dnx_part;
/* Returns the part of the outputs that thread t computes. The threads divide the pixels; with
 * by_filters they divide the N filters. They do not cut panels: a panel is a group of `panel`
 * filters that are packed together. */
dnx_part dnx_share_outputs(bool by_filters, long pixels, int N, int panel, int t, int threads);
/* Sets [*lo, *hi) to the part of N columns that thread t takes: whole panels of `panel` columns.
 * The part is empty when *lo >= *hi. */
void dnx_share_columns(int N, int panel, int t, int threads, int *lo, int *hi);
/* Packs the rows wk of each group, as a K x N matrix, into `packed` for mm(). Also packs the
 * transposed matrices into packed_t, unless packed_t is NULL. */
void dnx_filters_pack(const dnx_filters *s, struct dnx_pool *pool, const float *wk, float *packed,
                      float *packed_t);
#endif
