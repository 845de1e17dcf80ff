/* [route]: the channels of the named layers, one after the other.
 * x_i: B x H x W x C_i, y: B x H x W x sum C_i. No weights. */
#include <string.h>

#include "kernels/kernels.h"
#include "dnx.h"

typedef struct {
    dnx_list layers;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, layers, "layers to join; negative counts back"),
    DNX_OPT_END};

static dnx_status make(dnx_node *n, dnx_err *err) {
    if (n->n_in < 1)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[route] layers: must name a layer");
    n->out = n->in[0];
    for (int i = 1; i < n->n_in; i++) {
        dnx_shape a = n->in[0], b = n->in[i];
        if (a.h != b.h || a.w != b.w)
            return dnx_fail(err, DNX_ESHAPE, n->loc,
                            "[route] layers: layer %d is %d x %d, but layer %d is %d x %d",
                            n->from[0], a.h, a.w, n->from[i], b.h, b.w);
        if (b.c > (1 << 30) - n->out.c)
            return dnx_fail(err, DNX_ESHAPE, n->loc, "[route] layers: over 2^30 channels");
        n->out.c += b.c;
    }
    return DNX_OK;
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    float *y = p->y + (size_t)lo * (size_t)n->out.c;
    for (long k = lo; k < hi; k++)
        for (int i = 0; i < n->n_in; i++) {
            size_t C = (size_t)n->in[i].c;
            memcpy(y, p->x[i] + (size_t)k * C, sizeof *y * C);
            y += C;
        }
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), forward_rows);
}

static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const float *dy = p->dy + (size_t)lo * (size_t)n->out.c;
    for (long k = lo; k < hi; k++)
        for (int i = 0; i < n->n_in; i++) {
            size_t C = (size_t)n->in[i].c;
            float *dx = p->dx[i] ? p->dx[i] + (size_t)k * C : NULL;
            if (dx && p->dx_adds[i]) dnx_kernels()->add(dy, C, dx);
            else if (dx) memcpy(dx, dy, sizeof *dx * C);
            dy += C;
        }
}

static void backward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), backward_rows);
}

const dnx_layer_type dnx_route = {
    .name = "route",
    .summary = "joins the channels of layers",
    .is_reentrant = true,
    .only_named_inputs = true,
    .layers_key = "layers",
    .options = options,
    .opts_size = sizeof(opts),
    .make = make,
    .forward = forward,
    .backward = backward,
};
