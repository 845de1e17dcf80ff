/* binary_args.h - the arguments of the kernels of [binary]. kernels.h includes it and describes the
 * layout of tensors. */
#ifndef DNX_CUDA_BINARY_ARGS_H
#define DNX_CUDA_BINARY_ARGS_H
#include <stdbool.h>

#include "cuda/window.h"

/* binarise: v = w, or w minus its mean over the channels; b = sign(v); alpha = mean |v|, or 1;
 * scaled = alpha b. One block for each filter of C x taps. clamps: w is first limited to -1..1. */
struct binarise_args {
    float *w, *v, *b, *scaled, *alpha;
    float *centred; /* 1 when the mean was subtracted, else 0 */
    int C, taps;
    bool centers, has_alpha, clamps;
};
/* binarise_back: from G, the gradient of alpha b, computes the gradient of w by the estimator `how`
 * (dnx_estimator) and adds it to d_w. */
struct binarise_back_args {
    const float *v, *alpha, *centred;
    float *G, *d_w;
    int C, taps, how;
    bool has_alpha;
};
/* signs: the signs of u = x scale + shift (u = x when scale is NULL), and sum = the sum of |u| over
 * the channels. */
struct signs_args {
    const float *x, *scale, *shift;
    float *signs, *sum;
    long rows;
    int C;
};
/* signs_back: turns du from the gradient of the signs into the gradient of u. map: the gradient of
 * `sum`. */
struct signs_back_args {
    const float *x, *scale, *shift, *map; /* map may be NULL */
    float *du;
    long rows;
    int C;
};
/* k_map: for each window the mean over its pixels and channels; `from` has the sums over the
 * channels, B x h x w. k_unmap: the reverse, for gradients. */
struct k_map_args {
    struct dnx_cuda_window at;
    const float *from;
    float *to;
};
#define k_unmap_args k_map_args
/* k_scale: z = z map alpha; without map z = z alpha. */
struct k_scale_args {
    float *z;
    const float *map, *alpha;
    long rows;
    int N;
};
/* k_back: dz = dz map; dk = the gradient of map. */
struct k_back_args {
    float *dz, *dk;
    const float *z, *map;
    long rows;
    int N;
};
#endif
