/* kd_feature.c - the GPU version of [kd_feature]. Products with W, the map to the teacher's
 * channels, are in the layer's precision. */
#include "cuda/loss.h"
#include "cuda/matrix.h"

typedef struct {
    bool has_map, is_unit;
    int C, T;            /* channels of the student and of the teacher */
    size_t pixels, size; /* pixels of an image; size: pixels * T */
    float *target, *g;   /* batch x size; g is NULL when there is no W */
    float *inv;          /* B x 2 */
    double *e, *h;       /* B each */
    float *ones;         /* T */
    float *parts;        /* scratch for the gradient of W */
    double *sums;        /* scratch for the gradient of biases */
} state;

enum { W, BIASES };

static dnx_status make_map(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    const size_t B = (size_t)l->node->batch, T = (size_t)s->T;
    const long rows = (long)(B * s->pixels);
    dnx_status st = dnx_gpu_new(l, &s->g, B * s->size, err);
    if (!st) st = dnx_gpu_new(l, &s->ones, T, err);
    const size_t parts = (size_t)dnx_gpu_matrix_parts(rows, s->T, s->C);
    if (!st) st = dnx_gpu_new(l, &s->parts, parts * T * (size_t)s->C, err);
    const size_t sums = 3 * (size_t)dnx_gpu_slabs(rows) * T;
    if (!st) st = dnx_gpu_new_bytes(l, &s->sums, sums * sizeof *s->sums, err);
    struct fill_args a = {.to = s->ones, .count = (long)T, .value = 1};
    if (!st) dnx_device_each(l->device, DNX_CUDA_fill, a.count, &a);
    l->scratch_floats = B * s->size;
    return st;
}

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    const dnx_node *n = l->node;
    const dnx_shape t = n->distillation->target;
    const size_t B = (size_t)n->batch;
    if (!n->trains || !dnx_size(t)) return DNX_OK;
    s->C = n->in[0].c;
    s->T = t.c;
    s->has_map = s->C != s->T;
    s->is_unit = dnx_gpu_option(n, "normalize", 1) || dnx_gpu_option(n, "distance", 0) == 1;
    s->pixels = (size_t)t.h * (size_t)t.w;
    s->size = dnx_size(t);
    dnx_status st = dnx_gpu_new(l, &s->target, B * s->size, err);
    if (!st) st = dnx_gpu_new(l, &s->inv, 2 * B, err);
    if (!st) st = dnx_gpu_new_bytes(l, &s->e, sizeof *s->e * B, err);
    if (!st) st = dnx_gpu_new_bytes(l, &s->h, sizeof *s->h * B, err);
    if (!st) st = dnx_gpu_new_losses(l, err);
    return st || !s->has_map ? st : make_map(l, err);
}

static void bring(dnx_gpu_layer *l, const dnx_pass *p) {
    dnx_gpu_bring_target(l, p, ((const state *)l->state)->target);
}

/* g = x W^T + biases */
static void map(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    const long rows = (long)p->batch * (long)s->pixels;
    dnx_gpu_times_transposed(l, p->x[0], l->value[W], s->g, rows, s->T, s->C);
    struct norm_apply_args a = {.z = s->g,
                                .scale = s->ones,
                                .shift = l->value[BIASES],
                                .to = s->g,
                                .rows = rows,
                                .C = s->T,
                                .act = DNX_LINEAR};
    dnx_device_each(l->device, DNX_CUDA_norm_apply, rows * s->T, &a);
}

static struct feature_args args_of(const dnx_gpu_layer *l, const dnx_pass *p) {
    const state *s = l->state;
    const dnx_node *n = l->node;
    return (struct feature_args){.g = s->has_map ? s->g : p->x[0],
                                 .t = s->target,
                                 .inv = s->inv,
                                 .e = s->e,
                                 .h = s->h,
                                 .losses = l->losses,
                                 .y = p->y,
                                 .dg = s->has_map ? l->scratch : p->dx[0],
                                 .weight = (double)dnx_gpu_number(n, "weight", 1),
                                 .sharpness = (double)dnx_gpu_number(n, "hard_sharpness", 1),
                                 .power = (double)dnx_gpu_number(n, "power", 1),
                                 .count = p->batch,
                                 .size = (long)s->size,
                                 .hard = dnx_gpu_option(n, "hard", 0),
                                 .is_unit = s->is_unit,
                                 .adds = !s->has_map && p->dx_adds[0]};
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    const struct feature_args a = args_of(l, p);
    if (((const state *)l->state)->has_map) map(l, p);
    dnx_gpu_rows(l, DNX_CUDA_feature_distance, a.count, &a);
    dnx_device_launch(l->device, DNX_CUDA_feature_weights, 1, 1, 1, &a);
}

static void map_back(dnx_gpu_layer *l, dnx_pass *p, float *dg) {
    state *s = l->state;
    const long rows = (long)p->batch * (long)s->pixels;
    if (l->grad[W]) {
        dnx_gpu_add_transposed_times(l, dg, p->x[0], s->parts, l->grad[W], rows, s->T, s->C);
        struct norm_sums_args a = {
            .z = dg, .dy = dg, .parts = s->sums, .rows = rows, .C = s->T, .act = DNX_LINEAR};
        dnx_device_launch(l->device, DNX_CUDA_norm_sums, dnx_gpu_columns(s->T), dnx_gpu_slabs(rows),
                          1, &a);
        struct norm_back_args b = {.parts = a.parts,
                                   .d_biases = l->grad[BIASES],
                                   .rows = rows,
                                   .C = s->T,
                                   .slabs = dnx_gpu_slabs(rows)};
        dnx_device_launch(l->device, DNX_CUDA_norm_back, dnx_gpu_columns(s->T), 1, 1, &b);
    }
    const struct dnx_cuda_window at = dnx_gpu_row_window(rows, s->C, s->T, 1);
    dnx_gpu_conv_dx(l, &at, dg, l->value[W], p->dx[0], p->dx_adds[0]);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    const struct feature_args a = args_of(l, p);
    if (!a.dg) return;
    dnx_device_each(l->device, DNX_CUDA_feature_slopes, a.count * a.size, &a);
    if (((const state *)l->state)->has_map) map_back(l, p, l->scratch);
}

const dnx_gpu_type dnx_gpu_kd_feature = {
    .state_size = sizeof(state),
    .make = make,
    .bring = bring,
    .forward = forward,
    .backward = backward,
};
