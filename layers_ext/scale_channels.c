/* [scale_channels]: multiplies each channel of a map by a number; with scale_wh=1, each pixel.
 *
 *   y[b,p,q,c] = act(f[b,p,q,c] * s[b,c])       scale_wh=1: act(f[b,p,q,c] * s[b,p,q])
 *
 * s (the layer before): B x 1 x 1 x C; with scale_wh=1, B x H x W x 1. f (`from`) and y: B x H x W
 * x C. No weights. An [avgpool], two 1x1 convolutions and this layer make a squeeze-and-excitation
 * block, Hu et al. 2018, equation 4. The options are as in AlexeyAB's Darknet. */
#include "common/bare_act.h"

#define BLOCK 64 /* most channels of a pixel that are multiplied at a time */

typedef struct {
    dnx_list from;
    int scale_wh, activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "the map that is scaled; negative counts back"),
    DNX_OPT_INT(opts, scale_wh, 0, 0, 1, "1: a number for each pixel; 0: for each channel"),
    DNX_OPT_WORD(opts, activation, DNX_LINEAR, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END(opts),
};

static dnx_status check_shapes(const dnx_node *n, dnx_err *err) {
    dnx_shape s = n->in[0], f = n->in[1];
    if (!((const opts *)n->opts)->scale_wh) {
        if (s.h != 1 || s.w != 1)
            return dnx_fail(err, DNX_ESHAPE, n->loc,
                            "[scale_channels] the layer before is %d x %d, but must be 1 x 1", s.h,
                            s.w);
        if (s.c != f.c)
            return dnx_fail(err, DNX_ESHAPE, n->loc,
                            "[scale_channels] from: has %d channels, but the layer before %d", f.c,
                            s.c);
        return DNX_OK;
    }
    if (s.c != 1)
        return dnx_fail(
            err, DNX_ESHAPE, n->loc,
            "[scale_channels] scale_wh=1: the layer before has %d channels, but must have 1", s.c);
    if (s.h != f.h || s.w != f.w)
        return dnx_fail(
            err, DNX_ESHAPE, n->loc,
            "[scale_channels] scale_wh=1: from is %d x %d, but the layer before %d x %d", f.h, f.w,
            s.h, s.w);
    return DNX_OK;
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    if (n->n_in != 2)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[scale_channels] from: must name one layer");
    n->out = n->in[1];
    dnx_status st = check_shapes(n, err);
    return st ? st : dnx_bare_act_check(n, ((const opts *)n->opts)->activation, err);
}

/* The operands for at most BLOCK channels of one pixel. */
typedef struct {
    size_t at, count;   /* index of the first number in f and y; number of channels */
    const float *f, *s; /* s has one number for each channel, or one for all */
    size_t step;        /* from one number of s to the next: 1 or 0 */
} part;

static part part_of(const dnx_node *n, const dnx_pass *p, long pixel, size_t channel) {
    const opts *o = n->opts;
    size_t C = (size_t)n->out.c, left = C - channel;
    long image = pixel / ((long)n->out.h * n->out.w);
    part t = {(size_t)pixel * C + channel, left < BLOCK ? left : BLOCK, NULL, NULL, !o->scale_wh};
    t.f = p->x[1] + t.at;
    t.s = p->x[0] + (o->scale_wh ? (size_t)pixel : (size_t)image * C + channel);
    return t;
}

static void multiply(const part *t, float *to) {
    if (t->step)
        for (size_t c = 0; c < t->count; c++) to[c] = t->f[c] * t->s[c];
    else
        for (size_t c = 0; c < t->count; c++) to[c] = t->f[c] * *t->s;
}

/* Returns du, the gradient of u = f * s, for part t. With a linear activation du is dy. Else du is
 * stored in `room`, t->count floats. */
static const float *du_of(const dnx_node *n, const dnx_pass *p, const part *t, float *room) {
    const int act = ((const opts *)n->opts)->activation;
    if (act == DNX_LINEAR) return p->dy + t->at;
    multiply(t, room);
    dnx_bare_act_back(act, p->dy + t->at, room, t->count, room);
    return room;
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t C = (size_t)n->out.c;
    for (long i = lo; i < hi; i++)
        for (size_t from = 0; from < C; from += BLOCK) {
            const part t = part_of(n, p, i, from);
            multiply(&t, p->y + t.at);
        }
    dnx_bare_act(n, ((const opts *)n->opts)->activation, p->y + (size_t)lo * C, hi - lo);
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, dnx_pixels(n, p), forward_rows);
}

static long blocks_of(const dnx_node *n) { return (n->out.c + BLOCK - 1) / BLOCK; }

/* Computes the gradient of s for scale_wh=0. Index i in lo..hi-1 stands for image i / blocks and
 * for block i % blocks of its channels. */
static void channels_back(dnx_node *n, dnx_pass *p, long lo, long hi) {
    size_t C = (size_t)n->out.c;
    long hw = (long)n->out.h * n->out.w, blocks = blocks_of(n);
    for (long i = lo; i < hi; i++) {
        size_t from = (size_t)(i % blocks) * BLOCK, count = 0;
        double sum[BLOCK] = {0};
        for (long pixel = i / blocks * hw; pixel < (i / blocks + 1) * hw; pixel++) {
            float room[BLOCK];
            const part t = part_of(n, p, pixel, from);
            const float *du = du_of(n, p, &t, room);
            count = t.count;
            for (size_t c = 0; c < count; c++) sum[c] += (double)du[c] * (double)t.f[c];
        }
        float *ds = p->dx[0] + (size_t)(i / blocks) * C + from;
        for (size_t c = 0; c < count; c++) ds[c] = (float)sum[c] + (p->dx_adds[0] ? ds[c] : 0);
    }
}

/* Computes the gradient of s for scale_wh=1, for pixels [lo, hi). */
static void pixels_back(dnx_node *n, dnx_pass *p, long lo, long hi) {
    for (long i = lo; i < hi; i++) {
        double sum = 0;
        for (size_t from = 0; from < (size_t)n->out.c; from += BLOCK) {
            float room[BLOCK];
            const part t = part_of(n, p, i, from);
            const float *du = du_of(n, p, &t, room);
            for (size_t c = 0; c < t.count; c++) sum += (double)du[c] * (double)t.f[c];
        }
        p->dx[0][i] = (float)sum + (p->dx_adds[0] ? p->dx[0][i] : 0);
    }
}

/* Computes the gradient of f for pixels [lo, hi). */
static void map_back(dnx_node *n, dnx_pass *p, long lo, long hi) {
    for (long i = lo; i < hi; i++)
        for (size_t from = 0; from < (size_t)n->out.c; from += BLOCK) {
            float room[BLOCK];
            const part t = part_of(n, p, i, from);
            const float *du = du_of(n, p, &t, room);
            float *df = p->dx[1] + t.at;
            if (p->dx_adds[1])
                for (size_t c = 0; c < t.count; c++) df[c] += du[c] * t.s[c * t.step];
            else
                for (size_t c = 0; c < t.count; c++) df[c] = du[c] * t.s[c * t.step];
        }
}

static void backward(dnx_node *n, dnx_pass *p) {
    if (p->dx[0] && ((const opts *)n->opts)->scale_wh)
        dnx_each_row(n, p, dnx_pixels(n, p), pixels_back);
    else if (p->dx[0]) dnx_each_row(n, p, p->batch * blocks_of(n), channels_back);
    if (p->dx[1]) dnx_each_row(n, p, dnx_pixels(n, p), map_back);
}

const dnx_layer_type dnx_scale_channels = {
    .name = "scale_channels",
    .summary = "multiplies each channel, or each pixel, of a map by a number",
    .is_reentrant = true,
    .layers_key = "from",
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
};
