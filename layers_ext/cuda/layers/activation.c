/* activation.c - the GPU version of [activation]. */
#include "cuda/norm.h"

extern const dnx_layer_type dnx_activation;

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    return dnx_gpu_norm_make(l, l->state, false, (dnx_act)dnx_gpu_option(l->node, "activation", 0),
                             false, err);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_norm_forward(l, l->state, p->x[0], p, 0);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_norm_backward(l, l->state, p->x[0], p, p->dx[0], p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_activation = {
    .type = &dnx_activation,
    .state_size = sizeof(dnx_gpu_norm),
    .make = make,
    .forward = forward,
    .backward = backward,
};
