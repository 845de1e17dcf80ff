/* [global_depthwise]: GDConv, a depthwise convolution whose filter is as large as the map.
 *
 *   y[b,0,0,c] = act(batch_norm(sum_{i,j} w[c,i,j] x[b,i,j,c]))
 *
 * x: B x H x W x C, y: B x 1 x 1 x C.
 * Weights file: biases C; with batch_normalize=1 scales C, mean C, variance C; weights C x 1 x H x
 * W; with activation=prelu slopes C.
 * Chen et al. 2018, "MobileFaceNets", equation 1. */
#include "common/conv/dwconv.h"

typedef struct {
    int batch_normalize, activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, batch_normalize, 0, 0, 1, "1: batch norm before the activation"),
    DNX_OPT_WORD(opts, activation, DNX_LINEAR, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    dnx_dwconv *s = n->state;
    if (n->in[0].h > DNX_MAX_TAPS)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[global_depthwise] the input's height %d is over %d", n->in[0].h,
                        DNX_MAX_TAPS);
    s->kh = n->in[0].h;
    s->kw = n->in[0].w;
    s->stride = 1;
    s->groups = n->in[0].c;
    n->out = (dnx_shape){1, 1, n->in[0].c};
    return dnx_dwconv_make(n, s, o->batch_normalize, (dnx_act)o->activation, err);
}

const dnx_layer_type dnx_global_depthwise = {
    .name = "global_depthwise",
    .summary = "GDConv: one filter per channel, as large as the map",
    .options = options,
    .make = make,
    DNX_DWCONV_MEMBERS,
};
