/* letterbox.c - resizes images bilinearly into the network's input. */
#include "data/letterbox.h"

#include <stdbool.h>
#include <stddef.h>

#define GREY 127.5f

/* A window of w x h pixels of an image whose rows have `stride` pixels. */
typedef struct {
    const unsigned char *rgb;
    int w, h, stride;
} window;

/* Where output i of n lies among `size` inputs: its lower neighbour, and the upper one's share. */
static int place(int i, int n, int size, float *share) {
    *share = 0;
    if (i == n - 1 || size == 1) return size - 1;
    float at = (float)i * ((float)(size - 1) / (float)(n - 1));
    int low = (int)at;
    if (low > size - 2) low = size - 2;
    *share = at - (float)low;
    return low;
}

/* Resizes the window to W x H, into rows of `row` pixels. */
static void resize(window in, int W, int H, float *out, int row) {
    for (int y = 0; y < H; y++) {
        float fy, fx;
        int y0 = place(y, H, in.h, &fy), y1 = y0 + (fy > 0);
        for (int x = 0; x < W; x++) {
            int x0 = place(x, W, in.w, &fx), x1 = x0 + (fx > 0);
            const unsigned char *a = in.rgb + ((size_t)y0 * (size_t)in.stride + (size_t)x0) * 3;
            const unsigned char *b = in.rgb + ((size_t)y0 * (size_t)in.stride + (size_t)x1) * 3;
            const unsigned char *c = in.rgb + ((size_t)y1 * (size_t)in.stride + (size_t)x0) * 3;
            const unsigned char *d = in.rgb + ((size_t)y1 * (size_t)in.stride + (size_t)x1) * 3;
            float *to = out + ((size_t)y * (size_t)row + (size_t)x) * 3;
            for (int k = 0; k < 3; k++)
                to[k] = (1 - fy) * ((1 - fx) * a[k] + fx * b[k]) +
                        fy * ((1 - fx) * c[k] + fx * d[k]);
        }
    }
}

void dnx_image_letterbox(const unsigned char *rgb, int w, int h, int W, int H, float *out) {
    bool is_wide = (float)W / (float)w < (float)H / (float)h;
    int fit_w = is_wide ? W : (int)((long)w * H / h), fit_h = is_wide ? (int)((long)h * W / w) : H;
    if (fit_w < 1) fit_w = 1;
    if (fit_h < 1) fit_h = 1;
    for (size_t i = 0; i < (size_t)W * (size_t)H * 3; i++) out[i] = GREY;
    size_t first = (size_t)((H - fit_h) / 2) * (size_t)W + (size_t)((W - fit_w) / 2);
    resize((window){rgb, w, h, w}, fit_w, fit_h, out + first * 3, W);
}

void dnx_image_center(const unsigned char *rgb, int w, int h, int W, int H, float *out) {
    int m = w < h ? w : h;
    size_t first = (size_t)((h - m) / 2) * (size_t)w + (size_t)((w - m) / 2);
    resize((window){rgb + first * 3, m, m, w}, W, H, out, W);
}
