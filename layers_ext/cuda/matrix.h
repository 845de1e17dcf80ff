/* matrix.h - products of matrices on a GPU, rows one after the other, by the kernels of product.cu
 * in the layer's precision. */
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
#endif
