/* bits.inc.h - the end of a row of results in plain C, from filter i on. Products and sums are
 * statements of their own, so that no compiler fuses them: the float simulation does not either. */
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
