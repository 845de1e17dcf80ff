/* route.c - the GPU version of [route]. */
#include "cuda/layer.h"

/* Sets *c, *from and *to: channels [*from, *from + *c) of input k go to y from channel *to on. */
static void part_of(const dnx_node *n, int k, int *c, int *from, int *to) {
    const int groups = dnx_gpu_option(n, "groups", 1);
    *c = n->in[k].c / groups;
    *from = dnx_gpu_option(n, "group_id", 0) * *c;
    *to = 0;
    for (int i = 0; i < k; i++) *to += n->in[i].c / groups;
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    const dnx_node *n = l->node;
    for (int k = 0; k < n->n_in; k++) {
        struct channels_args a = {.from = p->x[k],
                                  .to = p->y,
                                  .from_c = n->in[k].c,
                                  .to_c = n->out.c,
                                  .rows = (long)p->batch * n->out.h * n->out.w};
        part_of(n, k, &a.c, &a.from_at, &a.to_at);
        dnx_device_each(l->device, DNX_CUDA_channels, a.rows * a.c, &a);
    }
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    const dnx_node *n = l->node;
    for (int k = 0; k < n->n_in; k++) {
        struct channels_args a = {.from = p->dy,
                                  .to = p->dx[k],
                                  .from_c = n->out.c,
                                  .to_c = n->in[k].c,
                                  .adds = p->dx_adds[k],
                                  .rows = (long)p->batch * n->out.h * n->out.w};
        if (!a.to) continue;
        part_of(n, k, &a.c, &a.to_at, &a.from_at);
        if (!a.adds && a.c < a.to_c)
            dnx_device_clear(l->device, a.to, sizeof(float) * (size_t)a.rows * (size_t)a.to_c);
        dnx_device_each(l->device, DNX_CUDA_channels, a.rows * a.c, &a);
    }
}

const dnx_gpu_type dnx_gpu_route = {
    .forward = forward,
    .backward = backward,
};
