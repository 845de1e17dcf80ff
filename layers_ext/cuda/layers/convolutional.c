/* convolutional.c - the GPU version of [convolutional]. */
#include "cuda/product.h"

extern const dnx_layer_type dnx_convolutional;

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    const dnx_node *n = l->node;
    const int size = dnx_gpu_option(n, "size", 1);
    const struct dnx_cuda_window at = {
        .kh = size,
        .kw = size,
        .stride = dnx_gpu_option(n, "stride", 1),
        .pad = dnx_gpu_option(n, "pad", 0) ? size / 2 : dnx_gpu_option(n, "padding", 0),
        .groups = dnx_gpu_option(n, "groups", 1)};
    return dnx_gpu_product_make(l, at, err);
}

const dnx_gpu_type dnx_gpu_convolutional = {
    .type = &dnx_convolutional,
    .state_size = sizeof(dnx_gpu_product),
    .make = make,
    .forward = dnx_gpu_product_forward,
    .backward = dnx_gpu_product_backward,
    .prepare = dnx_gpu_product_prepare,
};
