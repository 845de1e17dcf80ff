/* mean_windows.c - queues the kernels avgpool and avgpool_back of pool.cu. */
#include "cuda/mean_windows.h"

#include "common/mean_windows.h"
#include "cuda/product.h"

static struct dnx_cuda_window window(const dnx_node *n, int batch) {
    const dnx_mean_windows *s = n->state;
    return dnx_gpu_window(n, batch,
                          (struct dnx_cuda_window){.kh = s->size ? s->size : n->in[0].h,
                                                   .kw = s->size ? s->size : n->in[0].w,
                                                   .groups = 1,
                                                   .stride = s->size ? s->stride : 1,
                                                   .pad = s->before});
}

static bool is_of_image(const dnx_node *n) {
    return !((const dnx_mean_windows *)n->state)->counts_zeros;
}

void dnx_gpu_mean_forward(dnx_gpu_layer *l, dnx_pass *p) {
    struct avgpool_args a = {.at = window(l->node, p->batch),
                             .x = p->x[0],
                             .y = p->y,
                             .is_mean = true,
                             .is_of_image = is_of_image(l->node)};
    dnx_device_each(l->device, DNX_CUDA_avgpool, (long)p->batch * (long)dnx_size(l->node->out), &a);
}

void dnx_gpu_mean_backward(dnx_gpu_layer *l, dnx_pass *p) {
    struct avgpool_back_args a = {.at = window(l->node, p->batch),
                                  .dy = p->dy,
                                  .dx = p->dx[0],
                                  .is_mean = true,
                                  .is_of_image = is_of_image(l->node),
                                  .adds = p->dx_adds[0]};
    if (a.dx)
        dnx_device_each(l->device, DNX_CUDA_avgpool_back,
                        (long)p->batch * (long)dnx_size(l->node->in[0]), &a);
}
