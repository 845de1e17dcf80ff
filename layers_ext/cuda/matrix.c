/* matrix.c - a matrix is a convolution whose images are single pixels. */
#include "cuda/matrix.h"

static long tiles(long n) { return (n + DNX_CUDA_TILE - 1) / DNX_CUDA_TILE; }

int dnx_gpu_parts(long m) { return (int)((m + DNX_CUDA_SPLIT - 1) / DNX_CUDA_SPLIT); }

/* The kernel of this precision: `plain`, or one of the two variants behind it in kernels.h. */
static dnx_cuda_kernel kernel_of(const dnx_gpu_layer *l, dnx_cuda_kernel plain) {
    return (dnx_cuda_kernel)(plain + 3 * (int)l->precision);
}

static int cg_of(const struct dnx_cuda_window *at) { return at->C / at->groups; }
static int ng_of(const struct dnx_cuda_window *at) { return at->N / at->groups; }
static int taps_of(const struct dnx_cuda_window *at) { return at->kh * at->kw; }
static long outputs_of(const struct dnx_cuda_window *at) {
    return (long)at->batch * at->oh * at->ow;
}

void dnx_gpu_conv_order(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *w,
                        float *wk, float *wt) {
    struct filters_args a = {.w = w, .wk = wk, .wt = wt, .N = at->N, .groups = at->groups,
                             .cg = cg_of(at), .taps = taps_of(at)};
    dnx_device_each(l->device, DNX_CUDA_filters, (long)a.N * a.cg * a.taps, &a);
}

void dnx_gpu_conv(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                  const float *wk, float *z) {
    struct conv_forward_args a = {.at = *at, .x = x, .wk = wk, .y = z};
    dnx_device_launch(l->device, kernel_of(l, DNX_CUDA_conv_forward), tiles(outputs_of(at)),
                      tiles(ng_of(at)), at->groups, &a);
}

void dnx_gpu_conv_dx(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *dz,
                     const float *wt, float *dx, bool adds) {
    struct conv_dx_args a = {.at = *at, .dz = dz, .wt = wt, .dx = dx, .adds = adds};
    dnx_device_launch(l->device, kernel_of(l, DNX_CUDA_conv_dx),
                      tiles((long)at->batch * at->h * at->w), tiles(cg_of(at)), at->groups, &a);
}

static void parts_of_dw(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                        const float *dz, float *parts) {
    struct conv_dw_args a = {.at = *at, .x = x, .dz = dz, .parts = parts,
                             .slabs = dnx_gpu_parts(outputs_of(at))};
    dnx_device_launch(l->device, kernel_of(l, DNX_CUDA_conv_dw),
                      tiles((long)taps_of(at) * cg_of(at)), tiles(ng_of(at)),
                      (long)at->groups * a.slabs, &a);
}

void dnx_gpu_conv_dw(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                     const float *dz, float *parts, float *grad) {
    struct filters_back_args a = {.parts = parts, .dw = grad, .N = at->N, .groups = at->groups,
                                  .cg = cg_of(at), .taps = taps_of(at),
                                  .slabs = dnx_gpu_parts(outputs_of(at))};
    if (!grad) return;
    parts_of_dw(l, at, x, dz, parts);
    dnx_device_each(l->device, DNX_CUDA_filters_back, (long)a.N * a.cg * a.taps, &a);
}

static struct dnx_cuda_window pixels(long m, int C, int N, int groups) {
    return (struct dnx_cuda_window){.batch = (int)m, .h = 1, .w = 1, .C = C, .oh = 1, .ow = 1,
                                    .N = N, .kh = 1, .kw = 1, .stride = 1, .groups = groups};
}

void dnx_gpu_times_transposed(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m,
                              int n, int k) {
    const struct dnx_cuda_window at = pixels(m, k, n, 1);
    dnx_gpu_conv(l, &at, a, b, z);
}

void dnx_gpu_times(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m, int n, int k,
                   int groups, bool adds) {
    const struct dnx_cuda_window at = pixels(m, groups * k, groups * n, groups);
    dnx_gpu_conv_dx(l, &at, a, b, z, adds);
}

void dnx_gpu_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                              long m, int n, int k) {
    const struct dnx_cuda_window at = pixels(m, k, n, 1);
    parts_of_dw(l, &at, b, a, parts);
}

void dnx_gpu_add_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                                  float *sum, long m, int n, int k) {
    const struct dnx_cuda_window at = pixels(m, k, n, 1);
    dnx_gpu_conv_dw(l, &at, b, a, parts, sum);
}
