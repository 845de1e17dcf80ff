/* binarise.c - binary weights, and estimates of their gradients. */
#include "common/bits/binarise.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

static bool is_binary(const float *w, int n) {
    for (int i = 1; i < n; i++)
        if (fabsf(w[i]) != fabsf(w[0])) return false;
    return true;
}

/* Sets v to w minus its mean over the channels, for each tap. v may be w. */
static void center(const float *w, int C, int taps, float *v) {
    for (int t = 0; t < taps; t++) {
        double mean = 0;
        for (int c = 0; c < C; c++) mean += (double)w[c * taps + t];
        mean /= C;
        for (int c = 0; c < C; c++) v[c * taps + t] = (float)(w[c * taps + t] - mean);
    }
}

static float mean_magnitude(const float *v, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += fabs((double)v[i]);
    return (float)(sum / n);
}

void dnx_binarise(const dnx_binariser *how, const float *w, float *b, float *alpha) {
    int n = how->C * how->taps;
    if (how->centers && !is_binary(w, n)) center(w, how->C, how->taps, b);
    else memmove(b, w, sizeof *b * (size_t)n); /* b may be w */
    *alpha = how->has_alpha ? mean_magnitude(b, n) : 1;
    for (int i = 0; i < n; i++) b[i] = b[i] >= 0 ? 1 : -1;
}

void dnx_binarise_back(const dnx_binariser *how, const float *w, const float *G, float *scratch,
                       float *d_w) {
    int C = how->C, taps = how->taps, n = C * taps;
    bool centers = how->centers && !is_binary(w, n);
    dnx_estimator estimator = how->has_alpha ? how->estimator : DNX_PLAIN;
    if (centers) center(w, C, taps, scratch);
    else memcpy(scratch, w, sizeof *scratch * (size_t)n);
    double alpha = how->has_alpha ? (double)mean_magnitude(scratch, n) : 1, sum = 0;
    for (int i = 0; i < n; i++) sum += scratch[i] >= 0 ? (double)G[i] : -(double)G[i];
    for (int i = 0; i < n; i++) {
        double pass = fabsf(scratch[i]) <= 1, g = (double)G[i];
        if (estimator == DNX_PLAIN) g *= pass;
        else if (estimator == DNX_PAPER) g *= 1. / n + alpha * pass;
        else g = (scratch[i] >= 0 ? sum : -sum) / n + alpha * g * pass;
        scratch[i] = (float)g;
    }
    /* center() multiplies by a symmetric matrix, so it also maps gradients back. */
    if (centers && estimator == DNX_EXACT) center(scratch, C, taps, scratch);
    dnx_kernels()->add(scratch, (size_t)n, d_w);
}
