/* norm.c - queues the kernels of norm.cu. */
#include "cuda/norm.h"

#include "common/norm_act.h"

static long rows_of(const dnx_node *n, const dnx_pass *p) {
    return (long)p->batch * n->out.h * n->out.w;
}

static int slabs_of(long rows) { return (int)DNX_CUDA_SLABS(rows); }
static int tiles(int C) { return (C + DNX_CUDA_COLUMNS - 1) / DNX_CUDA_COLUMNS; }

dnx_status dnx_gpu_norm_make(dnx_gpu_layer *l, dnx_gpu_norm *t, bool has_bn, dnx_act act,
                             bool keeps_z, dnx_err *err) {
    const dnx_node *n = l->node;
    const size_t C = (size_t)n->out.c, count = dnx_size(n->out) * (size_t)n->batch;
    float *parts = NULL,
          **all[] = {&t->scale, &t->shift, &t->batch_mean, &t->inv_std, &t->p, &t->q, &t->r};
    dnx_status st = DNX_OK;
    t->has_bn = has_bn;
    t->act = act;
    l->norm = t;
    for (size_t i = 0; i < (n->trains ? sizeof all / sizeof *all : 2) && !st; i++)
        st = dnx_gpu_new(l, all[i], C, err);
    if (!st && n->trains) {
        const long rows = (long)n->batch * n->out.h * n->out.w;
        const int slabs = slabs_of(rows), stripes = dnx_gpu_stripes(rows);
        st = dnx_gpu_new(l, &parts, (size_t)(slabs > stripes ? slabs : stripes) * 3 * C * 2, err);
        t->parts = (double *)(void *)parts;
    }
    if (!st && n->trains && keeps_z && !l->defers) st = dnx_gpu_new(l, &t->z, count, err);
    return st;
}

struct dnx_cuda_deferred dnx_gpu_deferred(const dnx_gpu_layer *l, int k) {
    const dnx_gpu_layer *from = l->deferred[k];
    if (!from) return (struct dnx_cuda_deferred){.scale = NULL};
    return (struct dnx_cuda_deferred){.scale = from->norm->scale,
                                      .shift = from->norm->shift,
                                      .slopes = dnx_gpu_value(from, DNX_SLOPES),
                                      .act = from->norm->act,
                                      .channels = from->node->out.c};
}

bool dnx_gpu_loads_any(const dnx_node *n, int k) {
    (void)n;
    return k == 0;
}

int dnx_gpu_stripes(long rows) {
    const long n = (rows + DNX_CUDA_TILE - 1) / DNX_CUDA_TILE;
    return n < DNX_CUDA_STRIPES ? (int)n : DNX_CUDA_STRIPES;
}

/* Queues the sums over each slab of rows: of z and z^2 when dy is NULL, else those of the backward
 * pass (norm_sums in kernels.h). */
static void add_up(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const float *dy, long rows) {
    const int C = l->node->out.c;
    struct norm_sums_args a = {.z = z,
                               .dy = dy,
                               .scale = t->scale,
                               .shift = t->shift,
                               .slopes = dnx_gpu_value(l, DNX_SLOPES),
                               .parts = t->parts,
                               .rows = rows,
                               .C = C,
                               .act = t->act};
    dnx_device_launch(l->device, DNX_CUDA_norm_sums, tiles(C), slabs_of(rows), 1, &a);
}

void dnx_gpu_norm_fold(dnx_gpu_layer *l, dnx_gpu_norm *t) {
    struct norm_fold_args a = {.biases = dnx_gpu_value(l, DNX_BIASES),
                               .scales = dnx_gpu_value(l, DNX_SCALES),
                               .mean = t->has_bn ? dnx_gpu_value(l, DNX_MEAN) : NULL,
                               .variance = dnx_gpu_value(l, DNX_VARIANCE),
                               .scale = t->scale,
                               .shift = t->shift,
                               .C = l->node->out.c,
                               .eps = (float)DNX_NORM_EPS};
    dnx_device_each(l->device, DNX_CUDA_norm_fold, a.C, &a);
}

static void statistics(dnx_gpu_layer *l, dnx_gpu_norm *t, long rows, int slabs) {
    struct norm_statistics_args a = {.parts = t->parts,
                                     .biases = dnx_gpu_value(l, DNX_BIASES),
                                     .scales = dnx_gpu_value(l, DNX_SCALES),
                                     .mean = dnx_gpu_value(l, DNX_MEAN),
                                     .variance = dnx_gpu_value(l, DNX_VARIANCE),
                                     .batch_mean = t->batch_mean,
                                     .inv_std = t->inv_std,
                                     .scale = t->scale,
                                     .shift = t->shift,
                                     .rows = rows,
                                     .C = l->node->out.c,
                                     .slabs = slabs,
                                     .eps = (float)DNX_NORM_EPS,
                                     .momentum = DNX_NORM_MOMENTUM};
    dnx_device_launch(l->device, DNX_CUDA_norm_statistics, tiles(a.C), 1, 1, &a);
}

bool dnx_gpu_norm_needs_sums(const dnx_gpu_layer *l, const dnx_gpu_norm *t, const dnx_pass *p) {
    return t->has_bn && p->is_training && l->node->trains;
}

void dnx_gpu_norm_forward(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const dnx_pass *p,
                          int stripes) {
    const long rows = rows_of(l->node, p);
    if (dnx_gpu_norm_needs_sums(l, t, p)) {
        if (!stripes) add_up(l, t, z, NULL, rows);
        statistics(l, t, rows, stripes ? stripes : slabs_of(rows));
    } else dnx_gpu_norm_fold(l, t);
    if (l->defers) return;
    struct norm_apply_args a = {.z = z,
                                .scale = t->scale,
                                .shift = t->shift,
                                .slopes = dnx_gpu_value(l, DNX_SLOPES),
                                .y = p->y,
                                .rows = rows,
                                .C = l->node->out.c,
                                .act = t->act};
    dnx_device_each(l->device, DNX_CUDA_norm_apply, rows * a.C, &a);
}

void dnx_gpu_norm_backward(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const dnx_pass *p,
                           float *dz, bool adds) {
    const long rows = rows_of(l->node, p);
    const int C = l->node->out.c;
    add_up(l, t, z, p->dy, rows);
    struct norm_back_args b = {.parts = t->parts,
                               .scales = dnx_gpu_value(l, DNX_SCALES),
                               .batch_mean = t->batch_mean,
                               .inv_std = t->inv_std,
                               .d_biases = dnx_gpu_grad(l, DNX_BIASES),
                               .d_scales = dnx_gpu_grad(l, DNX_SCALES),
                               .d_slopes = dnx_gpu_grad(l, DNX_SLOPES),
                               .p = t->has_bn ? t->p : NULL,
                               .q = t->q,
                               .r = t->r,
                               .rows = rows,
                               .C = C,
                               .slabs = slabs_of(rows)};
    dnx_device_launch(l->device, DNX_CUDA_norm_back, tiles(C), 1, 1, &b);
    if (!dz) return;
    struct norm_dz_args a = {.dy = p->dy,
                             .z = z,
                             .scale = t->scale,
                             .shift = t->shift,
                             .slopes = dnx_gpu_value(l, DNX_SLOPES),
                             .p = b.p,
                             .q = t->q,
                             .r = t->r,
                             .dz = dz,
                             .rows = rows,
                             .C = C,
                             .act = t->act,
                             .adds = adds};
    dnx_device_each(l->device, DNX_CUDA_norm_dz, rows * C, &a);
}
