/* connected.c - the GPU version of [connected]: a convolution with one window, the whole input. */
#include "cuda/product.h"

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    const dnx_shape in = l->node->in[0];
    return dnx_gpu_product_make(
        l, (struct dnx_cuda_window){.kh = in.h, .kw = in.w, .stride = 1, .groups = 1}, err);
}

const dnx_gpu_type dnx_gpu_connected = {.make = make, DNX_GPU_PRODUCT_MEMBERS};
