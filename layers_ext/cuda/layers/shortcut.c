/* shortcut.c - the GPU version of [shortcut]: y = act(alpha*x + beta*f). */
#include "cuda/layer.h"

extern const dnx_layer_type dnx_shortcut;

/* The GPU adds only tensors of the same shape. The processor runs the other layers. */
static bool can(const dnx_node *n) {
    const dnx_shape a = n->in[0], f = n->in[1];
    return a.h == f.h && a.w == f.w && a.c == f.c;
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    const dnx_node *n = l->node;
    struct sum_args a = {.x = p->x[0],
                         .f = p->x[1],
                         .y = p->y,
                         .count = (long)p->batch * (long)dnx_size(n->out),
                         .alpha = dnx_gpu_number(n, "alpha", 1),
                         .beta = dnx_gpu_number(n, "beta", 1),
                         .act = (dnx_act)dnx_gpu_option(n, "activation", 0)};
    dnx_device_each(l->device, DNX_CUDA_sum, a.count, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    const dnx_node *n = l->node;
    struct scaled_args a = {.from = p->dy,
                            .x = p->x[0],
                            .f = p->x[1],
                            .count = (long)p->batch * (long)dnx_size(n->out),
                            .alpha = dnx_gpu_number(n, "alpha", 1),
                            .beta = dnx_gpu_number(n, "beta", 1),
                            .act = (dnx_act)dnx_gpu_option(n, "activation", 0)};
    for (int k = 0; k < 2; k++) {
        a.to = p->dx[k];
        a.factor = k ? a.beta : a.alpha;
        a.adds = p->dx_adds[k];
        if (a.to) dnx_device_each(l->device, DNX_CUDA_scaled, a.count, &a);
    }
}

const dnx_gpu_type dnx_gpu_shortcut = {
    .type = &dnx_shortcut,
    .can = can,
    .forward = forward,
    .backward = backward,
};
