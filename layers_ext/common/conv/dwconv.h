/* dwconv.h - a convolution in narrow groups, then batch norm and activation: the body of
 * [depthwise] and [global_depthwise], and of [convolutional] where its groups are narrow.
 * x: B x H x W x C, y: B x OH x OW x N, filters in a file: N x C/groups x kh x kw. Each output has
 * a lane of a vector: groups need no width. Depthwise is groups = C. */
#ifndef DNX_DWCONV_H
#define DNX_DWCONV_H
#include "common/norm_act.h"
#include "layer/compression.h"
#include "layer/fusion.h"

typedef struct {
    dnx_norm_act norm;
    int groups, kh, kw, stride, pad;
    dnx_groups g, g_dx; /* from x to z, and from dz to dx */
    float *w, *d_w;   /* N x C/groups x kh x kw, file order */
    float *taps;      /* kh x C/groups x kw x N, scaled by the folded batch norm when predicting */
    float *taps_dx;   /* training, unless groups = C = N: kh x N/groups x kw x C, kx backwards */
    float *d_taps;    /* threads x kh x C/groups x kw x N */
    float *x_rows;    /* training: real inputs made of deferred ones, threads x kh x W x C */
} dnx_dwconv;

#define DNX_MAX_TAPS 512 /* largest kh */

/* Whether groups, more than one, of so many inputs and outputs are faster so than as products of
 * matrices or, predicting, by Winograd's transforms, which would leave much of a vector unused.
 * Filters of other sizes than 1, 3 and 5, or strides than 1 (3: and 2), are computed pixel by
 * pixel: only for half as many. */
bool dnx_dwconv_is_narrow(int inputs, int outputs, int size, int stride, bool trains);
/* n->out and the geometry up to `pad` in s must be set. */
dnx_status dnx_dwconv_make(dnx_node *n, dnx_dwconv *s, bool has_bn, dnx_act act, dnx_err *err);
void dnx_dwconv_unmake(dnx_node *n);
int dnx_dwconv_params(dnx_node *n, dnx_param *list);
void dnx_dwconv_forward(dnx_node *n, dnx_pass *p);
void dnx_dwconv_backward(dnx_node *n, dnx_pass *p);
double dnx_dwconv_macs(const dnx_node *n);
dnx_status dnx_dwconv_prepare(dnx_node *n, dnx_err *err);
dnx_status dnx_dwconv_restore(dnx_node *n, dnx_err *err);
extern const dnx_fusion dnx_dwconv_fusion;
extern const dnx_compression dnx_dwconv_compression;
#endif
