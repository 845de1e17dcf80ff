/* [upsample]: repeats every pixel in a square of stride x stride pixels, times scale.
 *
 *   y[b,p,q,c] = scale * x[b, p/stride, q/stride, c]
 *
 * x: B x H x W x C, y: B x stride*H x stride*W x C. No weights. A negative stride does the reverse,
 * as in libdarknet: y, B x H/-stride x W/-stride x C, is scale times the SUM of each square. */
#include <stdlib.h>
#include <string.h>

#include "kernels/activations.h"
#include "kernels/pool.h"
#include "layer/view.h"

typedef struct {
    int stride;
    float scale;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, stride, 2, -64, 64, "side of the square, pixels; negative: sums squares"),
    DNX_OPT_FLOAT(opts, scale, 1, -1e6, 1e6, "factor"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    dnx_shape in = n->in[0];
    int s = o->stride;
    if (s == 0) return dnx_fail(err, DNX_EOPTION, n->loc, "[upsample] stride=0: must not be 0");
    if (s < 0 && (in.h % -s || in.w % -s))
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[upsample] stride=%d: does not divide an input of %d x %d", s, in.h, in.w);
    if (s > 0 && (in.h > (1 << 30) / s || in.w > (1 << 30) / s))
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[upsample] stride=%d: an input of %d x %d is too large", s, in.h, in.w);
    n->out = s > 0 ? (dnx_shape){in.h * s, in.w * s, in.c}
                   : (dnx_shape){in.h / -s, in.w / -s, in.c};
    return DNX_OK;
}

/* The arguments of expand_rows() and reduce_rows(). The small map is w pixels wide. The large map
 * is `stride` times as wide and high. */
typedef struct {
    const float *from;
    float *to;
    int w, c, stride;
    float scale;
    bool adds;
} job;

/* Computes rows [lo, hi) of the large map: repeats the pixels of the small map. */
static void expand_rows(void *arg, long lo, long hi) {
    const job *j = arg;
    size_t C = (size_t)j->c, row = (size_t)j->w * (size_t)j->stride * C;
    for (long i = lo; i < hi; i++)
        for (int x = 0; x < j->w * j->stride; x++) {
            const float *a = j->from +
                             ((size_t)(i / j->stride) * (size_t)j->w + (size_t)(x / j->stride)) * C;
            float *to = j->to + (size_t)i * row + (size_t)x * C;
            if (j->adds)
                for (size_t c = 0; c < C; c++) to[c] += j->scale * a[c];
            else
                for (size_t c = 0; c < C; c++) to[c] = j->scale * a[c];
        }
}

/* Computes rows [lo, hi) of the small map: sums squares of stride x stride pixels. */
static void reduce_rows(void *arg, long lo, long hi) {
    const job *j = arg;
    size_t C = (size_t)j->c, row = (size_t)j->w * (size_t)j->stride * C;
    for (long i = lo; i < hi; i++)
        for (int x = 0; x < j->w; x++) {
            float *to = j->to + ((size_t)i * (size_t)j->w + (size_t)x) * C;
            if (!j->adds) memset(to, 0, sizeof *to * C);
            for (int k = 0; k < j->stride * j->stride; k++) {
                const float *a = j->from + (size_t)(i * j->stride + k / j->stride) * row +
                                 (size_t)(x * j->stride + k % j->stride) * C;
                for (size_t c = 0; c < C; c++) to[c] += j->scale * a[c];
            }
        }
}

static void resample(dnx_node *n, const dnx_pass *p, bool expands, const float *from, float *to,
                     bool adds) {
    const opts *o = n->opts;
    const dnx_shape small = o->stride > 0 ? n->in[0] : n->out;
    job j = {from, to, small.w, small.c, abs(o->stride), o->scale, adds};
    const long rows = (long)p->batch * small.h;
    if (expands) dnx_pool_rows(n->pool, rows * j.stride, expand_rows, &j);
    else dnx_pool_rows(n->pool, rows, reduce_rows, &j);
}

static void forward(dnx_node *n, dnx_pass *p) {
    resample(n, p, ((const opts *)n->opts)->stride > 0, p->x[0], p->y, false);
}

static void backward(dnx_node *n, dnx_pass *p) {
    if (p->dx[0])
        resample(n, p, ((const opts *)n->opts)->stride < 0, p->dy, p->dx[0], p->dx_adds[0]);
}

/* The viewer Netron has no negative stride, so a layer that sums is shown as a convolution. */
static void show(const dnx_node *n, dnx_view *v) {
    int s = ((const opts *)n->opts)->stride;
    const dnx_convolution c = {-s, -s, 0, n->out.c, DNX_LINEAR};
    if (s < 0) dnx_show_convolution(v, v->from[0], n->out, &c, "");
    else dnx_show(v, "upsample", v->from, 1, n->out, "stride=%d\n", s);
}

static const dnx_description description = {.show = show};

const dnx_layer_type dnx_upsample = {
    .name = "upsample",
    .summary = "repeats each pixel; with a negative stride sums each square of pixels",
    .is_reentrant = true,
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
    .description = &description,
};
