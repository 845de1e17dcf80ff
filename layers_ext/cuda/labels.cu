/* labels.cu - the losses [center_loss] and [cost]; layers_ext/ has the formulas. */
#include "cuda/block.h"
#include "cuda/real.h"

KERNEL(center_loss) {
    const int b = BLOCK_X, label = a.label[b];
    double square = 0;
    for (int k = THREAD; k < a.D && label >= 0; k += THREADS) {
        const double e = (double)a.x[(long)b * a.D + k] - (double)a.centres[(long)label * a.D + k];
        square += e * e;
    }
    const double loss = label == -2 ? real_nan() : (double)a.weight / 2 * block_sum(square);
    if (THREAD) return;
    a.losses[b] = loss;
    a.y[b] = (float)loss;
}

/* The block of the first image of a class also computes the gradient of the class centre. */
KERNEL(center_back) {
    const int b = BLOCK_X, label = a.label[b];
    bool is_first = a.d_centres && label >= 0;
    for (int i = 0; i < b; i++) is_first = is_first && a.label[i] != label;
    for (int k = THREAD; k < a.D; k += THREADS) {
        const float *c = a.centres + (long)(label < 0 ? 0 : label) * a.D + k;
        const long at = (long)b * a.D + k;
        const float e = label < 0 ? 0 : a.weight * (a.x[at] - *c);
        if (a.dx) a.dx[at] = (a.adds ? a.dx[at] : 0) - e;
        float sum = 0;
        for (int i = b; i < a.batch && is_first; i++)
            if (a.label[i] == label) sum += a.weight * (a.x[(long)i * a.D + k] - *c);
        if (is_first) a.d_centres[(long)label * a.D + k] += sum;
    }
}

/* The types of [cost], in the order of layers_ext/cost.c. */
enum { COST_SSE, COST_MASKED, COST_SMOOTH, COST_L1, COST_SEG, COST_WGAN };

DEVICE bool cost_counts(const struct cost_args *a, int label) {
    return a->label && !(a->type == COST_MASKED && label == -1);
}

DEVICE double cost_at(const struct cost_args *a, bool is_true, double x) {
    const double t = is_true ? 1 : 0, d = t > x ? t - x : x - t;
    switch (a->type) {
    case COST_SMOOTH: return d < 1 ? d * d : 2 * d - 1;
    case COST_L1: return d;
    case COST_SEG: return d * d * (is_true ? 1 : (double)a->noobj);
    case COST_WGAN: return is_true ? -x : x;
    default: return d * d;
    }
}

DEVICE float cost_slope(const struct cost_args *a, bool is_true, float x) {
    const float d = (is_true ? 1 : 0) - x;
    switch (a->type) {
    case COST_SMOOTH: return d < -1 ? -1 : d > 1 ? 1 : d;
    case COST_L1: return (float)((d > 0) - (d < 0));
    case COST_SEG: return is_true ? d : d * a->noobj;
    case COST_WGAN: return is_true ? 1 : -1;
    default: return d;
    }
}

KERNEL(cost_loss) {
    const long b = BLOCK_X;
    const int label = a.label ? a.label[b] : -1;
    double sum = 0;
    for (long k = THREAD; k < a.size && cost_counts(&a, label); k += THREADS)
        sum += cost_at(&a, k == label, (double)a.x[b * a.size + k]);
    sum = block_sum(sum);
    if (THREAD == 0) a.losses[b] = sum;
}

KERNEL(cost_back) {
    for (long i = INDEX; i < a.batch * a.size; i += STEP) {
        const int label = a.label ? a.label[i / a.size] : -1;
        float d = cost_counts(&a, label) ? cost_slope(&a, i % a.size == label, a.x[i]) : 0;
        d = d < a.least && d > -a.least ? 0 : a.scale * d;
        if (a.dy) d += a.dy[i];
        a.dx[i] = d + (a.adds ? a.dx[i] : 0);
    }
}
