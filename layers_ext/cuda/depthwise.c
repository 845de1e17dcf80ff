/* depthwise.c - queues the kernels of depthwise.cu and depthwise_3x3.cu. */
#include "cuda/depthwise.h"

#include <stdint.h>

#include "cuda/product.h"

static int taps_of(const dnx_gpu_dw *s) { return s->at.kh * s->at.kw; }
static int slabs_of(const struct dnx_cuda_window *at) {
    return dnx_gpu_slabs((long)at->batch * at->oh * at->ow);
}

static long tiles_of(int batch, int h, int w) {
    return (long)batch * ((h + DNX_CUDA_SIDE - 1) / DNX_CUDA_SIDE) *
           ((w + DNX_CUDA_SIDE - 1) / DNX_CUDA_SIDE);
}

/* Returns how many floats of shared memory the input pixels of a tile need. */
static long windows_of(const struct dnx_cuda_window *at) {
    return ((DNX_CUDA_SIDE - 1L) * at->stride + at->kh) *
           ((DNX_CUDA_SIDE - 1L) * at->stride + at->kw) * DNX_CUDA_COLUMNS;
}

/* Tiles save time only when neighbouring windows share pixels. */
static bool has_tiles(const struct dnx_cuda_window *at) {
    return at->N == at->C && at->kh > at->stride && at->oh > 1 && at->ow > 1 &&
           windows_of(at) <= DNX_CUDA_WINDOWS;
}
static bool has_dw_tiles(const struct dnx_cuda_window *at) {
    const long sums = (long)at->kh * at->kw * DNX_CUDA_SIDE * DNX_CUDA_COLUMNS;
    return has_tiles(at) && windows_of(at) + sums <= DNX_CUDA_WINDOWS + DNX_CUDA_SUMS;
}

/* True for the geometry of the kernels depthwise*_3x3. */
static bool is_3x3(const struct dnx_cuda_window *at) {
    const int s = at->stride;
    return at->kh == 3 && at->kw == 3 && at->pad == 1 && (s == 1 || s == 2) && at->N == at->C &&
           at->C % 4 == 0 && at->oh == (at->h - 1) / s + 1 && at->ow == (at->w - 1) / s + 1 &&
           (long)at->batch * at->h * at->w <= 1L << 30;
}
static bool is_aligned(const void *p) { return (uintptr_t)p % 16 == 0; }
/* True for the activations that the kernels depthwise*_3x3 can compute. */
static bool bends(dnx_act act) {
    return act == DNX_LINEAR || act == DNX_RELU || act == DNX_LEAKY || act == DNX_PRELU ||
           act == DNX_RELU6;
}

/* Returns how many blocks in x, at most `most`, compute the strips of `rows` rows. */
static int blocks_of(long rows, int columns, int length, int most) {
    const long strips = rows * ((columns + length - 1) / length);
    const long blocks = (strips + DNX_CUDA_STRIPS - 1) / DNX_CUDA_STRIPS;
    return blocks < most ? (int)blocks : most;
}
static int dw_blocks(const struct dnx_cuda_window *at) {
    return blocks_of((long)at->batch * at->oh, at->ow, DNX_CUDA_DW_STRIP(at->stride),
                     DNX_CUDA_STRIPES / 2);
}

/* True when each filter covers the whole input. */
static bool is_whole(const struct dnx_cuda_window *at) {
    return at->N == at->C && at->oh == 1 && at->ow == 1 && !at->pad && at->kh == at->h &&
           at->kw == at->w;
}

dnx_status dnx_gpu_dw_make(dnx_gpu_layer *l, dnx_err *err) {
    dnx_gpu_dw *s = l->state;
    const dnx_node *n = l->node;
    const int size = dnx_gpu_option(n, "size", 0);
    s->at = dnx_gpu_window(n, n->batch,
                           (struct dnx_cuda_window){.kh = size ? size : n->in[0].h,
                                                    .kw = size ? size : n->in[0].w,
                                                    .stride = dnx_gpu_option(n, "stride", 1),
                                                    .groups = n->in[0].c,
                                                    .pad = dnx_gpu_option(n, "pad", 0)
                                                               ? size / 2
                                                               : dnx_gpu_option(n, "padding", 0)});
    dnx_status st = dnx_gpu_norm_make(l, &s->norm, true, err);
    if (st || !n->trains) return st;
    l->scratch_floats = (size_t)n->batch * dnx_size(n->out);
    const int blocks = is_3x3(&s->at) ? dw_blocks(&s->at) : 0, slabs = slabs_of(&s->at);
    return dnx_gpu_new(l, &s->parts,
                       (size_t)(slabs > blocks ? slabs : blocks) * (size_t)(taps_of(s) * s->at.N),
                       err);
}

/* Queues the convolution. Returns the number of its blocks in x when it stores the sums of z and
 * z^2 in `parts`, else 0. */
static int convolve(dnx_gpu_layer *l, struct depthwise_args *a, double *parts) {
    const long rows = (long)a->at.batch * a->at.oh * a->at.ow;
    const long tiles = tiles_of(a->at.batch, a->at.oh, a->at.ow);
    const int columns = dnx_gpu_columns(a->at.C), stripes = dnx_gpu_stripes(rows);
    a->parts = parts;
    if (is_3x3(&a->at) && is_aligned(a->x) && is_aligned(a->y) && (!a->scale || bends(a->act)) &&
        (!a->of_x.scale || bends(a->of_x.act))) {
        const int s = a->at.stride;
        const int blocks = blocks_of((long)a->at.batch * a->at.oh, a->at.ow, DNX_CUDA_STRIP(s),
                                     parts ? stripes : DNX_CUDA_STRIPES);
        dnx_device_launch(l->device, s == 1 ? DNX_CUDA_depthwise_3x3 : DNX_CUDA_depthwise_3x3_by_2,
                          blocks, columns, 1, a);
        return parts ? blocks : 0;
    }
    if (has_tiles(&a->at)) {
        const long blocks = parts && stripes < tiles ? stripes : tiles;
        dnx_device_launch(l->device, DNX_CUDA_depthwise_tiles, blocks, columns, 1, a);
        return parts ? (int)blocks : 0;
    }
    dnx_device_each(l->device, DNX_CUDA_depthwise, rows * a->at.N, a);
    return 0;
}

void dnx_gpu_dw_forward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_dw *s = l->state;
    struct depthwise_args a = {.at = s->at,
                               .x = p->x[0],
                               .w = dnx_gpu_value(l, DNX_WEIGHTS),
                               .y = dnx_gpu_z(&s->norm, p),
                               .of_x = dnx_gpu_deferred(l, 0)};
    a.at.batch = p->batch;
    if (!l->node->trains) {
        a.scale = s->norm.scale;
        a.shift = s->norm.shift;
        a.slopes = dnx_gpu_value(l, DNX_SLOPES);
        a.act = s->norm.act;
    }
    const bool sums = dnx_gpu_norm_needs_sums(l, &s->norm, p);
    const int stripes = convolve(l, &a, sums ? s->norm.parts : NULL);
    if (l->node->trains) dnx_gpu_norm_forward(l, &s->norm, a.y, p, stripes);
}

void dnx_gpu_dw_prepare(dnx_gpu_layer *l) {
    dnx_gpu_dw *s = l->state;
    if (!l->node->trains) dnx_gpu_norm_fold(l, &s->norm);
}

static void add_filters(dnx_gpu_layer *l, const struct depthwise_dw_args *a) {
    const int N = a->at.N, taps = a->at.kh * a->at.kw;
    const long tiles = tiles_of(a->at.batch, a->at.oh, a->at.ow);
    struct depthwise_dw_sum_args b = {.parts = a->parts,
                                      .dw = dnx_gpu_grad(l, DNX_WEIGHTS),
                                      .N = N,
                                      .taps = taps,
                                      .slabs = slabs_of(&a->at)};
    if (!b.dw) return;
    if (is_3x3(&a->at) && is_aligned(a->x) && is_aligned(a->dz) &&
        (!a->of_x.scale || bends(a->of_x.act))) {
        b.slabs = dw_blocks(&a->at);
        dnx_device_launch(l->device,
                          a->at.stride == 1 ? DNX_CUDA_depthwise_dw_3x3
                                            : DNX_CUDA_depthwise_dw_3x3_by_2,
                          b.slabs, dnx_gpu_columns(N), 1, a);
    } else if (has_dw_tiles(&a->at)) {
        if (b.slabs > tiles) b.slabs = (int)tiles;
        dnx_device_launch(l->device, DNX_CUDA_depthwise_dw_tiles, b.slabs, dnx_gpu_columns(N), 1,
                          a);
    } else
        dnx_device_launch(l->device, DNX_CUDA_depthwise_dw, dnx_gpu_columns(N), taps, b.slabs, a);
    dnx_device_launch(l->device, DNX_CUDA_depthwise_dw_sum,
                      ((long)N * taps + DNX_CUDA_COLUMNS - 1) / DNX_CUDA_COLUMNS, 1, 1, &b);
}

static void input_gradient(dnx_gpu_layer *l, const struct depthwise_dx_args *a) {
    const struct dnx_cuda_window *at = &a->at;
    const int columns = dnx_gpu_columns(at->C);
    const long rows = (long)at->batch * at->h, count = (long)at->h * at->w * at->C;
    if (is_3x3(at) && is_aligned(a->dz) && is_aligned(a->dx)) {
        const bool by_2 = at->stride == 2;
        const int blocks = blocks_of(rows, at->ow, DNX_CUDA_STRIP(at->stride), DNX_CUDA_STRIPES);
        dnx_device_launch(l->device,
                          by_2 ? DNX_CUDA_depthwise_dx_3x3_by_2 : DNX_CUDA_depthwise_dx_3x3, blocks,
                          columns, 1, a);
    } else if (is_whole(at))
        dnx_device_launch(l->device, DNX_CUDA_depthwise_dx_whole,
                          (count + DNX_CUDA_THREADS - 1) / DNX_CUDA_THREADS,
                          at->batch < 64 ? at->batch : 64, 1, a);
    else if (has_tiles(at))
        dnx_device_launch(l->device, DNX_CUDA_depthwise_dx_tiles, tiles_of(at->batch, at->h, at->w),
                          columns, 1, a);
    else dnx_device_each(l->device, DNX_CUDA_depthwise_dx, at->batch * count, a);
}

void dnx_gpu_dw_backward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_dw *s = l->state;
    float *dz = l->scratch;
    dnx_gpu_norm_backward(l, &s->norm, dnx_gpu_z(&s->norm, p), p, dz, false);
    struct depthwise_dw_args a = {
        .at = s->at, .x = p->x[0], .dz = dz, .parts = s->parts, .of_x = dnx_gpu_deferred(l, 0)};
    a.at.batch = p->batch;
    add_filters(l, &a);
    struct depthwise_dx_args d = {.at = a.at,
                                  .dz = dz,
                                  .w = dnx_gpu_value(l, DNX_WEIGHTS),
                                  .dx = p->dx[0],
                                  .adds = p->dx_adds[0]};
    if (d.dx) input_gradient(l, &d);
}
