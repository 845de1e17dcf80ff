/* connected.c - the GPU version of [connected]: a convolution whose window is the whole input. */
#include "cuda/product.h"

extern const dnx_layer_type dnx_connected;

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    const dnx_shape in = l->node->in[0];
    return dnx_gpu_product_make(
        l, (struct dnx_cuda_window){.kh = in.h, .kw = in.w, .stride = 1, .groups = 1}, err);
}

const dnx_gpu_type dnx_gpu_connected = {
    .type = &dnx_connected,
    .state_size = sizeof(dnx_gpu_product),
    .may_defer = true,
    .adds_residual = true,
    .loads = dnx_gpu_loads_any,
    .make = make,
    .forward = dnx_gpu_product_forward,
    .backward = dnx_gpu_product_backward,
    .prepare = dnx_gpu_product_prepare,
};
