/* binary.c - the GPU version of [binary]. The signs that it multiplies are floats. binary_args.h
 * defines u, whose signs are the inputs of the convolution with mode=xnor and bnn. */
#include "cuda/matrix.h"
#include "cuda/norm.h"
#include "cuda/product.h"

enum { BWN, XNOR, BINARYCONNECT, BNN };
enum { EXACT };

typedef struct {
    dnx_gpu_norm norm, input; /* batch norm of the output and of the input */
    struct dnx_cuda_window at;
    bool takes_signs, has_alpha, has_map;
    float *v, *b, *scaled; /* N x C x taps each. v: w or centred w; b = sign(v); scaled = alpha b */
    float *alpha, *centred;   /* N */
    float *wk, *wt, *parts;   /* wk: b; wt: alpha b; parts: as in dnx_gpu_conv_dw() */
    float *signs, *sum, *map; /* sign(u); sums of |u| over channels; their means over windows */
} state;

static long pixels_in(const dnx_gpu_layer *l, int batch) {
    return (long)batch * l->node->in[0].h * l->node->in[0].w;
}
static long pixels_out(const dnx_gpu_layer *l, int batch) {
    return (long)batch * l->node->out.h * l->node->out.w;
}

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
    const size_t B = (size_t)n->batch, in = B * dnx_size(n->in[0]), out = B * dnx_size(n->out);
    s->at = dnx_gpu_conv_window(n);
    s->takes_signs = mode == XNOR || mode == BNN;
    s->has_alpha = mode == BWN || mode == XNOR;
    s->has_map = mode == XNOR && dnx_gpu_option(n, "k_map", 1);
    s->input.of_input = true;
    const size_t count = dnx_gpu_filters(&s->at);
    const size_t pixels = (size_t)pixels_in(l, n->batch), outs = (size_t)pixels_out(l, n->batch);
    dnx_status st = dnx_gpu_check_pixels(n, &s->at, err);
    if (!st) st = dnx_gpu_norm_make(l, &s->norm, true, err);
    if (!st) st = make_weights(l, count, err);
    if (!st && s->takes_signs) st = dnx_gpu_norm_make(l, &s->input, false, err);
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
    /* wk gets b, because k_scale multiplies by alpha later. The first call is for wt: the second
     * call overwrites its wk. */
    dnx_gpu_conv_order(l, &s->at, s->scaled, NULL, s->wk, s->wt);
    dnx_gpu_conv_order(l, &s->at, s->b, NULL, s->wk, NULL);
}

static void take_signs(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    if (s->input.has_bn) dnx_gpu_norm_forward(l, &s->input, p->x[0], p, 0);
    struct signs_args a = {.x = p->x[0],
                           .scale = s->input.scale,
                           .shift = s->input.shift,
                           .signs = s->signs,
                           .sum = s->sum,
                           .rows = pixels_in(l, p->batch),
                           .C = l->node->in[0].c};
    dnx_gpu_rows(l, DNX_CUDA_signs, a.rows, &a);
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

/* Adds the gradient of w. e: the gradient of the convolution's outputs; G: N x K, scratch. */
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
    if (s->has_map) dnx_gpu_rows(l, DNX_CUDA_k_back, k.rows, &k);
    add_weights(l, p, e, G);
    if (!s->takes_signs) {
        dnx_gpu_conv_dx(l, &s->at, e, s->wt, p->dx[0], p->dx_adds[0]);
        return;
    }
    if (!p->dx[0] && !s->input.has_bn) return;
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
    dnx_pass of_signs = *p;
    of_signs.dy = du;
    dnx_gpu_norm_backward(l, &s->input, p->x[0], &of_signs, p->dx[0], p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_binary = {
    .state_size = sizeof(state),
    .make = make,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
