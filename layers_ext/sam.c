/* [sam], spatial attention: the product of two maps, element by element.
 *
 *   y = act(x * f)
 *
 * x (the layer before), f (`from`) and y: B x H x W x C. No weights.
 * Wang et al. 2017, "Residual attention network", equation 1. Named as in AlexeyAB's Darknet. */
#include "common/bare_act.h"

#define BLOCK 256 /* numbers that backward() computes at a time */

typedef struct {
    dnx_list from;
    int activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "the map to multiply by; negative counts back"),
    DNX_OPT_WORD(opts, activation, DNX_LINEAR, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    if (n->n_in != 2) return dnx_fail(err, DNX_EOPTION, n->loc, "[sam] from: must name one layer");
    dnx_shape a = n->in[0], f = n->in[1];
    if (a.h != f.h || a.w != f.w || a.c != f.c)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[sam] from: is %d x %d x %d, but the layer before %d x %d x %d", f.h, f.w,
                        f.c, a.h, a.w, a.c);
    n->out = a;
    return dnx_bare_act_check(n, ((const opts *)n->opts)->activation, err);
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t C = (size_t)n->out.c;
    for (size_t i = (size_t)lo * C; i < (size_t)hi * C; i++) p->y[i] = p->x[0][i] * p->x[1][i];
    dnx_bare_act(n, ((const opts *)n->opts)->activation, p->y + (size_t)lo * C, hi - lo);
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), forward_rows);
}

static void put(const dnx_pass *p, int k, const float *du, size_t at, size_t count) {
    const float *other = p->x[1 - k] + at;
    float *dx = p->dx[k] + at;
    if (p->dx_adds[k])
        for (size_t i = 0; i < count; i++) dx[i] += du[i] * other[i];
    else
        for (size_t i = 0; i < count; i++) dx[i] = du[i] * other[i];
}

static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const int act = ((const opts *)n->opts)->activation;
    size_t C = (size_t)n->out.c, end = (size_t)hi * C;
    for (size_t at = (size_t)lo * C, count; at < end; at += count) {
        float u[BLOCK];
        const float *du = p->dy + at;
        count = end - at < BLOCK ? end - at : BLOCK;
        if (act != DNX_LINEAR) {
            for (size_t i = 0; i < count; i++) u[i] = p->x[0][at + i] * p->x[1][at + i];
            dnx_bare_act_back(act, du, u, count, u);
            du = u;
        }
        for (int k = 0; k < 2; k++)
            if (p->dx[k]) put(p, k, du, at, count);
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), backward_rows);
}

const dnx_layer_type dnx_sam = {
    .name = "sam",
    .summary = "the product of two maps",
    .is_reentrant = true,
    .layers_key = "from",
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
};
