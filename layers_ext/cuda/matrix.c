/* matrix.c - a matrix is a convolution whose images are single pixels. */
#include "cuda/matrix.h"

static long tiles(long n) { return (n + DNX_CUDA_TILE - 1) / DNX_CUDA_TILE; }

int dnx_gpu_parts(long m) { return (int)((m + DNX_CUDA_SPLIT - 1) / DNX_CUDA_SPLIT); }

/* The kernel of this precision: `plain`, or one of the two variants behind it in kernels.h. */
static dnx_cuda_kernel kernel_of(dnx_precision precision, dnx_cuda_kernel plain) {
    return (dnx_cuda_kernel)(plain + 3 * (int)precision);
}

static struct dnx_cuda_window pixels(long m, int C, int N, int groups) {
    return (struct dnx_cuda_window){.batch = (int)m, .h = 1, .w = 1, .C = C, .oh = 1, .ow = 1,
                                    .N = N, .kh = 1, .kw = 1, .stride = 1, .groups = groups};
}

void dnx_gpu_times_transposed(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m,
                              int n, int k) {
    struct conv_forward_args args = {.at = pixels(m, k, n, 1), .x = a, .wk = b, .y = z};
    dnx_device_launch(l->device, kernel_of(l->precision, DNX_CUDA_conv_forward), tiles(m),
                      tiles(n), 1, &args);
}

void dnx_gpu_times(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m, int n, int k,
                   int groups, bool adds) {
    struct conv_dx_args args = {.at = pixels(m, groups * k, groups * n, groups), .dz = a, .wt = b,
                                .dx = z, .adds = adds};
    dnx_device_launch(l->device, kernel_of(l->precision, DNX_CUDA_conv_dx), tiles(m),
                      tiles(k), groups, &args);
}

void dnx_gpu_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                              long m, int n, int k) {
    struct conv_dw_args args = {.at = pixels(m, k, n, 1), .x = b, .dz = a, .parts = parts,
                                .slabs = dnx_gpu_parts(m)};
    dnx_device_launch(l->device, kernel_of(l->precision, DNX_CUDA_conv_dw), tiles(k), tiles(n),
                      args.slabs, &args);
}
