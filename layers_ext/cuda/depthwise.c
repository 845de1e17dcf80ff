/* depthwise.c - queues the kernels of depthwise.cu. */
#include "cuda/depthwise.h"

#include "cuda/product.h"

static int slabs_of(long rows) { return (int)DNX_CUDA_SLABS(rows); }
static int taps_of(const dnx_gpu_dw *s) { return s->at.kh * s->at.kw; }

dnx_status dnx_gpu_dw_make(dnx_gpu_layer *l, dnx_err *err) {
    dnx_gpu_dw *s = l->state;
    const dnx_node *n = l->node;
    const int size = dnx_gpu_option(n, "size", 0);
    s->at = dnx_gpu_window(n, n->batch, (struct dnx_cuda_window){
        .kh = size ? size : n->in[0].h, .kw = size ? size : n->in[0].w,
        .stride = dnx_gpu_option(n, "stride", 1), .groups = n->in[0].c,
        .pad = dnx_gpu_option(n, "pad", 0) ? size / 2 : dnx_gpu_option(n, "padding", 0)});
    dnx_status st = dnx_gpu_norm_make(l, &s->norm, dnx_gpu_option(n, "batch_normalize", 0) != 0,
                                      (dnx_act)dnx_gpu_option(n, "activation", 0), true, err);
    if (st || !n->trains) return st;
    l->scratch_floats = (size_t)n->batch * dnx_size(n->out);
    size_t slabs = (size_t)slabs_of((long)n->batch * n->out.h * n->out.w);
    return dnx_gpu_new(l, &s->parts, slabs * (size_t)(taps_of(s) * n->in[0].c), err);
}

void dnx_gpu_dw_forward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_dw *s = l->state;
    struct depthwise_args a = {.at = s->at, .x = p->x[0], .w = dnx_gpu_value(l, DNX_WEIGHTS),
                               .y = s->norm.z ? s->norm.z : p->y};
    a.at.batch = p->batch;
    if (!l->node->trains) {
        a.scale = s->norm.scale;
        a.shift = s->norm.shift;
        a.slopes = dnx_gpu_value(l, DNX_SLOPES);
        a.act = s->norm.act;
    }
    dnx_device_each(l->device, DNX_CUDA_depthwise, (long)p->batch * (long)dnx_size(l->node->out),
                    &a);
    if (l->node->trains) dnx_gpu_norm_forward(l, &s->norm, a.y, p, 0);
}

void dnx_gpu_dw_prepare(dnx_gpu_layer *l) {
    dnx_gpu_dw *s = l->state;
    if (!l->node->trains) dnx_gpu_norm_fold(l, &s->norm);
}

void dnx_gpu_dw_backward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_dw *s = l->state;
    const int C = s->at.C, taps = taps_of(s);
    const long rows = (long)p->batch * s->at.oh * s->at.ow;
    float *dz = l->scratch, *grad = dnx_gpu_grad(l, DNX_WEIGHTS);
    dnx_gpu_norm_backward(l, &s->norm, s->norm.z, p, dz, false);
    struct depthwise_dw_args a = {.at = s->at, .x = p->x[0], .dz = dz, .parts = s->parts};
    a.at.batch = p->batch;
    dnx_device_launch(l->device, DNX_CUDA_depthwise_dw,
                      (C + DNX_CUDA_COLUMNS - 1) / DNX_CUDA_COLUMNS, taps, slabs_of(rows), &a);
    struct depthwise_dw_sum_args b = {.parts = s->parts, .dw = grad, .C = C, .taps = taps,
                                      .slabs = slabs_of(rows)};
    if (grad) dnx_device_each(l->device, DNX_CUDA_depthwise_dw_sum, (long)C * taps, &b);
    if (!p->dx[0]) return;
    struct depthwise_dx_args d = {.at = a.at, .dz = dz, .w = dnx_gpu_value(l, DNX_WEIGHTS),
                                  .dx = p->dx[0], .adds = p->dx_adds[0]};
    dnx_device_each(l->device, DNX_CUDA_depthwise_dx,
                    (long)p->batch * (long)dnx_size(l->node->in[0]), &d);
}
