/* maps.h - the product of a map and a factor on a GPU: [sam] and [scale_channels]. */
#ifndef DNX_CUDA_MAPS_H
#define DNX_CUDA_MAPS_H
#include "cuda/layer.h"

/* make() of such a layer. Cannot fail. */
dnx_status dnx_gpu_map_make(dnx_gpu_layer *l, dnx_err *err);
/* y = act(f * s). f, s: the indices of the inputs; `by` is one of the enum of times_map in
 * kernels.h, and says how many numbers s has. */
void dnx_gpu_map_forward(dnx_gpu_layer *l, dnx_pass *p, int f, int s, int by);
void dnx_gpu_map_backward(dnx_gpu_layer *l, dnx_pass *p, int f, int s, int by);
#endif
