/* mean_windows.c - queues the kernels avgpool and avgpool_back of pool.cu. */
#include "cuda/mean_windows.h"

#include "common/mean_windows.h"
#include "cuda/product.h"

static struct dnx_cuda_window window(const dnx_node *n, int batch) {
    const dnx_windows *s = n->state;
    return dnx_gpu_window(n, batch,
                          (struct dnx_cuda_window){.kh = s->size ? s->size : n->in[0].h,
                                                   .kw = s->size ? s->size : n->in[0].w,
                                                   .groups = 1,
                                                   .stride = s->size ? s->stride : 1,
                                                   .pad = s->padding / 2});
}

static void pool(dnx_gpu_layer *l, int batch, dnx_cuda_kernel kernel, const float *from, float *to,
                 dnx_shape shape_of_to, bool adds) {
    const struct avgpool_args a = {
        .at = window(l->node, batch),
        .from = from,
        .to = to,
        .is_mean = true,
        .is_of_image = !((const dnx_windows *)l->node->state)->counts_zeros,
        .adds = adds};
    dnx_device_each(l->device, kernel, (long)batch * (long)dnx_size(shape_of_to), &a);
}

void dnx_gpu_mean_forward(dnx_gpu_layer *l, dnx_pass *p) {
    pool(l, p->batch, DNX_CUDA_avgpool, p->x[0], p->y, l->node->out, false);
}

void dnx_gpu_mean_backward(dnx_gpu_layer *l, dnx_pass *p) {
    if (p->dx[0])
        pool(l, p->batch, DNX_CUDA_avgpool_back, p->dy, p->dx[0], l->node->in[0], p->dx_adds[0]);
}
