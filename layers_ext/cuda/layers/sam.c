/* sam.c - the GPU version of [sam]: the product of two maps. */
#include "cuda/maps.h"

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_map_forward(l, p, 0, 1, DNX_CUDA_EACH);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_map_backward(l, p, 0, 1, DNX_CUDA_EACH);
}

const dnx_gpu_type dnx_gpu_sam = {
    .make = dnx_gpu_map_make,
    .forward = forward,
    .backward = backward,
};
