/* center_loss.c - the GPU version of [center_loss]. */
#include "cuda/loss.h"

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    return dnx_gpu_new_labelled(l, l->state, err);
}

static void bring(dnx_gpu_layer *l, const dnx_pass *p) {
    const dnx_gpu_labels *label = l->state;
    const float classes = (float)dnx_gpu_option(l->node, "classes", 1);
    l->is_idle = !l->node->trains || !p->truth;
    if (l->is_idle) return;
    for (int b = 0; b < p->batch; b++) {
        const float y = p->truth[b];
        label->host[b] = y >= 0 && y < classes ? (int)y : y == -1 ? -1 : -2;
    }
    dnx_gpu_put_labels(l, label, p->batch);
}

static struct center_args args_of(const dnx_gpu_layer *l, const dnx_pass *p) {
    return (struct center_args){.x = p->x[0],
                                .centres = l->value[0],
                                .label = ((const dnx_gpu_labels *)l->state)->device,
                                .losses = l->losses,
                                .y = p->y,
                                .dx = p->dx[0],
                                .d_centres = l->grad[0],
                                .weight = dnx_gpu_number(l->node, "weight", 1),
                                .batch = p->batch,
                                .D = (int)dnx_size(l->node->in[0]),
                                .adds = p->dx_adds[0]};
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    const struct center_args a = args_of(l, p);
    dnx_device_launch(l->device, DNX_CUDA_center_loss, p->batch, 1, 1, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    const struct center_args a = args_of(l, p);
    dnx_device_launch(l->device, DNX_CUDA_center_back, p->batch, 1, 1, &a);
}

const dnx_gpu_type dnx_gpu_center_loss = {
    .state_size = sizeof(dnx_gpu_labels),
    .make = make,
    .bring = bring,
    .forward = forward,
    .backward = backward,
};
