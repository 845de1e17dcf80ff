/* l2norm.c - the GPU version of [l2norm]. */
#include "cuda/layer.h"

typedef struct {
    float *inv; /* 1/|x| of each pixel */
} state;

static long rows_of(const dnx_gpu_layer *l, int batch) {
    return (long)batch * l->node->out.h * l->node->out.w;
}

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    return dnx_gpu_new(l, &((state *)l->state)->inv, (size_t)rows_of(l, l->node->batch), err);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    const long rows = rows_of(l, p->batch);
    struct unit_rows_args a = {.x = p->x[0],
                               .unit = p->y,
                               .inv = ((state *)l->state)->inv,
                               .count = rows,
                               .from = rows,
                               .size = l->node->out.c,
                               .least = 1e-24f};
    dnx_gpu_rows(l, DNX_CUDA_unit_rows, rows, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    const int C = l->node->out.c;
    struct unit_back_args a = {.d = p->dy,
                               .unit = p->y,
                               .inv = ((state *)l->state)->inv,
                               .dx = p->dx[0],
                               .count = rows_of(l, p->batch),
                               .ld = C,
                               .size = C,
                               .parts = 1,
                               .factor = 1,
                               .adds = p->dx_adds[0]};
    if (a.dx) dnx_gpu_rows(l, DNX_CUDA_unit_back, a.count, &a);
}

const dnx_gpu_type dnx_gpu_l2norm = {
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
};
