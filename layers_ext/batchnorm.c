/* [batchnorm]: normalises every channel over batch and pixels.
 *
 *   y = act(scales[c] * (x - mean[c]) / sqrt(variance[c] + 1e-5) + biases[c])
 *
 * x, y: B x H x W x C. Ioffe & Szegedy 2015, algorithm 1. Without shift=1 the biases are 0.
 * Weights file: biases C with shift=1; scales, mean, variance C; slopes C with activation=prelu. */
#include <string.h>

#include "common/norm_act.h"
#include "kernels/pool.h"

#define BLOCK 64 /* pixels whose gradient is computed at a time, so that it stays in the cache */

typedef struct {
    int shift, activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, shift, 0, 0, 1, "1: a bias for each channel, trained and saved"),
    DNX_OPT_WORD(opts, activation, DNX_LINEAR, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END(opts),
};

typedef struct {
    dnx_norm_act norm;
} state;

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    n->out = n->in[0];
    n->scratch = n->trains ? (size_t)dnx_pool_threads(n->pool) * BLOCK * (size_t)n->out.c : 0;
    dnx_status st = dnx_norm_act_make(&s->norm, n, true, (dnx_act)o->activation, err);
    if (!st && !o->shift) /* removes the biases, parameter 0, so they are not saved */
        memmove(n->params, n->params + 1, sizeof *n->params * (size_t)--n->n_params);
    return st;
}

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    (void)err;
    state *s = n->state;
    if (!n->trains) dnx_norm_act_fold(&s->norm);
    return DNX_OK;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
} job;

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_norm_act *l = &((state *)j->n->state)->norm;
    long lo, hi;
    dnx_share(dnx_pixels(j->n, j->p), t, threads, &lo, &hi);
    size_t at = (size_t)lo * (size_t)l->bn.c;
    const float *x = j->p->x[0] + at, *r = dnx_residual(j->p);
    if (!j->n->trains) {
        dnx_scaled_act a = dnx_norm_act_scaled(l);
        dnx_kernels()->scale_act(x, hi - lo, &a, r ? r + at : NULL, j->p->y + at);
        return;
    }
    memcpy(l->z + at, x, sizeof *x * (size_t)(hi - lo) * (size_t)l->bn.c);
    dnx_norm_act_stats(l, j->p, t, l->z + at, hi - lo);
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    job j = {n, p};
    if (n->trains) dnx_norm_act_begin(&s->norm, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (n->trains) dnx_norm_act_end(&s->norm, n, p);
}

static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_norm_act *l = &((state *)j->n->state)->norm;
    long lo, hi;
    dnx_share(dnx_pixels(j->n, j->p), t, threads, &lo, &hi);
    size_t C = (size_t)l->bn.c;
    float *block = j->p->scratch + (size_t)t * BLOCK * C;
    for (; lo < hi; lo += BLOCK) {
        long rows = hi - lo < BLOCK ? hi - lo : BLOCK;
        size_t at = (size_t)lo * C;
        float *dx = j->p->dx[0] + at, *out = j->p->dx_adds[0] ? block : dx;
        dnx_norm_act_dz(l, j->p->dy + at, l->z + at, rows, out);
        if (out != dx) dnx_kernels()->add(out, (size_t)rows * C, dx);
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    job j = {n, p};
    dnx_norm_act_backward(&s->norm, n, p);
    if (!((const opts *)n->opts)->shift)
        memset(s->norm.bn.d_shifts, 0, sizeof(float) * (size_t)s->norm.bn.c); /* biases stay 0 */
    if (p->dx[0]) dnx_pool_run(n->pool, backward_share, &j);
}

static dnx_norm_act *hand_on(dnx_node *n) { return &((state *)n->state)->norm; }

static const dnx_fusion fusion = {.adds_residual = dnx_norm_act_adds_residual, .hand_on = hand_on};

const dnx_layer_type dnx_batchnorm = {
    .name = "batchnorm",
    .summary = "batch norm of every channel",
    .is_reentrant = true,
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .fusion = &fusion,
};
