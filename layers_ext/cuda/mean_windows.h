/* mean_windows.h - means over windows on a GPU, for layers whose node->state is a dnx_windows. */
#ifndef DNX_CUDA_MEAN_WINDOWS_H
#define DNX_CUDA_MEAN_WINDOWS_H
#include "cuda/layer.h"

/* The members forward and backward of a dnx_gpu_type. */
void dnx_gpu_mean_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_mean_backward(dnx_gpu_layer *l, dnx_pass *p);
#endif
