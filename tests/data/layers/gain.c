/* [gain]: multiplies each channel by a learned number.
 *
 *   y[i,c] = g[c] x[i,c],   dg[c] += sum_i dy[i,c] x[i,c],   dx[i,c] += g[c] dy[i,c]
 *
 * x and y: B x H x W x C; i: one of B H W pixels; c: a channel. Weights file: gains C. */
#include "dnx.h"

typedef struct {
    float start;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_FLOAT(opts, start, 1, -1e6, 1e6, "all gains before training"),
    DNX_OPT_END(opts),
};

typedef struct {
    float *g, *dg; /* C each; dg is NULL when the network only predicts */
} state;

static dnx_status make(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    const size_t C = (size_t)n->in[0].c;
    n->out = n->in[0];
    dnx_status st = dnx_new_param(n, &s->g, &s->dg, (dnx_param){"gains", C}, err);
    for (size_t c = 0; !st && c < C; c++) s->g[c] = ((const opts *)n->opts)->start;
    return st;
}

static void forward(dnx_node *n, dnx_pass *p) {
    const state *s = n->state;
    size_t C = (size_t)n->out.c, count = (size_t)p->batch * dnx_size(n->out);
    for (size_t i = 0; i < count; i++) p->y[i] = s->g[i % C] * p->x[0][i];
}

static void backward(dnx_node *n, dnx_pass *p) {
    const state *s = n->state;
    size_t C = (size_t)n->out.c, count = (size_t)p->batch * dnx_size(n->out);
    float *dx = p->dx[0];
    for (size_t i = 0; i < count; i++) {
        s->dg[i % C] += p->dy[i] * p->x[0][i];
        float d = s->g[i % C] * p->dy[i];
        if (dx) dx[i] = p->dx_adds[0] ? dx[i] + d : d;
    }
}

static double macs(const dnx_node *n) { return (double)dnx_size(n->out); }

const dnx_layer_type dnx_gain = {
    .name = "gain",
    .summary = "multiplies each channel by a learned number",
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .macs = macs,
};
