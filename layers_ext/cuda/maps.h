/* maps.h - [sam] and [scale_channels] on a GPU: y = act(f * s). f is a map; s has a factor for each
 * number, channel or pixel of f. */
#ifndef DNX_CUDA_MAPS_H
#define DNX_CUDA_MAPS_H
#include "cuda/layer.h"

/* The member make of both types: asks for scratch memory when backward() needs it. Never fails. */
dnx_status dnx_gpu_map_make(dnx_gpu_layer *l, dnx_err *err);
/* f, s: the indices of these inputs. by: DNX_CUDA_EACH, DNX_CUDA_CHANNEL or DNX_CUDA_PIXEL. */
void dnx_gpu_map_forward(dnx_gpu_layer *l, dnx_pass *p, int f, int s, int by);
void dnx_gpu_map_backward(dnx_gpu_layer *l, dnx_pass *p, int f, int s, int by);
#endif
