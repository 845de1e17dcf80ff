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
/* a^T b in parts whose sum it is: parts is dnx_gpu_parts(m) x n x k. a: m x n, b: m x k. */
void dnx_gpu_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                              long m, int n, int k);
int dnx_gpu_parts(long m);
/* Adds a^T b to `sum`, n x k, with those parts as scratch. sum may be NULL: nothing. */
void dnx_gpu_add_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                                  float *sum, long m, int n, int k);

/* Convolutions alone, without batch norm: the kernels of kernels.h with those arguments. at->batch
 * is the pass's. order: filters in file order to wk and, unless it is NULL, to wt. dw: adds to
 * grad, in file order; parts is dnx_gpu_parts(output pixels) times as long; grad NULL: nothing. */
void dnx_gpu_conv_order(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *w,
                        float *wk, float *wt);
void dnx_gpu_conv(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                  const float *wk, float *z);
void dnx_gpu_conv_dx(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *dz,
                     const float *wt, float *dx, bool adds);
void dnx_gpu_conv_dw(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                     const float *dz, float *parts, float *grad);
#endif
