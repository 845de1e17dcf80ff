/* centres.cu - class centres and margins from a teacher: see common/face/centres.h. */
#include "cuda/block.h"

#define LEAST 1e-6

DEVICE double in_bounds(double v) { return v < LEAST ? LEAST : v > 1 ? 1 : v; }
DEVICE double block_dot(const float *u, const float *v, int n) {
    double sum = 0;
    for (int k = THREAD; k < n; k += THREADS) sum += (double)u[k] * (double)v[k];
    return block_sum(sum);
}
DEVICE float *centre_of(const struct centres_args *a, int label) {
    return a->w + (long)(a->rows ? a->rows[label] : label) * a->D;
}

/* Returns a_b, the share of the old centre (common/face/centres.h). x, t: features of student and
 * teacher; w: the centre; t_inv = 1/|t|. */
DEVICE double alpha_of(const struct centres_args *a, const float *x, const float *w, const float *t,
                       double t_inv) {
    if (a->is_fixed) return a->fixed;
    const double c = block_dot(x, t, a->D) * inverse_of(block_dot(x, x, a->D)) * t_inv;
    if (!a->by_centre) return in_bounds(c);
    const double own = block_dot(w, t, a->D) * inverse_of(block_dot(w, w, a->D)) * t_inv;
    return in_bounds(c * in_bounds(own));
}

/* Only the block of the first image of a class moves the centre of this class. */
KERNEL(centres_follow) {
    const int first = BLOCK_X, y = a.label[first];
    double keep = 0;
    int n = 0;
    if (y < 0) return;
    for (int i = 0; i < first; i++)
        if (a.label[i] == y) return;
    float *w = centre_of(&a, y);
    for (int i = first; i < a.batch; i++) {
        if (a.label[i] != y) continue;
        const float *t = a.t + (long)i * a.D;
        const double inv = inverse_of(block_dot(t, t, a.D));
        const double alpha = alpha_of(&a, a.x + (long)i * a.D, w, t, inv);
        if (THREAD == 0) a.share[i] = (float)((1 - alpha) * inv); /* 0 when t is 0 */
        if (inv == 0) continue;
        keep += alpha;
        n++;
    }
    SYNC();
    for (int k = THREAD; k < a.D && n; k += THREADS) {
        double sum = keep * (double)w[k];
        for (int i = first; i < a.batch; i++)
            if (a.label[i] == y) sum += (double)a.share[i] * (double)a.t[(long)i * a.D + k];
        w[k] = (float)(sum / n);
    }
}

KERNEL(centres_near) {
    const int b = BLOCK_X * DNX_CUDA_ROWS + THREAD / DNX_CUDA_COLUMNS;
    const int lane = THREAD % DNX_CUDA_COLUMNS, y = b < a.batch ? a.label[b] : -1;
    const float *w = centre_of(&a, y < 0 ? 0 : y), *t = a.t + (long)(y < 0 ? 0 : b) * a.D;
    double ww = 0, tt = 0, wt = 0;
    for (int k = lane; k < a.D; k += DNX_CUDA_COLUMNS) {
        ww += (double)w[k] * (double)w[k];
        tt += (double)t[k] * (double)t[k];
        wt += (double)w[k] * (double)t[k];
    }
    const double c = row_sum(wt) * inverse_of(row_sum(ww)) * inverse_of(row_sum(tt));
    if (b < a.batch && lane == 0) a.m_of[b] = y < 0 || c < 0 ? 0 : c;
}

KERNEL(centres_margins) {
    double most = 0;
    for (int b = THREAD; b < a.batch; b += THREADS)
        if (a.m_of[b] > most) most = a.m_of[b];
    most = block_max(most);
    for (int b = THREAD; b < a.batch; b += THREADS)
        a.m_of[b] = a.least + (a.m - a.least) * (most > 0 ? a.m_of[b] / most : a.m_of[b]);
}
