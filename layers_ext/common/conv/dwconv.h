/* dwconv.h - a convolution in narrow groups (few channels each), then batch norm and activation.
 * x: B x H x W x C, y: B x OH x OW x N, filters in a file: N x C/groups x kh x kw. Each lane of a
 * SIMD vector computes one output channel, so a group may be narrower than a vector. */
#ifndef DNX_DWCONV_H
#define DNX_DWCONV_H
#include "common/norm_act.h"
#include "layer/compression.h"
#include "layer/fusion.h"
#include "layer/view.h"

typedef struct {
    dnx_norm_act norm;
    int groups, kh, kw, stride, pad;
    dnx_groups g, g_dx; /* groups of the convolutions: g from x to z, g_dx from dz to dx */
    float *w, *d_w;     /* N x C/groups x kh x kw */
    float *taps;    /* kh x C/groups x kw x N; scaled by the folded batch norm when predicting */
    float *taps_dx; /* kh x N/groups x kw x C, kx reversed; NULL when depthwise or predicting */
    float *d_taps;  /* threads x kh x C/groups x kw x N: gradients of taps */
    float *x_rows; /* threads x kh x W x C: input rows after a deferred batch norm and activation */
} dnx_dwconv;

/* Returns true when dwconv.h is faster than products.h for groups of `inputs` input channels and
 * `outputs` output channels. */
bool dnx_dwconv_is_narrow(int inputs, int outputs, int size, int stride, bool trains);
/* Declares the parameters and allocates the arrays. Set n->out and, in s, groups, kh, kw, stride
 * and pad before this call. Fails with DNX_EMEM. */
dnx_status dnx_dwconv_make(dnx_node *n, dnx_dwconv *s, bool has_bn, dnx_act act, dnx_err *err);
/* Members of a layer type: see DNX_DWCONV_MEMBERS. prepare() packs w into taps, and never fails. */
void dnx_dwconv_forward(dnx_node *n, dnx_pass *p);
void dnx_dwconv_backward(dnx_node *n, dnx_pass *p);
dnx_status dnx_dwconv_prepare(dnx_node *n, dnx_err *err);
extern const dnx_description dnx_dwconv_description;
extern const dnx_fusion dnx_dwconv_fusion;
extern const dnx_compression dnx_dwconv_compression;

/* The members of a layer type whose state is a dnx_dwconv, except name, summary, options, make. */
#define DNX_DWCONV_MEMBERS                                                                         \
    .is_reentrant = true, .state_size = sizeof(dnx_dwconv), .forward = dnx_dwconv_forward,         \
    .backward = dnx_dwconv_backward, .prepare = dnx_dwconv_prepare, .fusion = &dnx_dwconv_fusion,  \
    .description = &dnx_dwconv_description, .compression = &dnx_dwconv_compression
#endif
