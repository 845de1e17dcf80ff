/* margin.cu - softmax cross-entropy over cosines with a margin: common/face/margin.h on the device.
 *
 * cosines: B x ld, of which the first `n` columns are the classes of the pass. label: the column of
 * each image's class, -1 when the class is unknown, -2 when the network has no such class. One
 * block for each image sums over its classes. Then one thread for each cosine replaces it by its
 * gradient. */
#include "cuda/act.h"
#include "cuda/block.h"
#include "cuda/real.h"

#define MARGIN_NEAR_ONE 1e-7

/* dnx_margin_target() on the device. */
DEVICE double margin_target(const struct dnx_cuda_margin *g, double c, double *slope) {
    const double m = g->m * g->ramp, r = g->ramp;
    const double at = c > 1 - MARGIN_NEAR_ONE    ? 1 - MARGIN_NEAR_ONE
                      : c < -1 + MARGIN_NEAR_ONE ? -1 + MARGIN_NEAR_ONE
                                                 : c;
    const double sine = SQRT(1 - at * at);
    *slope = 1;
    if (g->is_easy && c <= 0 && g->kind != DNX_MARGIN_SPHEREFACE && g->kind != DNX_MARGIN_COMBINED)
        return c;
    switch (g->kind) {
    case DNX_MARGIN_AM:
    case DNX_MARGIN_MV_AM:
    case DNX_MARGIN_SV_AM: return c - m;
    case DNX_MARGIN_ARCFACE:
    case DNX_MARGIN_MV_ARC:
    case DNX_MARGIN_SV_ARC:
        if (c <= -real_cos(m)) return c - m * real_sin(m);
        *slope = real_sin(real_acos(at) + m) / sine;
        return real_cos(real_acos(c) + m);
    case DNX_MARGIN_COMBINED: {
        const double m1 = 1 + (g->m1 - 1) * r, m2 = g->m2 * r;
        *slope = m1 * real_sin(m1 * real_acos(at) + m2) / sine;
        return real_cos(m1 * real_acos(c) + m2) - g->m3 * r;
    }
    case DNX_MARGIN_SPHEREFACE: {
        const double th = real_acos(c), turns = real_floor(th * g->m / REAL_PI);
        const double k = turns > g->m - 1 ? g->m - 1 : turns;
        const double sign = k - 2 * real_floor(k / 2) > 0 ? -1 : 1;
        *slope = 1 - r + r * sign * g->m * real_sin(g->m * real_acos(at)) / sine;
        return (1 - r) * c + r * (sign * real_cos(g->m * th) - 2 * k);
    }
    default: return c;
    }
}

/* Other classes with a cosine above this are emphasised. */
DEVICE float margin_threshold(const struct dnx_cuda_margin *g, double f) {
    return g->kind >= DNX_MARGIN_MV_AM && g->kind <= DNX_MARGIN_SV_ARC ? (float)f : 2;
}
DEVICE float margin_logit(const struct dnx_cuda_margin *g, float c, float hard) {
    return (float)g->s * (c > hard ? (1 + g->t) * c + g->t : c);
}
DEVICE double margin_target_logit(const struct dnx_cuda_margin *g, double f) {
    const double z = g->s * f;
    return g->s > 1e4 ? (double)(float)z : z;
}

KERNEL(margin_loss) {
    SHARED double shared_f, shared_slope;
    const struct dnx_cuda_margin *g = a.now;
    const int b = BLOCK_X, y = a.label[b];
    const float *row = a.cosines + (long)b * a.ld;
    if (y < 0) {
        if (THREAD) return;
        a.losses[b] = y == -1 ? 0 : real_nan();
        a.y[b] = 0;
        return;
    }
    const double cy = (double)limit(row[y]);
    if (THREAD == 0) {
        double slope;
        shared_f = margin_target(g, cy, &slope);
        shared_slope = slope;
    }
    SYNC();
    const double f = shared_f;
    const bool is_d = g->kind == DNX_MARGIN_D_SOFTMAX;
    const double target = is_d ? 0 : margin_target_logit(g, f), e = g->smoothing;
    const float hard = margin_threshold(g, f);
    double best = -2, peak = -1e30, mean = 0, sum = 0;
    for (int k = THREAD; k < g->n; k += THREADS) {
        const float c = limit(row[k]), z = margin_logit(g, c, hard);
        if (k == y) continue;
        if ((double)c > best) best = (double)c;
        if ((double)z > peak) peak = (double)z;
        mean += (double)z;
    }
    best = block_max(best);
    peak = block_max(peak);
    mean = (block_sum(mean) + target) / g->n;
    if ((float)target > (float)peak || !(peak > -1e30)) peak = (double)(float)target;
    for (int k = THREAD; k < g->n; k += THREADS)
        if (k != y) sum += (double)exp_of(margin_logit(g, limit(row[k]), hard) - (float)peak);
    sum = block_sum(sum) + real_exp(target - peak);
    if (THREAD) return;
    double loss = peak + real_log(sum) - (1 - e) * target - e * mean;
    if (is_d) loss += real_softplus(g->s * (g->m * g->ramp - cy));
    a.losses[b] = loss;
    a.y[b] = cy > best;
    a.row[4 * b] = peak;
    a.row[4 * b + 1] = sum;
    a.row[4 * b + 2] = f;
    a.row[4 * b + 3] = shared_slope;
}

/* Replaces the cosines by descent directions. */
KERNEL(margin_slopes) {
    const struct dnx_cuda_margin *g = a.now;
    const long count = (long)a.batch * a.ld;
    for (long i = INDEX; i < count; i += STEP) {
        const int b = (int)(i / a.ld), k = (int)(i % a.ld), y = a.label[b];
        if (y < 0 || k >= g->n) {
            a.cosines[i] = 0;
            continue;
        }
        const double peak = a.row[4 * b], sum = a.row[4 * b + 1], f = a.row[4 * b + 2];
        const double slope = g->is_ste ? 1 : a.row[4 * b + 3], e = g->smoothing;
        const float c = limit(a.cosines[i]), hard = margin_threshold(g, f), s = (float)g->s;
        if (k == y) {
            const double d = g->kind == DNX_MARGIN_D_SOFTMAX
                                 ? 1 / (1 + real_exp(g->s * ((double)c - g->m * g->ramp)))
                                 : slope * (1 - e + e / g->n -
                                            real_exp(margin_target_logit(g, f) - peak) / sum);
            a.cosines[i] = (float)(g->s * d);
            continue;
        }
        const float p = (float)(1 / sum) * exp_of(margin_logit(g, c, hard) - (float)peak);
        const float d = s * ((float)(e / g->n) - p);
        a.cosines[i] = c > hard ? (1 + g->t) * d : d;
    }
}
