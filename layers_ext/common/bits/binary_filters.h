/* binary_filters.h - the filters of a binary convolution: real weights in training, their binary
 * form packed for the float kernels, and the gradients of the real weights. */
#ifndef DNX_BINARY_FILTERS_H
#define DNX_BINARY_FILTERS_H
#include "common/bits/binarise.h"
#include "common/conv/filters.h"

typedef struct {
    dnx_filters at;    /* N filters of K numbers, in one group */
    dnx_binariser how; /* how one filter is binarised */
    bool takes_signs;  /* the inputs are signs; when predicting, bits are counted */
    float *w, *d_w;    /* N x C x size x size, file order */
    float *alpha;      /* N */
    float *b;          /* N x C x size x size: +-1 */
    float *wk;         /* N x K; only while packing */
    float *packed;     /* panels of b or alpha b; NULL when bits are counted */
    float *packed_t;   /* panels of alpha b, transposed, for dx */
    float *d_wk;       /* threads x K x N */
} dnx_binary_filters;

/* The caller has set the fields before w. Declares w. DNX_EMEM. */
dnx_status dnx_binary_filters_make(dnx_binary_filters *f, dnx_node *n, dnx_err *err);
/* Computes b and alpha from w. DNX_EMEM. */
dnx_status dnx_binary_filters_binarise(dnx_binary_filters *f, dnx_node *n, dnx_err *err);
/* Packs b for products of the float kernels; it is multiplied by alpha unless takes_signs. After
 * that, a network that predicts may free b. norm_scale: N factors by which alpha is multiplied, or
 * NULL. */
void dnx_binary_filters_pack(dnx_binary_filters *f, const dnx_node *n, const float *norm_scale);
/* Frees the memory that only packing needs. */
void dnx_binary_filters_drop(dnx_binary_filters *f);
/* Sets w to +-alpha, the form in which a network that predicts keeps and saves it. */
void dnx_binary_filters_round(dnx_binary_filters *f);
/* Adds the sum of d_wk over all threads to the gradients of the real weights. scratch: 2 K
 * floats. */
void dnx_binary_filters_back(dnx_binary_filters *f, const dnx_node *n, float *scratch);
#endif
