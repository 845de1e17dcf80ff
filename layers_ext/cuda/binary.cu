/* binary.cu - signs of weights and inputs, as the floats +1 and -1, and gradients through them.
 * common/bits/binarise.h and layers_ext/binary.c have the formulas. */
#include "cuda/block.h"

DEVICE void center_taps(float *v, int C, int taps) {
    for (int t = THREAD; t < taps; t += THREADS) {
        double mean = 0;
        for (int c = 0; c < C; c++) mean += (double)v[(long)c * taps + t];
        mean /= C;
        for (int c = 0; c < C; c++)
            v[(long)c * taps + t] = (float)((double)v[(long)c * taps + t] - mean);
    }
    SYNC();
}

DEVICE float size_of(float x) { return x < 0 ? -x : x; }

KERNEL(binarise) {
    const long n = (long)a.C * a.taps, at = BLOCK_X * n;
    double others = 0, sum = 0;
    for (long i = THREAD; i < n; i += THREADS) {
        float w = a.w[at + i];
        if (a.clamps) a.w[at + i] = w = w < -1 ? -1 : w > 1 ? 1 : w;
        a.v[at + i] = w;
    }
    SYNC();
    for (long i = THREAD; i < n; i += THREADS) others += size_of(a.v[at + i]) != size_of(a.v[at]);
    const bool is_centred = block_sum(others) > 0 && a.centers;
    if (is_centred) center_taps(a.v + at, a.C, a.taps);
    for (long i = THREAD; i < n; i += THREADS) sum += (double)size_of(a.v[at + i]);
    const float alpha = a.has_alpha ? (float)(block_sum(sum) / (double)n) : 1;
    for (long i = THREAD; i < n; i += THREADS) {
        const float b = a.v[at + i] >= 0 ? 1 : -1;
        a.b[at + i] = b;
        a.scaled[at + i] = alpha * b;
    }
    if (THREAD) return;
    a.alpha[BLOCK_X] = alpha;
    a.centred[BLOCK_X] = is_centred;
}

/* how: the estimator of common/bits/binarise.h; 0 exact, 1 paper, 2 plain. */
KERNEL(binarise_back) {
    const long n = (long)a.C * a.taps, at = BLOCK_X * n;
    const int how = a.has_alpha ? a.how : 2;
    const double alpha = (double)a.alpha[BLOCK_X];
    double sum = 0;
    for (long i = THREAD; i < n; i += THREADS)
        sum += a.v[at + i] >= 0 ? (double)a.G[at + i] : -(double)a.G[at + i];
    sum = block_sum(sum);
    for (long i = THREAD; i < n; i += THREADS) {
        const float v = a.v[at + i];
        const double pass = size_of(v) <= 1, g = (double)a.G[at + i];
        a.G[at + i] = (float)(how == 2   ? g * pass
                              : how == 1 ? g * (1. / (double)n + alpha * pass)
                                         : (v >= 0 ? sum : -sum) / (double)n + alpha * g * pass);
    }
    SYNC();
    if (a.centred[BLOCK_X] > 0 && how == 0) center_taps(a.G + at, a.C, a.taps);
    for (long i = THREAD; i < n; i += THREADS) a.d_w[at + i] += a.G[at + i];
}

/* A block computes 8 pixels, with 32 threads for each. */
KERNEL(signs) {
    const long r = (long)BLOCK_X * DNX_CUDA_ROWS + THREAD / DNX_CUDA_COLUMNS;
    const int lane = THREAD % DNX_CUDA_COLUMNS;
    double sum = 0;
    for (int c = lane; c < a.C && r < a.rows; c += DNX_CUDA_COLUMNS) {
        const float u = scaled_at(a.scale, a.shift, a.x[r * a.C + c], c);
        a.signs[r * a.C + c] = u >= 0 ? 1 : -1;
        sum += (double)size_of(u);
    }
    sum = row_sum(sum);
    if (lane == 0 && r < a.rows) a.sum[r] = (float)sum;
}

KERNEL(signs_back) {
    EACH_ELEMENT(i, row, c, a.rows * a.C, a.C) {
        const float u = scaled_at(a.scale, a.shift, a.x[i], c);
        const float map = a.map ? a.map[row] : 0;
        a.du[i] = (size_of(u) <= 1 ? a.du[i] : 0) + (u >= 0 ? map : -map);
    }
}

KERNEL(k_map) {
    const struct dnx_cuda_window *at = &a.at;
    const long count = (long)at->batch * at->oh * at->ow;
    const float share = 1.f / (float)(at->kh * at->kw * at->C);
    for (long p = INDEX; p < count; p += STEP) {
        const int x0 = (int)(p % at->ow) * at->stride - at->pad;
        const int y0 = (int)(p / at->ow % at->oh) * at->stride - at->pad;
        const float *from = a.from + p / at->ow / at->oh * at->h * at->w;
        float sum = 0;
        for (int y = y0; y < y0 + at->kh; y++)
            for (int x = x0; x < x0 + at->kw; x++)
                if (y >= 0 && y < at->h && x >= 0 && x < at->w) sum += from[(long)y * at->w + x];
        a.to[p] = sum * share;
    }
}

KERNEL(k_unmap) {
    const struct dnx_cuda_window *at = &a.at;
    const long count = (long)at->batch * at->h * at->w;
    const float share = 1.f / (float)(at->kh * at->kw * at->C);
    for (long q = INDEX; q < count; q += STEP) {
        const int x = (int)(q % at->w) + at->pad, y = (int)(q / at->w % at->h) + at->pad;
        const float *from = a.from + q / at->w / at->h * at->oh * at->ow;
        float sum = 0;
        for (int ky = 0; ky < at->kh; ky++)
            for (int kx = 0; kx < at->kw; kx++) {
                const int oy = y - ky, ox = x - kx;
                if (oy < 0 || ox < 0 || oy % at->stride || ox % at->stride) continue;
                if (oy / at->stride >= at->oh || ox / at->stride >= at->ow) continue;
                sum += from[(long)(oy / at->stride) * at->ow + ox / at->stride];
            }
        a.to[q] = sum * share;
    }
}

KERNEL(k_scale) {
    EACH_ELEMENT(i, row, n, a.rows * a.N, a.N)
    a.z[i] = a.z[i] * (a.map ? a.map[row] : 1) * a.alpha[n];
}

/* dk[row] = (sum over n of dz z) / map[row]; then dz = dz map[row]. A block computes 8 rows, with
 * 32 threads for each. */
KERNEL(k_back) {
    const long r = (long)BLOCK_X * DNX_CUDA_ROWS + THREAD / DNX_CUDA_COLUMNS;
    const int lane = THREAD % DNX_CUDA_COLUMNS;
    const float by = r < a.rows ? a.map[r] : 0;
    double sum = 0;
    for (int n = lane; n < a.N && r < a.rows; n += DNX_CUDA_COLUMNS) {
        sum += (double)a.dz[r * a.N + n] * (double)a.z[r * a.N + n];
        a.dz[r * a.N + n] *= by;
    }
    sum = row_sum(sum);
    if (lane == 0 && r < a.rows) a.dk[r] = by > 0 ? (float)(sum / (double)by) : 0;
}
