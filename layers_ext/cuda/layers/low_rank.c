/* low_rank.c - the GPU version of [low_rank]: a convolution with R basis filters V, then a product
 * with P, N x R. */
#include "cuda/matrix.h"
#include "cuda/norm.h"
#include "cuda/product.h"

typedef struct {
    dnx_gpu_norm norm;
    struct dnx_cuda_window at; /* the convolution with V; at.N = R, the rank */
    float *vk, *vt;            /* V as wk and wt of filters_args; vt is NULL when predicting */
    float *t;                  /* B x oh x ow x R */
    float *parts_v, *parts_p;  /* scratch for the gradients of V and P */
} state;

static size_t rows_of(const dnx_node *n, int batch) {
    return (size_t)batch * (size_t)n->out.h * (size_t)n->out.w;
}

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    const dnx_node *n = l->node;
    const int R = dnx_gpu_option(n, "rank", 1);
    s->at = dnx_gpu_conv_window(n);
    s->at.N = R;
    const size_t count = dnx_gpu_filters(&s->at);
    const size_t rows = rows_of(n, n->batch);
    dnx_status st = dnx_gpu_check_pixels(n, &s->at, err);
    if (!st) st = dnx_gpu_norm_make(l, &s->norm, true, err);
    if (!st) st = dnx_gpu_new(l, &s->vk, count, err);
    if (!st) st = dnx_gpu_new(l, &s->t, rows * (size_t)R, err);
    if (st || !n->trains) return st;
    l->scratch_floats = rows * (size_t)(n->out.c + R);
    st = dnx_gpu_new(l, &s->vt, count, err);
    if (!st) st = dnx_gpu_new(l, &s->parts_v, (size_t)dnx_gpu_parts(&s->at) * count, err);
    const size_t parts = (size_t)dnx_gpu_matrix_parts((long)rows, n->out.c, R);
    if (!st) st = dnx_gpu_new(l, &s->parts_p, parts * (size_t)(R * n->out.c), err);
    return st;
}

static void prepare(dnx_gpu_layer *l) {
    state *s = l->state;
    dnx_gpu_conv_order(l, &s->at, dnx_gpu_value(l, DNX_BASIS), NULL, s->vk, s->vt);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    float *z = dnx_gpu_z(&s->norm, p);
    s->at.batch = p->batch;
    const struct conv_forward_args v = {
        .at = s->at, .x = p->x[0], .wk = s->vk, .y = s->t, .of_x = dnx_gpu_deferred(l, 0)};
    dnx_gpu_conv(l, &v);
    dnx_gpu_times_transposed(l, s->t, dnx_gpu_value(l, DNX_WEIGHTS), z,
                             (long)rows_of(l->node, p->batch), l->node->out.c, s->at.N);
    dnx_gpu_norm_forward(l, &s->norm, z, p, 0);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    const int N = l->node->out.c, R = s->at.N;
    const long rows = (long)rows_of(l->node, p->batch);
    float *dz = l->scratch, *dt = dz + rows * N;
    s->at.batch = p->batch;
    const struct dnx_cuda_deferred of_x = dnx_gpu_deferred(l, 0);
    dnx_gpu_norm_backward(l, &s->norm, dnx_gpu_z(&s->norm, p), p, dz, false);
    dnx_gpu_add_transposed_times(l, dz, s->t, s->parts_p, dnx_gpu_grad(l, DNX_WEIGHTS), rows, N, R);
    dnx_gpu_times(l, dz, dnx_gpu_value(l, DNX_WEIGHTS), dt, rows, N, R);
    dnx_gpu_conv_dw(l, &s->at, p->x[0], &of_x, dt, s->parts_v, dnx_gpu_grad(l, DNX_BASIS));
    dnx_gpu_conv_dx(l, &s->at, dt, s->vt, p->dx[0], p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_low_rank = {
    .state_size = sizeof(state),
    .may_defer = true,
    .loads = dnx_gpu_loads_any,
    .make = make,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
};
