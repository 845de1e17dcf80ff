/* resize.c - bilinear resizing. */
#include "data/resize.h"

#include <math.h>

static dnx_sample between(float at, int size) {
    int low = (int)at;
    if (low > size - 2) low = size - 2;
    const float share = fminf(at - (float)low, 1);
    return (dnx_sample){low, low + (share > 0), share};
}

dnx_sample dnx_sample_borders(int i, int n, int size) {
    if (n == size) return (dnx_sample){i, i, 0};
    const float at = ((float)i + .5f) * (float)size / (float)n - .5f;
    if (size == 1 || at < 0) return (dnx_sample){0};
    return between(at, size);
}

dnx_sample dnx_sample_corners(int i, int n, int size) {
    if (i == n - 1 || size == 1) return (dnx_sample){size - 1, size - 1, 0};
    return between((float)i * ((float)(size - 1) / (float)(n - 1)), size);
}

void dnx_resize(const float *x, int w, int h, int C, int W, int H, float *out) {
    const size_t row = (size_t)w * (size_t)C;
    for (int i = 0; i < H; i++) {
        const dnx_sample sy = dnx_sample_borders(i, H, h);
        const float *upper = x + (size_t)sy.low * row, *lower = x + (size_t)sy.high * row;
        for (int j = 0; j < W; j++) {
            const dnx_sample sx = dnx_sample_borders(j, W, w);
            for (int c = 0; c < C; c++) {
                const int a = sx.low * C + c, b = sx.high * C + c;
                *out++ = dnx_mix(upper[a], upper[b], lower[a], lower[b], sx.share, sy.share);
            }
        }
    }
}
