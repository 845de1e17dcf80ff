/* norm.c - queues the kernels of norm.cu. */
#include "cuda/norm.h"

#include <string.h>

#include "common/norm_act.h"

static dnx_shape shape_of(const dnx_gpu_layer *l, const dnx_gpu_norm *t) {
    return t->of_input ? l->node->in[0] : l->node->out;
}

static long rows_of(const dnx_gpu_layer *l, const dnx_gpu_norm *t, int batch) {
    const dnx_shape s = shape_of(l, t);
    return (long)batch * s.h * s.w;
}

/* Returns the index of t's parameter with this role among the node's parameters, or -1. If t is a
 * batch norm of the input, its parameters have the role DNX_OTHER and are found by their names. */
static int find(const dnx_gpu_layer *l, const dnx_gpu_norm *t, dnx_role role) {
    static const char *const names[DNX_SLOPES + 1] = {[DNX_BIASES] = "shifts",
                                                      [DNX_SCALES] = "scales",
                                                      [DNX_MEAN] = "mean",
                                                      [DNX_VARIANCE] = "variance"};
    for (int k = 0; k < l->node->n_params; k++) {
        const dnx_param *p = &l->node->params[k];
        const bool has_name = names[role] && !strcmp(p->name, names[role]);
        if (p->role == (t->of_input ? DNX_OTHER : role) && (!t->of_input || has_name)) return k;
    }
    return -1;
}

static float *value(const dnx_gpu_layer *l, const dnx_gpu_norm *t, dnx_role role) {
    const int k = find(l, t, role);
    return k < 0 ? NULL : l->value[k];
}

static float *grad(const dnx_gpu_layer *l, const dnx_gpu_norm *t, dnx_role role) {
    const int k = find(l, t, role);
    return k < 0 ? NULL : l->grad[k];
}

dnx_status dnx_gpu_norm_make(dnx_gpu_layer *l, dnx_gpu_norm *t, bool keeps_z, dnx_err *err) {
    const dnx_node *n = l->node;
    const size_t C = (size_t)shape_of(l, t).c, count = dnx_size(n->out) * (size_t)n->batch;
    float **all[] = {&t->scale, &t->shift, &t->batch_mean, &t->inv_std, &t->p, &t->q, &t->r};
    dnx_status st = DNX_OK;
    t->has_bn = find(l, t, DNX_SCALES) >= 0;
    t->act = t->of_input ? DNX_LINEAR : (dnx_act)dnx_gpu_option(n, "activation", DNX_LINEAR);
    if (!t->of_input) l->norm = t;
    else if (!t->has_bn) return DNX_OK;
    for (size_t i = 0; i < (n->trains ? sizeof all / sizeof *all : 2) && !st; i++)
        st = dnx_gpu_new(l, all[i], C, err);
    if (!st && n->trains) {
        const long rows = rows_of(l, t, n->batch);
        const int slabs = dnx_gpu_slabs(rows), stripes = dnx_gpu_stripes(rows);
        const size_t sums = (size_t)(slabs > stripes ? slabs : stripes) * 3 * C;
        st = dnx_gpu_new_bytes(l, &t->parts, sums * sizeof *t->parts, err);
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

bool dnx_gpu_loads_any(const dnx_node *n) {
    (void)n;
    return true;
}

int dnx_gpu_stripes(long rows) {
    const long n = (rows + DNX_CUDA_TILE - 1) / DNX_CUDA_TILE;
    return n < DNX_CUDA_STRIPES ? (int)n : DNX_CUDA_STRIPES;
}

static struct norm_sums_args args_of(const dnx_gpu_layer *l, const dnx_gpu_norm *t, const float *z,
                                     const float *dy, int batch) {
    return (struct norm_sums_args){.z = z,
                                   .dy = dy,
                                   .scale = t->scale,
                                   .shift = t->shift,
                                   .slopes = value(l, t, DNX_SLOPES),
                                   .parts = t->parts,
                                   .rows = rows_of(l, t, batch),
                                   .C = shape_of(l, t).c,
                                   .act = t->act};
}

/* Queues norm_apply or norm_dz. */
static void each(dnx_gpu_layer *l, dnx_cuda_kernel kernel, struct norm_sums_args a) {
    a.fours = dnx_gpu_has_fours(a.C, a.z, a.dy, a.to);
    dnx_device_each(l->device, kernel, a.rows * a.C / (a.fours ? 4 : 1), &a);
}

static void add_up(dnx_gpu_layer *l, const struct norm_sums_args *a) {
    dnx_device_launch(l->device, DNX_CUDA_norm_sums, dnx_gpu_columns(a->C), dnx_gpu_slabs(a->rows),
                      1, a);
}

void dnx_gpu_norm_fold(dnx_gpu_layer *l, dnx_gpu_norm *t) {
    struct norm_fold_args a = {.biases = value(l, t, DNX_BIASES),
                               .scales = value(l, t, DNX_SCALES),
                               .mean = t->has_bn ? value(l, t, DNX_MEAN) : NULL,
                               .variance = value(l, t, DNX_VARIANCE),
                               .scale = t->scale,
                               .shift = t->shift,
                               .C = shape_of(l, t).c,
                               .eps = (float)DNX_NORM_EPS};
    dnx_device_each(l->device, DNX_CUDA_norm_fold, a.C, &a);
}

static void statistics(dnx_gpu_layer *l, dnx_gpu_norm *t, long rows, int slabs) {
    struct norm_statistics_args a = {.parts = t->parts,
                                     .biases = value(l, t, DNX_BIASES),
                                     .scales = value(l, t, DNX_SCALES),
                                     .mean = value(l, t, DNX_MEAN),
                                     .variance = value(l, t, DNX_VARIANCE),
                                     .batch_mean = t->batch_mean,
                                     .inv_std = t->inv_std,
                                     .scale = t->scale,
                                     .shift = t->shift,
                                     .rows = rows,
                                     .C = shape_of(l, t).c,
                                     .slabs = slabs,
                                     .eps = (float)DNX_NORM_EPS,
                                     .momentum = DNX_NORM_MOMENTUM};
    dnx_device_launch(l->device, DNX_CUDA_norm_statistics, dnx_gpu_columns(a.C), 1, 1, &a);
}

bool dnx_gpu_norm_needs_sums(const dnx_gpu_layer *l, const dnx_gpu_norm *t, const dnx_pass *p) {
    return t->has_bn && p->is_training && l->node->trains;
}

void dnx_gpu_norm_forward(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const dnx_pass *p,
                          int stripes) {
    struct norm_sums_args a = args_of(l, t, z, NULL, p->batch);
    if (dnx_gpu_norm_needs_sums(l, t, p)) {
        if (!stripes) add_up(l, &a);
        statistics(l, t, a.rows, stripes ? stripes : dnx_gpu_slabs(a.rows));
    } else dnx_gpu_norm_fold(l, t);
    if (l->defers || t->of_input) return;
    a.to = p->y;
    each(l, DNX_CUDA_norm_apply, a);
}

void dnx_gpu_norm_backward(dnx_gpu_layer *l, dnx_gpu_norm *t, const float *z, const dnx_pass *p,
                           float *dz, bool adds) {
    struct norm_sums_args a = args_of(l, t, z, p->dy, p->batch);
    struct norm_back_args b = {.parts = t->parts,
                               .scales = value(l, t, DNX_SCALES),
                               .batch_mean = t->batch_mean,
                               .inv_std = t->inv_std,
                               .d_biases = grad(l, t, DNX_BIASES),
                               .d_scales = grad(l, t, DNX_SCALES),
                               .d_slopes = grad(l, t, DNX_SLOPES),
                               .p = t->has_bn ? t->p : NULL,
                               .q = t->q,
                               .r = t->r,
                               .rows = a.rows,
                               .C = a.C,
                               .slabs = dnx_gpu_slabs(a.rows)};
    if (t->has_bn || !t->of_input) {
        add_up(l, &a);
        dnx_device_launch(l->device, DNX_CUDA_norm_back, dnx_gpu_columns(a.C), 1, 1, &b);
    }
    a.p = b.p;
    a.q = b.q;
    a.r = b.r;
    a.to = dz;
    a.adds = adds;
    if (dz) each(l, DNX_CUDA_norm_dz, a);
}

dnx_status dnx_gpu_norm_alone_make(dnx_gpu_layer *l, dnx_err *err) {
    return dnx_gpu_norm_make(l, l->state, false, err);
}

void dnx_gpu_norm_alone_forward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_norm_forward(l, l->state, p->x[0], p, 0);
}

void dnx_gpu_norm_alone_backward(dnx_gpu_layer *l, dnx_pass *p) {
    dnx_gpu_norm_backward(l, l->state, p->x[0], p, p->dx[0], p->dx_adds[0]);
}
