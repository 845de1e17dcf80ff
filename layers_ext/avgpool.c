/* [avgpool]: the mean of each channel over the whole map.
 * x: B x H x W x C, y: B x 1 x 1 x C. No weights. */
#include "dnx.h"

#define BLOCK 64 /* channels summed at a time */

static dnx_status make(dnx_node *n, dnx_err *err) {
    (void)err;
    n->out = (dnx_shape){1, 1, n->in[0].c};
    return DNX_OK;
}

static long blocks_of(const dnx_node *n) { return (n->in[0].c + BLOCK - 1) / BLOCK; }

/* A row is BLOCK channels of an image. */
static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    dnx_shape in = n->in[0];
    size_t C = (size_t)in.c, hw = (size_t)in.h * (size_t)in.w;
    long blocks = blocks_of(n);
    for (long i = lo; i < hi; i++) {
        size_t b = (size_t)(i / blocks), from = (size_t)(i % blocks) * BLOCK;
        size_t count = C - from < BLOCK ? C - from : BLOCK;
        const float *x = p->x[0] + b * hw * C + from;
        double sum[BLOCK] = {0};
        for (size_t k = 0; k < hw; k++, x += C)
            for (size_t c = 0; c < count; c++) sum[c] += (double)x[c];
        for (size_t c = 0; c < count; c++) p->y[b * C + from + c] = (float)(sum[c] / (double)hw);
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, p->batch * blocks_of(n), forward_rows);
}

/* A row is a pixel of the input. */
static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
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
    if (p->dx[0]) dnx_each_row(n, p, (long)p->batch * n->in[0].h * n->in[0].w, backward_rows);
}

const dnx_layer_type dnx_avgpool = {
    .name = "avgpool",
    .aliases = "avg",
    .summary = "mean of each channel over the map",
    .is_reentrant = true,
    .make = make,
    .forward = forward,
    .backward = backward,
};
