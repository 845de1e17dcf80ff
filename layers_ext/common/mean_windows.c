/* mean_windows.c - the mean of each channel over windows of a map. */
#include "common/mean_windows.h"

#include <string.h>

#define BLOCK 64 /* channels summed at a time */

dnx_status dnx_windows_shape(dnx_node *n, const dnx_windows *s, dnx_err *err) {
    const int h = n->in[0].h + s->padding, w = n->in[0].w + s->padding;
    if (s->size > h || s->size > w)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[%s] size=%d: the padded input is only %d x %d",
                        n->type->name, s->size, h, w);
    if (s->padding > 2 * (s->size - 1))
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] padding=%d: with size=%d some windows hold nothing but padding",
                        n->type->name, s->padding, s->size);
    n->out = (dnx_shape){(h - s->size) / s->stride + 1, (w - s->size) / s->stride + 1, n->in[0].c};
    return DNX_OK;
}

dnx_status dnx_windows_make(dnx_node *n, dnx_windows *s, dnx_err *err) {
    const dnx_pool_opts *o = n->opts;
    s->stride = o->stride;
    s->size = o->size ? o->size : o->stride;
    s->padding = o->padding < 0 ? s->size - 1 : o->padding;
    return dnx_windows_shape(n, s, err);
}

/* The part of a window inside the map: pixels [ylo, yhi) x [xlo, xhi). The mean divides by
 * `area`. */
typedef struct {
    int ylo, yhi, xlo, xhi;
    double area;
} window;

void dnx_window_range(const dnx_windows *s, int k, int len, int *lo, int *hi) {
    int at = k * s->stride - s->padding / 2;
    *lo = s->size && at > 0 ? at : 0;
    *hi = s->size && at + s->size < len ? at + s->size : len;
}

static window window_of(const dnx_node *n, long i) {
    const dnx_windows *s = n->state;
    window w;
    dnx_window_range(s, (int)(i / n->out.w), n->in[0].h, &w.ylo, &w.yhi);
    dnx_window_range(s, (int)(i % n->out.w), n->in[0].w, &w.xlo, &w.xhi);
    w.area = s->size && s->counts_zeros ? (double)s->size * s->size
                                        : (double)(w.yhi - w.ylo) * (w.xhi - w.xlo);
    return w;
}

static long blocks_of(const dnx_node *n) { return (n->in[0].c + BLOCK - 1) / BLOCK; }

/* Computes blocks [lo, hi) of y. Block i is at most BLOCK channels of output pixel i / blocks. */
static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    dnx_shape in = n->in[0];
    size_t C = (size_t)in.c;
    long blocks = blocks_of(n), per = (long)n->out.h * n->out.w;
    for (long i = lo; i < hi; i++) {
        long pixel = i / blocks, b = pixel / per;
        size_t from = (size_t)(i % blocks) * BLOCK;
        size_t count = C - from < BLOCK ? C - from : BLOCK;
        const window w = window_of(n, pixel % per);
        double sum[BLOCK] = {0};
        for (int y = w.ylo; y < w.yhi; y++) {
            const float *x = p->x[0] + ((size_t)(b * in.h + y) * (size_t)in.w + (size_t)w.xlo) * C;
            for (int k = w.xlo; k < w.xhi; k++, x += C)
                for (size_t c = 0; c < count; c++) sum[c] += (double)x[from + c];
        }
        float *y = p->y + (size_t)pixel * C + from;
        for (size_t c = 0; c < count; c++) y[c] = (float)(sum[c] / w.area);
    }
}

void dnx_mean_windows_forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p) * blocks_of(n), forward_rows);
}

/* Each thread takes whole images, because overlapping windows add to the same pixels of dx. */
static void windows_back(dnx_node *n, dnx_pass *p, long first, long last) {
    dnx_shape in = n->in[0], out = n->out;
    size_t C = (size_t)in.c;
    for (long b = first; b < last; b++) {
        float *dx = p->dx[0] + (size_t)b * dnx_size(in);
        const float *dy = p->dy + (size_t)b * dnx_size(out);
        if (!p->dx_adds[0]) memset(dx, 0, sizeof *dx * dnx_size(in));
        for (long i = 0; i < (long)out.h * out.w; i++, dy += C) {
            const window w = window_of(n, i);
            float inv = (float)(1 / w.area);
            for (int y = w.ylo; y < w.yhi; y++)
                for (int x = w.xlo; x < w.xhi; x++) {
                    float *d = dx + ((size_t)y * (size_t)in.w + (size_t)x) * C;
                    for (size_t c = 0; c < C; c++) d[c] += dy[c] * inv;
                }
        }
    }
}

static void map_back(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t C = (size_t)n->in[0].c;
    long hw = (long)n->in[0].h * n->in[0].w;
    float inv = 1.f / (float)hw;
    const bool adds = p->dx_adds[0];
    for (long i = lo; i < hi; i++) {
        const float *dy = p->dy + (size_t)(i / hw) * C;
        float *dx = p->dx[0] + (size_t)i * C;
        for (size_t c = 0; c < C; c++) dx[c] = adds ? dx[c] + dy[c] * inv : dy[c] * inv;
    }
}

void dnx_mean_windows_backward(dnx_node *n, dnx_pass *p) {
    if (!p->dx[0]) return;
    if (((const dnx_windows *)n->state)->size) dnx_each_row(n, p, p->batch, windows_back);
    else dnx_each_row(n, p, (long)p->batch * n->in[0].h * n->in[0].w, map_back);
}
