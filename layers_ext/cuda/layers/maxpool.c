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

static void pool(dnx_gpu_layer *l, int batch, dnx_cuda_kernel kernel, const float *from, float *to,
                 dnx_shape shape_of_to, bool adds) {
    const state *s = l->state;
    struct maxpool_args a = {
        .at = s->at, .from = from, .to = to, .winner = s->winner, .adds = adds};
    a.at.batch = batch;
    dnx_device_each(l->device, kernel, (long)batch * (long)dnx_size(shape_of_to), &a);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    pool(l, p->batch, DNX_CUDA_maxpool, p->x[0], p->y, l->node->out, false);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    if (p->dx[0])
        pool(l, p->batch, DNX_CUDA_maxpool_back, p->dy, p->dx[0], l->node->in[0], p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_maxpool = {
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
};
