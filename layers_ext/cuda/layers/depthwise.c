/* depthwise.c - the GPU version of [depthwise]. */
#include "cuda/depthwise.h"

extern const dnx_layer_type dnx_depthwise;

/* The GPU has code for one filter per channel. The processor runs layers with more. */
static bool can(const dnx_node *n) { return n->out.c == n->in[0].c; }

const dnx_gpu_type dnx_gpu_depthwise = {
    .type = &dnx_depthwise,
    .state_size = sizeof(dnx_gpu_dw),
    .can = can,
    .make = dnx_gpu_dw_make,
    .forward = dnx_gpu_dw_forward,
    .backward = dnx_gpu_dw_backward,
    .prepare = dnx_gpu_dw_prepare,
};
