/* scale_channels.c - the GPU version of [scale_channels]. */
#include "cuda/maps.h"

extern const dnx_layer_type dnx_scale_channels;

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    (void)err;
    dnx_gpu_map_make(l);
    return DNX_OK;
}

static int by(const dnx_gpu_layer *l) {
    return dnx_gpu_option(l->node, "scale_wh", 0) ? DNX_CUDA_PIXEL : DNX_CUDA_CHANNEL;
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) { dnx_gpu_map_forward(l, p, 1, 0, by(l)); }

static void backward(dnx_gpu_layer *l, dnx_pass *p) { dnx_gpu_map_backward(l, p, 1, 0, by(l)); }

const dnx_gpu_type dnx_gpu_scale_channels = {
    .type = &dnx_scale_channels,
    .make = make,
    .forward = forward,
    .backward = backward,
};
