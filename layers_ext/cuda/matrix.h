/* matrix.h - products of matrices on a GPU, and convolutions alone, by the kernels of product.cu in
 * the layer's precision. Rows lie one after the other. */
#ifndef DNX_CUDA_MATRIX_H
#define DNX_CUDA_MATRIX_H
#include "cuda/layer.h"

/* z = a b^T. a: m x k, b: n x k, z: m x n. */
void dnx_gpu_times_transposed(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m,
                              int n, int k);
/* z = or += a b. a: m x (groups n), b: (groups n) x k. With one group z is m x k. With more, row i
 * of z holds one row of k for each group: z is m x groups x k, and its sum over the groups is the
 * product. */
void dnx_gpu_times(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m, int n, int k,
                   int groups, bool adds);
/* a^T b in parts whose sum it is: parts is dnx_gpu_matrix_parts() x n x k. a: m x n, b: m x k. */
void dnx_gpu_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                              long m, int n, int k);
int dnx_gpu_matrix_parts(long m, int n, int k);
/* Adds a^T b to `sum`, n x k, with those parts as scratch. sum may be NULL: nothing. */
void dnx_gpu_add_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                                  float *sum, long m, int n, int k);

/* Convolutions without batch norm: the kernels of kernels.h with those arguments. at->batch is the
 * pass's. dnx_gpu_filters(): the number of weights. order: w, the filters in file order, to wk and,
 * unless it is NULL, to wt. dx: NULL: nothing. dw: adds to grad, in file order; NULL: nothing.
 * parts is dnx_gpu_parts() times as long as the filters; a smaller batch never needs more. */
size_t dnx_gpu_filters(const struct dnx_cuda_window *at);
int dnx_gpu_parts(const struct dnx_cuda_window *at);
void dnx_gpu_conv_order(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *w,
                        const float *scale, float *wk, float *wt);
void dnx_gpu_conv(dnx_gpu_layer *l, const struct conv_forward_args *a);
void dnx_gpu_conv_dx(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *dz,
                     const float *wt, float *dx, bool adds);
void dnx_gpu_conv_dw(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                     const float *dz, float *parts, float *grad);
#endif
