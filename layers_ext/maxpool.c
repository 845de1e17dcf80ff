/* [maxpool]: the largest value of each window, channel by channel.
 *
 *   y[b,p,q,c] = max_{i,j<size} x[b, p*stride - padding/2 + i, q*stride - padding/2 + j, c]
 *
 * x: B x H x W x C, y: B x OH x OW x C with OH = (H + padding - size)/stride + 1. `padding` is the
 * number of pixels on both sides together, as in libdarknet. Padding is never the largest value. A
 * NaN in a window makes y NaN. No weights. */
#include <string.h>

#include "common/mean_windows.h"

static const dnx_opt options[] = {DNX_POOL_OPTIONS, DNX_OPT_END(dnx_pool_opts)};

typedef struct {
    dnx_windows at;
    int *winner; /* batch x out: index y*W + x of the largest pixel; NULL when predicting */
} state;

static dnx_status make(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    dnx_status st = dnx_windows_make(n, &s->at, err);
    if (st || !n->trains) return st;
    s->winner = dnx_new_array(n, (size_t)n->batch * dnx_size(n->out), sizeof *s->winner, err);
    return s->winner ? DNX_OK : DNX_EMEM;
}

static void pool_pixel(const float *x, dnx_shape in, int ylo, int yhi, int xlo, int xhi, float *y,
                       int *winner) {
    size_t C = (size_t)in.c;
    int first = ylo * in.w + xlo;
    memcpy(y, x + (size_t)first * C, sizeof *y * C);
    for (size_t c = 0; winner && c < C; c++) winner[c] = first;
    for (int iy = ylo; iy < yhi; iy++)
        for (int ix = xlo; ix < xhi; ix++) {
            int at = iy * in.w + ix;
            const float *v = x + (size_t)at * C;
            if (at == first) continue;
            if (!winner)
                for (size_t c = 0; c < C; c++) y[c] = v[c] > y[c] || v[c] != v[c] ? v[c] : y[c];
            else
                for (size_t c = 0; c < C; c++) {
                    bool wins = v[c] > y[c] || v[c] != v[c];
                    y[c] = wins ? v[c] : y[c];
                    winner[c] = wins ? at : winner[c];
                }
        }
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const state *s = n->state;
    dnx_shape in = n->in[0], out = n->out;
    size_t C = (size_t)in.c;
    for (long i = lo; i < hi; i++) {
        const float *x = p->x[0] + (size_t)(i / out.h) * dnx_size(in);
        int ylo, yhi, xlo, xhi;
        dnx_window_range(&s->at, (int)(i % out.h), in.h, &ylo, &yhi);
        for (int ox = 0; ox < out.w; ox++) {
            size_t at = ((size_t)i * (size_t)out.w + (size_t)ox) * C;
            dnx_window_range(&s->at, ox, in.w, &xlo, &xhi);
            pool_pixel(x, in, ylo, yhi, xlo, xhi, p->y + at, s->winner ? s->winner + at : NULL);
        }
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, (long)p->batch * n->out.h, forward_rows);
}

/* Each thread takes whole images: windows overlap, so several rows of dy add to one row of dx. */
static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const state *s = n->state;
    size_t in = dnx_size(n->in[0]), out = dnx_size(n->out), C = (size_t)n->out.c;
    for (long b = lo; b < hi; b++) {
        float *dx = p->dx[0] + (size_t)b * in;
        const float *dy = p->dy + (size_t)b * out;
        const int *winner = s->winner + (size_t)b * out;
        if (!p->dx_adds[0]) memset(dx, 0, sizeof *dx * in);
        for (size_t i = 0; i < out; i += C)
            for (size_t c = 0; c < C; c++) dx[(size_t)winner[i + c] * C + c] += dy[i + c];
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    if (p->dx[0]) dnx_each_row(n, p, p->batch, backward_rows);
}

const dnx_layer_type dnx_maxpool = {
    .name = "maxpool",
    .aliases = "max",
    .summary = "largest value of each window",
    .is_reentrant = true,
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
};
