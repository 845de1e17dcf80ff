/* [activation]: y = act(x), element by element. x, y: B x H x W x C.
 * Weights file: C slopes with activation=prelu (He et al. 2015, equation 1), else nothing. */
#include <string.h>

#include "common/norm_act.h"
#include "kernels/pool.h"
#include "dnx.h"

#define CHUNKS 32 /* parts of each sum: a fixed number, so that sums do not depend on the threads */

typedef struct {
    int activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_WORD(opts, activation, DNX_LINEAR, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END(opts),
};

typedef struct {
    float *slopes, *d_slopes; /* C floats; NULL unless activation=prelu */
    double *sums;             /* CHUNKS x 3 x C: the sums of act_back() for each part */
} state;

static dnx_act act_of(const dnx_node *n) { return (dnx_act)((const opts *)n->opts)->activation; }

static dnx_status make(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    size_t C = (size_t)n->in[0].c;
    n->out = n->in[0];
    dnx_status st = DNX_OK;
    if (act_of(n) == DNX_PRELU) st = dnx_new_slopes(n, &s->slopes, &s->d_slopes, err);
    if (!st && n->trains) {
        n->scratch = (size_t)n->batch * dnx_size(n->out);
        s->sums = dnx_new_array(n, CHUNKS * 3 * C, sizeof *s->sums, err);
        if (!s->sums) st = DNX_EMEM;
    }
    return st;
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const state *s = n->state;
    size_t at = (size_t)lo * (size_t)n->out.c;
    const float *r = dnx_residual(p);
    const dnx_scaled_act a = {n->out.c, NULL, NULL, act_of(n), s->slopes};
    dnx_kernels()->scale_act(p->x[0] + at, hi - lo, &a, r ? r + at : NULL, p->y + at);
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), forward_rows);
}

/* The pixels of the batch are divided into CHUNKS parts. Computes dx and the sums of act_back() for
 * parts [first, last). */
static void backward_rows(dnx_node *n, dnx_pass *p, long first, long last) {
    const state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    const dnx_scaled_act a = {n->out.c, NULL, NULL, act_of(n), s->slopes};
    size_t C = (size_t)n->out.c;
    for (long i = first; i < last; i++) {
        long lo, hi;
        dnx_share(dnx_pixels(n, p), (int)i, CHUNKS, &lo, &hi);
        if (lo == hi) continue;
        size_t at = (size_t)lo * C;
        double *sum = s->sums + 3 * C * (size_t)i;
        float *dx = p->dx[0] ? p->dx[0] + at : NULL;
        float *du = dx && !p->dx_adds[0] ? dx : p->scratch + at;
        k->act_back(p->dy + at, p->x[0] + at, hi - lo, &a, du, sum, sum + C,
                    s->slopes ? sum + 2 * C : NULL);
        if (dx && du != dx) k->add(du, (size_t)(hi - lo) * C, dx);
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    size_t C = (size_t)n->out.c;
    memset(s->sums, 0, sizeof *s->sums * CHUNKS * 3 * C);
    dnx_each_row(n, p, CHUNKS, backward_rows);
    for (size_t c = 0; s->slopes && c < C; c++) {
        double sum = 0;
        for (size_t i = 0; i < CHUNKS; i++) sum += s->sums[(3 * i + 2) * C + c];
        s->d_slopes[c] += (float)sum;
    }
}

static const dnx_fusion fusion = {.adds_residual = dnx_norm_act_adds_residual};

const dnx_layer_type dnx_activation = {
    .name = "activation",
    .summary = "an activation function",
    .is_reentrant = true,
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .fusion = &fusion,
};
