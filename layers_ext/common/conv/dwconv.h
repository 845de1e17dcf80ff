/* dwconv.h - a convolution in narrow groups, then batch norm and activation. [depthwise] and
 * [global_depthwise] use it, and [convolutional] when its groups are narrow.
 * x: B x H x W x C, y: B x OH x OW x N, filters in a file: N x C/groups x kh x kw. Each vector lane
 * computes one output channel, so a group may be narrower than a vector. Depthwise: groups = C. */
#ifndef DNX_DWCONV_H
#define DNX_DWCONV_H
#include "common/norm_act.h"
#include "layer/compression.h"
#include "layer/fusion.h"
#include "layer/view.h"

typedef struct {
    dnx_norm_act norm;
    int groups, kh, kw, stride, pad;
    dnx_groups g, g_dx; /* g: from x to z; g_dx: from dz to dx */
    float *w, *d_w;     /* N x C/groups x kh x kw, file order */
    float *taps;    /* kh x C/groups x kw x N, scaled by the folded batch norm when predicting */
    float *taps_dx; /* training, unless groups = C = N: kh x N/groups x kw x C, kx backwards */
    float *d_taps;  /* threads x kh x C/groups x kw x N */
    float *x_rows;  /* training: threads x kh x W x C; input rows after the deferred norm */
} dnx_dwconv;

#define DNX_MAX_TAPS 512 /* largest kh */

/* True when a convolution in more than one group with these inputs and outputs is faster here than
 * as matrix products or, when predicting, with Winograd. Both leave much of a vector unused for
 * narrow groups. Stride 1 with filters of size 1, 3, 5 and stride 2 with size 3 are fast. All other
 * filters are computed pixel by pixel, so the limits for them are half as large. */
bool dnx_dwconv_is_narrow(int inputs, int outputs, int size, int stride, bool trains);
/* The caller has set n->out and the geometry up to `pad` in s. DNX_EMEM. */
dnx_status dnx_dwconv_make(dnx_node *n, dnx_dwconv *s, bool has_bn, dnx_act act, dnx_err *err);
void dnx_dwconv_forward(dnx_node *n, dnx_pass *p);
void dnx_dwconv_backward(dnx_node *n, dnx_pass *p);
double dnx_dwconv_macs(const dnx_node *n);
dnx_status dnx_dwconv_prepare(dnx_node *n, dnx_err *err);
/* show() gives a [convolutional] in groups, or an [avgpool] when the filters are not square. */
extern const dnx_description dnx_dwconv_description;
extern const dnx_fusion dnx_dwconv_fusion;
extern const dnx_compression dnx_dwconv_compression;

/* The members of a type whose state is a dnx_dwconv: all except its name, options and make(). */
#define DNX_DWCONV_MEMBERS                                                                         \
    .is_reentrant = true, .state_size = sizeof(dnx_dwconv), .forward = dnx_dwconv_forward,         \
    .backward = dnx_dwconv_backward, .macs = dnx_dwconv_macs, .prepare = dnx_dwconv_prepare,       \
    .fusion = &dnx_dwconv_fusion, .description = &dnx_dwconv_description,                          \
    .compression = &dnx_dwconv_compression
#endif
