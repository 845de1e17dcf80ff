/* [channel_shuffle]: mixes the groups of a grouped convolution, so that each group of the next
 * convolution gets channels of all groups.
 *
 *   y[k G + g] = x[g m + k],   G = groups,  m = C / G,  g = 0..G-1,  k = 0..m-1
 *
 * x, y: B x H x W x C. No weights. Zhang et al. 2018, "ShuffleNet", section 3.1. */
#include "dnx.h"

typedef struct {
    int groups;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, groups, 2, 1, 65536, "number of groups of channels"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    n->out = n->in[0];
    if (n->out.c % o->groups)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[channel_shuffle] groups=%d: must divide %d channels", o->groups,
                        n->out.c);
    return DNX_OK;
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    int G = ((const opts *)n->opts)->groups, m = n->out.c / G;
    for (long i = lo; i < hi; i++) {
        const float *x = p->x[0] + (size_t)i * (size_t)n->out.c;
        float *y = p->y + (size_t)i * (size_t)n->out.c;
        for (int g = 0; g < G; g++)
            for (int k = 0; k < m; k++) y[k * G + g] = x[g * m + k];
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), forward_rows);
}

static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    int G = ((const opts *)n->opts)->groups, m = n->out.c / G;
    for (long i = lo; i < hi; i++) {
        const float *dy = p->dy + (size_t)i * (size_t)n->out.c;
        float *dx = p->dx[0] + (size_t)i * (size_t)n->out.c;
        for (int g = 0; g < G; g++)
            for (int k = 0; k < m; k++) {
                float d = dy[k * G + g];
                dx[g * m + k] = p->dx_adds[0] ? dx[g * m + k] + d : d;
            }
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    if (p->dx[0]) dnx_each_row(n, p, dnx_pixels(n, p), backward_rows);
}

const dnx_layer_type dnx_channel_shuffle = {
    .name = "channel_shuffle",
    .summary = "mixes the channels of groups",
    .is_reentrant = true,
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
};
