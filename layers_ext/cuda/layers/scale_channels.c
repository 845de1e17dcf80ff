/* scale_channels.c - the GPU version of [scale_channels]. */
#include "cuda/maps.h"

static int by(const dnx_gpu_layer *l) {
    return dnx_gpu_option(l->node, "scale_wh", 0) ? DNX_CUDA_PIXEL : DNX_CUDA_CHANNEL;
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) { dnx_gpu_map_forward(l, p, 1, 0, by(l)); }

static void backward(dnx_gpu_layer *l, dnx_pass *p) { dnx_gpu_map_backward(l, p, 1, 0, by(l)); }

const dnx_gpu_type dnx_gpu_scale_channels = {
    .make = dnx_gpu_map_make,
    .forward = forward,
    .backward = backward,
};
