/* [scale_channels]: multiplies each channel of a map by a number of its own.
 *
 *   y[b,y,x,c] = f[b,y,x,c] * s[b,c]
 *
 * s, the layer before: B x 1 x 1 x C; f (`from`) and y: B x H x W x C. No weights.
 * With [avgpool] and two 1x1 convolutions before it: squeeze and excitation, Hu et al. 2018,
 * equation 4. */
#include "dnx.h"

#define BLOCK 64 /* channels summed at a time */

typedef struct {
    dnx_list from;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "the map that is scaled; negative counts back"),
    DNX_OPT_END};

static dnx_status make(dnx_node *n, dnx_err *err) {
    if (n->n_in != 2)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[scale_channels] from: must name one layer");
    dnx_shape s = n->in[0], f = n->in[1];
    if (s.h != 1 || s.w != 1)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[scale_channels] the layer before is %d x %d, but must be 1 x 1", s.h,
                        s.w);
    if (s.c != f.c)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[scale_channels] from: has %d channels, but the layer before %d", f.c,
                        s.c);
    n->out = f;
    return DNX_OK;
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t C = (size_t)n->out.c;
    long hw = (long)n->out.h * n->out.w;
    for (long i = lo; i < hi; i++) {
        const float *f = p->x[1] + (size_t)i * C, *s = p->x[0] + (size_t)(i / hw) * C;
        float *y = p->y + (size_t)i * C;
        for (size_t c = 0; c < C; c++) y[c] = f[c] * s[c];
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), forward_rows);
}

static long blocks_of(const dnx_node *n) { return (n->out.c + BLOCK - 1) / BLOCK; }

/* A row of this job is BLOCK channels of an image. */
static void scales_back(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t C = (size_t)n->out.c, hw = (size_t)n->out.h * (size_t)n->out.w;
    long blocks = blocks_of(n);
    for (long i = lo; i < hi; i++) {
        size_t b = (size_t)(i / blocks), at = (size_t)(i % blocks) * BLOCK;
        size_t count = C - at < BLOCK ? C - at : BLOCK;
        const float *dy = p->dy + b * hw * C + at, *f = p->x[1] + b * hw * C + at;
        float *ds = p->dx[0] + b * C + at;
        double sum[BLOCK] = {0};
        for (size_t k = 0; k < hw; k++, dy += C, f += C)
            for (size_t c = 0; c < count; c++) sum[c] += (double)dy[c] * (double)f[c];
        for (size_t c = 0; c < count; c++) ds[c] = (float)sum[c] + (p->dx_adds[0] ? ds[c] : 0);
    }
}

/* A row of this job is a pixel. */
static void map_back(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t C = (size_t)n->out.c;
    long hw = (long)n->out.h * n->out.w;
    for (long i = lo; i < hi; i++) {
        const float *dy = p->dy + (size_t)i * C, *s = p->x[0] + (size_t)(i / hw) * C;
        float *df = p->dx[1] + (size_t)i * C;
        if (p->dx_adds[1])
            for (size_t c = 0; c < C; c++) df[c] += dy[c] * s[c];
        else
            for (size_t c = 0; c < C; c++) df[c] = dy[c] * s[c];
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    if (p->dx[0]) dnx_each_row(n, p, p->batch * blocks_of(n), scales_back);
    if (p->dx[1]) dnx_each_row(n, p, dnx_pixels(n, p), map_back);
}

const dnx_layer_type dnx_scale_channels = {
    .name = "scale_channels",
    .summary = "multiplies each channel of a map by a number",
    .is_reentrant = true,
    .layers_key = "from",
    .options = options,
    .opts_size = sizeof(opts),
    .make = make,
    .forward = forward,
    .backward = backward,
};
