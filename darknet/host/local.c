/* [local], [crop], [reorg] and [normalization], computed by libdarknet.
 *
 * local: a convolution with different filters at each pixel. File: biases N x H x W, then weights
 *   H x W x N x C x K x K, with N filters of K x K pixels, C input channels, an H x W output.
 * crop: the middle part of the image. Training takes a random part and, with flip=1, mirrors a
 *   random half of the sub-batches. All images of a sub-batch have the same part, as in libdarknet.
 *   y = 2 x - 1, or y = x with noadjust=1.
 * reorg: blocks of stride x stride pixels become channels, or with reverse=1 channels become
 *   blocks, in the order of libdarknet's CPU code.
 * normalization: y = x (kappa + alpha * sum of x^2 over `size` channels)^-beta.
 *   Krizhevsky et al. 2012, section 3.3. libdarknet's running sum never adds the square of channel
 *   size/2, but subtracts it later: y is NaN where the bracket is negative. The layer only
 *   predicts, because libdarknet's gradient is an approximation. */
#include <darknet.h>

#define DNX_HOST_STRUCTS
#include "host/layers.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* libdarknet exports these functions, but declares them in none of its headers. */
void forward_local_layer(const layer l, network net);
void backward_local_layer(layer l, network net);
void forward_crop_layer(const layer l, network net);
void forward_reorg_layer(const layer l, network net);
void backward_reorg_layer(const layer l, network net);
void forward_normalization_layer(const layer l, network net);

typedef struct {
    int filters, size, stride, pad, activation;
} local_opts;

static const dnx_opt local_options[] = {
    DNX_OPT_INT(local_opts, filters, 1, 1, 65536, "number of filters"),
    DNX_OPT_INT(local_opts, size, 1, 1, 1024, "side of a filter, pixels"),
    DNX_OPT_INT(local_opts, stride, 1, 1, 1024, "pixels between places"),
    DNX_OPT_INT(local_opts, pad, 0, 0, 1, "1: one pixel of zeros around"),
    DNX_OPT_WORD(local_opts, activation, 0, DNX_HOST_ACTIVATIONS, "function of the sum"),
    DNX_OPT_END(local_opts),
};

static dnx_status make_local(dnx_node *n, dnx_err *err) {
    const local_opts *o = n->opts;
    dnx_host_state *s = n->state;
    const dnx_shape in = n->in[0];
    int h = in.h + 2 * o->pad - o->size, w = in.w + 2 * o->pad - o->size, k = o->stride;
    if (h < 0 || w < 0)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[local] size=%d: over the input of %d x %d",
                        o->size, in.h, in.w);
    if (o->pad && (h / k != (in.h - 1) / k || w / k != (in.w - 1) / k))
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[local] pad=1: libdarknet's output fits size=3, not size=%d", o->size);
    n->out = (dnx_shape){h / k + 1, w / k + 1, o->filters};
    double taps = (double)o->size * o->size * in.c, places = (double)n->out.h * n->out.w;
    if (taps * places * o->filters > INT_MAX || taps * places > INT_MAX)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[local] filters=%d: over 2^31 weights",
                        o->filters);
    size_t count = (size_t)taps * (size_t)places * (size_t)o->filters;
    dnx_status st = dnx_host_make(n, err);
    if (!st)
        st = dnx_new_param(n, &s->l.biases, &s->l.bias_updates,
                           (dnx_param){"biases", dnx_size(n->out)}, err);
    if (!st)
        st = dnx_new_param(n, &s->l.weights, &s->l.weight_updates, (dnx_param){"weights", count, 1},
                           err);
    if (st) return st;
    s->l.n = o->filters;
    s->l.size = o->size;
    s->l.stride = k;
    s->l.pad = o->pad;
    s->l.activation = (ACTIVATION)o->activation;
    s->l.type = LOCAL;
    s->forward = forward_local_layer;
    s->backward = backward_local_layer;
    n->scratch = (size_t)(taps * places);
    dnx_rng r;
    dnx_rng_seed(&r, n->seed, (uint64_t)n->index);
    float range = (float)sqrt(2 / taps);
    for (size_t i = 0; i < count; i++) s->l.weights[i] = range * (2 * dnx_rng_uniform(&r) - 1);
    return DNX_OK;
}

static double local_macs(const dnx_node *n) {
    const local_opts *o = n->opts;
    return (double)dnx_size(n->out) * o->size * o->size * n->in[0].c;
}

const dnx_layer_type dnx_local = {
    .name = "local",
    .summary = "a convolution with different filters at each place",
    .options = local_options,
    .state_size = sizeof(dnx_host_state),
    .make = make_local,
    .forward = dnx_host_forward,
    .backward = dnx_host_backward,
    .macs = local_macs,
};

typedef struct {
    int crop_height, crop_width, flip, noadjust;
    float angle, saturation, exposure, shift;
} crop_opts;

static const dnx_opt crop_options[] = {
    DNX_OPT_INT(crop_opts, crop_height, 1, 1, 8192, "height of the part, pixels"),
    DNX_OPT_INT(crop_opts, crop_width, 1, 1, 8192, "width of the part, pixels"),
    DNX_OPT_INT(crop_opts, flip, 0, 0, 1, "1: training mirrors half of the batches"),
    DNX_OPT_INT(crop_opts, noadjust, 0, 0, 1, "1: the values stay; 0: 2 x - 1"),
    DNX_OPT_FLOAT(crop_opts, angle, 0, 0, 360, "no effect: libdarknet uses it only on a GPU"),
    DNX_OPT_FLOAT(crop_opts, saturation, 1, 0, 100, "no effect: as angle"),
    DNX_OPT_FLOAT(crop_opts, exposure, 1, 0, 100, "no effect: as angle"),
    DNX_OPT_FLOAT(crop_opts, shift, 0, 0, 100, "no effect: as angle"),
    DNX_OPT_END(crop_opts),
};

static dnx_status make_crop(dnx_node *n, dnx_err *err) {
    const crop_opts *o = n->opts;
    dnx_host_state *s = n->state;
    const dnx_shape in = n->in[0];
    if (o->crop_height > in.h || o->crop_width > in.w)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[crop] crop_height=%d crop_width=%d: the input is %d x %d", o->crop_height,
                        o->crop_width, in.h, in.w);
    if (n->trains && n->from[0] >= 0)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[crop] trains only as the first layer: libdarknet has no gradient for it");
    n->out = (dnx_shape){o->crop_height, o->crop_width, in.c};
    s->l.type = CROP;
    s->l.flip = o->flip;
    s->l.noadjust = o->noadjust;
    s->forward = forward_crop_layer;
    return dnx_host_make(n, err);
}

/* libdarknet draws from rand(), which is seeded here by seed, layer and image count. */
static void forward_crop(dnx_node *n, dnx_pass *p) {
    dnx_rng r;
    dnx_rng_seed(&r, n->seed ^ p->seen << 20, (uint64_t)n->index);
    srand((unsigned)dnx_rng_next(&r));
    dnx_host_forward(n, p);
}

/* The input is the image, which needs no gradient. */
static void backward_crop(dnx_node *n, dnx_pass *p) {
    (void)n;
    (void)p;
}

const dnx_layer_type dnx_crop = {
    .name = "crop",
    .summary = "a part of the image",
    .options = crop_options,
    .state_size = sizeof(dnx_host_state),
    .make = make_crop,
    .forward = forward_crop,
    .backward = backward_crop,
};

typedef struct {
    int stride, reverse, flatten, extra;
} reorg_opts;

static const dnx_opt reorg_options[] = {
    DNX_OPT_INT(reorg_opts, stride, 1, 1, 1024, "side of a block, pixels"),
    DNX_OPT_INT(reorg_opts, reverse, 0, 0, 1, "1: channels become blocks"),
    DNX_OPT_INT(reorg_opts, flatten, 0, 0, 1, "1: swaps channels and pixels instead"),
    DNX_OPT_INT(reorg_opts, extra, 0, 0, 1 << 24, "zeros appended to the flat input instead"),
    DNX_OPT_END(reorg_opts),
};

static dnx_status make_reorg(dnx_node *n, dnx_err *err) {
    const reorg_opts *o = n->opts;
    dnx_host_state *s = n->state;
    const dnx_shape in = n->in[0];
    int k = o->stride, block = k * k;
    bool is_even = o->reverse || (in.h % k == 0 && in.w % k == 0);
    /* libdarknet's CPU code divides the input's channels by stride^2, also with reverse=0. */
    if (!o->extra && !o->flatten && in.c % block)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[reorg] stride=%d: the input's channels must be a multiple of %d, not %d",
                        k, block, in.c);
    if (!o->extra && (!is_even || (o->flatten && o->reverse && in.c % block)))
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[reorg] stride=%d: does not divide %d x %d x %d",
                        k, in.h, in.w, in.c);
    if (o->extra && dnx_size(in) > (size_t)(INT_MAX - o->extra))
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[reorg] extra=%d: over 2^31 outputs", o->extra);
    if (o->extra) n->out = (dnx_shape){1, 1, (int)dnx_size(in) + o->extra};
    else if (o->reverse) n->out = (dnx_shape){in.h * k, in.w * k, in.c / block};
    else n->out = (dnx_shape){in.h / k, in.w / k, in.c * block};
    s->l.type = REORG;
    s->l.stride = k;
    s->l.reverse = o->reverse;
    s->l.flatten = o->flatten;
    s->l.extra = o->extra;
    s->forward = forward_reorg_layer;
    s->backward = backward_reorg_layer;
    return dnx_host_make(n, err);
}

const dnx_layer_type dnx_reorg = {
    .name = "reorg",
    .summary = "blocks of pixels become channels",
    .options = reorg_options,
    .state_size = sizeof(dnx_host_state),
    .make = make_reorg,
    .forward = dnx_host_forward,
    .backward = dnx_host_backward,
};

typedef struct {
    float alpha, beta, kappa;
    int size;
} norm_opts;

static const dnx_opt norm_options[] = {
    DNX_OPT_FLOAT(norm_opts, alpha, .0001, 0, 1e6, "factor of the squares"),
    DNX_OPT_FLOAT(norm_opts, beta, .75, 0, 100, "exponent"),
    DNX_OPT_FLOAT(norm_opts, kappa, 1, 1e-6, 1e6, "added to the squares"),
    DNX_OPT_INT(norm_opts, size, 5, 1, 65536, "channels that are summed"),
    DNX_OPT_END(norm_opts),
};

static dnx_status make_norm(dnx_node *n, dnx_err *err) {
    const norm_opts *o = n->opts;
    dnx_host_state *s = n->state;
    if (o->size / 2 > n->in[0].c)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[%s] size=%d: the input has only %d channels",
                        n->type->name, o->size, n->in[0].c);
    n->out = n->in[0];
    size_t count = dnx_size(n->out) * (size_t)n->batch;
    dnx_status st = dnx_host_make(n, err);
    if (!st) st = dnx_new(n, &s->l.squared, count, err);
    if (!st) st = dnx_new(n, &s->l.norms, count, err);
    s->l.type = NORMALIZATION;
    s->l.size = o->size;
    s->l.alpha = o->alpha;
    s->l.beta = o->beta;
    s->l.kappa = o->kappa;
    s->forward = forward_normalization_layer;
    return st;
}

const dnx_layer_type dnx_normalization = {
    .name = "normalization",
    .aliases = "lrn",
    .summary = "divides by the neighbour channels' size; only predicts",
    .options = norm_options,
    .state_size = sizeof(dnx_host_state),
    .make = make_norm,
    .forward = dnx_host_forward,
};
