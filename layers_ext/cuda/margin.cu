/* margin.cu - softmax cross-entropy over cosines with a margin. common/face/margin.h has the
 * formulas. cosines: B x ld; the first n columns are the classes of the pass. label: the column of
 * an image's class; -1 when unknown, -2 when the label is no class of the network. */
#include "cuda/act.h"
#include "cuda/block.h"
#include "cuda/real.h"

#define MARGIN_NEAR_ONE 1e-7

/* Returns f(c), the true class's cosine c with its margin, and stores f'(c) in *slope. Like
 * target_cosine() in common/face/margin.c. */
DEVICE double margin_target(const dnx_margin *g, double c, double *slope) {
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

/* Returns the number above which the cosines of other classes are emphasised. With margin=mv-am,
 * mv-arc, sv-am or sv-arc this is f, the true class's cosine with its margin. Else it is 2, which
 * no cosine exceeds. */
DEVICE float margin_threshold(const dnx_margin *g, double f) {
    return g->kind >= DNX_MARGIN_MV_AM && g->kind <= DNX_MARGIN_SV_ARC ? (float)f : 2;
}
DEVICE float margin_logit(const dnx_margin *g, float c, float hard) {
    const float t = (float)g->t;
    return (float)g->s * (c > hard ? (1 + t) * c + t : c);
}
DEVICE double margin_target_logit(const dnx_margin *g, double f) {
    const double z = g->s * f;
    return g->s > 1e4 ? (double)(float)z : z;
}

DEVICE dnx_margin margin_of(const struct dnx_cuda_margin *now, const struct dnx_cuda_margin_of *of,
                            int b) {
    dnx_margin g = now->g;
    if (of->length) g.s = of->length[b];
    if (of->m) g.m = of->m[b];
    return g;
}

/* Stores |x| in of.length[b], and divides a row of products by |x|. */
DEVICE void divide_by_length(const struct margin_args *a, int b, float *row) {
    double square = 0;
    for (int k = THREAD; k < a->size; k += THREADS)
        square += (double)a->x[(long)b * a->size + k] * (double)a->x[(long)b * a->size + k];
    const double length = SQRT(block_sum(square));
    const float inv = length > 0 || length != length ? (float)(1 / length) : 0;
    if (THREAD == 0) a->of.length[b] = length;
    for (int k = THREAD; k < a->now->n; k += THREADS) row[k] = limit(row[k] * inv);
    SYNC();
}

/* Returns dL/ds for an image with s = |x|. row: the image's `row` of margin_args. cy: the cosine of
 * its class. many: how many of the N classes are emphasised. mass: the sum of e^(z - peak) over
 * these classes. */
DEVICE double length_slope(const dnx_margin *g, const double row[4], double cy, double mass,
                           double many, int N) {
    const double e = g->smoothing, slope = g->is_ste ? 1 : row[3];
    if (g->kind == DNX_MARGIN_D_SOFTMAX) {
        const double m = g->m * g->ramp;
        return m / (1 + real_exp(g->s * (cy - m)));
    }
    const double p = real_exp(margin_target_logit(g, row[2]) - row[0]) / row[1];
    return g->t * (mass / row[1] - many * e / N) + (row[2] - cy * slope) * (p - (1 - e) - e / N);
}

KERNEL(margin_loss) {
    SHARED double shared_f, shared_slope;
    const int b = BLOCK_X, y = a.label[b], N = a.now->n;
    float *row = a.cosines + (long)b * a.ld;
    if (a.of.length) divide_by_length(&a, b, row);
    const dnx_margin own = margin_of(a.now, &a.of, b), *g = &own;
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
    double best = -2, peak = -1e30, mean = 0, sum = 0, mass = 0, many = 0;
    for (int k = THREAD; k < N; k += THREADS) {
        const float c = limit(row[k]), z = margin_logit(g, c, hard);
        if (k == y) continue;
        if ((double)c > best) best = (double)c;
        if ((double)z > peak) peak = (double)z;
        mean += (double)z;
    }
    best = block_max(best);
    peak = block_max(peak);
    mean = (block_sum(mean) + target) / N;
    if ((float)target > (float)peak || !(peak > -1e30)) peak = (double)(float)target;
    for (int k = THREAD; k < N; k += THREADS) {
        const float c = limit(row[k]);
        const double p = (double)exp_of(margin_logit(g, c, hard) - (float)peak);
        if (k == y) continue;
        sum += p;
        mass += c > hard ? p : 0;
        many += c > hard;
    }
    sum = block_sum(sum) + real_exp(target - peak);
    if (a.of.length) mass = block_sum(mass);
    if (a.of.length) many = block_sum(many);
    if (THREAD) return;
    double loss = peak + real_log(sum) - (1 - e) * target - e * mean;
    if (is_d) loss += real_softplus(g->s * (g->m * g->ramp - cy));
    a.losses[b] = loss;
    a.y[b] = cy > best;
    double *at = a.row + 5 * (long)b;
    at[0] = peak;
    at[1] = sum;
    at[2] = f;
    at[3] = shared_slope;
    if (a.of.length) at[4] = length_slope(g, at, cy, mass, many, N);
}

/* True when image i comes before b in the order of falling losses, NaN first. */
DEVICE bool is_before(const double *losses, int i, int b) {
    const double u = losses[i], v = losses[b];
    if (u != u || v != v) return u != u && (v == v || i < b);
    return u > v || (u == v && i < b);
}

/* Returns M/K if image b has one of the K = ceil(keep M) largest losses, else 0. M: the number of
 * images with a known class. */
DEVICE double hard_factor(const struct margin_args *a, int b, int M) {
    const int ceiling = -(int)real_floor(-(a->keep * M * (1 - 1e-6)));
    const int K = ceiling < 1 ? 1 : ceiling > M ? M : ceiling;
    int rank = 0;
    for (int i = 0; i < a->batch; i++) rank += a->label[i] >= 0 && is_before(a->losses, i, b);
    return rank < K ? (double)M / K : 0;
}

/* Replaces *loss by F = (1 - p)^focus * loss with p = e^-loss. Returns dF/dloss. */
DEVICE double focal_factor(double focus, double *loss) {
    const double p = real_exp(-*loss), miss = 1 - p;
    if (miss <= 0) {
        if (focus > 0) *loss = 0;
        return focus > 0 ? 0 : 1;
    }
    const double f = real_exp(focus * real_log(miss)), factor = f + focus * f / miss * p * *loss;
    *loss *= f;
    return factor;
}

KERNEL(margin_images) {
    int M = 0;
    for (int b = 0; b < a.batch; b++) M += a.label[b] >= 0;
    for (int b = THREAD; b < a.batch; b += THREADS)
        a.factor[b] = a.label[b] < 0 ? 0 : a.is_hard ? hard_factor(&a, b, M) : 1;
    SYNC();
    for (int b = THREAD; b < a.batch; b += THREADS) {
        if (a.label[b] >= 0 && a.is_hard)
            a.losses[b] = a.factor[b] > 0 ? a.losses[b] * a.factor[b] : 0;
        if (a.label[b] >= 0 && a.is_focal) a.factor[b] = focal_factor(a.focus, &a.losses[b]);
        if (!a.of.length) continue;
        const double length = a.of.length[b];
        a.factor[b] = length > 0 || length != length ? a.factor[b] / length : 0;
        a.along[b] = a.factor[b] != 0 ? (float)(a.factor[b] * a.row[5 * (long)b + 4]) : 0;
    }
}

/* Replaces each cosine c by the descent direction -factor dL/dc. */
KERNEL(margin_slopes) {
    const long count = (long)a.batch * a.ld;
    const int N = a.now->n;
    for (long i = INDEX; i < count; i += STEP) {
        const int b = (int)(i / a.ld), k = (int)(i % a.ld), y = a.label[b];
        const dnx_margin own = margin_of(a.now, &a.of, b), *g = &own;
        const double factor = a.factor ? a.factor[b] : 1;
        if (y < 0 || k >= N) {
            a.cosines[i] = 0;
            continue;
        }
        const double *row = a.row + 5 * (long)b, peak = row[0], sum = row[1], f = row[2];
        const double slope = g->is_ste ? 1 : row[3], e = g->smoothing;
        const float c = limit(a.cosines[i]), hard = margin_threshold(g, f);
        const float s = (float)(factor * g->s);
        if (k == y) {
            const double d = g->kind == DNX_MARGIN_D_SOFTMAX
                                 ? 1 / (1 + real_exp(g->s * ((double)c - g->m * g->ramp)))
                                 : slope * (1 - e + e / N -
                                            real_exp(margin_target_logit(g, f) - peak) / sum);
            a.cosines[i] = (float)(factor * g->s * d);
            continue;
        }
        const float p = (float)(1 / sum) * exp_of(margin_logit(g, c, hard) - (float)peak);
        const float d = s * ((float)(e / N) - p);
        a.cosines[i] = c > hard ? (1 + (float)g->t) * d : d;
    }
}
