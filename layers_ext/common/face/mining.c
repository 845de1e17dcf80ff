/* mining.c - see mining.h. */
#include "common/face/mining.h"

#include <math.h>
#include <stdlib.h>

int dnx_part_of(float share, int n) {
    int k = (int)ceil((double)share * n * (1 - 1e-6));
    return k < 1 ? 1 : k > n ? n : k;
}

static void focal(dnx_mined *m, double focus) {
    double miss = -expm1(-m->loss);
    if (miss <= 0) {
        m->factor = focus > 0 ? 0 : 1;
        m->loss = focus > 0 ? 0 : m->loss;
        return;
    }
    double f = pow(miss, focus);
    m->factor = f + focus * f / miss * exp(-m->loss) * m->loss;
    m->loss *= f;
}

/* For qsort(): larger losses come first, NaN before all; equal losses stay in batch order. */
static int by_loss(const void *a, const void *b) {
    const dnx_mined *x = a, *y = b;
    double u = isnan(x->loss) ? HUGE_VAL : x->loss, v = isnan(y->loss) ? HUGE_VAL : y->loss;
    return u != v ? (u < v) - (u > v) : (x->b > y->b) - (x->b < y->b);
}

static void hard(dnx_mined *list, int M, int K) {
    qsort(list, (size_t)M, sizeof *list, by_loss);
    for (int i = 0; i < M; i++) {
        list[i].factor = i < K ? (double)M / K : 0;
        list[i].loss = i < K ? list[i].loss * list[i].factor : 0;
    }
}

void dnx_mine(const dnx_mining *m, dnx_mined *list, int M) {
    for (int i = 0; i < M; i++) list[i].factor = 1;
    if (m->kind == DNX_MINING_HARD && M > 0) hard(list, M, dnx_part_of(m->keep, M));
    if (m->kind == DNX_MINING_FOCAL)
        for (int i = 0; i < M; i++) focal(&list[i], m->focus);
}
