/* depthwise.c - queues the kernels of depthwise.cu. */
#include "cuda/depthwise.h"

#include "cuda/product.h"

static int taps_of(const dnx_gpu_dw *s) { return s->at.kh * s->at.kw; }
static int slabs_of(const struct dnx_cuda_window *at) {
    return dnx_gpu_slabs((long)at->batch * at->oh * at->ow);
}

static long tiles_of(int batch, int h, int w) {
    return (long)batch * ((h + DNX_CUDA_SIDE - 1) / DNX_CUDA_SIDE) *
           ((w + DNX_CUDA_SIDE - 1) / DNX_CUDA_SIDE);
}

/* Returns how many floats of shared memory the input pixels of a tile need. */
static long windows_of(const struct dnx_cuda_window *at) {
    return ((DNX_CUDA_SIDE - 1L) * at->stride + at->kh) *
           ((DNX_CUDA_SIDE - 1L) * at->stride + at->kw) * DNX_CUDA_COLUMNS;
}

/* Tiles save time only when neighbouring windows share pixels. */
static bool has_tiles(const struct dnx_cuda_window *at) {
    return at->N == at->C && at->kh > at->stride && at->oh > 1 && at->ow > 1 &&
           windows_of(at) <= DNX_CUDA_WINDOWS;
}
static bool has_dw_tiles(const struct dnx_cuda_window *at) {
    const long sums = (long)at->kh * at->kw * DNX_CUDA_SIDE * DNX_CUDA_COLUMNS;
    return has_tiles(at) && windows_of(at) + sums <= DNX_CUDA_WINDOWS + DNX_CUDA_SUMS;
}

dnx_status dnx_gpu_dw_make(dnx_gpu_layer *l, dnx_err *err) {
    dnx_gpu_dw *s = l->state;
    const dnx_node *n = l->node;
    const int size = dnx_gpu_option(n, "size", 0);
    s->at = dnx_gpu_window(n, n->batch,
                           (struct dnx_cuda_window){.kh = size ? size : n->in[0].h,
                                                    .kw = size ? size : n->in[0].w,
                                                    .stride = dnx_gpu_option(n, "stride", 1),
                                                    .groups = n->in[0].c,
                                                    .pad = dnx_gpu_option(n, "pad", 0)
                                                               ? size / 2
                                                               : dnx_gpu_option(n, "padding", 0)});
    dnx_status st = dnx_gpu_norm_make(l, &s->norm, true, err);
    if (st || !n->trains) return st;
    l->scratch_floats = (size_t)n->batch * dnx_size(n->out);
    const size_t slabs = (size_t)slabs_of(&s->at);
    return dnx_gpu_new(l, &s->parts, slabs * (size_t)(taps_of(s) * s->at.N), err);
}

void dnx_gpu_dw_forward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_dw *s = l->state;
    struct depthwise_args a = {.at = s->at,
                               .x = p->x[0],
                               .w = dnx_gpu_value(l, DNX_WEIGHTS),
                               .y = dnx_gpu_z(&s->norm, p),
                               .of_x = dnx_gpu_deferred(l, 0)};
    a.at.batch = p->batch;
    if (!l->node->trains) {
        a.scale = s->norm.scale;
        a.shift = s->norm.shift;
        a.slopes = dnx_gpu_value(l, DNX_SLOPES);
        a.act = s->norm.act;
    }
    const long tiles = tiles_of(p->batch, a.at.oh, a.at.ow);
    long stripes = 0;
    if (has_tiles(&a.at)) {
        if (dnx_gpu_norm_needs_sums(l, &s->norm, p)) {
            a.parts = s->norm.parts;
            stripes = dnx_gpu_stripes((long)p->batch * a.at.oh * a.at.ow);
            if (stripes > tiles) stripes = tiles;
        }
        dnx_device_launch(l->device, DNX_CUDA_depthwise_tiles, stripes ? stripes : tiles,
                          dnx_gpu_columns(a.at.C), 1, &a);
    } else
        dnx_device_each(l->device, DNX_CUDA_depthwise,
                        (long)p->batch * (long)dnx_size(l->node->out), &a);
    if (l->node->trains) dnx_gpu_norm_forward(l, &s->norm, a.y, p, (int)stripes);
}

void dnx_gpu_dw_prepare(dnx_gpu_layer *l) {
    dnx_gpu_dw *s = l->state;
    if (!l->node->trains) dnx_gpu_norm_fold(l, &s->norm);
}

static void add_filters(dnx_gpu_layer *l, const struct depthwise_dw_args *a) {
    const int N = a->at.N, taps = a->at.kh * a->at.kw;
    const long tiles = tiles_of(a->at.batch, a->at.oh, a->at.ow);
    struct depthwise_dw_sum_args b = {.parts = a->parts,
                                      .dw = dnx_gpu_grad(l, DNX_WEIGHTS),
                                      .N = N,
                                      .taps = taps,
                                      .slabs = slabs_of(&a->at)};
    if (!b.dw) return;
    if (has_dw_tiles(&a->at)) {
        if (b.slabs > tiles) b.slabs = (int)tiles;
        dnx_device_launch(l->device, DNX_CUDA_depthwise_dw_tiles, b.slabs, dnx_gpu_columns(N), 1,
                          a);
    } else
        dnx_device_launch(l->device, DNX_CUDA_depthwise_dw, dnx_gpu_columns(N), taps, b.slabs, a);
    dnx_device_each(l->device, DNX_CUDA_depthwise_dw_sum, (long)N * taps, &b);
}

void dnx_gpu_dw_backward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_dw *s = l->state;
    float *dz = l->scratch;
    dnx_gpu_norm_backward(l, &s->norm, dnx_gpu_z(&s->norm, p), p, dz, false);
    struct depthwise_dw_args a = {
        .at = s->at, .x = p->x[0], .dz = dz, .parts = s->parts, .of_x = dnx_gpu_deferred(l, 0)};
    a.at.batch = p->batch;
    add_filters(l, &a);
    struct depthwise_dx_args d = {.at = a.at,
                                  .dz = dz,
                                  .w = dnx_gpu_value(l, DNX_WEIGHTS),
                                  .dx = p->dx[0],
                                  .adds = p->dx_adds[0]};
    if (!d.dx) return;
    if (has_tiles(&a.at))
        dnx_device_launch(l->device, DNX_CUDA_depthwise_dx_tiles,
                          tiles_of(p->batch, a.at.h, a.at.w), dnx_gpu_columns(a.at.C), 1, &d);
    else
        dnx_device_each(l->device, DNX_CUDA_depthwise_dx,
                        (long)p->batch * (long)dnx_size(l->node->in[0]), &d);
}
