/* binary_filters.h - the filters of a binary convolution: real weights and their gradients, and the
 * binary filters, packed for the kernels that multiply floats. */
#ifndef DNX_BINARY_FILTERS_H
#define DNX_BINARY_FILTERS_H
#include "common/bits/binarise.h"
#include "common/conv/filters.h"

typedef struct {
    dnx_filters at; /* N filters of K numbers, in one group */
    dnx_binariser how;
    bool takes_signs; /* the inputs of the convolution are signs: +1 or -1 */
    float *w, *d_w;   /* N x C x size x size, file order */
    float *alpha;     /* N: the scale of each filter */
    float *b;         /* N x C x size x size: the signs of the filters, +1 or -1 */
    float *wk;        /* N x K: scratch */
    float *packed;    /* alpha b, packed; with takes_signs, b when training, else NULL */
    float *packed_t;  /* alpha b, transposed and packed, for dx; NULL when predicting */
    float *d_wk;      /* threads x K x N: the gradients of alpha b, a sum for each thread */
} dnx_binary_filters;

/* Declares the parameter w and allocates the arrays. When predicting, leaves out b and
 * wk. The members at, how and takes_signs must be set. Fails with DNX_EMEM. */
dnx_status dnx_binary_filters_make(dnx_binary_filters *f, dnx_node *n, dnx_err *err);
/* Computes b and alpha from w. Allocates b and wk if they are NULL. Fails with DNX_EMEM. */
dnx_status dnx_binary_filters_binarise(dnx_binary_filters *f, dnx_node *n, dnx_err *err);
/* Unless norm_scale is NULL, multiplies alpha by norm_scale, the N factors of a folded batch norm.
 * Then fills packed and packed_t. */
void dnx_binary_filters_pack(dnx_binary_filters *f, const dnx_node *n, const float *norm_scale);
/* Overwrites the real weights w with alpha b. So a network that only predicts saves binary
 * weights. */
void dnx_binary_filters_round(dnx_binary_filters *f);
/* Computes the gradients of the real weights from d_wk, and adds them to d_w. Overwrites d_wk.
 * scratch: 2 K floats. */
void dnx_binary_filters_back(dnx_binary_filters *f, const dnx_node *n, float *scratch);
#endif
