/* rows.cu - scales rows x_i to length 1, and computes their gradients dx_i. d_i is the gradient of
 * u_i, and f is a factor that the caller chooses:
 *
 *   u_i = x_i / |x_i|,  dx_i = f/|x_i| (d_i - (d_i.u_i) u_i)
 *
 * A block computes 8 rows, with 32 threads for each. */
#include "cuda/block.h"

DEVICE long my_row(void) { return (long)BLOCK_X * DNX_CUDA_ROWS + THREAD / DNX_CUDA_COLUMNS; }

/* Returns rows[i], or i when rows is NULL; -1 for i >= limit_. */
DEVICE long source_of(const int *rows, long i, long limit_) {
    if (i >= limit_) return -1;
    return rows ? rows[i] : i;
}

KERNEL(unit_rows) {
    const long i = my_row(), from = i < a.count ? source_of(a.rows, i, a.from) : -1;
    const int lane = THREAD % DNX_CUDA_COLUMNS;
    const float *x = a.x + (from < 0 ? 0 : from) * a.size;
    double square = 0;
    for (int k = lane; k < a.size && from >= 0; k += DNX_CUDA_COLUMNS)
        square += (double)x[k] * (double)x[k];
    square = row_sum(square);
    if (i >= a.count) return;
    if (square < (double)a.least) square = (double)a.least;
    const float inv = from < 0 ? 0 : a.as_it_is ? 1 : (float)inverse_of(square);
    if (lane == 0) a.inv[i] = inv;
    for (int k = lane; k < a.size && a.unit; k += DNX_CUDA_COLUMNS)
        a.unit[i * a.size + k] = from < 0 ? 0 : x[k] * inv;
}

DEVICE float part_sum(const struct unit_back_args *a, long i, int k) {
    float sum = 0;
    for (int g = 0; g < a->parts; g++) sum += a->d[g * a->part + i * a->ld + k];
    return sum;
}

KERNEL(unit_back) {
    const long i = my_row(), to = i < a.count ? source_of(a.rows, i, a.count) : -1;
    const int lane = THREAD % DNX_CUDA_COLUMNS;
    const float *u = a.unit + i * a.size;
    double along = 0;
    for (int k = lane; k < a.size && to >= 0; k += DNX_CUDA_COLUMNS)
        along += (double)part_sum(&a, i, k) * (double)u[k];
    float of_u = (float)row_sum(along);
    if (to < 0) return;
    if (a.is_along) of_u = a.along ? a.along[i] : 0;
    const float f = a.factor * a.inv[i];
    for (int k = lane; k < a.size; k += DNX_CUDA_COLUMNS) {
        float *dx = a.dx + to * a.size + k;
        *dx = f * (part_sum(&a, i, k) - of_u * u[k]) + (a.adds ? *dx : 0);
    }
}
