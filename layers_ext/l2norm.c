/* [l2norm]: scales the channels of every pixel to unit length.
 *
 *   y[c] = x[c] / |x|,   |x| = sqrt(sum_c x[c]^2)
 *   dx = (dy - y <y, dy>) / |x|
 *
 * x, y: B x H x W x C. No weights. A pixel of zeros stays 0. libdarknet has dx = dy instead. */
#include <math.h>

#include "kernels/kernels.h"
#include "dnx.h"

#define TINY 1e-24 /* replaces a smaller |x|^2, so that nothing is divided by 0 */

static dnx_status make(dnx_node *n, dnx_err *err) {
    (void)err;
    n->out = n->in[0];
    return DNX_OK;
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    int C = n->out.c;
    for (long i = lo; i < hi; i++) {
        const float *x = p->x[0] + (size_t)i * (size_t)C;
        float *y = p->y + (size_t)i * (size_t)C;
        double sq = dnx_kernels()->dot(x, x, (size_t)C);
        float inv = (float)(1 / sqrt(sq < TINY ? TINY : sq)); /* NaN stays NaN */
        for (int c = 0; c < C; c++) y[c] = x[c] * inv;
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), forward_rows);
}

static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const dnx_kernel_set *k = dnx_kernels();
    const bool adds = p->dx_adds[0];
    int C = n->out.c;
    for (long i = lo; i < hi; i++) {
        size_t at = (size_t)i * (size_t)C;
        const float *x = p->x[0] + at, *dy = p->dy + at;
        float *dx = p->dx[0] + at;
        double sq = k->dot(x, x, (size_t)C), inv = 1 / sqrt(sq < TINY ? TINY : sq);
        double along = sq < TINY ? 0 : k->dot(x, dy, (size_t)C) * inv * inv;
        float a = (float)inv, b = (float)(along * inv);
        for (int c = 0; c < C; c++) {
            float d = a * dy[c] - b * x[c];
            dx[c] = adds ? dx[c] + d : d;
        }
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    if (p->dx[0]) dnx_each_row(n, p, dnx_pixels(n, p), backward_rows);
}

const dnx_layer_type dnx_l2norm = {
    .name = "l2norm",
    .summary = "channels of every pixel to unit length",
    .is_reentrant = true,
    .make = make,
    .forward = forward,
    .backward = backward,
};
