#include "patches.h"

#include <string.h>

#include "kernels/kernels.h"

/* Range of taps that fall inside the input, lo <= tap < hi, for a window that starts at `at`. */
static void inside(int at, int size, int len, int *lo, int *hi) {
    *lo = at < 0 ? -at : 0;
    *hi = at + size > len ? len - at : size;
    if (*lo > size) *lo = size;
    if (*hi < *lo) *hi = *lo;
}

/* The window of output pixel p: its first row and column in the input; returns the image. */
static size_t window(const dnx_patches *s, long p, int *y, int *x) {
    long per = (long)s->out_h * s->out_w;
    *y = (int)(p % per) / s->out_w * s->stride - s->pad;
    *x = (int)(p % per) % s->out_w * s->stride - s->pad;
    return (size_t)(p / per) * dnx_size(s->in) + (size_t)s->c0;
}

void dnx_patches_gather(const dnx_patches *s, const float *x, long p, int count, float *rows) {
    size_t C = (size_t)s->in.c, c = (size_t)s->c, line = (size_t)s->size * c;
    for (const long end = p + count; p < end; p++) {
        int iy, ix, lo, hi;
        const float *image = x + window(s, p, &iy, &ix);
        inside(ix, s->size, s->in.w, &lo, &hi);
        for (int ky = 0; ky < s->size; ky++, rows += line) {
            if (iy + ky < 0 || iy + ky >= s->in.h || lo == hi) {
                memset(rows, 0, sizeof *rows * line);
                continue;
            }
            const float *from =
                image + ((size_t)(iy + ky) * (size_t)s->in.w + (size_t)(ix + lo)) * C;
            float *to = rows + (size_t)lo * c;
            memset(rows, 0, sizeof *rows * (size_t)lo * c);
            if (c == C) memcpy(to, from, sizeof *to * (size_t)(hi - lo) * C);
            else
                for (int kx = lo; kx < hi; kx++, to += c, from += C)
                    memcpy(to, from, sizeof *to * c);
            memset(rows + (size_t)hi * c, 0, sizeof *rows * (size_t)(s->size - hi) * c);
        }
    }
}

void dnx_patches_scatter(const dnx_patches *s, const float *rows, long p, int count, float *dx) {
    size_t C = (size_t)s->in.c, c = (size_t)s->c, line = (size_t)s->size * c;
    for (const long end = p + count; p < end; p++) {
        int iy, ix, lo, hi;
        float *image = dx + window(s, p, &iy, &ix);
        inside(ix, s->size, s->in.w, &lo, &hi);
        for (int ky = 0; ky < s->size; ky++, rows += line) {
            if (iy + ky < 0 || iy + ky >= s->in.h) continue;
            for (int kx = lo; kx < hi; kx++)
                dnx_kernels()->add(rows + (size_t)kx * c, c,
                                   image + ((size_t)(iy + ky) * (size_t)s->in.w +
                                            (size_t)(ix + kx)) * C);
        }
    }
}
