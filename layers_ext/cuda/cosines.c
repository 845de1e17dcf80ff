/* cosines.c - cosines on a GPU: queues matrix products and the kernels of rows.cu. */
#include "cuda/cosines.h"

#include "cuda/matrix.h"

enum { PART = 512 }; /* a sum over classes has parts of 512 classes, for more blocks */

dnx_status dnx_gpu_cosines_make(dnx_gpu_layer *l, dnx_gpu_cosines *c, int N, int D, bool has_back,
                                dnx_err *err) {
    const size_t B = (size_t)l->node->batch, d = (size_t)D;
    c->N = N;
    c->D = D;
    c->groups = (N + PART - 1) / PART;
    c->ld = c->groups == 1 ? N : c->groups * PART;
    const size_t ld = (size_t)c->ld;
    dnx_status st = dnx_gpu_new(l, &c->unit_w, ld * d, err);
    if (!st) st = dnx_gpu_new(l, &c->w_inv, ld, err);
    if (!st) st = dnx_gpu_new(l, &c->unit_x, B * d, err);
    if (!st) st = dnx_gpu_new(l, &c->x_inv, B, err);
    if (st || !has_back) return st;
    st = dnx_gpu_new(l, &c->d_x, B * (size_t)c->groups * d, err);
    const size_t parts = (size_t)dnx_gpu_matrix_parts((long)B, c->ld, D);
    if (!st) st = dnx_gpu_new(l, &c->d_w, parts * ld * d, err);
    return st;
}

void dnx_gpu_cosines_classes(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *w,
                             const int *rows) {
    struct unit_rows_args a = {.x = w,
                               .rows = rows,
                               .unit = c->unit_w,
                               .inv = c->w_inv,
                               .count = c->ld,
                               .from = c->N,
                               .size = c->D};
    dnx_gpu_rows(l, DNX_CUDA_unit_rows, a.count, &a);
}

void dnx_gpu_cosines_forward(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *x, int batch,
                             float *block) {
    struct unit_rows_args a = {.x = x,
                               .unit = c->unit_x,
                               .inv = c->x_inv,
                               .count = batch,
                               .from = batch,
                               .size = c->D,
                               .as_it_is = c->by_length};
    dnx_gpu_rows(l, DNX_CUDA_unit_rows, batch, &a);
    dnx_gpu_times_transposed(l, c->unit_x, c->unit_w, block, batch, c->ld, c->D);
}

void dnx_gpu_cosines_back(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *d, int batch,
                          const int *rows, float *d_w, float *dx, bool adds) {
    struct unit_back_args of_w = {.d = c->d_w,
                                  .unit = c->unit_w,
                                  .inv = c->w_inv,
                                  .rows = rows,
                                  .dx = d_w,
                                  .count = c->N,
                                  .ld = c->D,
                                  .part = (long)c->ld * c->D,
                                  .size = c->D,
                                  .parts = dnx_gpu_matrix_parts(batch, c->ld, c->D),
                                  .factor = 1,
                                  .adds = true};
    struct unit_back_args of_x = {.d = c->d_x,
                                  .unit = c->unit_x,
                                  .inv = c->x_inv,
                                  .dx = dx,
                                  .along = c->along,
                                  .is_along = c->by_length,
                                  .count = batch,
                                  .ld = (long)c->groups * c->D,
                                  .part = c->D,
                                  .size = c->D,
                                  .parts = c->groups,
                                  .factor = 1,
                                  .adds = adds};
    if (d_w) {
        dnx_gpu_transposed_times(l, d, c->unit_x, c->d_w, batch, c->ld, c->D);
        dnx_gpu_rows(l, DNX_CUDA_unit_back, c->N, &of_w);
    }
    if (!dx) return;
    const struct dnx_cuda_window at = dnx_gpu_row_window(batch, c->groups * c->D, c->ld, c->groups);
    dnx_gpu_conv_dx(l, &at, d, c->unit_w, c->d_x, false);
    dnx_gpu_rows(l, DNX_CUDA_unit_back, batch, &of_x);
}
