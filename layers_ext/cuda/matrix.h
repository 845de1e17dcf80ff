/* matrix.h - products of matrices, and convolutions without batch norm, on a GPU in the layer's
 * precision. Matrices are stored row by row. */
#ifndef DNX_CUDA_MATRIX_H
#define DNX_CUDA_MATRIX_H
#include "cuda/layer.h"

/* z = a b^T. a: m x k, b: n x k, z: m x n. */
void dnx_gpu_times_transposed(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m,
                              int n, int k);
/* Computes the product a b in parts: z[i][g] is the part of row i that group g of n terms gives, so
 * row i of a b is the sum over g of z[i][g]. Stores the parts in z or, with `adds`, adds them to z.
 * a: m x (groups n), b: (groups n) x k, z: m x groups x k. */
void dnx_gpu_times(dnx_gpu_layer *l, const float *a, const float *b, float *z, long m, int n, int k,
                   int groups, bool adds);
/* Stores dnx_gpu_matrix_parts() matrices in `parts`, n x k each. Their sum is a^T b. a: m x n,
 * b: m x k. */
void dnx_gpu_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                              long m, int n, int k);
int dnx_gpu_matrix_parts(long m, int n, int k);
/* Adds a^T b to `sum`, n x k. Does nothing when sum is NULL. a: m x n, b: m x k.
 * parts: scratch, dnx_gpu_matrix_parts() x n x k floats. */
void dnx_gpu_add_transposed_times(dnx_gpu_layer *l, const float *a, const float *b, float *parts,
                                  float *sum, long m, int n, int k);

/* Convolutions. at->batch must be the batch of the pass. */
enum { DNX_GPU_PIXELS = 1 << 30 }; /* the most pixels in a batch */
/* Return the number of weights, and the number of parts of their gradient. A smaller batch does not
 * have more parts. */
size_t dnx_gpu_filters(const struct dnx_cuda_window *at);
int dnx_gpu_parts(const struct dnx_cuda_window *at);
void dnx_gpu_conv_order(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *w,
                        const float *scale, float *wk, float *wt);
void dnx_gpu_conv(dnx_gpu_layer *l, const struct conv_forward_args *a);
/* Does nothing when dx is NULL. */
void dnx_gpu_conv_dx(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *dz,
                     const float *wt, float *dx, bool adds);
/* Adds the gradient of w to grad. Does nothing when grad is NULL. parts: scratch, dnx_gpu_parts() x
 * dnx_gpu_filters() floats. of_x may be NULL. */
void dnx_gpu_conv_dw(dnx_gpu_layer *l, const struct dnx_cuda_window *at, const float *x,
                     const struct dnx_cuda_deferred *of_x, const float *dz, float *parts,
                     float *grad);
#endif
