/* [dropout]: while training, each number is set to 0 with `probability`, the others are divided by
 * 1 - probability; else y = x. x, y: B x H x W x C. No weights.
 * Srivastava et al. 2014, section 10. */
#include <string.h>

#include "kernels/pool.h"
#include "dnx.h"

typedef struct {
    float probability;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_FLOAT(opts, probability, .5, 0, .99, "share of the numbers that are set to 0"),
    DNX_OPT_END};

typedef struct {
    bool is_dropping;    /* the last forward trained */
    unsigned char *keep; /* batch x out */
} state;

static dnx_status make(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    n->out = n->in[0];
    if (!n->trains) return DNX_OK;
    size_t bytes = (size_t)n->batch * dnx_size(n->out);
    return dnx_new(n, (float **)(void *)&s->keep, bytes / sizeof(float) + 1, err);
}

static void unmake(dnx_node *n) { dnx_free(((state *)n->state)->keep); }

typedef struct {
    dnx_node *n;
    dnx_pass *p;
} job;

/* An image has a generator of its own, so that threads do not change the numbers. */
static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    const opts *o = j->n->opts;
    state *s = j->n->state;
    size_t size = dnx_size(j->n->out);
    float scale = 1 / (1 - o->probability);
    long lo, hi;
    dnx_share(j->p->batch, t, threads, &lo, &hi);
    for (size_t b = (size_t)lo; b < (size_t)hi; b++) {
        const float *x = j->p->x[0] + b * size;
        float *y = j->p->y + b * size;
        unsigned char *keep = s->keep + b * size;
        dnx_rng r;
        dnx_rng_seed(&r, j->n->seed + j->p->seen * 0x9e3779b97f4a7c15u,
                     (uint64_t)j->n->index << 32 | b);
        for (size_t i = 0; i < size; i++) {
            keep[i] = dnx_rng_uniform(&r) >= o->probability;
            y[i] = keep[i] ? x[i] * scale : 0;
        }
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    s->is_dropping = p->is_training && s->keep;
    if (!s->is_dropping) {
        memcpy(p->y, p->x[0], sizeof *p->y * (size_t)p->batch * dnx_size(n->out));
        return;
    }
    job j = {n, p};
    dnx_pool_run(n->pool, forward_share, &j);
}

static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    const opts *o = j->n->opts;
    const state *s = j->n->state;
    float scale = s->is_dropping ? 1 / (1 - o->probability) : 1;
    long lo, hi;
    dnx_share((long)j->p->batch * (long)dnx_size(j->n->out), t, threads, &lo, &hi);
    for (size_t i = (size_t)lo; i < (size_t)hi; i++) {
        float d = s->is_dropping && !s->keep[i] ? 0 : j->p->dy[i] * scale;
        j->p->dx[0][i] = j->p->dx_adds[0] ? j->p->dx[0][i] + d : d;
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    job j = {n, p};
    if (p->dx[0]) dnx_pool_run(n->pool, backward_share, &j);
}

const dnx_layer_type dnx_dropout = {
    .name = "dropout",
    .summary = "sets random numbers to 0 while training",
    .options = options,
    .opts_size = sizeof(opts),
    .state_size = sizeof(state),
    .make = make,
    .unmake = unmake,
    .forward = forward,
    .backward = backward,
};
