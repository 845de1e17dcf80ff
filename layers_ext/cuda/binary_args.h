/* binary_args.h - the arguments of the kernels of [binary]; kernels.h describes the tensors.
 * u = x*scale + shift, or x when scale is NULL. */
#ifndef DNX_CUDA_BINARY_ARGS_H
#define DNX_CUDA_BINARY_ARGS_H
#include <stdbool.h>

#include "cuda/window.h"

/* binarise: v, b = sign(v) and alpha as in common/bits/binarise.h; scaled = alpha b. With `clamps`,
 * w is first limited to -1..1. Each block of threads computes one filter of C x taps weights. */
struct binarise_args {
    float *w, *v, *b, *scaled, *alpha;
    float *centred; /* output, a number for each filter: 1 when its mean was subtracted, else 0 */
    int C, taps;
    bool centers, has_alpha, clamps;
};
/* binarise_back: adds the gradient of w to d_w. Overwrites G, the gradient of alpha b. */
struct binarise_back_args {
    const float *v, *alpha, *centred;
    float *G, *d_w;
    int C, taps, how;
    bool has_alpha;
};
/* signs: stores sign(u), rows x C, and in `sum` the sum of |u| over the channels of each row. */
struct signs_args {
    const float *x, *scale, *shift;
    float *signs, *sum;
    long rows;
    int C;
};
/* signs_back: du is the gradient of sign(u). Replaces it by the gradient of u, which is map[row]
 * sign(u), plus du where |u| <= 1. map: the gradient of `sum`, or NULL. */
struct signs_back_args {
    const float *x, *scale, *shift, *map;
    float *du;
    long rows;
    int C;
};
/* k_map: to = K, the mean of |u| over each window, batch x oh x ow; from = the sums of |u| over
 * channels, batch x h x w. k_unmap: to = the gradient of these sums; from = the gradient of K. */
struct k_map_args {
    struct dnx_cuda_window at;
    const float *from;
    float *to;
};
#define k_unmap_args k_map_args
/* k_scale: z = z * map[row] * alpha[n], or z * alpha[n] without map. z: rows x N; map: K. */
struct k_scale_args {
    float *z;
    const float *map, *alpha;
    long rows;
    int N;
};
/* k_back: dk = the gradient of map, one number for each row; dz = dz * map[row]. */
struct k_back_args {
    float *dz, *dk;
    const float *z, *map;
    long rows;
    int N;
};
#endif
