/* letterbox.c - resizes images bilinearly into the network's input. */
#include "data/letterbox.h"

#include <stdbool.h>

#include "data/resize.h"

#define GREY 127.5f

/* A window of w x h pixels of an image whose rows have `stride` pixels. */
typedef struct {
    const unsigned char *rgb;
    int w, h, stride;
} window;

/* Resizes the window to W x H pixels of `out`, whose rows have `row` pixels. */
static void resize(window in, int W, int H, float *out, int row) {
    for (int y = 0; y < H; y++) {
        const dnx_sample sy = dnx_sample_corners(y, H, in.h);
        float *to = out + (size_t)y * (size_t)row * 3;
        for (int x = 0; x < W; x++, to += 3)
            dnx_mix_pixel(in.rgb, in.stride, sy, dnx_sample_corners(x, W, in.w), to);
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
