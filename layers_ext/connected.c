/* [connected]: a matrix product over the whole input, batch norm, activation.
 *
 *   z[b,n] = sum_d w[n,d] x[b,d],   y = act(batch_norm(z))
 *
 * x: B x H x W x C, taken as D = H*W*C numbers; y: B x 1 x 1 x N.
 * Weights file: biases N, weights N x D; with batch_normalize=1 scales N, mean N, variance N; with
 * activation=prelu slopes N. The D weights of an output are in libdarknet's order C, H, W. */
#include <math.h>
#include <string.h>

#include "common/conv/filters.h"
#include "common/norm_act.h"
#include "kernels/pool.h"

typedef struct {
    int output, batch_normalize, activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, output, 1, 1, 1 << 24, "number of outputs"),
    DNX_OPT_INT(opts, batch_normalize, 0, 0, 1, "1: batch norm before the activation"),
    DNX_OPT_WORD(opts, activation, DNX_LOGISTIC, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END(opts),
};

typedef struct {
    dnx_norm_act norm;
    int D, N;
    float *w, *d_w;  /* N x D, file order */
    float *wk;       /* D x N, d in the order H, W, C */
    float *packed;   /* wk, packed for mm() */
    float *packed_t; /* the transpose of wk, packed for mm(), which computes dx */
    float *d_wk;     /* D x N: the gradient of wk */
} state;

/* Moves the weights in n->params to the place after the biases, as in libdarknet's files. */
static void weights_second(dnx_node *n) {
    for (int k = n->n_params - 1; k > 1; k--) {
        const dnx_param p = n->params[k];
        if (p.role != DNX_WEIGHTS) continue;
        n->params[k] = n->params[k - 1];
        n->params[k - 1] = p;
    }
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    if (dnx_size(n->in[0]) > ((size_t)1 << 30) / (size_t)o->output)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[connected] output=%d: over 2^30 weights for an input of %d x %d x %d",
                        o->output, n->in[0].h, n->in[0].w, n->in[0].c);
    s->D = (int)dnx_size(n->in[0]);
    s->N = o->output;
    n->out = (dnx_shape){1, 1, s->N};
    size_t count = (size_t)s->D * (size_t)s->N;
    const dnx_param w = {"weights", count, 1, s->N, DNX_WEIGHTS};
    dnx_status st = dnx_norm_act_make(&s->norm, n, o->batch_normalize, (dnx_act)o->activation, err);
    if (!st) st = dnx_new_param(n, &s->w, &s->d_w, w, err);
    if (!st) weights_second(n);
    if (!st) st = dnx_new(n, &s->packed, k->packed(s->D, s->N), err);
    if (!st && n->trains) {
        st = dnx_new(n, &s->packed_t, k->packed(s->N, s->D), err);
        if (!st) st = dnx_new(n, &s->wk, count, err);
        if (!st) st = dnx_new(n, &s->d_wk, count, err);
    }
    n->scratch = n->trains ? (size_t)n->batch * (size_t)s->N : 0;
    if (st || n->is_blank) return st;
    dnx_rng r;
    dnx_rng_seed(&r, n->seed, (uint64_t)n->index);
    float range = sqrtf(2.f / (float)s->D); /* w is uniform in [-range, range], as in libdarknet */
    for (size_t i = 0; i < count; i++) s->w[i] = range * (2 * dnx_rng_uniform(&r) - 1);
    return DNX_OK;
}

/* Converts d, an index in the order H, W, C, to the index in the file's order C, H, W. */
static size_t file_index(const dnx_node *n, size_t d) {
    size_t C = (size_t)n->in[0].c, hw = (size_t)n->in[0].h * (size_t)n->in[0].w;
    return d % C * hw + d / C;
}

static void prepare_share(void *arg, long lo, long hi) {
    dnx_node *n = arg;
    state *s = n->state;
    size_t D = (size_t)s->D, N = (size_t)s->N;
    for (size_t d = (size_t)lo; d < (size_t)hi; d++) {
        size_t from = file_index(n, d);
        for (size_t i = 0; i < N; i++)
            s->wk[d * N + i] = s->w[i * D + from] * (n->trains ? 1 : s->norm.bn.scale[i]);
    }
}

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    if (!s->w) return DNX_OK; /* an earlier call has packed w and freed it */
    dnx_status st = s->wk ? DNX_OK : dnx_new(n, &s->wk, (size_t)s->D * (size_t)s->N, err);
    if (st) return st;
    if (!n->trains) dnx_norm_act_fold(&s->norm);
    dnx_pool_rows(n->pool, s->D, prepare_share, n);
    k->pack(s->wk, (size_t)s->N, 1, s->D, s->N, s->packed);
    if (n->trains) {
        k->pack(s->wk, 1, (size_t)s->N, s->N, s->D, s->packed_t);
        return DNX_OK;
    }
    dnx_free(s->wk);
    s->wk = NULL;
    dnx_release_param(n, &s->w);
    return DNX_OK;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    const float *dz;
} job;

/* The threads divide the N outputs, not the images, because a batch may have few images. */
static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    state *s = j->n->state;
    int lo, hi;
    dnx_share_columns(s->N, dnx_kernels()->panel, t, threads, &lo, &hi);
    if (lo >= hi) return;
    dnx_epilogue e = dnx_norm_act_epilogue(&s->norm, j->p, 0, lo);
    dnx_kernels()->mm(j->p->x[0], (size_t)s->D, j->p->batch, s->D,
                      s->packed + (size_t)lo * (size_t)s->D, hi - lo, &e);
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    job j = {n, p, NULL};
    if (n->trains) dnx_norm_act_begin(&s->norm, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (!n->trains) return;
    dnx_norm_act_stats(&s->norm, p, 0, s->norm.z, p->batch);
    dnx_norm_act_end(&s->norm, n, p);
}

static void dx_share(void *arg, int t, int threads) {
    job *j = arg;
    state *s = j->n->state;
    int lo, hi;
    dnx_share_columns(s->D, dnx_kernels()->panel, t, threads, &lo, &hi);
    if (lo >= hi) return;
    const dnx_epilogue e = {.y = j->p->dx[0] + lo, .ldy = (size_t)s->D, .adds = j->p->dx_adds[0]};
    dnx_kernels()->mm(j->dz, (size_t)s->N, j->p->batch, s->N,
                      s->packed_t + (size_t)lo * (size_t)s->N, hi - lo, &e);
}

/* Computes rows [lo, hi) of the gradient of wk, and adds them to d_w in the file's order. */
static void dw_share(void *arg, long lo, long hi) {
    job *j = arg;
    state *s = j->n->state;
    size_t D = (size_t)s->D, N = (size_t)s->N;
    float *d_wk = s->d_wk + (size_t)lo * N;
    memset(d_wk, 0, sizeof *d_wk * (size_t)(hi - lo) * N);
    dnx_kernels()->mmt(j->p->x[0] + lo, D, j->dz, N, j->p->batch, (int)(hi - lo), s->N, d_wk, NULL);
    for (size_t d = (size_t)lo; d < (size_t)hi; d++) {
        size_t to = file_index(j->n, d);
        for (size_t i = 0; i < N; i++) s->d_w[i * D + to] += s->d_wk[d * N + i];
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    dnx_norm_act_backward(&s->norm, n, p);
    job j = {n, p, dnx_norm_act_dz(&s->norm, p->dy, s->norm.z, p->batch, p->scratch)};
    dnx_pool_rows(n->pool, s->D, dw_share, &j);
    if (p->dx[0]) dnx_pool_run(n->pool, dx_share, &j);
}

static const dnx_fusion fusion = {.adds_residual = dnx_norm_act_adds_residual};

const dnx_layer_type dnx_connected = {
    .name = "connected",
    .aliases = "conn",
    .summary = "fully connected, batch norm, activation",
    .is_reentrant = true,
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .fusion = &fusion,
};
