/* maps.c - queues the kernels of elements.cu for products of maps. */
#include "cuda/maps.h"

static dnx_act act_of(const dnx_node *n) {
    return (dnx_act)dnx_gpu_option(n, "activation", DNX_LINEAR);
}

static struct times_map_args product(const dnx_gpu_layer *l, int batch, int by) {
    const dnx_shape out = l->node->out;
    return (struct times_map_args){
        .count = batch * (long)dnx_size(out), .image = (long)dnx_size(out), .C = out.c, .by = by};
}

dnx_status dnx_gpu_map_make(dnx_gpu_layer *l, dnx_err *err) {
    const dnx_node *n = l->node;
    (void)err;
    if (n->trains && act_of(n) != DNX_LINEAR)
        l->scratch_floats = (size_t)n->batch * dnx_size(n->out);
    return DNX_OK;
}

void dnx_gpu_map_forward(dnx_gpu_layer *l, dnx_pass *p, int f, int s, int by) {
    struct times_map_args a = product(l, p->batch, by);
    a.a = p->x[f];
    a.b = p->x[s];
    a.to = p->y;
    a.act = act_of(l->node);
    dnx_device_each(l->device, DNX_CUDA_times_map, a.count, &a);
}

static const float *before_act(dnx_gpu_layer *l, const dnx_pass *p, int f, int s, int by) {
    struct times_map_args a = product(l, p->batch, by);
    a.act = act_of(l->node);
    if (a.act == DNX_LINEAR) return p->dy;
    a.a = p->x[f];
    a.b = p->x[s];
    a.dy = p->dy;
    a.to = l->scratch;
    dnx_device_each(l->device, DNX_CUDA_map_slopes, a.count, &a);
    return l->scratch;
}

/* Computes the gradient of input s. The kernel sums over the pixels of an image. For a sum over the
 * channels of a pixel, the kernel gets each pixel as an image of out.c pixels and one channel. */
static void sum_up(dnx_gpu_layer *l, const dnx_pass *p, const float *du, int f, int s, int by) {
    const dnx_shape out = l->node->out;
    const long pixels = (long)out.h * out.w;
    struct scale_sums_args a = {.a = du,
                                .f = p->x[f],
                                .to = p->dx[s],
                                .pixels = by == DNX_CUDA_PIXEL ? out.c : pixels,
                                .C = by == DNX_CUDA_PIXEL ? 1 : out.c,
                                .adds = p->dx_adds[s]};
    dnx_device_launch(l->device, DNX_CUDA_scale_sums,
                      by == DNX_CUDA_PIXEL ? p->batch * pixels : p->batch, dnx_gpu_columns(a.C), 1,
                      &a);
}

void dnx_gpu_map_backward(dnx_gpu_layer *l, dnx_pass *p, int f, int s, int by) {
    const float *du = before_act(l, p, f, s, by);
    for (int k = 0; k < 2; k++) {
        struct times_map_args a = product(l, p->batch, by);
        a.a = du;
        a.b = p->x[k == f ? s : f];
        a.to = p->dx[k];
        a.adds = p->dx_adds[k];
        if (!a.to) continue;
        if (k == s && by != DNX_CUDA_EACH) sum_up(l, p, du, f, s, by);
        else dnx_device_each(l->device, DNX_CUDA_times_map, a.count, &a);
    }
}
