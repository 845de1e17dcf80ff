/* [clipped]: y = min(max(x, 0), ceiling). With ceiling=6 this is the ReLU6 of MobileNetV2.
 * x and y: B x H x W x C. No weights. */
#include "dnx.h"

typedef struct {
    float ceiling;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_FLOAT(opts, ceiling, 6, 0.001, 1e6, "largest output"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    (void)err; /* all input shapes are allowed */
    n->out = n->in[0];
    return DNX_OK;
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    const float *x = p->x[0];
    size_t count = (size_t)p->batch * dnx_size(n->out);
    for (size_t i = 0; i < count; i++) /* both comparisons are false for NaN, so NaN stays NaN */
        p->y[i] = x[i] < 0 ? 0 : x[i] > o->ceiling ? o->ceiling : x[i];
}

static void backward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    const float *x = p->x[0];
    float *dx = p->dx[0];
    if (!dx) return; /* no layer needs this gradient */
    size_t count = (size_t)p->batch * dnx_size(n->out);
    for (size_t i = 0; i < count; i++) {
        float d = x[i] < 0 || x[i] > o->ceiling ? 0 : p->dy[i];
        dx[i] = p->dx_adds[0] ? dx[i] + d : d; /* another reader of x may have stored dx before */
    }
}

const dnx_layer_type dnx_clipped = {
    .name = "clipped",
    .summary = "ReLU with a ceiling",
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
};
