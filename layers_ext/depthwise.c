/* [depthwise]: for each channel `multiplier` filters of size x size; batch norm, activation.
 *
 *   z[b,p,q,n] = sum_{i,j} w[n,i,j] x[b, p*stride - pad + i, q*stride - pad + j, n/multiplier]
 *   y = act(batch_norm(z))
 *
 * x: B x H x W x C, y: B x OH x OW x N, N = C multiplier, OH = (H + 2 pad - size)/stride + 1.
 * Weights file: biases N; with batch_normalize=1 scales N, mean N, variance N; weights N x 1 x size
 * x size; with activation=prelu slopes N.
 * Howard et al. 2017, "MobileNets", section 3.1. */
#include "common/conv/dwconv.h"
#include "common/conv/patches.h"

typedef struct {
    int size, stride, pad, padding, multiplier, batch_normalize, activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, size, 3, 1, 15, "side of the filters, pixels"),
    DNX_OPT_INT(opts, stride, 1, 1, 16, "step between outputs, pixels"),
    DNX_OPT_INT(opts, pad, 0, 0, 1, "1: padding = size/2"),
    DNX_OPT_INT(opts, padding, 0, 0, 64, "zero pixels around the input, when pad=0"),
    DNX_OPT_INT(opts, multiplier, 1, 1, 64, "filters per channel"),
    DNX_OPT_INT(opts, batch_normalize, 0, 0, 1, "1: batch norm before the activation"),
    DNX_OPT_WORD(opts, activation, DNX_LINEAR, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    dnx_dwconv *s = n->state;
    dnx_patches at;
    if (n->in[0].c > (1 << 30) / o->multiplier)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[depthwise] multiplier=%d: over 2^30 outputs for an input of %d channels",
                        o->multiplier, n->in[0].c);
    s->kh = s->kw = o->size;
    s->stride = o->stride;
    s->pad = o->pad ? o->size / 2 : o->padding;
    s->groups = n->in[0].c;
    dnx_status st = dnx_patches_make(&at, n, o->size, o->stride, s->pad, n->in[0].c * o->multiplier,
                                     err);
    if (st) return st;
    return dnx_dwconv_make(n, s, o->batch_normalize, (dnx_act)o->activation, err);
}

const dnx_layer_type dnx_depthwise = {
    .name = "depthwise",
    .summary = "convolution with filters of one channel each",
    .options = options,
    .make = make,
    DNX_DWCONV_MEMBERS,
};
