/* [product]: multiplies the outputs of the previous layer and of an earlier layer, element by
 * element.
 *
 *   y = x * f,  dx += dy * f,  df += dy * x
 *
 * x (output of the previous layer), f (output of the layer `from`) and y: B x H x W x C.
 * No weights. */
#include "dnx.h"

typedef struct {
    dnx_list from;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "the layer to multiply by; negative counts back"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    if (n->n_in != 2)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[product] from: must name one layer");
    dnx_shape a = n->in[0], f = n->in[1];
    if (a.h != f.h || a.w != f.w || a.c != f.c)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[product] from: %d x %d x %d does not fit %d x %d x %d", f.h, f.w, f.c,
                        a.h, a.w, a.c);
    n->out = a;
    return DNX_OK;
}

static size_t count_of(const dnx_node *n, const dnx_pass *p) {
    return (size_t)p->batch * dnx_size(n->out);
}

static void forward(dnx_node *n, dnx_pass *p) {
    for (size_t i = 0, count = count_of(n, p); i < count; i++) p->y[i] = p->x[0][i] * p->x[1][i];
}

static void backward(dnx_node *n, dnx_pass *p) {
    for (int k = 0; k < 2; k++) {
        float *dx = p->dx[k];
        const float *other = p->x[1 - k];
        if (!dx) continue;
        for (size_t i = 0, count = count_of(n, p); i < count; i++) {
            float d = p->dy[i] * other[i];
            dx[i] = p->dx_adds[k] ? dx[i] + d : d;
        }
    }
}

const dnx_layer_type dnx_product = {
    .name = "product",
    .summary = "multiplies by the output of an earlier layer",
    .layers_key = "from",
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
};
