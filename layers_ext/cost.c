/* [cost]: distance between the input and the one-hot vector of the class.
 *
 *   y = x,  d[b,c] = t[b,c] - x[b,c],  t[b,c] = 1 when c is the class of image b, else 0
 *
 * The loss is a sum over all elements. dx is the descent direction. type= chooses both:
 *
 *   sse     loss = sum d^2                                dx = scale d
 *   masked  like sse, but an image without a class (-1) has no loss and no gradient
 *   smooth  loss = sum d^2 where |d| < 1, else 2 |d| - 1  dx = scale clip(d, -1, 1)
 *   L1      loss = sum |d|                                dx = scale sign(d)
 *   seg     like sse, with loss and dx multiplied by `noobj` where t = 0
 *   wgan    loss = sum x where t = 0, -x where t = 1      dx = -scale where t = 0, else scale
 *
 * x: C numbers for each image, in any shape. The truth is the class index; with -1, t is 0
 * everywhere. With thresh, dx is 0 where |dx| / scale < thresh/C. As in libdarknet, the derivative
 * of a square lacks the factor 2. seg, wgan, noobj and thresh follow libdarknet's GPU code. Unlike
 * in libdarknet, dx of smooth has the right sign for |d| >= 1. */
#include <math.h>
#include <string.h>

#include "layer/classifier.h"

enum { SSE, MASKED, SMOOTH, L1, SEG, WGAN };

typedef struct {
    int type;
    float scale, noobj, thresh, ratio;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_WORD(opts, type, SSE, "sse|masked|smooth|L1|seg|wgan", "the distance"),
    DNX_OPT_FLOAT(opts, scale, 1, 0, 1e6, "multiplies the gradient"),
    DNX_OPT_FLOAT(opts, noobj, 1, 0, 1e6, "of type=seg: factor of the classes that are not true"),
    DNX_OPT_FLOAT(opts, thresh, 0, 0, 1e6, "gradients below thresh/inputs become 0"),
    DNX_OPT_FLOAT(opts, ratio, 0, 0, 0, "only 0: has no effect in libdarknet"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    if (o->noobj != 1 && o->type != SEG)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[cost] noobj=%g: only with type=seg",
                        (double)o->noobj);
    n->out = n->in[0];
    return DNX_OK;
}

/* Returns the target t, 0 or 1, of element i of the batch. An image has `size` elements. Classes
 * are numbered in libdarknet's order C, H, W. */
static float target(const dnx_node *n, const dnx_pass *p, size_t i, size_t size) {
    float k = p->truth[i / size];
    return k >= 0 && (double)k < (double)size && i % size == dnx_class_place(n->out, (size_t)k);
}

static bool is_masked(const opts *o, const dnx_pass *p, size_t i, size_t size) {
    return o->type == MASKED && p->truth[i / size] < 0;
}

static double loss_at(const opts *o, double t, double x) {
    double d = fabs(t - x);
    switch (o->type) {
    case SMOOTH: return d < 1 ? d * d : 2 * d - 1;
    case L1: return d;
    case SEG: return d * d * (t == 0 ? (double)o->noobj : 1);
    case WGAN: return t == 0 ? x : -x;
    default: return d * d;
    }
}

static float slope_at(const opts *o, float t, float x) {
    float d = t - x;
    switch (o->type) {
    case SMOOTH: return d < -1 ? -1 : d > 1 ? 1 : d;
    case L1: return (float)((d > 0) - (d < 0));
    case SEG: return t == 0 ? d * o->noobj : d;
    case WGAN: return t == 0 ? -1 : 1;
    default: return d;
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    size_t size = dnx_size(n->out), all = size * (size_t)p->batch;
    memcpy(p->y, p->x[0], sizeof(float) * all);
    p->loss = 0;
    for (size_t i = 0; p->truth && i < all; i++)
        if (!is_masked(o, p, i, size))
            p->loss += loss_at(o, (double)target(n, p, i, size), (double)p->x[0][i]);
}

static void backward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    size_t size = dnx_size(n->out), all = size * (size_t)p->batch;
    const float least = o->thresh / (float)size;
    if (!p->dx[0]) return;
    for (size_t i = 0; i < all; i++) {
        float d = 0;
        if (p->truth && !is_masked(o, p, i, size))
            d = slope_at(o, target(n, p, i, size), p->x[0][i]);
        d = fabsf(d) < least ? 0 : o->scale * d;
        if (p->dy) d += p->dy[i];
        p->dx[0][i] = d + (p->dx_adds[0] ? p->dx[0][i] : 0);
    }
}

static int classes(const dnx_node *n) { return (int)dnx_size(n->out); }

static const dnx_classifier classifier = {.output = DNX_VALUES, .classes = classes};

const dnx_layer_type dnx_cost = {
    .name = "cost",
    .summary = "squared or other distance to the one-hot class",
    .is_loss = true,
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
    .classifier = &classifier,
};
