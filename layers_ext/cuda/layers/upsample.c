/* upsample.c - the GPU version of [upsample]. A square of stride x stride pixels is the window of a
 * pool. The kernel avgpool_back repeats a pixel over a square; avgpool sums a square's pixels. */
#include <stdlib.h>

#include "cuda/product.h"

/* Returns the windows of a pool whose input is the larger map and whose output is the smaller. */
static struct dnx_cuda_window window(const dnx_node *n, int batch) {
    const int s = abs(dnx_gpu_option(n, "stride", 2));
    struct dnx_cuda_window at = dnx_gpu_window(
        n, batch, (struct dnx_cuda_window){.kh = s, .kw = s, .stride = s, .groups = 1});
    if (dnx_gpu_option(n, "stride", 2) < 0) return at;
    at.h = n->out.h;
    at.w = n->out.w;
    at.oh = n->in[0].h;
    at.ow = n->in[0].w;
    return at;
}

static void repeat(dnx_gpu_layer *l, int batch, const float *from, float *to, bool adds) {
    struct avgpool_back_args a = {.at = window(l->node, batch),
                                  .dy = from,
                                  .dx = to,
                                  .adds = adds,
                                  .factor = dnx_gpu_number(l->node, "scale", 1)};
    dnx_device_each(l->device, DNX_CUDA_avgpool_back, (long)batch * a.at.h * a.at.w * a.at.C, &a);
}

static void sum_up(dnx_gpu_layer *l, int batch, const float *from, float *to, bool adds) {
    struct avgpool_args a = {.at = window(l->node, batch),
                             .x = from,
                             .y = to,
                             .adds = adds,
                             .factor = dnx_gpu_number(l->node, "scale", 1)};
    dnx_device_each(l->device, DNX_CUDA_avgpool, (long)batch * a.at.oh * a.at.ow * a.at.C, &a);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    if (dnx_gpu_option(l->node, "stride", 2) > 0) repeat(l, p->batch, p->x[0], p->y, false);
    else sum_up(l, p->batch, p->x[0], p->y, false);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    if (!p->dx[0]) return;
    if (dnx_gpu_option(l->node, "stride", 2) > 0)
        sum_up(l, p->batch, p->dy, p->dx[0], p->dx_adds[0]);
    else repeat(l, p->batch, p->dy, p->dx[0], p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_upsample = {
    .forward = forward,
    .backward = backward,
};
