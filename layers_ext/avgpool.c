/* [avgpool]: the mean of each channel over the whole map.
 * x: B x H x W x C, y: B x 1 x 1 x C. No weights. */
#include "kernels/pool.h"
#include "dnx.h"

#define BLOCK 64 /* channels summed at a time */

typedef struct {
    int unused;
} opts;

static const dnx_opt options[] = {DNX_OPT_END};

static dnx_status make(dnx_node *n, dnx_err *err) {
    (void)err;
    n->out = (dnx_shape){1, 1, n->in[0].c};
    return DNX_OK;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
} job;

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_shape in = j->n->in[0];
    size_t C = (size_t)in.c, hw = (size_t)in.h * (size_t)in.w;
    long blocks = (in.c + BLOCK - 1) / BLOCK, lo, hi;
    dnx_share(j->p->batch * blocks, t, threads, &lo, &hi);
    for (long i = lo; i < hi; i++) {
        size_t b = (size_t)(i / blocks), from = (size_t)(i % blocks) * BLOCK;
        size_t count = C - from < BLOCK ? C - from : BLOCK;
        const float *x = j->p->x[0] + b * hw * C + from;
        double sum[BLOCK] = {0};
        for (size_t k = 0; k < hw; k++, x += C)
            for (size_t c = 0; c < count; c++) sum[c] += (double)x[c];
        for (size_t c = 0; c < count; c++) j->p->y[b * C + from + c] = (float)(sum[c] / (double)hw);
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    job j = {n, p};
    dnx_pool_run(n->pool, forward_share, &j);
}

static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_shape in = j->n->in[0];
    size_t C = (size_t)in.c;
    long hw = (long)in.h * in.w, lo, hi;
    float inv = 1.f / (float)hw;
    dnx_share(j->p->batch * hw, t, threads, &lo, &hi);
    for (long i = lo; i < hi; i++) {
        const float *dy = j->p->dy + (size_t)(i / hw) * C;
        float *dx = j->p->dx[0] + (size_t)i * C;
        if (j->p->dx_adds[0])
            for (size_t c = 0; c < C; c++) dx[c] += dy[c] * inv;
        else
            for (size_t c = 0; c < C; c++) dx[c] = dy[c] * inv;
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    job j = {n, p};
    if (p->dx[0]) dnx_pool_run(n->pool, backward_share, &j);
}

const dnx_layer_type dnx_avgpool = {
    .name = "avgpool",
    .summary = "mean of each channel over the map",
    .options = options,
    .opts_size = sizeof(opts),
    .make = make,
    .forward = forward,
    .backward = backward,
};
