/* product.c - queues the kernels of product.cu. */
#include "cuda/product.h"

struct dnx_cuda_window dnx_gpu_window(const dnx_node *n, int batch, struct dnx_cuda_window at) {
    at.batch = batch;
    at.h = n->in[0].h;
    at.w = n->in[0].w;
    at.C = n->in[0].c;
    at.oh = n->out.h;
    at.ow = n->out.w;
    at.N = n->out.c;
    return at;
}

static long tiles(long n) { return (n + DNX_CUDA_TILE - 1) / DNX_CUDA_TILE; }
static int cg_of(const struct dnx_cuda_window *at) { return at->C / at->groups; }
static int ng_of(const struct dnx_cuda_window *at) { return at->N / at->groups; }
static long weights_of(const struct dnx_cuda_window *at) {
    return (long)at->N * at->kh * at->kw * cg_of(at);
}

/* The slabs of conv_dw: of 4096 rows, or of 512 when there are few tiles for a large GPU. */
static int slabs_of(const struct dnx_cuda_window *at, int batch) {
    enum { BLOCKS = 512 };
    const long rows = (long)batch * at->oh * at->ow, most = 65535 / at->groups;
    const long each = tiles((long)at->kh * at->kw * cg_of(at)) * tiles(ng_of(at)) * at->groups;
    const long least = (rows + DNX_CUDA_SPLIT - 1) / DNX_CUDA_SPLIT, small = (rows + 511) / 512;
    const long wanted = BLOCKS / each < small ? BLOCKS / each : small;
    const long slabs = wanted > least ? wanted : least;
    return (int)(slabs < most ? slabs : most);
}

dnx_status dnx_gpu_product_make(dnx_gpu_layer *l, struct dnx_cuda_window at, dnx_err *err) {
    dnx_gpu_product *s = l->state;
    const dnx_node *n = l->node;
    s->at = at = dnx_gpu_window(n, n->batch, at);
    const size_t count = (size_t)weights_of(&at);
    dnx_status st = dnx_gpu_norm_make(l, &s->norm, dnx_gpu_option(n, "batch_normalize", 0) != 0,
                                      (dnx_act)dnx_gpu_option(n, "activation", 0), true, err);
    if (!st) st = dnx_gpu_new(l, &s->wk, count, err);
    if (st || !n->trains) return st;
    l->scratch_floats = (size_t)n->batch * dnx_size(n->out);
    st = dnx_gpu_new(l, &s->wt, count, err);
    if (!st) st = dnx_gpu_new(l, &s->parts,
                              count * (size_t)slabs_of(&at, n->batch), err);
    return st;
}

void dnx_gpu_product_prepare(dnx_gpu_layer *l) {
    dnx_gpu_product *s = l->state;
    struct filters_args a = {.w = dnx_gpu_value(l, DNX_WEIGHTS), .wk = s->wk, .wt = s->wt,
                             .N = s->at.N, .groups = s->at.groups, .cg = cg_of(&s->at),
                             .taps = s->at.kh * s->at.kw};
    if (!l->node->trains) { /* batch norm is part of the filters and the bias */
        dnx_gpu_norm_fold(l, &s->norm);
        a.scale = s->norm.scale;
    }
    dnx_device_each(l->device, DNX_CUDA_filters, weights_of(&s->at), &a);
}

/* The version of a float32 kernel for this layer's precision. The table in kernels.h has three
 * kernels in float32, then the same three in TF32, then in bfloat16. */
static dnx_cuda_kernel kernel_of(const dnx_gpu_layer *l, dnx_cuda_kernel plain) {
    return (dnx_cuda_kernel)(plain + 3 * (int)l->precision);
}

void dnx_gpu_product_forward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_product *s = l->state;
    struct conv_forward_args a = {.at = s->at, .x = p->x[0], .wk = s->wk,
                                  .y = s->norm.z ? s->norm.z : p->y};
    a.at.batch = p->batch;
    const long rows = (long)p->batch * a.at.oh * a.at.ow;
    const bool sums = dnx_gpu_norm_needs_sums(l, &s->norm, p);
    const int stripes = sums ? dnx_gpu_stripes(rows) : 0;
    if (sums) a.parts = s->norm.parts;
    if (!l->node->trains) {
        a.shift = s->norm.shift;
        a.slopes = dnx_gpu_value(l, DNX_SLOPES);
        a.act = s->norm.act;
    }
    dnx_device_launch(l->device, kernel_of(l, DNX_CUDA_conv_forward), sums ? stripes : tiles(rows),
                      tiles(ng_of(&a.at)), a.at.groups, &a);
    if (l->node->trains) dnx_gpu_norm_forward(l, &s->norm, a.y, p, stripes);
}

static void add_filters(dnx_gpu_layer *l, const dnx_pass *p, const float *dz) {
    dnx_gpu_product *s = l->state;
    float *grad = dnx_gpu_grad(l, DNX_WEIGHTS);
    if (!grad) return;
    struct conv_dw_args a = {.at = s->at, .x = p->x[0], .dz = dz, .parts = s->parts};
    a.at.batch = p->batch;
    a.slabs = slabs_of(&a.at, p->batch);
    dnx_device_launch(l->device, kernel_of(l, DNX_CUDA_conv_dw),
                      tiles((long)a.at.kh * a.at.kw * cg_of(&a.at)), tiles(ng_of(&a.at)),
                      (long)a.at.groups * a.slabs, &a);
    struct filters_back_args b = {.parts = s->parts, .dw = grad, .N = a.at.N,
                                  .groups = a.at.groups, .cg = cg_of(&a.at),
                                  .taps = a.at.kh * a.at.kw, .slabs = a.slabs};
    dnx_device_each(l->device, DNX_CUDA_filters_back, weights_of(&a.at), &b);
}

void dnx_gpu_product_backward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_product *s = l->state;
    float *dz = l->scratch;
    dnx_gpu_norm_backward(l, &s->norm, s->norm.z, p, dz, false);
    add_filters(l, p, dz);
    if (!p->dx[0]) return;
    struct conv_dx_args a = {.at = s->at, .dz = dz, .wt = s->wt, .dx = p->dx[0],
                             .adds = p->dx_adds[0]};
    a.at.batch = p->batch;
    dnx_device_launch(l->device, kernel_of(l, DNX_CUDA_conv_dx),
                      tiles((long)p->batch * a.at.h * a.at.w), tiles(cg_of(&a.at)), a.at.groups,
                      &a);
}
