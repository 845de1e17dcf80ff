/* matrix.h - products of matrices, and convolutions without batch norm, on a GPU in the layer's
 * precision. Matrices are stored row by row. */
#ifndef DNX_CUDA_MATRIX_H
#define DNX_CUDA_MATRIX_H
#include "cuda/layer.h"

/* z = a b^T. a: m x k, b: n x k, z: m x n. */
void dnx_gpu_times_transposed(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m,
                              int n, int k);
/* z = a b. a: m x n, b: n x k, z: m x k. */
void dnx_gpu_times(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m, int n,
                   int k);
/* Stores dnx_gpu_matrix_parts() matrices in `parts`, n x k each. Their sum is a^T b. a: m x n,
 * b: m x k. */
void dnx_gpu_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                              long m, int n, int k);
/* Returns how many matrices dnx_gpu_transposed_times() stores; a smaller m does not give more. */
int dnx_gpu_matrix_parts(long m, int n, int k);
/* Adds a^T b to `sum`, n x k. Does nothing when sum is NULL. a: m x n, b: m x k.
 * parts: scratch, dnx_gpu_matrix_parts() x n x k floats. */
void dnx_gpu_add_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                                  float *sum, long m, int n, int k);

/* Describes a product of matrices as a 1 x 1 convolution with m images of one pixel, C inputs and N
 * outputs. dnx_gpu_conv_dx() with this window multiplies, for each group, the group's columns of dz
 * by its rows of w. dz: m x N, w: N x (C / groups), dx: m x C. */
struct dnx_cuda_window dnx_gpu_row_window(long m, int C, int N, int groups);

/* The functions below are for convolutions. at->batch must be the batch of the pass. */
enum { DNX_GPU_PIXELS = 1 << 30 }; /* the most pixels in a batch */
/* Return the number of weights, and in how many parts their gradient is computed. A smaller batch
 * does not have more parts. */
size_t dnx_gpu_filters(const struct dnx_cuda_window *at);
int dnx_gpu_parts(const struct dnx_cuda_window *at);
/* Stores in wk the filters w, multiplied by scale, in the order of dnx_gpu_conv(). Stores in wt the
 * filters w in the order of dnx_gpu_conv_dx(). w, wk, wt: dnx_gpu_filters() numbers; scale: N
 * numbers. scale and wt may be NULL. */
void dnx_gpu_conv_order(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *w,
                        const float *scale, float *wk, float *wt);
/* Queues a convolution; see conv_forward in kernels.h. */
void dnx_gpu_conv(dnx_gpu_layer *l, const struct conv_forward_args *a);
/* Stores in dx the gradient of the input or, with `adds`, adds it to dx. dz: the gradient of the
 * output. wt: see dnx_gpu_conv_order(). Does nothing when dx is NULL. */
void dnx_gpu_conv_dx(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *dz,
                     const float *wt, float *dx, bool adds);
/* Adds the gradient of w to grad. Does nothing when grad is NULL. parts: scratch, dnx_gpu_parts() x
 * dnx_gpu_filters() floats. of_x: the deferred batch norm and activation of x; may be NULL. */
void dnx_gpu_conv_dw(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                     const struct dnx_cuda_deferred *of_x, const float *dz, float *parts,
                     float *grad);
#endif
