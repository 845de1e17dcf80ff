/* [l2norm]: scales the channels of every pixel to unit length.
 *
 *   y[c] = x[c] / |x|,   |x| = sqrt(sum_c x[c]^2)
 *   dx = (dy - y <y, dy>) / |x|
 *
 * x, y: B x H x W x C. No weights. A pixel that is 0 stays 0 (the host divides by 0), and the
 * host's gradient, which is just dy, is not taken over. */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "dnx.h"

#define TINY 1e-24 /* smallest squared length that is divided by */

typedef struct {
    int unused;
} opts;

static const dnx_opt options[] = {DNX_OPT_END};

static dnx_status make(dnx_node *n, dnx_err *err) {
    (void)err;
    n->out = n->in[0];
    return DNX_OK;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
} job;

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    int C = j->n->out.c;
    long lo, hi;
    dnx_share((long)j->p->batch * j->n->out.h * j->n->out.w, t, threads, &lo, &hi);
    for (long i = lo; i < hi; i++) {
        const float *x = j->p->x[0] + (size_t)i * (size_t)C;
        float *y = j->p->y + (size_t)i * (size_t)C;
        double sq = dnx_kernels()->dot(x, x, (size_t)C);
        float inv = (float)(1 / sqrt(sq < TINY ? TINY : sq)); /* NaN stays NaN */
        for (int c = 0; c < C; c++) y[c] = x[c] * inv;
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    job j = {n, p};
    dnx_pool_run(n->pool, forward_share, &j);
}

static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    const dnx_kernel_set *k = dnx_kernels();
    int C = j->n->out.c;
    long lo, hi;
    dnx_share((long)j->p->batch * j->n->out.h * j->n->out.w, t, threads, &lo, &hi);
    for (long i = lo; i < hi; i++) {
        size_t at = (size_t)i * (size_t)C;
        const float *x = j->p->x[0] + at, *dy = j->p->dy + at;
        float *dx = j->p->dx[0] + at;
        double sq = k->dot(x, x, (size_t)C), inv = 1 / sqrt(sq < TINY ? TINY : sq);
        double along = sq < TINY ? 0 : k->dot(x, dy, (size_t)C) * inv * inv;
        float a = (float)inv, b = (float)(along * inv);
        if (j->p->dx_adds[0])
            for (int c = 0; c < C; c++) dx[c] += a * dy[c] - b * x[c];
        else
            for (int c = 0; c < C; c++) dx[c] = a * dy[c] - b * x[c];
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    job j = {n, p};
    if (p->dx[0]) dnx_pool_run(n->pool, backward_share, &j);
}

const dnx_layer_type dnx_l2norm = {
    .name = "l2norm",
    .summary = "channels of every pixel to unit length",
    .options = options,
    .opts_size = sizeof(opts),
    .make = make,
    .forward = forward,
    .backward = backward,
};
