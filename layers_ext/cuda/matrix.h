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
/* Returns the number of parts: see dnx_gpu_parts(). */
int dnx_gpu_matrix_parts(long m, int n, int k);
/* Adds a^T b to `sum`, n x k. Does nothing when sum is NULL. a: m x n, b: m x k.
 * parts: scratch, dnx_gpu_matrix_parts() x n x k floats. */
void dnx_gpu_add_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                                  float *sum, long m, int n, int k);

/* Returns the window of a convolution 1 x 1 of m images of one pixel. Its dnx_gpu_conv_dx() is, for
 * each group, the product of the group's columns of dz and rows of w. dz: m x N, w: N x (C /
 * groups), dx: m x C. */
struct dnx_cuda_window dnx_gpu_row_window(long m, int C, int N, int groups);

/* Convolutions. at->batch must be the batch of the pass. */
enum { DNX_GPU_PIXELS = 1 << 30 }; /* the most pixels in a batch */
/* Return the number of weights, and the number of parts of their gradient. A smaller batch does not
 * have more parts. */
size_t dnx_gpu_filters(const struct dnx_cuda_window *at);
int dnx_gpu_parts(const struct dnx_cuda_window *at);
/* Orders the filters w for dnx_gpu_conv() in wk, multiplied by scale[N], and for dnx_gpu_conv_dx()
 * in wt. w, wk, wt: dnx_gpu_filters() numbers. scale and wt may be NULL. */
void dnx_gpu_conv_order(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *w,
                        const float *scale, float *wk, float *wt);
/* Queues a convolution; see conv_forward in kernels.h. */
void dnx_gpu_conv(dnx_gpu_layer *l, const struct conv_forward_args *a);
/* Stores in dx the gradient of the input; with `adds`, adds it. dz: the gradient of the output.
 * Does nothing when dx is NULL. */
void dnx_gpu_conv_dx(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *dz,
                     const float *wt, float *dx, bool adds);
/* Adds the gradient of w to grad. Does nothing when grad is NULL. parts: scratch, dnx_gpu_parts() x
 * dnx_gpu_filters() floats. of_x may be NULL. */
void dnx_gpu_conv_dw(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                     const struct dnx_cuda_deferred *of_x, const float *dz, float *parts,
                     float *grad);
#endif
