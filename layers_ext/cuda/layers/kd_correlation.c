/* kd_correlation.c - the GPU version of [kd_correlation]. The two matrices of similarities are
 * float32 products in every precision, because the loss is a difference of nearly equal numbers. */
#include <math.h>

#include "cuda/loss.h"
#include "cuda/matrix.h"

enum { BILINEAR = 1, MAX_ORDER = 16 };

typedef struct {
    int D, T, degree;
    float *target;               /* B x T */
    float *unit, *inv;           /* student's f/|f|, batch x D, and 1/|f|, batch */
    float *target_unit, *unused; /* teacher's t/|t|, batch x T, and 1/|t|, batch */
    float *own, *theirs;         /* cosines of student and teacher: B x B */
    float *series;               /* degree + 1 coefficients of phi */
} state;

static void put_series(dnx_gpu_layer *l) {
    state *s = l->state;
    const double gamma = (double)dnx_gpu_number(l->node, "gamma", 1);
    const bool is_plain = dnx_gpu_option(l->node, "kernel", 0) == BILINEAR;
    float series[MAX_ORDER + 1];
    double c = exp(-2 * gamma);
    s->degree = is_plain ? 1 : dnx_gpu_option(l->node, "order", 1);
    for (int p = 0; p <= s->degree; p++) {
        series[p] = is_plain ? (float)p : (float)c;
        c *= 2 * gamma / (p + 1);
    }
    dnx_device_put(l->device, s->series, series, sizeof(float) * (size_t)(s->degree + 1));
}

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    const dnx_node *n = l->node;
    const size_t B = (size_t)n->batch, D = dnx_size(n->in[0]);
    const size_t T = dnx_size(n->distillation->target);
    if (!n->trains || !T) return DNX_OK;
    l->precision = DNX_FLOAT32;
    s->D = (int)D;
    s->T = (int)T;
    dnx_status st = dnx_gpu_new(l, &s->target, B * T, err);
    if (!st) st = dnx_gpu_new(l, &s->unit, B * D, err);
    if (!st) st = dnx_gpu_new(l, &s->inv, B, err);
    if (!st) st = dnx_gpu_new(l, &s->target_unit, B * T, err);
    if (!st) st = dnx_gpu_new(l, &s->unused, B, err);
    if (!st) st = dnx_gpu_new(l, &s->own, B * B, err);
    if (!st) st = dnx_gpu_new(l, &s->theirs, B * B, err);
    if (!st) st = dnx_gpu_new(l, &s->series, MAX_ORDER + 1, err);
    if (!st) st = dnx_gpu_new_losses(l, err);
    if (!st) put_series(l);
    l->scratch_floats = B * D;
    return st;
}

static void bring(dnx_gpu_layer *l, const dnx_pass *p) {
    dnx_gpu_bring_target(l, p, ((const state *)l->state)->target);
}

static void normalise(dnx_gpu_layer *l, const float *x, float *unit, float *inv, int batch,
                      int size) {
    struct unit_rows_args a = {
        .x = x, .unit = unit, .inv = inv, .count = batch, .from = batch, .size = size};
    dnx_gpu_rows(l, DNX_CUDA_unit_rows, batch, &a);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    normalise(l, p->x[0], s->unit, s->inv, p->batch, s->D);
    normalise(l, s->target, s->target_unit, s->unused, p->batch, s->T);
    dnx_gpu_times_transposed(l, s->unit, s->unit, s->own, p->batch, p->batch, s->D);
    dnx_gpu_times_transposed(l, s->target_unit, s->target_unit, s->theirs, p->batch, p->batch,
                             s->T);
    struct correlation_args a = {.own = s->own,
                                 .target = s->theirs,
                                 .series = s->series,
                                 .losses = l->losses,
                                 .y = p->y,
                                 .weight = dnx_gpu_number(l->node, "weight", 1),
                                 .degree = s->degree,
                                 .count = p->batch};
    dnx_device_launch(l->device, DNX_CUDA_correlation, p->batch, 1, 1, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    if (!p->dx[0]) return;
    dnx_gpu_times(l, s->own, s->unit, l->scratch, p->batch, p->batch, s->D);
    struct unit_back_args a = {.d = l->scratch,
                               .unit = s->unit,
                               .inv = s->inv,
                               .dx = p->dx[0],
                               .count = p->batch,
                               .ld = s->D,
                               .size = s->D,
                               .parts = 1,
                               .factor = -1,
                               .adds = p->dx_adds[0]};
    dnx_gpu_rows(l, DNX_CUDA_unit_back, p->batch, &a);
}

const dnx_gpu_type dnx_gpu_kd_correlation = {
    .state_size = sizeof(state),
    .make = make,
    .bring = bring,
    .forward = forward,
    .backward = backward,
};
