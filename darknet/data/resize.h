/* resize.h - bilinear resizing of images. */
#ifndef DNX_RESIZE_H
#define DNX_RESIZE_H
#include <stddef.h>

/* One pixel of an output row: the mix (1 - share) * x[low] + share * x[high] of an input row x. */
typedef struct {
    int low, high;
    float share;
} dnx_sample;

/* Returns the mix for pixel i of a row of n pixels, from a row of `size` pixels. Pixel centres are
 * at i + 0.5, as in OpenCV and in PyTorch with align_corners=False. */
dnx_sample dnx_sample_borders(int i, int n, int size);
/* Like dnx_sample_borders(), but the centres of the first and last pixels of both rows coincide, as
 * in libdarknet and in PyTorch with align_corners=True. */
dnx_sample dnx_sample_corners(int i, int n, int size);

/* Interpolates between four pixels: a, b in the upper row and c, d in the lower row. fx is 0
 * at a and 1 at b; fy is 0 at a and 1 at c. */
static inline float dnx_mix(float a, float b, float c, float d, float fx, float fy) {
    return (1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * c + fx * d);
}

/* Mixes the RGB pixels at rows y and columns x of an image with `stride` pixels in a row. */
static inline void dnx_mix_pixel(const unsigned char *rgb, int stride, dnx_sample y, dnx_sample x,
                                 float to[3]) {
    const unsigned char *upper = rgb + (size_t)y.low * (size_t)stride * 3;
    const unsigned char *lower = rgb + (size_t)y.high * (size_t)stride * 3;
    for (int k = 0; k < 3; k++)
        to[k] = dnx_mix(upper[x.low * 3 + k], upper[x.high * 3 + k], lower[x.low * 3 + k],
                        lower[x.high * 3 + k], x.share, y.share);
}

/* Resizes h x w x C floats to H x W x C with dnx_sample_borders(). */
void dnx_resize(const float *x, int w, int h, int C, int W, int H, float *out);
#endif
