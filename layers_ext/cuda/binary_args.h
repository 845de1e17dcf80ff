/* binary_args.h - the arguments of the kernels of [binary]. kernels.h includes this file and
 * describes the layout of tensors. u is the input x, or its batch norm x * scale + shift. */
#ifndef DNX_CUDA_BINARY_ARGS_H
#define DNX_CUDA_BINARY_ARGS_H
#include <stdbool.h>

#include "cuda/window.h"

/* binarise: v = w, with `centers` minus the mean over the channels, unless all |w| are equal; b =
 * sign(v); alpha = mean |v|, without has_alpha 1; scaled = alpha b. With `clamps` w is first
 * limited to -1..1. One block for each filter of C x taps weights; alpha and centred have one
 * number for each filter. */
struct binarise_args {
    float *w, *v, *b, *scaled, *alpha;
    float *centred; /* output: 1 when the mean was subtracted, else 0 */
    int C, taps;
    bool centers, has_alpha, clamps;
};
/* binarise_back: G is the gradient of alpha b. Computes the gradient of w by the estimator `how`
 * (dnx_estimator), and adds it to d_w. Overwrites G. */
struct binarise_back_args {
    const float *v, *alpha, *centred;
    float *G, *d_w;
    int C, taps, how;
    bool has_alpha;
};
/* signs: stores the signs of u in `signs`, rows x C, and the sums of |u| over the channels in
 * `sum`, one for each row. When scale is NULL, u = x. */
struct signs_args {
    const float *x, *scale, *shift;
    float *signs, *sum;
    long rows;
    int C;
};
/* signs_back: du is the gradient of the signs. Replaces it by the gradient of u: du [|u| <= 1] +
 * map sign(u). map is the gradient of `sum`, one number for each row. */
struct signs_back_args {
    const float *x, *scale, *shift, *map; /* when map is NULL, it is 0 */
    float *du;
    long rows;
    int C;
};
/* k_map: `from` has the sums of |u| over the channels, batch x h x w. Stores the mean of |u| in
 * each window, batch x oh x ow. k_unmap: `from` has the gradient of these means; stores that of the
 * sums. */
struct k_map_args {
    struct dnx_cuda_window at;
    const float *from;
    float *to;
};
#define k_unmap_args k_map_args
/* k_scale: z = z * map[row] * alpha[n]. When map is NULL, z = z * alpha[n]. z: rows x N. */
struct k_scale_args {
    float *z;
    const float *map, *alpha;
    long rows;
    int N;
};
/* k_back: stores the gradient of map in dk, one number for each row (0 where map is 0), and
 * replaces dz by dz * map[row]. */
struct k_back_args {
    float *dz, *dk;
    const float *z, *map;
    long rows;
    int N;
};
#endif
