/* warp.c - applies an affine transform: bilinear, black outside the image. */
#include "face/warp.h"

#include <math.h>
#include <string.h>

#include "face/opencv.h"

static double sample(const unsigned char *rgb, int w, int h, int x, int y, int c) {
    return x < 0 || y < 0 || x >= w || y >= h
               ? 0
               : rgb[((size_t)y * (size_t)w + (size_t)x) * 3 + (size_t)c];
}

static void pixel(const unsigned char *rgb, int w, int h, double x, double y, unsigned char *out) {
    memset(out, 0, 3);
    if (!(x > -1 && y > -1 && x < w && y < h)) return;
    const int i = (int)floor(x), j = (int)floor(y);
    const double a = x - i, b = y - j;
    for (int c = 0; c < 3; c++)
        out[c] = (unsigned char)(.5 +
                                 (1 - b) * ((1 - a) * sample(rgb, w, h, i, j, c) +
                                            a * sample(rgb, w, h, i + 1, j, c)) +
                                 b * ((1 - a) * sample(rgb, w, h, i, j + 1, c) +
                                      a * sample(rgb, w, h, i + 1, j + 1, c)));
}

/* Returns the determinant of m's 2 x 2 part, or 0 when m cannot be inverted. */
static double determinant(const double m[6]) {
    const double det = m[0] * m[4] - m[1] * m[3];
    return isfinite(det) ? det : 0;
}

bool dnx_warp_plain(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
                    int out_w, int out_h) {
    const double det = determinant(m);
    if (!det) return false;
    const double a = m[4] / det, b = -m[1] / det, c = -m[3] / det, d = m[0] / det;
    for (int y = 0; y < out_h; y++)
        for (int x = 0; x < out_w; x++, out += 3) {
            const double u = x - m[2], v = y - m[5];
            pixel(rgb, w, h, a * u + b * v, c * u + d * v, out);
        }
    return true;
}

bool dnx_warp(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
              int out_w, int out_h) {
    if (!dnx_has_opencv) return dnx_warp_plain(rgb, w, h, m, out, out_w, out_h);
    return determinant(m) && dnx_warp_opencv(rgb, w, h, m, out, out_w, out_h);
}
