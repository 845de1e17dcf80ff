/* matrix.c - queues the kernels of product.cu. A product of matrices is a convolution of images of
 * one pixel: a row of the first matrix is an image. */
#include "cuda/matrix.h"

#include <limits.h>

#include "cuda/norm.h"

static long tiles(long n) { return (n + DNX_CUDA_TILE - 1) / DNX_CUDA_TILE; }
static int cg_of(const struct dnx_cuda_window *at) { return at->C / at->groups; }
static int ng_of(const struct dnx_cuda_window *at) { return at->N / at->groups; }
static int taps_of(const struct dnx_cuda_window *at) { return at->kh * at->kw; }
static long inputs_of(const struct dnx_cuda_window *at) { return (long)at->batch * at->h * at->w; }
static long outputs_of(const struct dnx_cuda_window *at) {
    return (long)at->batch * at->oh * at->ow;
}

size_t dnx_gpu_filters(const struct dnx_cuda_window *at) {
    return (size_t)at->N * (size_t)taps_of(at) * (size_t)cg_of(at);
}

/* Each tile of the gradient needs a block for each part. With few tiles there are more parts, so
 * that the blocks fill a large GPU. CUDA allows at most 65535 blocks in z. */
int dnx_gpu_parts(const struct dnx_cuda_window *at) {
    enum { BLOCKS = 1024 };
    const long rows = outputs_of(at), most = 65535 / at->groups;
    const long each = tiles((long)taps_of(at) * cg_of(at)) * tiles(ng_of(at)) * at->groups;
    const long least = (rows + DNX_CUDA_SPLIT - 1) / DNX_CUDA_SPLIT, small = (rows + 511) / 512;
    const long wanted = BLOCKS / each < small ? BLOCKS / each : small;
    const long parts = wanted > least ? wanted : least;
    return (int)(parts < most ? parts : most);
}

/* Queues the kernel `plain`, which is for float32, or its version in the layer's precision. With
 * more than DNX_GPU_PIXELS pixels, x = LONG_MAX makes the launch fail. */
static void multiply(dnx_gpu_layer *l, dnx_cuda_kernel plain, const struct dnx_cuda_window *at,
                     long x, long y, long z, const void *args) {
    if (inputs_of(at) > DNX_GPU_PIXELS || outputs_of(at) > DNX_GPU_PIXELS) x = LONG_MAX;
    dnx_device_launch(l->device, (dnx_cuda_kernel)(plain + 3 * (int)l->precision), x, y, z, args);
}

void dnx_gpu_conv_order(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *w,
                        const float *scale, float *wk, float *wt) {
    struct filters_args a = {.w = w,
                             .scale = scale,
                             .wk = wk,
                             .wt = wt,
                             .N = at->N,
                             .groups = at->groups,
                             .cg = cg_of(at),
                             .taps = taps_of(at)};
    dnx_device_each(l->device, DNX_CUDA_filters, (long)dnx_gpu_filters(at), &a);
}

void dnx_gpu_conv(dnx_gpu_layer *l, const struct conv_forward_args *a) {
    const long rows = outputs_of(&a->at);
    multiply(l, DNX_CUDA_conv_forward, &a->at, a->parts ? dnx_gpu_stripes(rows) : tiles(rows),
             tiles(ng_of(&a->at)), a->at.groups, a);
}

void dnx_gpu_conv_dx(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *dz,
                     const float *wt, float *dx, bool adds) {
    struct conv_dx_args a = {.at = *at, .dz = dz, .wt = wt, .dx = dx, .adds = adds};
    if (dx)
        multiply(l, DNX_CUDA_conv_dx, at, dnx_gpu_stripes(inputs_of(at)), tiles(cg_of(at)),
                 at->groups, &a);
}

static void parts_of_dw(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                        const struct dnx_cuda_deferred *of_x, const float *dz, float *parts) {
    struct conv_dw_args a = {
        .at = *at, .x = x, .dz = dz, .parts = parts, .slabs = dnx_gpu_parts(at)};
    if (of_x) a.of_x = *of_x;
    multiply(l, DNX_CUDA_conv_dw, at, tiles((long)taps_of(at) * cg_of(at)), tiles(ng_of(at)),
             (long)at->groups * a.slabs, &a);
}

void dnx_gpu_conv_dw(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                     const struct dnx_cuda_deferred *of_x, const float *dz, float *parts,
                     float *grad) {
    struct filters_back_args a = {.parts = parts,
                                  .dw = grad,
                                  .N = at->N,
                                  .groups = at->groups,
                                  .cg = cg_of(at),
                                  .taps = taps_of(at),
                                  .slabs = dnx_gpu_parts(at)};
    if (!grad) return;
    parts_of_dw(l, at, x, of_x, dz, parts);
    dnx_device_each(l->device, DNX_CUDA_filters_back, (long)dnx_gpu_filters(at), &a);
}

struct dnx_cuda_window dnx_gpu_row_window(long m, int C, int N, int groups) {
    return (struct dnx_cuda_window){.batch = (int)m,
                                    .h = 1,
                                    .w = 1,
                                    .C = C,
                                    .oh = 1,
                                    .ow = 1,
                                    .N = N,
                                    .kh = 1,
                                    .kw = 1,
                                    .stride = 1,
                                    .groups = groups};
}

int dnx_gpu_matrix_parts(long m, int n, int k) {
    const struct dnx_cuda_window at = dnx_gpu_row_window(m, k, n, 1);
    return dnx_gpu_parts(&at);
}

void dnx_gpu_times_transposed(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m,
                              int n, int k) {
    const struct conv_forward_args args = {
        .at = dnx_gpu_row_window(m, k, n, 1), .x = a, .wk = b, .y = z};
    dnx_gpu_conv(l, &args);
}

void dnx_gpu_times(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m, int n,
                   int k) {
    const struct dnx_cuda_window at = dnx_gpu_row_window(m, k, n, 1);
    dnx_gpu_conv_dx(l, &at, a, b, z, false);
}

void dnx_gpu_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                              long m, int n, int k) {
    const struct dnx_cuda_window at = dnx_gpu_row_window(m, k, n, 1);
    parts_of_dw(l, &at, b, NULL, a, parts);
}

void dnx_gpu_add_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                                  float *sum, long m, int n, int k) {
    const struct dnx_cuda_window at = dnx_gpu_row_window(m, k, n, 1);
    dnx_gpu_conv_dw(l, &at, b, NULL, a, parts, sum);
}
