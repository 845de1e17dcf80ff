/* [avgpool]: the mean of each channel over the whole map or, with size=, over windows.
 *
 *   y[b,y,x,c] = 1/(size size) sum_{i,j} x[b, y*stride - P + i, x*stride - P + j, c]
 *
 * x: B x H x W x C, y: B x 1 x 1 x C or B x OH x OW x C with OH = (H + 2P - size)/stride + 1 and
 * P = size/2 with pad=1, else 0. The pixels outside are 0 and count in the mean. No weights. */
#include <string.h>

#include "kernels/activations.h"
#include "layer/view.h"

#define BLOCK 64 /* channels summed at a time */

typedef struct {
    int size, stride, pad;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, size, 0, 0, 4096, "side of the window, pixels; 0: the whole map"),
    DNX_OPT_INT(opts, stride, 1, 1, 4096, "step between windows, pixels"),
    DNX_OPT_INT(opts, pad, 0, 0, 1, "1: size/2 pixels of zeros on each side"),
    DNX_OPT_END};

static int pad_of(const opts *o) { return o->pad ? o->size / 2 : 0; }

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    dnx_shape in = n->in[0];
    n->out = (dnx_shape){1, 1, in.c};
    if (!o->size && (o->stride > 1 || o->pad))
        return dnx_fail(err, DNX_EOPTION, n->loc, "[avgpool] %s=%d: needs size=",
                        o->pad ? "pad" : "stride", o->pad ? 1 : o->stride);
    if (!o->size) return DNX_OK;
    int h = in.h + 2 * pad_of(o), w = in.w + 2 * pad_of(o);
    if (o->size > h || o->size > w)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[avgpool] size=%d: the padded input is only %d x %d", o->size, h, w);
    n->out.h = (h - o->size) / o->stride + 1;
    n->out.w = (w - o->size) / o->stride + 1;
    return DNX_OK;
}

/* Pixels [*lo, *hi) of an input of len pixels lie in window k. */
static void window(const opts *o, int k, int len, int *lo, int *hi) {
    int at = k * o->stride - pad_of(o);
    *lo = o->size && at > 0 ? at : 0;
    *hi = o->size && at + o->size < len ? at + o->size : len;
}

/* Returns the divisor of the sum of a window. */
static double area(const dnx_node *n) {
    const opts *o = n->opts;
    return o->size ? (double)o->size * o->size : (double)n->in[0].h * n->in[0].w;
}

static long blocks_of(const dnx_node *n) { return (n->in[0].c + BLOCK - 1) / BLOCK; }

/* A row of this job is BLOCK channels of an output pixel. */
static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    dnx_shape in = n->in[0], out = n->out;
    size_t C = (size_t)in.c;
    long blocks = blocks_of(n);
    for (long i = lo; i < hi; i++) {
        long pixel = i / blocks, b = pixel / (out.h * out.w);
        size_t from = (size_t)(i % blocks) * BLOCK;
        size_t count = C - from < BLOCK ? C - from : BLOCK;
        int ylo, yhi, xlo, xhi;
        window(n->opts, (int)(pixel / out.w % out.h), in.h, &ylo, &yhi);
        window(n->opts, (int)(pixel % out.w), in.w, &xlo, &xhi);
        double sum[BLOCK] = {0};
        for (int y = ylo; y < yhi; y++) {
            const float *x = p->x[0] + ((size_t)(b * in.h + y) * (size_t)in.w + (size_t)xlo) * C;
            for (int k = xlo; k < xhi; k++, x += C)
                for (size_t c = 0; c < count; c++) sum[c] += (double)x[from + c];
        }
        float *y = p->y + (size_t)pixel * C + from;
        for (size_t c = 0; c < count; c++) y[c] = (float)(sum[c] / area(n));
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p) * blocks_of(n), forward_rows);
}

/* A row of this job is an image, because windows overlap. */
static void windows_back(dnx_node *n, dnx_pass *p, long first, long last) {
    dnx_shape in = n->in[0], out = n->out;
    size_t C = (size_t)in.c;
    float inv = (float)(1 / area(n));
    for (long b = first; b < last; b++) {
        float *dx = p->dx[0] + (size_t)b * dnx_size(in);
        const float *dy = p->dy + (size_t)b * dnx_size(out);
        if (!p->dx_adds[0]) memset(dx, 0, sizeof *dx * dnx_size(in));
        for (int i = 0; i < out.h * out.w; i++, dy += C) {
            int ylo, yhi, xlo, xhi;
            window(n->opts, i / out.w, in.h, &ylo, &yhi);
            window(n->opts, i % out.w, in.w, &xlo, &xhi);
            for (int y = ylo; y < yhi; y++)
                for (int x = xlo; x < xhi; x++) {
                    float *d = dx + ((size_t)y * (size_t)in.w + (size_t)x) * C;
                    for (size_t c = 0; c < C; c++) d[c] += dy[c] * inv;
                }
        }
    }
}

/* A row of this job is a pixel of the input. */
static void map_back(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t C = (size_t)n->in[0].c;
    long hw = (long)n->in[0].h * n->in[0].w;
    float inv = 1.f / (float)hw;
    for (long i = lo; i < hi; i++) {
        const float *dy = p->dy + (size_t)(i / hw) * C;
        float *dx = p->dx[0] + (size_t)i * C;
        if (p->dx_adds[0])
            for (size_t c = 0; c < C; c++) dx[c] += dy[c] * inv;
        else
            for (size_t c = 0; c < C; c++) dx[c] = dy[c] * inv;
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    if (!p->dx[0]) return;
    if (((const opts *)n->opts)->size) dnx_each_row(n, p, p->batch, windows_back);
    else dnx_each_row(n, p, (long)p->batch * n->in[0].h * n->in[0].w, map_back);
}

/* Netron's [avgpool] has no windows. */
static void show(const dnx_node *n, dnx_view *v) {
    const opts *o = n->opts;
    const dnx_convolution c = {o->size, o->stride, pad_of(o), n->out.c, DNX_LINEAR};
    if (o->size) dnx_show_convolution(v, v->from[0], n->out, &c, false, "");
    else dnx_show(v, "avgpool", v->from, 1, n->out, NULL);
}

static const dnx_description description = {.show = show};

const dnx_layer_type dnx_avgpool = {
    .name = "avgpool",
    .aliases = "avg|local_avgpool",
    .summary = "mean of each channel over the map or over windows",
    .is_reentrant = true,
    .options = options,
    .opts_size = sizeof(opts),
    .make = make,
    .forward = forward,
    .backward = backward,
    .description = &description,
};
