/* distil.cu - the losses [kd_feature] and [kd_correlation]; layers_ext/ has the formulas. */
#include "cuda/block.h"
#include "cuda/real.h"

/* A block computes 8 images, with 32 threads for each. */
KERNEL(feature_distance) {
    const long b = (long)BLOCK_X * DNX_CUDA_ROWS + THREAD / DNX_CUDA_COLUMNS;
    const int lane = THREAD % DNX_CUDA_COLUMNS;
    const long size = b < a.count ? a.size : 0;
    const float *g = a.g + b * a.size, *t = a.t + b * a.size;
    double of_g = 0, of_t = 0, sum = 0;
    for (long k = lane; k < size && a.is_unit; k += DNX_CUDA_COLUMNS) {
        of_g += (double)g[k] * (double)g[k];
        of_t += (double)t[k] * (double)t[k];
    }
    of_g = row_sum(of_g);
    of_t = row_sum(of_t);
    const float g_inv = a.is_unit ? (float)inverse_of(of_g) : 1;
    const float t_inv = a.is_unit ? (float)inverse_of(of_t) : 1;
    for (long k = lane; k < size; k += DNX_CUDA_COLUMNS) {
        const float d = g_inv * g[k] - t_inv * t[k];
        sum += (double)d * (double)d;
    }
    sum = row_sum(sum) / 2;
    if (lane || b >= a.count) return;
    a.inv[2 * b] = g_inv;
    a.inv[2 * b + 1] = t_inv;
    a.e[b] = sum;
    a.y[b] = (float)sum;
}

/* Returns d^power; 0^0 is 1. */
DEVICE double power_of(double d, double power) {
    return power == 0 ? 1 : d == 0 ? 0 : real_exp(power * real_log(d));
}

/* a.hard is the option hard= of [kd_feature]: 0 none, 1 softmax, 2 power. */
KERNEL(feature_weights) {
    double peak = 0, sum = 0;
    for (int b = THREAD; b < a.count; b += THREADS) {
        const double d = SQRT(2 * a.e[b]);
        if (d > peak) peak = d;
    }
    peak = block_max(peak);
    for (int b = THREAD; b < a.count; b += THREADS) {
        const double d = SQRT(2 * a.e[b]);
        a.h[b] = a.hard == 1   ? real_exp(a.sharpness * (d - peak))
                 : a.hard == 2 ? power_of(d, a.power)
                               : 1;
        sum += a.h[b];
    }
    sum = block_sum(sum);
    for (int b = THREAD; b < a.count; b += THREADS) {
        a.h[b] = sum == 0 ? 1 : a.h[b] * a.count / sum;
        a.losses[b] = a.weight * a.h[b] * a.e[b];
    }
}

KERNEL(feature_slopes) {
    const long count = a.count * a.size;
    for (long i = INDEX; i < count; i += STEP) {
        const long b = i / a.size;
        const double g_inv = (double)a.inv[2 * b], t_inv = (double)a.inv[2 * b + 1];
        const bool has_direction = !a.is_unit || (g_inv != 0 && t_inv != 0);
        const double cosine = a.is_unit ? 1 - a.e[b] : 1;
        const double f = has_direction ? a.weight * a.h[b] * g_inv : 0;
        const float to = (float)(f * t_inv), own = (float)(f * cosine * g_inv);
        a.dg[i] = to * a.t[i] - own * a.g[i] + (a.adds ? a.dg[i] : 0);
    }
}

/* Returns phi(v) = sum_p series[p] v^p; stores its derivative in *slope. */
DEVICE float series_at(const float *series, int degree, float v, float *slope) {
    float sum = series[degree], d = 0;
    for (int p = degree - 1; p >= 0; p--) {
        d = d * v + sum;
        sum = sum * v + series[p];
    }
    *slope = d;
    return sum;
}

/* One block for each image i. Replaces the cosine own[i][j] by the factor of u_j in the gradient of
 * u_i. u_i is the student's feature of image i at length 1. */
KERNEL(correlation) {
    const long first = (long)BLOCK_X * a.count;
    double sum = 0;
    for (int i = THREAD; i < a.count; i += THREADS) {
        float slope, unused;
        const float diff = series_at(a.series, a.degree, a.own[first + i], &slope) -
                           series_at(a.series, a.degree, a.target[first + i], &unused);
        sum += (double)diff * (double)diff;
        a.own[first + i] = a.weight / (float)a.count * 4 * diff * slope;
    }
    sum = block_sum(sum);
    if (THREAD) return;
    a.losses[BLOCK_X] = (double)a.weight * sum / a.count;
    a.y[BLOCK_X] = (float)(sum / a.count);
}
