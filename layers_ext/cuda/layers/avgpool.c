/* avgpool.c - the GPU version of [avgpool]. */
#include "cuda/product.h"

extern const dnx_layer_type dnx_avgpool;

static struct dnx_cuda_window window(const dnx_node *n, int batch) {
    const int size = dnx_gpu_option(n, "size", 0);
    return dnx_gpu_window(
        n, batch,
        (struct dnx_cuda_window){.kh = size ? size : n->in[0].h,
                                 .kw = size ? size : n->in[0].w,
                                 .groups = 1,
                                 .stride = dnx_gpu_option(n, "stride", 1),
                                 .pad = dnx_gpu_option(n, "pad", 0) ? size / 2 : 0});
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    struct avgpool_args a = {.at = window(l->node, p->batch), .x = p->x[0], .y = p->y};
    dnx_device_each(l->device, DNX_CUDA_avgpool, (long)p->batch * (long)dnx_size(l->node->out), &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    struct avgpool_back_args a = {
        .at = window(l->node, p->batch), .dy = p->dy, .dx = p->dx[0], .adds = p->dx_adds[0]};
    if (a.dx)
        dnx_device_each(l->device, DNX_CUDA_avgpool_back,
                        (long)p->batch * (long)dnx_size(l->node->in[0]), &a);
}

const dnx_gpu_type dnx_gpu_avgpool = {
    .type = &dnx_avgpool,
    .forward = forward,
    .backward = backward,
};
