/* sam.c - the GPU version of [sam]: the product of two maps. */
#include "cuda/maps.h"

extern const dnx_layer_type dnx_sam;

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    (void)err;
    dnx_gpu_map_make(l);
    return DNX_OK;
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_map_forward(l, p, 0, 1, DNX_CUDA_EACH);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_map_backward(l, p, 0, 1, DNX_CUDA_EACH);
}

const dnx_gpu_type dnx_gpu_sam = {
    .type = &dnx_sam,
    .make = make,
    .forward = forward,
    .backward = backward,
};
