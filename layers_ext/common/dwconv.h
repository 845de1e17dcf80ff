/* dwconv.h - M kh x kw filters per channel, with a tail: the body of [depthwise] and
 * [global_depthwise]. x: B x H x W x C, y: B x OH x OW x C M, filters in a file: C M x 1 x kh x kw;
 * output c M + m comes from input c. With M > 1 each input row is copied M times wider first. */
#ifndef DNX_DWCONV_H
#define DNX_DWCONV_H
#include "tail.h"

typedef struct {
    dnx_tail tail;
    int kh, kw, stride, pad, multiplier;
    float *w, *d_w;   /* C x kh x kw, file order */
    float *taps;      /* kh x kw x C, scaled by the folded batch norm when predicting */
    float *d_taps;    /* threads x kh x kw x C */
    float *x_rows;    /* when it does a tail: threads x kh x W x C */
    float *wide;      /* multiplier > 1: threads x (kh + 1) x W x C M, rows of x and one of dx */
} dnx_dwconv;

#define DNX_MAX_TAPS 512 /* largest kh */

/* n->out and the geometry in s must be set. */
dnx_status dnx_dwconv_make(dnx_node *n, dnx_dwconv *s, bool has_bn, dnx_act act, dnx_err *err);
void dnx_dwconv_unmake(dnx_node *n);
int dnx_dwconv_params(dnx_node *n, dnx_param *list);
void dnx_dwconv_forward(dnx_node *n, dnx_pass *p);
void dnx_dwconv_backward(dnx_node *n, dnx_pass *p);
double dnx_dwconv_macs(const dnx_node *n);
dnx_status dnx_dwconv_prepare(dnx_node *n, dnx_err *err);
bool dnx_dwconv_can_add(const dnx_node *n);
dnx_tail *dnx_dwconv_tail(dnx_node *n, float **z);
bool dnx_dwconv_does_tail(const dnx_node *n);
#endif
