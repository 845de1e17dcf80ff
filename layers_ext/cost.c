/* [cost]: squared distance between the input and the one-hot vector of the class.
 *
 *   y = x,  loss = sum_{b,c} (t[b,c] - x[b,c])^2,  dx = scale (t - x)
 *
 * x: B x ... with C numbers an image; the truth is the class index. The factor 2 of the derivative
 * is left out, as in the host. Behind a [softmax] the host counts the loss twice; so do we. */
#include <string.h>

#include "dnx.h"
#include "kernels/kernels.h"

typedef struct {
    int type;
    float scale;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_WORD(opts, type, 0, "sse", "only sse: squared distance"),
    DNX_OPT_FLOAT(opts, scale, 1, 0, 1e6, "multiplies the gradient"), DNX_OPT_END};

static dnx_status make(dnx_node *n, dnx_err *err) {
    (void)err;
    n->out = n->in[0];
    return DNX_OK;
}

static float target(const dnx_pass *p, size_t i, size_t size) {
    return p->truth[i / size] == (float)(i % size);
}

static void forward(dnx_node *n, dnx_pass *p) {
    size_t size = dnx_size(n->out), all = size * (size_t)p->batch;
    memcpy(p->y, p->x[0], sizeof(float) * all);
    p->loss = 0;
    for (size_t i = 0; p->truth && i < all; i++) {
        double d = target(p, i, size) - p->x[0][i];
        p->loss += d * d;
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    size_t size = dnx_size(n->out), all = size * (size_t)p->batch;
    if (!p->dx[0]) return;
    for (size_t i = 0; i < all; i++) {
        float d = p->truth ? o->scale * (target(p, i, size) - p->x[0][i]) : 0;
        if (p->dy) d += p->dy[i];
        p->dx[0][i] = d + (p->dx_adds[0] ? p->dx[0][i] : 0);
    }
}

const dnx_layer_type dnx_cost = {
    .name = "cost",
    .summary = "squared distance to the one-hot class",
    .is_loss = true,
    .takes_previous = true,
    .options = options,
    .opts_size = sizeof(opts),
    .make = make,
    .forward = forward,
    .backward = backward,
};
