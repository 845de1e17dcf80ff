/* mean_windows.h - means of each channel over windows on a GPU: [avgpool] and [local_avgpool]. Both
 * need a dnx_mean_windows as node->state. */
#ifndef DNX_CUDA_MEAN_WINDOWS_H
#define DNX_CUDA_MEAN_WINDOWS_H
#include "cuda/layer.h"

/* The members forward and backward of dnx_gpu_type for both layers. */
void dnx_gpu_mean_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_mean_backward(dnx_gpu_layer *l, dnx_pass *p);
#endif
