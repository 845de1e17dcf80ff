/* bits.inc.h - dnx_bit_set.finish in plain C, for the filters from number i on. Products and sums
 * are in separate statements, so that the compiler does not fuse them. Fused multiply-adds would
 * give other results than in training. */
#include "kernels/bits.h"

static void finish_from(int i, const int32_t *count, int N, const int32_t *base, float factor,
                        const dnx_bit_end *e, float *y) {
    for (; i < N; i++) {
        float u = (float)(base[i] - 2 * count[i]) * factor * e->alpha[i];
        if (e->shift) {
            u += e->shift[i];
            u *= u > 0 ? 1 : e->slope[i];
        }
        if (e->residual) u += e->residual[i];
        y[i] = u;
    }
}
