/* cost.c - the GPU version of [cost]. Its output is a copy of its input. */
#include "cuda/loss.h"

typedef struct {
    dnx_gpu_labels label;
    bool has_labels; /* this pass has labels, and the layer trains */
} state;

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    return dnx_gpu_new_labelled(l, &((state *)l->state)->label, err);
}

static void bring(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    s->has_labels = l->node->trains && p->truth;
    if (s->has_labels) dnx_gpu_bring_classes(l, &s->label, p, l->node->out);
}

static struct cost_args args_of(const dnx_gpu_layer *l, const dnx_pass *p) {
    const state *s = l->state;
    const dnx_node *n = l->node;
    const long size = (long)dnx_size(n->out);
    return (struct cost_args){.x = p->x[0],
                              .dy = p->dy,
                              .label = s->has_labels ? s->label.device : NULL,
                              .losses = l->losses,
                              .dx = p->dx[0],
                              .scale = dnx_gpu_number(n, "scale", 1),
                              .noobj = dnx_gpu_number(n, "noobj", 1),
                              .least = dnx_gpu_number(n, "thresh", 0) / (float)size,
                              .size = size,
                              .batch = p->batch,
                              .type = dnx_gpu_option(n, "type", 0),
                              .adds = p->dx_adds[0]};
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    const struct cost_args a = args_of(l, p);
    const struct scaled_args copy = {
        .from = p->x[0], .to = p->y, .count = a.batch * a.size, .factor = 1};
    dnx_device_each(l->device, DNX_CUDA_scaled, copy.count, &copy);
    if (l->losses) dnx_device_launch(l->device, DNX_CUDA_cost_loss, p->batch, 1, 1, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    const struct cost_args a = args_of(l, p);
    if (a.dx) dnx_device_each(l->device, DNX_CUDA_cost_back, a.batch * a.size, &a);
}

const dnx_gpu_type dnx_gpu_cost = {
    .state_size = sizeof(state),
    .make = make,
    .bring = bring,
    .forward = forward,
    .backward = backward,
};
