/* scale_channels.c - the GPU version of [scale_channels]. */
#include "cuda/layer.h"

extern const dnx_layer_type dnx_scale_channels;

static bool can(const dnx_node *n) {
    return dnx_gpu_option(n, "activation", DNX_LINEAR) == DNX_LINEAR &&
           dnx_gpu_option(n, "scale_wh", 0) == 0;
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    const long image = (long)dnx_size(l->node->out);
    struct times_map_args a = {.a = p->x[1],
                               .b = p->x[0],
                               .to = p->y,
                               .count = p->batch * image,
                               .image = image,
                               .C = l->node->out.c};
    dnx_device_each(l->device, DNX_CUDA_times_map, a.count, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    const dnx_shape out = l->node->out;
    const long image = (long)dnx_size(out);
    struct scale_sums_args s = {.a = p->dy,
                                .f = p->x[1],
                                .to = p->dx[0],
                                .pixels = (long)out.h * out.w,
                                .C = out.c,
                                .adds = p->dx_adds[0]};
    struct times_map_args f = {.a = p->dy,
                               .b = p->x[0],
                               .to = p->dx[1],
                               .count = p->batch * image,
                               .image = image,
                               .C = out.c,
                               .adds = p->dx_adds[1]};
    if (s.to)
        dnx_device_launch(l->device, DNX_CUDA_scale_sums, p->batch,
                          (out.c + DNX_CUDA_COLUMNS - 1) / DNX_CUDA_COLUMNS, 1, &s);
    if (f.to) dnx_device_each(l->device, DNX_CUDA_times_map, f.count, &f);
}

const dnx_gpu_type dnx_gpu_scale_channels = {
    .type = &dnx_scale_channels,
    .can = can,
    .forward = forward,
    .backward = backward,
};
