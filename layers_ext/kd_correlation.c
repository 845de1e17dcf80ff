/* [kd_correlation]: distillation of the similarities between the images of a batch (CC-KD).
 *
 *   u_i = f_i / |f_i|,  f_i the features of image i
 *   C_ij = phi(u_i.u_j) of the student,  T_ij = phi(u_i.u_j) of the teacher
 *   bilinear  phi(v) = v
 *   gaussian  phi(v) = e^{-2 gamma} sum_{p=0..order} (2 gamma v)^p / p!,  the Taylor series of
 *             e^{-gamma |u_i - u_j|^2}
 *   loss = weight n L,  L = 1/n^2 sum_ij (C_ij - T_ij)^2
 *   dL/du_i = 4/n^2 sum_j (C_ij - T_ij) phi'(u_i.u_j) u_j;  backward_share() computes dx
 *
 * n is the number of images in the pass (batch / subdivisions).
 * x (output of the layer `from`): n x H x W x C, taken as D = H W C numbers. target (the teacher's
 * output): n x any shape. y: n x 1, y_i = 1/n sum_j (C_ij - T_ij)^2. No weights. A zero vector f
 * has u = 0 and no gradient.
 * Peng et al. 2019, "Correlation Congruence for Knowledge Distillation" (CC-KD). Implemented from
 * summaries of the paper, not from its equations. */
#include <math.h>
#include <string.h>

#include "common/face/unit.h"
#include "kernels/pool.h"
#include "layer/advice.h"
#include "layer/classifier.h"

enum { GAUSSIAN, BILINEAR };

#define MAX_ORDER 16

typedef struct {
    dnx_list from;
    int kernel, order;
    float weight, gamma;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(
        opts, from,
        "the student's layer; negative counts back; default the last that is not a loss"),
    DNX_OPT_FLOAT(opts, weight, 1, 0, 1e9, "factor of the loss"),
    DNX_OPT_WORD(opts, kernel, GAUSSIAN, "gaussian|bilinear",
                 "measure of the correlation of two images"),
    DNX_OPT_FLOAT(opts, gamma, .4, 1e-3, 100, "gaussian: 1 / (2 variance), on the unit sphere"),
    DNX_OPT_INT(opts, order, 2, 1, MAX_ORDER, "gaussian: degree of the Taylor series"),
    DNX_OPT_END(opts),
};

typedef struct {
    size_t D, T;                 /* numbers of an image in x and in the target */
    float *unit, *inv;           /* student: u, batch x D; 1/|f|, batch; both 0 if f = 0 */
    float *target_unit;          /* teacher: u, batch x T */
    float *slope;                /* batch x batch: dloss/du_i = sum_j slope_ij u_j */
    float series[MAX_ORDER + 1]; /* coefficients of the polynomial phi */
    int degree;
    double *row; /* batch: for each image i, sum_j (C_ij - T_ij)^2 */
} state;

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    float *packed, *packed_target; /* all u of student and teacher, packed for mm() */
    float *rest;                   /* forward(): the teacher's u_i.u_j; backward(): dloss/du */
} job;

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    int b = n->batch;
    size_t B = (size_t)b;
    n->out = (dnx_shape){1, 1, 1};
    s->D = dnx_size(n->in[0]);
    s->T = dnx_size(n->distillation->target);
    if (!s->T) return DNX_OK;
    double c = o->kernel == BILINEAR ? 1 : exp(-2 * (double)o->gamma);
    s->degree = o->kernel == BILINEAR ? 1 : o->order;
    for (int p = 0; p <= s->degree; p++) {
        s->series[p] = o->kernel == BILINEAR ? (float)p : (float)c;
        c *= 2 * (double)o->gamma / (p + 1);
    }
    dnx_status st = dnx_new(n, &s->unit, B * s->D, err);
    if (!st) st = dnx_new(n, &s->inv, B, err);
    if (!st) st = dnx_new(n, &s->target_unit, B * s->T, err);
    if (!st) st = dnx_new(n, &s->slope, B * B, err);
    if (st) return st;
    if (!(s->row = dnx_new_array(n, B, sizeof *s->row, err))) return DNX_EMEM;
    size_t forth = k->packed((int)s->D, b) + k->packed((int)s->T, b) + B * B;
    size_t back = k->packed(b, (int)s->D) + B * s->D;
    n->scratch = forth > back ? forth : back;
    return DNX_OK;
}

static void unit_share(void *arg, long lo, long hi) {
    job *j = arg;
    state *s = j->n->state;
    for (size_t b = (size_t)lo; b < (size_t)hi; b++) {
        s->inv[b] = dnx_unit(j->p->x[0] + b * s->D, s->D, s->unit + b * s->D);
        dnx_unit(j->p->target + b * s->T, s->T, s->target_unit + b * s->T);
    }
}

/* Returns phi(v), and sets *slope to phi'(v). */
static float phi(const state *s, float v, float *slope) {
    float sum = s->series[s->degree], d = 0;
    for (int p = s->degree - 1; p >= 0; p--) {
        d = d * v + sum;
        sum = sum * v + s->series[p];
    }
    *slope = d;
    return sum;
}

/* For images [lo, hi): computes their rows of C, T and `slope`, and the losses of these images. */
static void pairs_share(void *arg, long lo, long hi) {
    job *j = arg;
    state *s = j->n->state;
    const dnx_kernel_set *k = dnx_kernels();
    int n = j->p->batch;
    size_t N = (size_t)n;
    float weight = ((const opts *)j->n->opts)->weight, unused;
    size_t first = (size_t)lo;
    float *own = s->slope + first * N, *target = j->rest + first * N;
    k->mm(s->unit + first * s->D, s->D, (int)(hi - lo), (int)s->D, j->packed, n,
          &(dnx_epilogue){.y = own, .ldy = N});
    k->mm(s->target_unit + first * s->T, s->T, (int)(hi - lo), (int)s->T, j->packed_target, n,
          &(dnx_epilogue){.y = target, .ldy = N});
    for (size_t b = first; b < (size_t)hi; b++, own += N, target += N) {
        double sum = 0;
        for (size_t i = 0; i < N; i++) {
            float d, diff = phi(s, own[i], &d) - phi(s, target[i], &unused);
            sum += (double)diff * (double)diff;
            own[i] = weight / (float)n * 4 * diff * d;
        }
        s->row[b] = sum;
        j->p->y[b] = (float)(sum / n);
    }
}

static bool is_idle(const dnx_node *n, const dnx_pass *p) {
    return !p->target || ((const opts *)n->opts)->weight == 0;
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    p->loss = 0;
    if (is_idle(n, p)) {
        memset(p->y, 0, sizeof(float) * (size_t)p->batch);
        return;
    }
    float *packed_target = p->scratch + k->packed((int)s->D, n->batch);
    job j = {n, p, p->scratch, packed_target, packed_target + k->packed((int)s->T, n->batch)};
    dnx_pool_rows(n->pool, p->batch, unit_share, &j);
    k->pack(s->unit, 1, s->D, (int)s->D, p->batch, j.packed);
    k->pack(s->target_unit, 1, s->T, (int)s->T, p->batch, j.packed_target);
    dnx_pool_rows(n->pool, p->batch, pairs_share, &j);
    for (int b = 0; b < p->batch; b++) p->loss += (double)o->weight * s->row[b] / p->batch;
}

/* For images [lo, hi): dx = -(d - u <u, d>) / |f|, with d = dloss/du. */
static void backward_share(void *arg, long lo, long hi) {
    job *j = arg;
    state *s = j->n->state;
    const dnx_kernel_set *k = dnx_kernels();
    const dnx_epilogue e = {.y = j->rest + (size_t)lo * s->D, .ldy = s->D};
    const bool adds = j->p->dx_adds[0];
    size_t N = (size_t)j->p->batch;
    k->mm(s->slope + (size_t)lo * N, N, (int)(hi - lo), (int)N, j->packed, (int)s->D, &e);
    for (size_t b = (size_t)lo; b < (size_t)hi; b++) {
        const float *d = j->rest + b * s->D, *u = s->unit + b * s->D;
        float *dx = j->p->dx[0] + b * s->D, inv = s->inv[b];
        float along = (float)k->dot(d, u, s->D);
        for (size_t i = 0; i < s->D; i++) {
            float v = (along * u[i] - d[i]) * inv;
            dx[i] = adds ? dx[i] + v : v;
        }
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    if (!p->dx[0]) return;
    if (is_idle(n, p)) {
        dnx_clear_dx(n, p, 0);
        return;
    }
    job j = {n, p, p->scratch, NULL, p->scratch + k->packed(n->batch, (int)s->D)};
    k->pack(s->unit, s->D, 1, p->batch, (int)s->D, j.packed);
    dnx_pool_rows(n->pool, p->batch, backward_share, &j);
}

static const dnx_needs needs[] = {{"gamma|order", "kernel", "gaussian"}, {NULL, NULL, NULL}};
static const dnx_advice advice = {.needs = needs};
static const dnx_classifier classifier = {.target = DNX_FEATURE};

const dnx_layer_type dnx_kd_correlation = {
    .name = "kd_correlation",
    .summary = "distance from a teacher's correlations within the batch",
    .is_loss = true,
    .layers_key = "from",
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .classifier = &classifier,
    .advice = &advice,
};
