/* [pointwise]: a convolution with filters of 1x1 pixels, batch norm, activation.
 *
 *   z[i,n] = sum_c w[n,c] x[i,c],   y = act(batch_norm(z))
 *
 * x: B x H x W x C, y: B x H x W x N; i: one of B H W pixels.
 * Weights file: biases N; with batch_normalize=1 scales, means and variances, N each; weights
 * N x C; with activation=prelu slopes N. */
#include "common/conv/products.h"
#include "layer/compression.h"

typedef struct {
    int filters, batch_normalize, activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, filters, 8, 1, 65536, "number of outputs"),
    DNX_OPT_INT(opts, batch_normalize, 1, 0, 1, "1: batch norm before the activation"),
    DNX_OPT_WORD(opts, activation, DNX_RELU, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END(opts),
};

typedef struct {
    dnx_products m;
    dnx_norm_act norm;
} state;

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    if (!n->trains) dnx_norm_act_fold(&s->norm);
    return dnx_products_prepare(&s->m, n, s->norm.bn.scale, err);
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    s->m.groups = 1;
    s->m.K = n->in[0].c;
    s->m.N = o->filters;
    s->m.reads_in_place = true;
    dnx_status st = dnx_patches_make(&s->m.at, n, 1, 1, 0, o->filters, err);
    const size_t count = (size_t)s->m.K * (size_t)o->filters;
    const dnx_param w = {"weights", count, 1, o->filters, DNX_WEIGHTS};
    if (!st) st = dnx_norm_act_make(&s->norm, n, o->batch_normalize, (dnx_act)o->activation, err);
    if (!st) st = dnx_new_normal(n, &s->m.w, &s->m.d_w, 2.f / (float)s->m.K, w, err);
    if (!st) st = dnx_products_make(&s->m, n, true, err);
    return st;
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    dnx_products_forward(&s->m, n, p, &s->norm);
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    dnx_products_backward(&s->m, n, p, &s->norm);
}

static dnx_norm_act *defer(dnx_node *n, float **z) {
    return dnx_norm_act_defer(&((state *)n->state)->norm, z);
}

static bool yes(const dnx_node *n) { return n->trains; }
static bool take_on(dnx_node *n) { return !n->trains; }

static bool as_convolution(const dnx_node *n, dnx_convolution *view) {
    const opts *o = n->opts;
    *view = (dnx_convolution){1, 1, 0, 1, o->activation, o->batch_normalize};
    return true;
}

static const dnx_fusion fusion = {.adds_residual = dnx_norm_act_adds_residual,
                                  .defer = defer,
                                  .applies_deferred = yes,
                                  .take_on = take_on};
static const dnx_compression compression = {.as_convolution = as_convolution};
const dnx_layer_type dnx_pointwise = {
    .name = "pointwise",
    .summary = "convolution with filters of one pixel",
    .is_reentrant = true,
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .fusion = &fusion,
    .compression = &compression,
};
