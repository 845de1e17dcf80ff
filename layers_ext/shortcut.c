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
    int stride, sample; /* every stride-th pixel of f is added to every sample-th of y */
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
    if (n->trains && o->activation != DNX_LINEAR) n->scratch = (size_t)n->batch * dnx_size(a);
    return DNX_OK;
}

/* Returns the row of f that is added to row i of y, or -1 when none is added. Rows are numbered
 * through the batch. */
static long row_of_f(const dnx_node *n, long i) {
    const state *s = n->state;
    long b = i / n->out.h, y = i % n->out.h;
    if (y % s->sample || y / s->sample >= s->h) return -1;
    return b * n->in[1].h + y / s->sample * s->stride;
}

/* Computes rows [lo, hi) of u = alpha*x + beta*f. */
static void add_rows(const dnx_node *n, const dnx_pass *p, long lo, long hi, float *u) {
    const state *s = n->state;
    const opts *o = n->opts;
    size_t C = (size_t)n->out.c, row = (size_t)n->out.w * C, C1 = (size_t)n->in[1].c;
    const float *x = p->x[0], *f = p->x[1];
    if (s->is_plain) {
        for (size_t i = (size_t)lo * row; i < (size_t)hi * row; i++)
            u[i] = o->alpha * x[i] + o->beta * f[i];
        return;
    }
    for (long i = lo; i < hi; i++) {
        long from = row_of_f(n, i);
        memcpy(u + (size_t)i * row, x + (size_t)i * row, sizeof *u * row);
        for (int k = 0; from >= 0 && k < s->w; k++) {
            float *to = u + (size_t)i * row + (size_t)(k * s->sample) * C;
            const float *a = f + ((size_t)from * (size_t)n->in[1].w + (size_t)(k * s->stride)) * C1;
            for (int c = 0; c < s->c; c++) to[c] = o->alpha * to[c] + o->beta * a[c];
        }
    }
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    float *y = p->y + (size_t)lo * (size_t)n->out.w * (size_t)n->out.c;
    add_rows(n, p, lo, hi, p->y);
    dnx_bare_act(n, ((const opts *)n->opts)->activation, y, (hi - lo) * n->out.w);
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, (long)p->batch * n->out.h, forward_rows);
}

/* Returns du, the gradient of u = alpha*x + beta*f. */
static const float *du_of(const dnx_node *n, const dnx_pass *p) {
    return ((const opts *)n->opts)->activation == DNX_LINEAR ? p->dy : p->scratch;
}

/* Computes rows [lo, hi) of u again, because forward() does not keep u. Replaces them by du. */
static void du_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t at = (size_t)lo * (size_t)n->out.w * (size_t)n->out.c;
    float *u = p->scratch + at;
    const dnx_scaled_act a = {.C = n->out.c, .act = (dnx_act)((const opts *)n->opts)->activation};
    add_rows(n, p, lo, hi, p->scratch);
    dnx_kernels()->act_dz(p->dy + at, u, (hi - lo) * n->out.w, &a, NULL, NULL, NULL, u);
}

static void put(float a, const float *from, size_t n, bool adds, float *to) {
    for (size_t i = 0; i < n; i++) to[i] = adds ? to[i] + a * from[i] : a * from[i];
}

static void dx_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const state *s = n->state;
    const opts *o = n->opts;
    size_t C = (size_t)n->out.c, row = (size_t)n->out.w * C;
    bool adds = p->dx_adds[0];
    for (long i = lo; i < hi; i++) {
        const float *du = du_of(n, p) + (size_t)i * row;
        float *dx = p->dx[0] + (size_t)i * row;
        long from = s->is_plain ? 0 : row_of_f(n, i);
        for (int k = 0; k < n->out.w; k++, du += C, dx += C) {
            bool is_added = from >= 0 && k % s->sample == 0 && k / s->sample < s->w;
            size_t scaled = is_added ? (size_t)s->c : 0;
            put(o->alpha, du, scaled, adds, dx);
            put(1, du + scaled, C - scaled, adds, dx + scaled);
        }
    }
}

/* Computes the gradient of f for images [lo, hi). */
static void df_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const state *s = n->state;
    const opts *o = n->opts;
    size_t C = (size_t)n->out.c, C1 = (size_t)n->in[1].c, size = dnx_size(n->in[1]);
    const float *du = du_of(n, p);
    float *df = p->dx[1];
    if (s->is_plain) {
        put(o->beta, du + (size_t)lo * size, (size_t)(hi - lo) * size, p->dx_adds[1],
            df + (size_t)lo * size);
        return;
    }
    if (!p->dx_adds[1]) memset(df + (size_t)lo * size, 0, sizeof *df * (size_t)(hi - lo) * size);
    for (long i = lo * n->out.h; i < hi * n->out.h; i++) {
        long from = row_of_f(n, i);
        for (int k = 0; from >= 0 && k < s->w; k++)
            put(o->beta, du + ((size_t)i * (size_t)n->out.w + (size_t)(k * s->sample)) * C,
                (size_t)s->c, true,
                df + ((size_t)from * (size_t)n->in[1].w + (size_t)(k * s->stride)) * C1);
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    const long rows = (long)p->batch * n->out.h;
    if (((const opts *)n->opts)->activation != DNX_LINEAR) dnx_each_row(n, p, rows, du_rows);
    if (p->dx[0]) dnx_each_row(n, p, rows, dx_rows);
    if (p->dx[1]) dnx_each_row(n, p, p->batch, df_rows);
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
