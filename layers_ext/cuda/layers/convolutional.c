/* convolutional.c - the GPU version of [convolutional]. */
#include "cuda/product.h"

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    return dnx_gpu_product_make(l, dnx_gpu_conv_window(l->node), err);
}

const dnx_gpu_type dnx_gpu_convolutional = {.make = make, DNX_GPU_PRODUCT_MEMBERS};
