/* [shortcut]: adds the output of an earlier layer.
 *
 *   y = act(alpha*x + beta*f)
 *
 * x (the layer before) and y: B x H x W x C; f (`from`): B x H1 x W1 x C1. No weights.
 * Shapes may differ, as in libdarknet. If H1 > H, every (H1/H)-th pixel of f is added; if H1 < H, f
 * is added to every (H/H1)-th pixel of y. Only the first min(C, C1) channels are added.
 * All other elements are y = act(x), without alpha.
 * He et al. 2015, "Deep residual learning", equation 1. */
#include <stdio.h>
#include <string.h>

#include "common/bare_act.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "layer/advice.h"
#include "layer/fusion.h"

typedef struct {
    dnx_list from;
    int activation;
    float alpha, beta;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "the layer to add; negative counts back"),
    DNX_OPT_WORD(opts, activation, DNX_LINEAR, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_FLOAT(opts, alpha, 1, -1e6, 1e6, "factor of the layer before"),
    DNX_OPT_FLOAT(opts, beta, 1, -1e6, 1e6, "factor of `from`"),
    DNX_OPT_END(opts),
};

typedef struct {
    bool is_plain;      /* x and f have the same shape */
    int h, w, c;        /* how many rows, columns and channels of f are added */
    int stride, sample; /* the added pixels are every stride-th of f, every sample-th of y */
    float *one, *zero;  /* C: the scale 1 and the shift 0 for act_back() */
    double *sums;       /* threads x 2 x C: act_back() stores its sums there; they are not used */
} state;

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    if (n->n_in != 2)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[shortcut] from: must name one layer");
    if (dnx_bare_act_check(n, o->activation, err)) return DNX_EOPTION;
    dnx_shape a = n->in[0], f = n->in[1];
    s->stride = f.w / a.w;
    s->sample = a.w / f.w;
    if (s->stride != f.h / a.h || s->sample != a.h / f.h)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[shortcut] from: %d x %d x %d does not fit %d x %d x %d", f.h, f.w, f.c,
                        a.h, a.w, a.c);
    if (s->stride < 1) s->stride = 1;
    if (s->sample < 1) s->sample = 1;
    s->h = a.h < f.h ? a.h : f.h;
    s->w = a.w < f.w ? a.w : f.w;
    s->c = a.c < f.c ? a.c : f.c;
    s->is_plain = a.h == f.h && a.w == f.w && a.c == f.c;
    n->out = a;
    if (!n->trains || o->activation == DNX_LINEAR) return DNX_OK;
    n->scratch = 2 * (size_t)n->batch * dnx_size(a);
    size_t C = (size_t)a.c;
    dnx_status st = dnx_new(n, &s->one, C, err);
    for (size_t c = 0; !st && c < C; c++) s->one[c] = 1;
    if (!st) st = dnx_new(n, &s->zero, C, err);
    if (!st)
        s->sums = dnx_new_array(n, 2 * C * (size_t)dnx_pool_threads(n->pool), sizeof *s->sums, err);
    return st || !s->sums ? DNX_EMEM : DNX_OK;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    float *u; /* alpha*x + beta*f */
    const float *du;
} job;

/* Returns the row of f that is added to row i of y, or -1. Rows are numbered through the batch. */
static long row_of_f(const dnx_node *n, long i) {
    const state *s = n->state;
    long b = i / n->out.h, y = i % n->out.h;
    if (y % s->sample || y / s->sample >= s->h) return -1;
    return b * n->in[1].h + y / s->sample * s->stride;
}

static void add_rows(const job *j, long lo, long hi) {
    const dnx_node *n = j->n;
    const state *s = n->state;
    const opts *o = n->opts;
    size_t C = (size_t)n->out.c, row = (size_t)n->out.w * C, C1 = (size_t)n->in[1].c;
    const float *x = j->p->x[0], *f = j->p->x[1];
    if (s->is_plain) {
        for (size_t i = (size_t)lo * row; i < (size_t)hi * row; i++)
            j->u[i] = o->alpha * x[i] + o->beta * f[i];
        return;
    }
    for (long i = lo; i < hi; i++) {
        float *u = j->u + (size_t)i * row;
        long from = row_of_f(n, i);
        memcpy(u, x + (size_t)i * row, sizeof *u * row);
        for (int k = 0; from >= 0 && k < s->w; k++) {
            float *to = u + (size_t)(k * s->sample) * C;
            const float *a = f + ((size_t)from * (size_t)n->in[1].w + (size_t)(k * s->stride)) * C1;
            for (int c = 0; c < s->c; c++) to[c] = o->alpha * to[c] + o->beta * a[c];
        }
    }
}

static void forward_share(void *arg, long lo, long hi) {
    job *j = arg;
    const opts *o = j->n->opts;
    dnx_shape out = j->n->out;
    add_rows(j, lo, hi);
    float *y = j->p->y + (size_t)lo * (size_t)out.w * (size_t)out.c;
    dnx_bare_act(j->n, o->activation, y, (hi - lo) * out.w);
}

static void forward(dnx_node *n, dnx_pass *p) {
    job j = {n, p, p->y, NULL};
    dnx_pool_rows(n->pool, (long)p->batch * n->out.h, forward_share, &j);
}

/* Computes du, the gradient of the sum u before the activation. Computes u again, because forward()
 * does not keep it. */
static void du_share(void *arg, int t, int threads) {
    job *j = arg;
    const opts *o = j->n->opts;
    state *s = j->n->state;
    dnx_shape out = j->n->out;
    long lo, hi;
    dnx_share((long)j->p->batch * out.h, t, threads, &lo, &hi);
    size_t at = (size_t)lo * (size_t)out.w * (size_t)out.c;
    double *sums = s->sums + 2 * (size_t)t * (size_t)out.c;
    add_rows(j, lo, hi);
    const dnx_scaled_act a = {out.c, s->one, s->zero, (dnx_act)o->activation, NULL};
    dnx_kernels()->act_back(j->p->dy + at, j->u + at, (hi - lo) * out.w, &a,
                            (float *)(uintptr_t)j->du + at, sums, sums + out.c, NULL);
}

static void put(float a, const float *from, size_t n, bool adds, float *to) {
    if (adds)
        for (size_t i = 0; i < n; i++) to[i] += a * from[i];
    else
        for (size_t i = 0; i < n; i++) to[i] = a * from[i];
}

static void dx_share(void *arg, long lo, long hi) {
    job *j = arg;
    const state *s = j->n->state;
    const opts *o = j->n->opts;
    size_t C = (size_t)j->n->out.c, row = (size_t)j->n->out.w * C;
    bool adds = j->p->dx_adds[0];
    for (long i = lo; i < hi; i++) {
        const float *du = j->du + (size_t)i * row;
        float *dx = j->p->dx[0] + (size_t)i * row;
        long from = s->is_plain ? 0 : row_of_f(j->n, i);
        for (int k = 0; k < j->n->out.w; k++, du += C, dx += C) {
            bool is_added = from >= 0 && k % s->sample == 0 && k / s->sample < s->w;
            size_t scaled = is_added ? (size_t)s->c : 0;
            put(o->alpha, du, scaled, adds, dx);
            put(1, du + scaled, C - scaled, adds, dx + scaled);
        }
    }
}

/* Computes the gradient of f for images [lo, hi). */
static void df_share(void *arg, long lo, long hi) {
    job *j = arg;
    const dnx_node *n = j->n;
    const state *s = n->state;
    const opts *o = n->opts;
    size_t C = (size_t)n->out.c, C1 = (size_t)n->in[1].c, size = dnx_size(n->in[1]);
    float *df = j->p->dx[1];
    if (s->is_plain) {
        put(o->beta, j->du + (size_t)lo * size, (size_t)(hi - lo) * size, j->p->dx_adds[1],
            df + (size_t)lo * size);
        return;
    }
    if (!j->p->dx_adds[1]) memset(df + (size_t)lo * size, 0, sizeof *df * (size_t)(hi - lo) * size);
    for (long i = lo * n->out.h; i < hi * n->out.h; i++) {
        long from = row_of_f(n, i);
        for (int k = 0; from >= 0 && k < s->w; k++)
            put(o->beta, j->du + ((size_t)i * (size_t)n->out.w + (size_t)(k * s->sample)) * C,
                (size_t)s->c, true,
                df + ((size_t)from * (size_t)n->in[1].w + (size_t)(k * s->stride)) * C1);
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    job j = {n, p, NULL, p->dy};
    if (o->activation != DNX_LINEAR) {
        j.u = p->scratch;
        j.du = p->scratch + (size_t)n->batch * dnx_size(n->out);
        dnx_pool_run(n->pool, du_share, &j);
    }
    if (p->dx[0]) dnx_pool_rows(n->pool, (long)p->batch * n->out.h, dx_share, &j);
    if (p->dx[1]) dnx_pool_rows(n->pool, p->batch, df_share, &j);
}

static bool is_plain_sum(const dnx_node *n) {
    const opts *o = n->opts;
    return ((const state *)n->state)->is_plain && o->activation == DNX_LINEAR && o->alpha == 1 &&
           o->beta == 1;
}

/* Warns of inputs of different shapes, which libdarknet adds without a message. */
static const char *doubts(const dnx_node *n, char *text, size_t size) {
    dnx_shape a = n->in[0], b = n->in[1];
    if (((const state *)n->state)->is_plain) return NULL;
    snprintf(text, size, "adds %d x %d x %d to %d x %d x %d: only a part is added", b.h, b.w, b.c,
             a.h, a.w, a.c);
    return "from";
}

static const dnx_fusion fusion = {.is_plain_sum = is_plain_sum};
static const dnx_advice advice = {.doubts = doubts};

const dnx_layer_type dnx_shortcut = {
    .name = "shortcut",
    .summary = "adds the output of an earlier layer",
    .is_reentrant = true,
    .layers_key = "from",
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .fusion = &fusion,
    .advice = &advice,
};
