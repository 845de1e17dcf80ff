/* binary.c - the GPU version of [binary]. It multiplies signs as floats, in training and in
 * prediction. In the modes xnor and bnn these products are exact in each precision. */
#include <string.h>

#include "common/norm_act.h"
#include "cuda/matrix.h"
#include "cuda/norm.h"
#include "cuda/product.h"

extern const dnx_layer_type dnx_binary;

enum { BWN, XNOR, BINARYCONNECT, BNN };
enum { BY_PAPER, INPUT, OUTPUT };
enum { EXACT };

/* Batch norm of the input, with C channels. The members are those of dnx_gpu_norm. */
typedef struct {
    bool is_on;
    int C;
    float *scale, *shift, *batch_mean, *inv_std, *p, *q, *r, *parts; /* parts: doubles */
} input_norm;

typedef struct {
    dnx_gpu_norm norm;
    input_norm input;
    struct dnx_cuda_window at;
    bool takes_signs, has_alpha, has_map;
    float *v, *b, *scaled;    /* N x K: real or centred weights; signs; alpha b */
    float *alpha, *centred;   /* N */
    float *wk, *wt, *parts;   /* b and alpha b in the orders of kernels.h; gradients */
    float *signs, *sum, *map; /* B x h x w x C; sums of |u|: B x h x w; B x oh x ow */
} state;

static int slabs_of(long rows) { return (int)DNX_CUDA_SLABS(rows); }
static int channel_blocks(int C) { return (C + DNX_CUDA_COLUMNS - 1) / DNX_CUDA_COLUMNS; }
static long pixels_in(const dnx_gpu_layer *l, int batch) {
    return (long)batch * l->node->in[0].h * l->node->in[0].w;
}
static long pixels_out(const dnx_gpu_layer *l, int batch) {
    return (long)batch * l->node->out.h * l->node->out.w;
}
static long blocks(long rows) { return (rows + DNX_CUDA_ROWS - 1) / DNX_CUDA_ROWS; }

static float *named(const dnx_gpu_layer *l, float *const *of, const char *name) {
    const dnx_node *n = l->node;
    for (int k = 0; k < n->n_params; k++)
        if (n->params[k].role == DNX_OTHER && !strcmp(n->params[k].name, name)) return of[k];
    return NULL;
}

/* ---- batch norm of the input ---- */

static dnx_status make_input(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    input_norm *m = &s->input;
    const size_t C = (size_t)(m->C = l->node->in[0].c);
    float **all[] = {&m->scale, &m->shift, &m->batch_mean, &m->inv_std, &m->p, &m->q, &m->r};
    dnx_status st = DNX_OK;
    for (size_t i = 0; i < (l->node->trains ? sizeof all / sizeof *all : 2) && !st; i++)
        st = dnx_gpu_new(l, all[i], C, err);
    const size_t slabs = (size_t)slabs_of(pixels_in(l, l->node->batch));
    if (!st && l->node->trains) st = dnx_gpu_new(l, &m->parts, 2 * 3 * slabs * C, err);
    return st;
}

static void input_sums(dnx_gpu_layer *l, const float *x, const float *du, long rows) {
    state *s = l->state;
    struct norm_sums_args a = {.z = x,
                               .dy = du,
                               .parts = (double *)(void *)s->input.parts,
                               .rows = rows,
                               .C = s->input.C,
                               .act = DNX_LINEAR};
    dnx_device_launch(l->device, DNX_CUDA_norm_sums, channel_blocks(a.C), slabs_of(rows), 1, &a);
}

static void input_forward(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    input_norm *m = &s->input;
    const long rows = pixels_in(l, p->batch);
    if (!p->is_training || !l->node->trains) {
        struct norm_fold_args f = {.biases = named(l, l->value, "shifts"),
                                   .scales = named(l, l->value, "scales"),
                                   .mean = named(l, l->value, "mean"),
                                   .variance = named(l, l->value, "variance"),
                                   .scale = m->scale,
                                   .shift = m->shift,
                                   .C = m->C,
                                   .eps = (float)DNX_NORM_EPS};
        dnx_device_each(l->device, DNX_CUDA_norm_fold, m->C, &f);
        return;
    }
    input_sums(l, p->x[0], NULL, rows);
    struct norm_statistics_args a = {.parts = (double *)(void *)m->parts,
                                     .biases = named(l, l->value, "shifts"),
                                     .scales = named(l, l->value, "scales"),
                                     .mean = named(l, l->value, "mean"),
                                     .variance = named(l, l->value, "variance"),
                                     .batch_mean = m->batch_mean,
                                     .inv_std = m->inv_std,
                                     .scale = m->scale,
                                     .shift = m->shift,
                                     .rows = rows,
                                     .C = m->C,
                                     .slabs = slabs_of(rows),
                                     .eps = (float)DNX_NORM_EPS,
                                     .momentum = DNX_NORM_MOMENTUM};
    dnx_device_launch(l->device, DNX_CUDA_norm_statistics, channel_blocks(m->C), 1, 1, &a);
}

/* Turns du, the gradient of the batch norm's output, into dx. */
static void input_backward(dnx_gpu_layer *l, dnx_pass *p, float *du) {
    state *s = l->state;
    input_norm *m = &s->input;
    const long rows = pixels_in(l, p->batch);
    struct norm_dz_args d = {.dy = du,
                             .z = p->x[0],
                             .dz = p->dx[0],
                             .rows = rows,
                             .C = l->node->in[0].c,
                             .act = DNX_LINEAR,
                             .adds = p->dx_adds[0]};
    if (m->is_on) {
        input_sums(l, p->x[0], du, rows);
        struct norm_back_args b = {.parts = (double *)(void *)m->parts,
                                   .scales = named(l, l->value, "scales"),
                                   .batch_mean = m->batch_mean,
                                   .inv_std = m->inv_std,
                                   .d_biases = named(l, l->grad, "shifts"),
                                   .d_scales = named(l, l->grad, "scales"),
                                   .p = m->p,
                                   .q = m->q,
                                   .r = m->r,
                                   .rows = rows,
                                   .C = m->C,
                                   .slabs = slabs_of(rows)};
        dnx_device_launch(l->device, DNX_CUDA_norm_back, channel_blocks(m->C), 1, 1, &b);
        d.p = m->p;
        d.q = m->q;
        d.r = m->r;
    }
    if (d.dz) dnx_device_each(l->device, DNX_CUDA_norm_dz, rows * d.C, &d);
}

/* ---- the layer ---- */

static dnx_status make_weights(dnx_gpu_layer *l, size_t count, dnx_err *err) {
    state *s = l->state;
    const size_t N = (size_t)s->at.N;
    float **all[] = {&s->v, &s->b, &s->scaled, &s->wk, &s->wt};
    dnx_status st = DNX_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && !st; i++)
        st = dnx_gpu_new(l, all[i], count, err);
    if (!st) st = dnx_gpu_new(l, &s->alpha, N, err);
    if (!st) st = dnx_gpu_new(l, &s->centred, N, err);
    if (!st && l->node->trains)
        st = dnx_gpu_new(l, &s->parts, (size_t)dnx_gpu_parts(&s->at) * count, err);
    return st;
}

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    const dnx_node *n = l->node;
    const int mode = dnx_gpu_option(n, "mode", BWN);
    const int normalize = dnx_gpu_option(n, "normalize", BY_PAPER);
    const bool has_bn = dnx_gpu_option(n, "batch_normalize", 0) != 0;
    const size_t B = (size_t)n->batch, in = B * dnx_size(n->in[0]), out = B * dnx_size(n->out);
    s->at = dnx_gpu_conv_window(n);
    s->takes_signs = mode == XNOR || mode == BNN;
    s->has_alpha = mode == BWN || mode == XNOR;
    s->has_map = mode == XNOR && dnx_gpu_option(n, "k_map", 1);
    s->input.is_on = s->takes_signs && has_bn && normalize != OUTPUT;
    const size_t count = dnx_gpu_filters(&s->at);
    const size_t pixels = (size_t)pixels_in(l, n->batch), outs = (size_t)pixels_out(l, n->batch);
    dnx_status st = dnx_gpu_check_pixels(n, &s->at, err);
    if (!st)
        st = dnx_gpu_norm_make(l, &s->norm, has_bn && !s->input.is_on,
                               (dnx_act)dnx_gpu_option(n, "activation", 0), true, err);
    if (!st) st = make_weights(l, count, err);
    if (!st && s->input.is_on) st = make_input(l, err);
    if (!st && s->takes_signs) st = dnx_gpu_new(l, &s->signs, in, err);
    if (!st && s->takes_signs) st = dnx_gpu_new(l, &s->sum, pixels, err);
    if (!st && s->has_map) st = dnx_gpu_new(l, &s->map, outs, err);
    if (n->trains) l->scratch_floats = out + count + in + outs + pixels;
    return st;
}

static void prepare(dnx_gpu_layer *l) {
    state *s = l->state;
    const dnx_node *n = l->node;
    struct binarise_args a = {.w = dnx_gpu_value(l, DNX_WEIGHTS),
                              .v = s->v,
                              .b = s->b,
                              .scaled = s->scaled,
                              .alpha = s->alpha,
                              .centred = s->centred,
                              .C = n->in[0].c,
                              .taps = s->at.kh * s->at.kw,
                              .centers = dnx_gpu_option(n, "center", 0) != 0,
                              .has_alpha = s->has_alpha,
                              .clamps = n->trains && dnx_gpu_option(n, "clamp", 0)};
    dnx_device_launch(l->device, DNX_CUDA_binarise, s->at.N, 1, 1, &a);
    dnx_gpu_conv_order(l, &s->at, s->scaled, NULL, s->wk, s->wt); /* wk is overwritten next */
    dnx_gpu_conv_order(l, &s->at, s->b, NULL, s->wk, NULL);
}

static void take_signs(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    if (s->input.is_on) input_forward(l, p);
    struct signs_args a = {.x = p->x[0],
                           .scale = s->input.scale,
                           .shift = s->input.shift,
                           .signs = s->signs,
                           .sum = s->sum,
                           .rows = pixels_in(l, p->batch),
                           .C = l->node->in[0].c};
    dnx_device_launch(l->device, DNX_CUDA_signs, blocks(a.rows), 1, 1, &a);
    struct k_map_args k = {.at = s->at, .from = s->sum, .to = s->map};
    if (s->has_map) dnx_device_each(l->device, DNX_CUDA_k_map, pixels_out(l, p->batch), &k);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    float *z = s->norm.z ? s->norm.z : p->y;
    s->at.batch = p->batch;
    if (s->takes_signs) take_signs(l, p);
    const struct conv_forward_args c = {
        .at = s->at, .x = s->takes_signs ? s->signs : p->x[0], .wk = s->wk, .y = z};
    dnx_gpu_conv(l, &c);
    struct k_scale_args a = {
        .z = z, .map = s->map, .alpha = s->alpha, .rows = pixels_out(l, p->batch), .N = s->at.N};
    if (s->has_alpha) dnx_device_each(l->device, DNX_CUDA_k_scale, a.rows * a.N, &a);
    dnx_gpu_norm_forward(l, &s->norm, z, p, 0);
}

/* Adds the gradient of the real weights. e: the gradient of the product's outputs. */
static void add_weights(dnx_gpu_layer *l, const dnx_pass *p, const float *e, float *G) {
    state *s = l->state;
    const dnx_node *n = l->node;
    const int K = s->at.kh * s->at.kw * n->in[0].c;
    struct binarise_back_args a = {.v = s->v,
                                   .alpha = s->alpha,
                                   .centred = s->centred,
                                   .G = G,
                                   .d_w = dnx_gpu_grad(l, DNX_WEIGHTS),
                                   .C = n->in[0].c,
                                   .taps = s->at.kh * s->at.kw,
                                   .has_alpha = s->has_alpha,
                                   .how = dnx_gpu_option(n, "gradient", EXACT)};
    if (!a.d_w) return;
    dnx_device_clear(l->device, G, sizeof(float) * (size_t)(s->at.N * K));
    dnx_gpu_conv_dw(l, &s->at, s->takes_signs ? s->signs : p->x[0], NULL, e, s->parts, G);
    dnx_device_launch(l->device, DNX_CUDA_binarise_back, s->at.N, 1, 1, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    const dnx_node *n = l->node;
    const size_t B = (size_t)n->batch, K = (size_t)(s->at.kh * s->at.kw * n->in[0].c);
    float *e = l->scratch, *G = e + B * dnx_size(n->out), *du = G + K * (size_t)s->at.N;
    float *dk = du + B * dnx_size(n->in[0]), *map = dk + pixels_out(l, n->batch);
    const bool has_dk = s->has_map && dnx_gpu_option(n, "gradient", EXACT) == EXACT;
    s->at.batch = p->batch;
    dnx_gpu_norm_backward(l, &s->norm, s->norm.z, p, e, false);
    struct k_back_args k = {.dz = e,
                            .z = s->norm.z,
                            .map = s->map,
                            .dk = dk,
                            .rows = pixels_out(l, p->batch),
                            .N = s->at.N};
    if (s->has_map) dnx_device_launch(l->device, DNX_CUDA_k_back, blocks(k.rows), 1, 1, &k);
    add_weights(l, p, e, G);
    if (!s->takes_signs) {
        dnx_gpu_conv_dx(l, &s->at, e, s->wt, p->dx[0], p->dx_adds[0]);
        return;
    }
    if (!p->dx[0] && !s->input.is_on) return;
    dnx_gpu_conv_dx(l, &s->at, e, s->wt, du, false);
    struct k_map_args u = {.at = s->at, .from = dk, .to = map};
    if (has_dk) dnx_device_each(l->device, DNX_CUDA_k_unmap, pixels_in(l, p->batch), &u);
    struct signs_back_args a = {.x = p->x[0],
                                .scale = s->input.scale,
                                .shift = s->input.shift,
                                .map = has_dk ? map : NULL,
                                .du = du,
                                .rows = pixels_in(l, p->batch),
                                .C = n->in[0].c};
    dnx_device_each(l->device, DNX_CUDA_signs_back, a.rows * a.C, &a);
    input_backward(l, p, du);
}

const dnx_gpu_type dnx_gpu_binary = {
    .type = &dnx_binary,
    .state_size = sizeof(state),
    .make = make,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
