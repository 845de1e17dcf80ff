/* patches.c - im2col and its reverse. */
#include "common/conv/patches.h"

#include <string.h>

#include "kernels/kernels.h"
#include "kernels/pool.h"

dnx_status dnx_patches_make(dnx_patches *s, dnx_node *n, int size, int stride, int pad, int filters,
                            dnx_err *err) {
    dnx_shape in = n->in[0];
    int h = in.h + 2 * pad, w = in.w + 2 * pad;
    if (size > h || size > w)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[%s] size=%d: the padded input is only %d x %d",
                        n->type->name, size, h, w);
    n->out = (dnx_shape){(h - size) / stride + 1, (w - size) / stride + 1, filters};
    *s = (dnx_patches){in, n->out.h, n->out.w, size, stride, pad, 0, in.c};
    return DNX_OK;
}

/* Sets [*lo, *hi) to the taps of a window that are inside the image, along one axis of len pixels.
 * The window begins at pixel `at`, which may be negative. */
static void inside(int at, int size, int len, int *lo, int *hi) {
    *lo = at < 0 ? -at : 0;
    *hi = at + size > len ? len - at : size;
    if (*lo > size) *lo = size;
    if (*hi < *lo) *hi = *lo;
}

/* Sets *y, *x to the first row and column of the window of output pixel p. Returns the index in
 * x of the first float of the window's image, plus c0. */
static size_t window(const dnx_patches *s, long p, int *y, int *x) {
    long per = (long)s->out_h * s->out_w;
    *y = (int)(p % per) / s->out_w * s->stride - s->pad;
    *x = (int)(p % per) % s->out_w * s->stride - s->pad;
    return (size_t)(p / per) * dnx_size(s->in) + (size_t)s->c0;
}

/* Gathers `count` neighbouring windows of one output row into rows. The windows must have the same
 * taps inside the image. */
static void gather_run(const dnx_patches *s, const float *image, int iy, int ix, int count,
                       float *rows) {
    const dnx_kernel_set *k = dnx_kernels();
    size_t C = (size_t)s->in.c, c = (size_t)s->c, line = (size_t)s->size * c;
    size_t ldr = line * (size_t)s->size, step = (size_t)s->stride * C;
    int lo, hi;
    inside(ix, s->size, s->in.w, &lo, &hi);
    for (int y = iy; y < iy + s->size; y++, rows += line) {
        bool is_in = y >= 0 && y < s->in.h && lo < hi;
        size_t before = is_in ? (size_t)lo * c : line, behind = is_in ? (size_t)hi * c : line;
        for (size_t i = 0; i < (size_t)count && (before > 0 || behind < line); i++) {
            memset(rows + i * ldr, 0, sizeof *rows * before);
            memset(rows + i * ldr + behind, 0, sizeof *rows * (line - behind));
        }
        if (!is_in) continue;
        const float *from = image + ((size_t)y * (size_t)s->in.w + (size_t)(ix + lo)) * C;
        if (c == C) k->copy_runs(from, step, count, (hi - lo) * s->c, rows + before, ldr);
        else
            for (int kx = lo; kx < hi; kx++, from += C)
                k->copy_runs(from, step, count, s->c, rows + (size_t)kx * c, ldr);
    }
}

void dnx_patches_gather(const dnx_patches *s, const float *x, long p, int count, float *rows) {
    size_t ldr = (size_t)(s->size * s->size) * (size_t)s->c;
    for (int n; count > 0; count -= n, p += n, rows += (size_t)n * ldr) {
        int iy, ix;
        size_t image = window(s, p, &iy, &ix);
        bool is_whole = ix >= 0 && ix + s->size <= s->in.w;
        n = is_whole ? (s->in.w - s->size - ix) / s->stride + 1 : 1;
        int left = s->out_w - (ix + s->pad) / s->stride;
        n = n > left ? left : n;
        n = n > count ? count : n;
        gather_run(s, x + image, iy, ix, n, rows);
    }
}

const float *dnx_patches_rows(const dnx_patches *s, const float *x, long p, int count, float *block,
                              size_t *lda) {
    bool in_place = dnx_patches_in_place(s);
    *lda = (size_t)(in_place ? s->in.c : s->size * s->size * s->c);
    if (in_place) return x + (size_t)p * *lda + s->c0;
    dnx_patches_gather(s, x, p, count, block);
    return block;
}

void dnx_patches_share(const dnx_patches *s, int batch, float *dx, bool adds, int t, int threads,
                       long *lo, long *hi) {
    long per = (long)s->out_h * s->out_w;
    size_t size = dnx_size(s->in);
    if (!dx || dnx_patches_in_place(s)) {
        dnx_share(batch * per, t, threads, lo, hi);
        return;
    }
    dnx_share(batch, t, threads, lo, hi);
    if (!adds) memset(dx + (size_t)*lo * size, 0, sizeof *dx * (size_t)(*hi - *lo) * size);
    *lo *= per;
    *hi *= per;
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
                dnx_kernels()->add(
                    rows + (size_t)kx * c, c,
                    image + ((size_t)(iy + ky) * (size_t)s->in.w + (size_t)(ix + kx)) * C);
        }
    }
}
