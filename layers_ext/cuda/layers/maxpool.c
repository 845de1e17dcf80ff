/* maxpool.c - the GPU version of [maxpool]. */
#include "cuda/product.h"

typedef struct {
    struct dnx_cuda_window at;
    int *winner; /* batch x out; NULL when predicting */
} state;

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    const dnx_node *n = l->node;
    const int stride = dnx_gpu_option(n, "stride", 1), given = dnx_gpu_option(n, "size", 0);
    const int size = given ? given : stride, padding = dnx_gpu_option(n, "padding", -1);
    s->at = dnx_gpu_window(n, n->batch,
                           (struct dnx_cuda_window){.kh = size,
                                                    .kw = size,
                                                    .stride = stride,
                                                    .groups = 1,
                                                    .pad = (padding < 0 ? size - 1 : padding) / 2});
    const size_t count = dnx_size(n->out) * (size_t)n->batch;
    return n->trains ? dnx_gpu_new_bytes(l, &s->winner, sizeof *s->winner * count, err) : DNX_OK;
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    const state *s = l->state;
    struct maxpool_args a = {.at = s->at, .x = p->x[0], .y = p->y, .winner = s->winner};
    a.at.batch = p->batch;
    dnx_device_each(l->device, DNX_CUDA_maxpool, (long)p->batch * (long)dnx_size(l->node->out), &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    const state *s = l->state;
    struct maxpool_back_args a = {
        .at = s->at, .dy = p->dy, .dx = p->dx[0], .adds = p->dx_adds[0], .winner = s->winner};
    a.at.batch = p->batch;
    if (a.dx)
        dnx_device_each(l->device, DNX_CUDA_maxpool_back,
                        (long)p->batch * (long)dnx_size(l->node->in[0]), &a);
}

const dnx_gpu_type dnx_gpu_maxpool = {
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
};
