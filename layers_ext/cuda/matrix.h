/* matrix.h - products of matrices on a GPU, and convolutions without batch norm, by the kernels of
 * product.cu in the layer's precision. Matrices are stored row by row. */
#ifndef DNX_CUDA_MATRIX_H
#define DNX_CUDA_MATRIX_H
#include "cuda/layer.h"

/* z = a b^T. a: m x k, b: n x k, z: m x n. */
void dnx_gpu_times_transposed(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m,
                              int n, int k);
/* Stores a b in z, or adds it. a: m x (groups n), b: (groups n) x k. With one group z is m x k.
 * With more, z is m x groups x k: row i holds one row of k numbers for each group, and the sum over
 * the groups is the product. */
void dnx_gpu_times(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m, int n, int k,
                   int groups, bool adds);
/* Computes a^T b as a sum of parts. parts: dnx_gpu_matrix_parts() x n x k. a: m x n, b: m x k. */
void dnx_gpu_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                              long m, int n, int k);
int dnx_gpu_matrix_parts(long m, int n, int k);
/* Adds a^T b to `sum`, n x k; parts is scratch of that size. Does nothing when sum is NULL. */
void dnx_gpu_add_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                                  float *sum, long m, int n, int k);

/* Convolutions without batch norm. The arguments are those of the kernels in kernels.h; at->batch
 * is the batch of the pass. dnx_gpu_filters() returns the number of weights. order: copies w from
 * the order of files to wk, multiplied by scale unless that is NULL, and to wt unless it is NULL.
 * dx: does nothing when dx is NULL. dw: adds to grad, in the order of files, and does nothing when
 * grad is NULL; of_x may be NULL; parts is dnx_gpu_parts() times as long as the filters, and a
 * smaller batch never needs more. */
enum { DNX_GPU_PIXELS = 1 << 30 }; /* the most pixels of a batch */
size_t dnx_gpu_filters(const struct dnx_cuda_window *at);
int dnx_gpu_parts(const struct dnx_cuda_window *at);
void dnx_gpu_conv_order(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *w,
                        const float *scale, float *wk, float *wt);
void dnx_gpu_conv(dnx_gpu_layer *l, const struct conv_forward_args *a);
void dnx_gpu_conv_dx(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *dz,
                     const float *wt, float *dx, bool adds);
void dnx_gpu_conv_dw(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                     const struct dnx_cuda_deferred *of_x, const float *dz, float *parts,
                     float *grad);
#endif
