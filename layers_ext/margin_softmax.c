/* [margin_softmax]: softmax cross-entropy over cosines, with a margin on the true class.
 *
 *   c_j = x.w_j / (|x| |w_j|),  th = acos c_y,  z_y = s f(c_y),  z_k = s g(c_k) for k != y
 *   loss = sum_b (log sum_j e^{z_j} - sum_j q_j z_j),  q = one-hot, smoothed: (1-e) [j=y] + e/N
 *
 *   none        f = c
 *   sphereface  f = (-1)^k cos(m th) - 2k, th in [k pi/m, (k+1) pi/m]      Liu 2017, eq. 7
 *   am          f = c - m                                                  Wang 2018, eq. 6
 *   arcface     f = cos(th + m), but c - m sin m where th + m > pi         Deng 2019, eq. 3
 *   combined    f = cos(m1 th + m2) - m3                                   Deng 2019, eq. 4
 *   mv-am, mv-arc  f as am, arcface; g = (1+t) c + t where c_k > f(c_y)    Wang 2020, eq. 9
 *   d-softmax   loss = log(1 + e^{s(m - c_y)}) + log(1 + sum_{k!=y} e^{s c_k})  He 2019, eq. 8
 *
 * easy_margin: f = c where c <= 0 (am and arcface). gradient=ste: f' is taken as 1. Elsewhere the
 * gradient is the true one, through both normalisations. Zero vectors have cosines and gradients 0.
 *
 * x: B x D (D = H W C), y: B x 1, 1 where the largest cosine, without margin, is the true class's;
 * 0 without truth. A truth outside 0..N-1 gives a NaN loss. File: weights N x D.
 * Memory: weights, gradient and one B x N block, which holds cosines, then their gradients. */
#include <math.h>
#include <string.h>

#include "dnx.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"

enum { NONE, SPHEREFACE, AM, ARCFACE, COMBINED, MV_AM, MV_ARC, D_SOFTMAX };

#define BLOCK 256       /* classes of one matrix product */
#define NEAR_ONE 1e-7   /* f' is taken no nearer to |c| = 1: sin th is in its denominator */
#define PI 3.14159265358979323846

typedef struct {
    int classes, margin, easy_margin, gradient, warmup;
    float s, m, m1, m2, m3, t, label_smoothing;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, classes, 0, 1, 100000000, "number of classes"),
    DNX_OPT_WORD(opts, margin, NONE, "none|sphereface|am|arcface|combined|mv-am|mv-arc|d-softmax",
                 "what the true class's cosine loses"),
    DNX_OPT_FLOAT(opts, s, 32, 1e-3, 1e4, "factor of the cosines"),
    DNX_OPT_FLOAT(opts, m, -1, -1, 16,
                  "margin; -1: sphereface 4, arcface .5, d-softmax .9, others .35"),
    DNX_OPT_FLOAT(opts, m1, 1, 0, 16, "combined: factor of the angle"),
    DNX_OPT_FLOAT(opts, m2, .3, 0, 3, "combined: added to the angle, radians"),
    DNX_OPT_FLOAT(opts, m3, .2, 0, 2, "combined: taken from the cosine"),
    DNX_OPT_FLOAT(opts, t, .2, 0, 10, "mv: weight of the misclassified vectors"),
    DNX_OPT_INT(opts, easy_margin, 0, 0, 1, "1: no margin where the cosine is not positive"),
    DNX_OPT_WORD(opts, gradient, 0, "exact|ste", "ste: the margin's derivative is taken as 1"),
    DNX_OPT_FLOAT(opts, label_smoothing, 0, 0, .9, "share of the target spread over all classes"),
    DNX_OPT_INT(opts, warmup, 0, 0, 100000000, "updates over which the margin rises from none"),
    DNX_OPT_END};

typedef struct {
    float *w, *d_w;      /* N x D */
    float *w_inv;        /* N, 1/|w|; 0 for a zero vector */
    float *unit, *x_inv; /* B x D, x/|x|; B */
    float *block;        /* B x N; NULL when predicting: then it is in scratch */
    float *peak;         /* B: largest logit of the softmax */
    double *sum, *loss;  /* B: sum of e^{z - peak}; loss */
    float m;             /* the margin in force */
    size_t share;        /* floats of scratch a thread has */
    double ramp;         /* 0..1: how far the margin has risen */
    bool has_slopes;     /* block holds gradients, no longer cosines */
} state;

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    float *block, *d_unit;
} job;

static size_t rounded(size_t n) { return (n + 15) / 16 * 16; }

static dnx_status check(const dnx_node *n, float m, dnx_err *err) {
    const opts *o = n->opts;
    if (o->classes < 1)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[margin_softmax] classes must be given");
    if (o->m < 0 && o->m != -1)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[margin_softmax] m=%g: must be 0 or more, or -1 for the default", o->m);
    if (o->margin == SPHEREFACE && (m < 1 || m != floorf(m)))
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[margin_softmax] m=%g: sphereface multiplies by a whole number from 1", m);
    if (o->margin == D_SOFTMAX && o->label_smoothing > 0)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[margin_softmax] label_smoothing=%g: d-softmax has no use for it",
                        o->label_smoothing);
    return DNX_OK;
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t D = dnx_size(n->in[0]), N = (size_t)o->classes, B = (size_t)n->batch;
    static const float usual[] = {0, 4, .35f, .5f, 0, .35f, .35f, .9f};
    s->m = o->m < 0 ? usual[o->margin] : o->m;
    dnx_status st = check(n, s->m, err);
    if (!st) st = dnx_new(n, &s->w, N * D, err);
    if (!st && n->trains) st = dnx_new(n, &s->d_w, N * D, err);
    if (!st) st = dnx_new(n, &s->w_inv, N, err);
    if (!st) st = dnx_new(n, &s->unit, B * D, err);
    if (!st) st = dnx_new(n, &s->x_inv, B, err);
    if (!st && n->trains) st = dnx_new(n, &s->block, B * N, err);
    if (!st) st = dnx_new(n, &s->peak, B, err);
    float *sums = NULL;
    if (!st) st = dnx_new(n, &sums, 4 * B, err);
    if (st) return st;
    s->sum = (double *)(void *)sums;
    s->loss = s->sum + B;
    dnx_rng r;
    dnx_rng_seed(&r, n->seed, (uint64_t)n->index);
    for (size_t i = 0; i < N * D; i++) s->w[i] = .01f * dnx_rng_normal(&r);
    size_t a = k->packed((int)D, BLOCK), b = k->packed(BLOCK, (int)D);
    s->share = rounded(a > b ? a : b);
    n->out = (dnx_shape){1, 1, 1};
    n->scratch = s->share * (size_t)dnx_pool_threads(n->pool) + rounded(B * D);
    if (!n->trains) n->scratch += B * N;
    return DNX_OK;
}

static void unmake(dnx_node *n) {
    state *s = n->state;
    dnx_free(s->w);
    dnx_free(s->d_w);
    dnx_free(s->w_inv);
    dnx_free(s->unit);
    dnx_free(s->x_inv);
    dnx_free(s->block);
    dnx_free(s->peak);
    dnx_free(s->sum);
}

static int params(dnx_node *n, dnx_param *list) {
    const opts *o = n->opts;
    state *s = n->state;
    list[0] = (dnx_param){"weights", s->w, s->d_w, (size_t)o->classes * dnx_size(n->in[0]), 1,
                          true};
    return 1;
}

static job job_of(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    float *rest = p->scratch + s->share * (size_t)dnx_pool_threads(n->pool);
    size_t rows = rounded((size_t)n->batch * dnx_size(n->in[0]));
    return (job){n, p, s->block ? s->block : rest + rows, rest};
}

static float inverse_norm(const float *v, size_t D) {
    double sq = dnx_kernels()->dot(v, v, D);
    return sq > 1e-30 || isnan(sq) ? (float)(1 / sqrt(sq)) : 0;
}

/* f(c) and its derivative: what stands for the true class's cosine. */
static double margin(const opts *o, const state *s, double c, double *slope) {
    double m = s->m * s->ramp, r = s->ramp;
    double at = fmax(-1 + NEAR_ONE, fmin(1 - NEAR_ONE, c)), sine = sqrt(1 - at * at), th = acos(c);
    *slope = 1;
    if (o->easy_margin && c <= 0 && o->margin != SPHEREFACE && o->margin != COMBINED) return c;
    switch (o->margin) {
    case AM: case MV_AM: return c - m;
    case ARCFACE: case MV_ARC:
        if (c <= -cos(m)) return c - m * sin(m);
        *slope = sin(acos(at) + m) / sine;
        return cos(th + m);
    case COMBINED: {
        double m1 = 1 + (o->m1 - 1) * r, m2 = o->m2 * r;
        *slope = m1 * sin(m1 * acos(at) + m2) / sine;
        return cos(m1 * th + m2) - o->m3 * r;
    }
    case SPHEREFACE: {
        double k = fmin(floor(th * s->m / PI), s->m - 1.), sign = fmod(k, 2) > 0 ? -1 : 1;
        *slope = 1 - r + r * sign * s->m * sin(s->m * acos(at)) / sine;
        return (1 - r) * c + r * (sign * cos(s->m * th) - 2 * k);
    }
    default: return c;
    }
}

/* Cosines of one thread's blocks of classes. */
static void cosines_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    const dnx_epilogue e = {0};
    long N = ((const opts *)n->opts)->classes, lo, hi;
    size_t D = dnx_size(n->in[0]);
    float *packed = j->p->scratch + s->share * (size_t)t;
    dnx_share((N + BLOCK - 1) / BLOCK, t, threads, &lo, &hi);
    for (long i = lo * BLOCK; i < hi * BLOCK && i < N; i += BLOCK) {
        int width = (int)(N - i < BLOCK ? N - i : BLOCK);
        const float *w = s->w + (size_t)i * D;
        for (int c = 0; c < width; c++) s->w_inv[i + c] = inverse_norm(w + (size_t)c * D, D);
        k->pack(w, 1, D, (int)D, width, packed);
        k->mm(s->unit, D, j->p->batch, (int)D, packed, width, j->block + i, (size_t)N, &e);
        for (int b = 0; b < j->p->batch; b++) {
            float *row = j->block + (size_t)b * (size_t)N + i;
            for (int c = 0; c < width; c++) {
                float v = row[c] * s->w_inv[i + c];
                row[c] = v > 1 ? 1 : v < -1 ? -1 : v;
            }
        }
    }
}

/* The logit of another class. */
static float logit(const opts *o, float c, float hard) {
    return o->s * (c > hard ? (1 + o->t) * c + o->t : c);
}

/* Cosines above this are misclassified vectors; no cosine is above 2. */
static float threshold(const opts *o, double f) {
    return o->margin == MV_AM || o->margin == MV_ARC ? (float)f : 2;
}

/* Loss and accuracy of one row of cosines. The softmax of d-softmax is over the other classes and
 * a logit of 0. */
static void row_loss(const opts *o, state *s, int b, const float *c, int y, float *right) {
    double slope, f = margin(o, s, c[y], &slope), sum = 0, mean = 0;
    float hard = threshold(o, f), best = -2, peak = o->margin == D_SOFTMAX ? 0 : (float)(o->s * f);
    for (int k = 0; k < o->classes; k++) {
        float z = logit(o, c[k], hard);
        if (k == y) continue;
        if (c[k] > best) best = c[k];
        if (z > peak) peak = z;
        mean += z;
    }
    for (int k = 0; k < o->classes; k++)
        if (k != y) sum += expf(logit(o, c[k], hard) - peak);
    double target = o->margin == D_SOFTMAX ? 0 : o->s * f, e = o->label_smoothing;
    sum += exp(target - peak);
    mean = (mean + target) / o->classes;
    double loss = peak + log(sum) - (1 - e) * target - e * mean;
    if (o->margin == D_SOFTMAX) {
        double u = o->s * (s->m * s->ramp - c[y]);
        loss += u > 0 ? u + log1p(exp(-u)) : log1p(exp(u));
    }
    s->peak[b] = peak;
    s->sum[b] = sum;
    s->loss[b] = loss;
    *right = c[y] > best;
}

static bool has_class(const dnx_pass *p, int b, int classes) {
    return p->truth && p->truth[b] >= 0 && p->truth[b] < (float)classes;
}

static void loss_share(void *arg, int t, int threads) {
    job *j = arg;
    const opts *o = j->n->opts;
    state *s = j->n->state;
    long lo, hi;
    dnx_share(j->p->batch, t, threads, &lo, &hi);
    for (int b = (int)lo; b < hi; b++) {
        s->loss[b] = NAN;
        j->p->y[b] = 0;
        if (has_class(j->p, b, o->classes))
            row_loss(o, s, b, j->block + (size_t)b * (size_t)o->classes, (int)j->p->truth[b],
                     &j->p->y[b]);
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    state *s = n->state;
    size_t D = dnx_size(n->in[0]);
    job j = job_of(n, p);
    p->loss = 0;
    memset(p->y, 0, sizeof(float) * (size_t)p->batch);
    if (!p->truth) return;
    s->ramp = p->update < (uint64_t)o->warmup ? (double)p->update / o->warmup : 1;
    for (int b = 0; b < p->batch; b++) {
        const float *x = p->x[0] + (size_t)b * D;
        s->x_inv[b] = inverse_norm(x, D);
        for (size_t i = 0; i < D; i++) s->unit[(size_t)b * D + i] = x[i] * s->x_inv[b];
    }
    s->has_slopes = false;
    dnx_pool_run(n->pool, cosines_share, &j);
    dnx_pool_run(n->pool, loss_share, &j);
    for (int b = 0; b < p->batch; b++) p->loss += s->loss[b];
}

/* A row of cosines c becomes the row of descent directions -dL/dc_j / |w_j|. */
static void slope_share(void *arg, int t, int threads) {
    job *j = arg;
    const opts *o = j->n->opts;
    state *s = j->n->state;
    long lo, hi;
    dnx_share(j->p->batch, t, threads, &lo, &hi);
    for (int b = (int)lo; b < hi; b++) {
        float *c = j->block + (size_t)b * (size_t)o->classes, e = o->label_smoothing;
        if (!has_class(j->p, b, o->classes)) {
            memset(c, 0, sizeof *c * (size_t)o->classes);
            continue;
        }
        int y = (int)j->p->truth[b];
        double slope, cy = c[y], f = margin(o, s, cy, &slope), d;
        float hard = threshold(o, f), inv = (float)(1 / s->sum[b]), q = e / (float)o->classes;
        if (o->gradient) slope = 1;
        for (int k = 0; k < o->classes; k++) {
            float g = o->s * (q - inv * expf(logit(o, c[k], hard) - s->peak[b]));
            c[k] = (c[k] > hard ? (1 + o->t) * g : g) * s->w_inv[k];
        }
        if (o->margin == D_SOFTMAX) d = 1 / (1 + exp(o->s * (cy - s->m * s->ramp)));
        else d = slope * (1 - e + q - exp(o->s * f - s->peak[b]) / s->sum[b]);
        c[y] = (float)(o->s * d) * s->w_inv[y];
    }
}

/* d_w of one thread's classes: sum_b g x^, less its part along w. */
static void weights_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    long N = ((const opts *)n->opts)->classes, lo, hi;
    size_t D = dnx_size(n->in[0]);
    float *d = j->p->scratch + s->share * (size_t)t;
    dnx_share((N + BLOCK - 1) / BLOCK, t, threads, &lo, &hi);
    for (long i = lo * BLOCK; i < hi * BLOCK && i < N; i += BLOCK) {
        int width = (int)(N - i < BLOCK ? N - i : BLOCK);
        memset(d, 0, sizeof *d * (size_t)width * D);
        k->mmt(j->block + i, (size_t)N, s->unit, D, j->p->batch, width, (int)D, d, D);
        for (int c = 0; c < width; c++) {
            const float *w = s->w + (size_t)(i + c) * D, *row = d + (size_t)c * D;
            float *out = s->d_w + (size_t)(i + c) * D, inv = s->w_inv[i + c];
            float along = (float)(k->dot(w, row, D) * inv * inv);
            for (size_t q = 0; q < D; q++) out[q] += row[q] - along * w[q];
        }
    }
}

/* d_unit = block * w for one thread's panels of columns: the classes are summed in one order
 * whatever the number of threads. */
static void unit_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    long N = ((const opts *)n->opts)->classes, D = (long)dnx_size(n->in[0]), lo, hi;
    float *packed = j->p->scratch + s->share * (size_t)t;
    dnx_share((D + k->panel - 1) / k->panel, t, threads, &lo, &hi);
    lo *= k->panel;
    hi = hi * k->panel < D ? hi * k->panel : D;
    for (long i = 0; i < N && lo < hi; i += BLOCK) {
        int height = (int)(N - i < BLOCK ? N - i : BLOCK);
        dnx_epilogue e = {.adds = i > 0};
        k->pack(s->w + i * D + lo, (size_t)D, 1, height, (int)(hi - lo), packed);
        k->mm(j->block + i, (size_t)N, j->p->batch, height, packed, (int)(hi - lo),
              j->d_unit + lo, (size_t)D, &e);
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    size_t D = dnx_size(n->in[0]);
    job j = job_of(n, p);
    if (!p->truth) {
        if (p->dx[0] && !p->dx_adds[0]) memset(p->dx[0], 0, sizeof(float) * D * (size_t)p->batch);
        return;
    }
    if (!s->has_slopes) dnx_pool_run(n->pool, slope_share, &j);
    s->has_slopes = true;
    if (s->d_w) dnx_pool_run(n->pool, weights_share, &j);
    if (!p->dx[0]) return;
    dnx_pool_run(n->pool, unit_share, &j);
    for (int b = 0; b < p->batch; b++) {
        const float *d = j.d_unit + (size_t)b * D, *u = s->unit + (size_t)b * D;
        float *dx = p->dx[0] + (size_t)b * D, along = (float)dnx_kernels()->dot(d, u, D);
        for (size_t i = 0; i < D; i++) {
            float v = (d[i] - along * u[i]) * s->x_inv[b];
            dx[i] = p->dx_adds[0] ? dx[i] + v : v;
        }
    }
}

static double macs(const dnx_node *n) {
    return (double)((const opts *)n->opts)->classes * (double)dnx_size(n->in[0]);
}

const dnx_layer_type dnx_margin_softmax = {
    .name = "margin_softmax",
    .summary = "cross-entropy over cosines with a margin",
    .is_loss = true,
    .takes_previous = true,
    .options = options,
    .opts_size = sizeof(opts),
    .state_size = sizeof(state),
    .make = make,
    .unmake = unmake,
    .params = params,
    .forward = forward,
    .backward = backward,
    .macs = macs,
};
