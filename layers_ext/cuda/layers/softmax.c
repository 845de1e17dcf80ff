/* softmax.c - the GPU version of [softmax]. */
#include "cuda/loss.h"

typedef struct {
    dnx_gpu_labels label;
    bool has_loss;
} state;

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    return dnx_gpu_new_labelled(l, &((state *)l->state)->label, err);
}

static void bring(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    const dnx_node *n = l->node;
    s->has_loss = n->trains && p->truth && !dnx_gpu_option(n, "noloss", 0) &&
                  dnx_gpu_option(n, "groups", 1) == 1;
    if (s->has_loss) dnx_gpu_bring_classes(l, &s->label, p, n->out);
}

static void run(dnx_gpu_layer *l, const dnx_pass *p, dnx_cuda_kernel kernel) {
    const state *s = l->state;
    const int groups = dnx_gpu_option(l->node, "groups", 1);
    const struct softmax_args a = {.x = p->x[0],
                                   .dy = p->dy,
                                   .y = p->y,
                                   .dx = p->dx[0],
                                   .adds = p->dx_adds[0],
                                   .losses = l->losses,
                                   .label = s->has_loss ? s->label.device : NULL,
                                   .temperature = (double)dnx_gpu_number(l->node, "temperature", 1),
                                   .size = (long)dnx_size(l->node->out) / groups};
    dnx_device_launch(l->device, kernel, (long)p->batch * groups, 1, 1, &a);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    if (l->losses && !((const state *)l->state)->has_loss)
        dnx_device_clear(l->device, l->losses, sizeof(double) * (size_t)p->batch);
    run(l, p, DNX_CUDA_softmax);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    if (p->dx[0]) run(l, p, DNX_CUDA_softmax_back);
}

const dnx_gpu_type dnx_gpu_softmax = {
    .state_size = sizeof(state),
    .make = make,
    .bring = bring,
    .forward = forward,
    .backward = backward,
};
