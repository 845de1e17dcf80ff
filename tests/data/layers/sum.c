/* [sum]: adds the outputs of earlier layers to the output of the previous layer.
 *
 *   y = x + sum_k f_k,   dx += dy,  df_k += dy
 *
 * x (output of the previous layer), f_k (outputs of the layers in `from`) and y: B x H x W x C.
 * No weights. */
#include "layer/fusion.h"

typedef struct {
    dnx_list from;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "the layers to add; negative counts back"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    n->out = n->in[0];
    for (int k = 1; k < n->n_in; k++) {
        dnx_shape a = n->in[0], f = n->in[k];
        if (a.h != f.h || a.w != f.w || a.c != f.c)
            return dnx_fail(err, DNX_ESHAPE, n->loc,
                            "[sum] from: %d x %d x %d does not fit %d x %d x %d", f.h, f.w, f.c,
                            a.h, a.w, a.c);
    }
    return DNX_OK;
}

static void add_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    for (size_t i = (size_t)lo * (size_t)n->out.c; i < (size_t)hi * (size_t)n->out.c; i++) {
        p->y[i] = p->x[0][i];
        for (int k = 1; k < n->n_in; k++) p->y[i] += p->x[k][i];
    }
}

static void forward(dnx_node *n, dnx_pass *p) { dnx_each_row(n, p, dnx_pixels(n, p), add_rows); }

static void backward(dnx_node *n, dnx_pass *p) {
    const size_t count = (size_t)p->batch * dnx_size(n->out);
    for (int k = 0; k < n->n_in; k++)
        for (size_t i = 0; p->dx[k] && i < count; i++)
            p->dx[k][i] = p->dx_adds[k] ? p->dx[k][i] + p->dy[i] : p->dy[i];
}

/* Returns true when the previous layer may add the output of layer `from` itself: then forward() is
 * not called. */
static bool is_plain_sum(const dnx_node *n) { return n->n_in == 2; }

static const dnx_fusion fusion = {.is_plain_sum = is_plain_sum};
const dnx_layer_type dnx_sum = {
    .name = "sum",
    .summary = "adds the outputs of earlier layers",
    .is_reentrant = true,
    .layers_key = "from",
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
    .fusion = &fusion,
};
