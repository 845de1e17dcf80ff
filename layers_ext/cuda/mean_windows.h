/* mean_windows.h - the mean of each channel over windows on a GPU: [avgpool] and [local_avgpool],
 * whose state on the processor is a dnx_mean_windows. */
#ifndef DNX_CUDA_MEAN_WINDOWS_H
#define DNX_CUDA_MEAN_WINDOWS_H
#include "cuda/layer.h"

/* The members of dnx_gpu_type for such a layer; it has no state on the device. */
void dnx_gpu_mean_forward(dnx_gpu_layer *l, dnx_pass *p);
void dnx_gpu_mean_backward(dnx_gpu_layer *l, dnx_pass *p);
#endif
