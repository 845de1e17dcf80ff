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

/* Repeats each pixel of `from` over a square, or sums the squares' pixels. */
static void copy(dnx_gpu_layer *l, int batch, bool repeats, const float *from, float *to,
                 bool adds) {
    const struct avgpool_args a = {.at = window(l->node, batch),
                                   .from = from,
                                   .to = to,
                                   .adds = adds,
                                   .factor = dnx_gpu_number(l->node, "scale", 1)};
    const long pixels = repeats ? (long)a.at.h * a.at.w : (long)a.at.oh * a.at.ow;
    dnx_device_each(l->device, repeats ? DNX_CUDA_avgpool_back : DNX_CUDA_avgpool,
                    batch * pixels * a.at.C, &a);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    copy(l, p->batch, dnx_gpu_option(l->node, "stride", 2) > 0, p->x[0], p->y, false);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    const bool repeats = dnx_gpu_option(l->node, "stride", 2) < 0;
    if (p->dx[0]) copy(l, p->batch, repeats, p->dy, p->dx[0], p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_upsample = {
    .forward = forward,
    .backward = backward,
};
