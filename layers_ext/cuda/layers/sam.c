/* sam.c - the GPU version of [sam]: the product of two maps. */
#include "cuda/layer.h"

extern const dnx_layer_type dnx_sam;

static bool can(const dnx_node *n) {
    return dnx_gpu_option(n, "activation", DNX_LINEAR) == DNX_LINEAR;
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    struct times_map_args a = {.a = p->x[0],
                               .b = p->x[1],
                               .to = p->y,
                               .count = (long)p->batch * (long)dnx_size(l->node->out)};
    dnx_device_each(l->device, DNX_CUDA_times_map, a.count, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    for (int k = 0; k < 2; k++) {
        struct times_map_args a = {.a = p->dy,
                                   .b = p->x[1 - k],
                                   .to = p->dx[k],
                                   .count = (long)p->batch * (long)dnx_size(l->node->out),
                                   .adds = p->dx_adds[k]};
        if (a.to) dnx_device_each(l->device, DNX_CUDA_times_map, a.count, &a);
    }
}

const dnx_gpu_type dnx_gpu_sam = {
    .type = &dnx_sam,
    .can = can,
    .forward = forward,
    .backward = backward,
};
