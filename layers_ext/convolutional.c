/* [convolutional]: convolution in groups, batch norm, activation.
 *
 *   z[b,p,q,n] = sum_{i,j<size} sum_c w[n,c,i,j] x[b, p*stride - pad + i, q*stride - pad + j, c]
 *   y = act(batch_norm(z))
 *
 * x: B x H x W x C, y: B x OH x OW x N with OH = (H + 2 pad - size)/stride + 1. c runs over the
 * C/groups channels in the group of filter n.
 * Weights file: biases N; with batch_normalize=1 scales N, mean N, variance N; weights N x C/groups
 * x size x size; with activation=prelu slopes N.
 *
 * Three algorithms compute z: common/conv/dwconv.h for groups of few channels;
 * common/conv/winograd.h for some 3x3 convolutions of a network that predicts; products of
 * matrices, common/conv/products.h, for everything else. */
#include "common/conv/dwconv.h"
#include "common/conv/products.h"
#include "common/conv/winograd.h"

typedef struct {
    int filters, size, stride, pad, padding, groups, batch_normalize, activation;
    int binary, xnor, flipped;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, filters, 1, 1, 65536, "number of outputs"),
    DNX_WINDOW_OPTIONS(opts),
    DNX_OPT_INT(opts, groups, 1, 1, 65536, "inputs and outputs fall into so many separate groups"),
    DNX_OPT_INT(opts, batch_normalize, 0, 0, 1, "1: batch norm before the activation"),
    DNX_OPT_WORD(opts, activation, DNX_LOGISTIC, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_INT(opts, binary, 0, 0, 0, "only 0: libdarknet's binary weights have no effect"),
    DNX_OPT_INT(opts, xnor, 0, 0, 0, "only 0: libdarknet's gradient does not fit its output"),
    DNX_OPT_INT(opts, flipped, 0, 0, 0, "only 0: transposed filters of old files are not read"),
    DNX_OPT_END(opts),
};

typedef struct {
    dnx_dwconv dw;     /* does all the work if is_narrow; else only dw.norm is used */
    dnx_winograd wino; /* computes z if wino.m > 0; only when predicting */
    dnx_products m;
    bool is_narrow;
} state;

static dnx_status check_shapes(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_shape in = n->in[0];
    dnx_status st = dnx_patches_make(&s->m.at, n, o->size, o->stride,
                                     o->pad ? o->size / 2 : o->padding, o->filters, err);
    if (st) return st;
    if (in.c % o->groups || o->filters % o->groups)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[convolutional] groups=%d: does not divide %d channels and filters=%d",
                        o->groups, in.c, o->filters);
    if ((double)o->size * o->size * in.c / o->groups * o->filters > 1 << 30)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[convolutional] size=%d filters=%d: over 2^30 weights", o->size,
                        o->filters);
    s->m.groups = o->groups;
    s->m.at.c = in.c / o->groups;
    s->m.K = o->size * o->size * s->m.at.c;
    s->m.N = o->filters / o->groups;
    s->is_narrow = o->groups > 1 &&
                   dnx_dwconv_is_narrow(s->m.at.c, s->m.N, o->size, o->stride, n->trains);
    s->m.reads_in_place = dnx_patches_in_place(&s->m.at);
    s->m.has_few_rows = n->trains && s->m.reads_in_place && o->groups == 1 &&
                        (double)n->batch * n->out.h * n->out.w <= s->m.N;
    return DNX_OK;
}

static dnx_norm_act *defer(dnx_node *n, float **z) {
    return dnx_norm_act_defer(&((state *)n->state)->dw.norm, z);
}

static bool applies_deferred(const dnx_node *n) {
    const state *s = n->state;
    if (s->is_narrow) return n->trains;
    return n->trains && s->m.reads_in_place && s->m.groups == 1 && !s->m.has_few_rows;
}

static bool take_on(dnx_node *n) {
    state *s = n->state;
    const size_t block = dnx_products_block(&s->m, n);
    if (s->wino.m) return true;
    if (s->is_narrow || s->m.groups > 1 || s->m.at.pad) return false;
    if (n->scratch < block) n->scratch = block;
    return true;
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_status st = check_shapes(n, err);
    if (st) return st;
    if (s->is_narrow) {
        s->dw.kh = s->dw.kw = o->size;
        s->dw.stride = o->stride;
        s->dw.pad = s->m.at.pad;
        s->dw.groups = o->groups;
        return dnx_dwconv_make(n, &s->dw, o->batch_normalize, (dnx_act)o->activation, err);
    }
    const dnx_param w = {"weights", (size_t)s->m.K * (size_t)o->filters, 1,
                         o->groups == 1 ? o->filters : 0, DNX_WEIGHTS};
    st = dnx_norm_act_make(&s->dw.norm, n, o->batch_normalize, (dnx_act)o->activation, err);
    if (!st) st = dnx_new_normal(n, &s->m.w, &s->m.d_w, 2.f / (float)s->m.K, w, err);
    if (!st && !n->trains) st = dnx_winograd_make(&s->wino, n, &s->m.at, o->filters, err);
    if (!st && !s->wino.m)
        st = dnx_products_make(&s->m, n, !s->m.reads_in_place || applies_deferred(n), err);
    return st;
}

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    if (s->is_narrow) return dnx_dwconv_prepare(n, err);
    if (!s->m.w) return DNX_OK; /* an earlier call has packed w and freed it */
    if (!n->trains) dnx_norm_act_fold(&s->dw.norm);
    dnx_status st = DNX_OK;
    if (s->wino.m) dnx_winograd_prepare(&s->wino, n, s->m.w, s->dw.norm.bn.scale);
    else st = dnx_products_prepare(&s->m, n, s->dw.norm.bn.scale, err);
    if (!st) dnx_release_param(n, &s->m.w);
    return st;
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    if (s->is_narrow) dnx_dwconv_forward(n, p);
    else if (s->wino.m) dnx_winograd_forward(&s->wino, n, p, &s->dw.norm);
    else dnx_products_forward(&s->m, n, p, &s->dw.norm);
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    if (s->is_narrow) dnx_dwconv_backward(n, p);
    else dnx_products_backward(&s->m, n, p, &s->dw.norm);
}

static bool as_convolution(const dnx_node *n, dnx_convolution *view) {
    const opts *o = n->opts;
    const state *s = n->state;
    *view = (dnx_convolution){o->size,   o->stride,     s->m.at.pad,
                              o->groups, o->activation, o->batch_normalize};
    return true;
}

static const char *algorithm(const dnx_node *n) {
    const state *s = n->state;
    if (s->is_narrow) return dnx_dwconv_description.algorithm(n);
    if (s->wino.m) return s->wino.m == 2 ? "Winograd 2 x 2" : "Winograd 4 x 4";
    if (s->m.has_few_rows) return "product, threads share filters";
    return s->m.reads_in_place ? "product" : "products of windows";
}

static const dnx_description description = {.algorithm = algorithm};
static const dnx_fusion fusion = {.adds_residual = dnx_norm_act_adds_residual,
                                  .defer = defer,
                                  .applies_deferred = applies_deferred,
                                  .take_on = take_on};
static const dnx_compression compression = {.as_convolution = as_convolution};

const dnx_layer_type dnx_convolutional = {
    .name = "convolutional",
    .aliases = "conv",
    .summary = "convolution in groups, batch norm, activation",
    .is_reentrant = true,
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .fusion = &fusion,
    .description = &description,
    .compression = &compression,
};
