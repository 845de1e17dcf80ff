/* channel_shuffle.c - the GPU version of [channel_shuffle]. */
#include "cuda/layer.h"

static void shuffle(dnx_gpu_layer *l, int batch, const float *from, float *to, int groups,
                    bool adds) {
    const dnx_shape s = l->node->out;
    struct shuffle_args a = {.from = from,
                             .to = to,
                             .rows = (long)batch * s.h * s.w,
                             .C = s.c,
                             .groups = groups,
                             .adds = adds};
    dnx_device_each(l->device, DNX_CUDA_shuffle, a.rows * a.C, &a);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    shuffle(l, p->batch, p->x[0], p->y, dnx_gpu_option(l->node, "groups", 1), false);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    /* A shuffle with C/groups groups reverses one with `groups` groups. */
    const int groups = l->node->out.c / dnx_gpu_option(l->node, "groups", 1);
    if (p->dx[0]) shuffle(l, p->batch, p->dy, p->dx[0], groups, p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_channel_shuffle = {
    .forward = forward,
    .backward = backward,
};
