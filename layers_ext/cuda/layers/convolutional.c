/* convolutional.c - the GPU version of [convolutional]. */
#include "cuda/product.h"

extern const dnx_layer_type dnx_convolutional;

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    return dnx_gpu_product_make(l, dnx_gpu_conv_window(l->node), err);
}

const dnx_gpu_type dnx_gpu_convolutional = {
    .type = &dnx_convolutional,
    .state_size = sizeof(dnx_gpu_product),
    .may_defer = true,
    .adds_residual = true,
    .loads = dnx_gpu_loads_any,
    .make = make,
    .forward = dnx_gpu_product_forward,
    .backward = dnx_gpu_product_backward,
    .prepare = dnx_gpu_product_prepare,
};
