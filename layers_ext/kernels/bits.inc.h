/* bits.inc.h - ends of sums and of rows of results in plain C. */
#include "bits.h"

static float sum16(float *part) {
    for (int half = 8; half; half /= 2)
        for (int i = 0; i < half; i++) part[i] += part[i + half];
    return part[0];
}

/* A row's results from filter i on. Products and sums are statements of their own, so that no
 * compiler fuses them: the float simulation does not either. */
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
