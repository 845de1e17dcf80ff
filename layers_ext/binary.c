/* [binary]: a convolution with one-bit weights, batch norm, activation. mode= chooses z:
 *
 *   bwn            z = conv(x, alpha b)            alpha = mean |v|, b = sign(v) of each filter
 *   xnor           z = conv(sign(u), b) K alpha    K = mean of |u| under the window; 1 with k_map=0
 *   binaryconnect  z = conv(x, b)
 *   bnn            z = conv(sign(u), b)
 *   y = act(z + bias), or act(batch_norm(z)) when the output is normalised
 *
 * conv() is a convolution with zero padding: outside the image sign(u) and |u| are 0. sign(0) = +1.
 * v is the real weight w; with center=1, w minus its mean over the channels, for each tap.
 * u is the input x, or batch_norm(x) when the input is normalised. With batch_normalize=1, xnor and
 * bnn normalise the input, and bwn and binaryconnect the output, as in the papers. normalize=
 * changes this.
 *
 * Rastegari et al., "XNOR-Net", arXiv 1603.05279, sections 3.1 (bwn) and 3.2 (xnor). Courbariaux et
 * al., arXiv 1511.00363 (binaryconnect) and 1602.02830 (bnn).
 *
 * common/bits/binarise.h has the gradient of w. du and dz are the gradients of u and z. conv^T is
 * the transposed convolution. [condition] is 1 if the condition holds, else 0. In xnor and bnn
 *
 *   du = [|u| <= 1] conv^T(dz K alpha, b)
 *
 * With gradient=exact, xnor adds to du the gradient through K: sign(u)/n times the sum of dz z / K,
 * with n = C*size*size. The sum is over all filters and all windows that contain this u.
 *
 * Training updates the real weights. A network that predicts keeps only alpha and b.
 *
 * x: B x H x W x C, y: B x OH x OW x N with OH = (H + 2 pad - size)/stride + 1.
 * Weights file: biases N; scales N, mean N, variance N when the output is normalised; shifts C,
 * scales C, mean C, variance C when the input is normalised; weights N x C x size x size; slopes N
 * with activation=prelu. */
#include <string.h>

#include "common/bits/binary_filters.h"
#include "common/bits/bitconv.h"
#include "common/bits/input_norm.h"
#include "common/norm_act.h"
#include "kernels/pool.h"
#include "layer/compression.h"
#include "layer/view.h"

#define BLOCK 84 /* output pixels at a time; mm() computes 4, 6 or 14 at once, which divide 84 */

enum { BWN, XNOR, BINARYCONNECT, BNN };
enum { BY_PAPER, INPUT, OUTPUT };

typedef struct {
    int filters, size, stride, pad, padding, mode, gradient, center, clamp, k_map;
    int batch_normalize, normalize, activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, filters, 1, 1, 65536, "number of outputs"),
    DNX_WINDOW_OPTIONS(opts),
    DNX_OPT_WORD(opts, mode, BWN, "bwn|xnor|binaryconnect|bnn",
                 "what is binary: the weights (bwn, binaryconnect) or the inputs too (xnor, bnn); "
                 "bwn and xnor scale each filter"),
    DNX_OPT_WORD(opts, gradient, DNX_EXACT, "exact|paper|plain",
                 "estimate of the real weights' gradient in bwn and xnor"),
    DNX_OPT_INT(opts, center, 0, 0, 1, "1: weights less their mean over the input channels"),
    DNX_OPT_INT(opts, clamp, 0, 0, 1, "1: real weights stay in [-1,1]"),
    DNX_OPT_INT(opts, k_map, 1, 0, 1, "xnor: 1 scales by the mean magnitude under the window"),
    DNX_OPT_INT(opts, batch_normalize, 0, 0, 1, "1: batch norm"),
    DNX_OPT_WORD(opts, normalize, BY_PAPER, "paper|input|output",
                 "what batch norm normalises; paper: the input in xnor and bnn, else the output"),
    DNX_OPT_WORD(opts, activation, DNX_LINEAR, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END(opts),
};

typedef struct {
    dnx_norm_act norm;
    dnx_input_norm input; /* batch norm of the input; only xnor and bnn use it */
    dnx_bitconv bits;
    dnx_patches at;
    dnx_binary_filters f;
    bool is_initial; /* the next prepare() packs the initial weights, and does not round them */
    int K, N;        /* K: floats of a filter (not the K of the formulas); N: filters */
    float *block;    /* threads x BLOCK x K: gathered windows; NULL when xnor or bnn predicts */
    float *signs;    /* batch x H x W x C: sign(u); NULL unless xnor or bnn trains */
    float *slope;    /* N: constant slope of the activation for u < 0; NULL unless make() sets it */
} state;

static dnx_status check_shapes(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_shape in = n->in[0];
    s->f.takes_signs = o->mode == XNOR || o->mode == BNN;
    dnx_status st = dnx_patches_make(&s->at, n, o->size, o->stride,
                                     o->pad ? o->size / 2 : o->padding, o->filters, err);
    if (st) return st;
    if ((double)o->size * o->size * in.c * o->filters > 1 << 30)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[binary] size=%d filters=%d: over 2^30 weights",
                        o->size, o->filters);
    if (s->f.takes_signs && (double)o->size * o->size * dnx_bit_words(in.c) > DNX_BIT_WORDS)
        return dnx_fail(
            err, DNX_ESHAPE, n->loc,
            "[binary] size=%d: a filter over %d channels is %d words of 64 bits, more than %d",
            o->size, in.c, o->size * o->size * dnx_bit_words(in.c), DNX_BIT_WORDS);
    if (!s->f.takes_signs && o->batch_normalize && o->normalize == INPUT)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[binary] normalize=input: needs mode=xnor or mode=bnn");
    s->K = o->size * o->size * in.c;
    s->N = o->filters;
    s->f.at = (dnx_filters){1, s->K, s->N, in.c};
    s->f.how = (dnx_binariser){in.c, o->size * o->size, o->center,
                               o->mode == BWN || o->mode == XNOR, (dnx_estimator)o->gradient};
    return DNX_OK;
}

/* Returns true when the activation is u > 0 ? u : a*u with a constant a. Sets *slope to a. */
static bool has_slope(int activation, float *slope) {
    *slope = activation == DNX_LINEAR ? 1 : activation == DNX_LEAKY ? .1f : 0;
    return activation == DNX_LINEAR || activation == DNX_LEAKY || activation == DNX_RELU;
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_status st = check_shapes(n, err);
    if (st) return st;
    size_t threads = (size_t)dnx_pool_threads(n->pool), B = (size_t)n->batch;
    const bool counts_bits = s->f.takes_signs && !n->trains;
    bool of_input = s->f.takes_signs && o->batch_normalize && o->normalize != OUTPUT;
    float slope;
    st = dnx_norm_act_make(&s->norm, n, o->batch_normalize && !of_input, (dnx_act)o->activation,
                           err);
    if (!st && s->f.takes_signs) st = dnx_input_norm_make(&s->input, n, of_input, err);
    if (!st && s->f.takes_signs)
        st = dnx_bitconv_make(&s->bits, n, &s->at, o->mode == XNOR && o->k_map, err);
    if (!st) st = dnx_binary_filters_make(&s->f, n, err);
    if (!st && !counts_bits) st = dnx_new(n, &s->block, threads * BLOCK * (size_t)s->K, err);
    if (!st && counts_bits && has_slope(o->activation, &slope)) {
        st = dnx_new(n, &s->slope, (size_t)s->N, err);
        for (int i = 0; !st && i < s->N; i++) s->slope[i] = slope;
    }
    if (!st && n->trains && s->f.takes_signs)
        st = dnx_new(n, &s->signs, B * dnx_size(n->in[0]), err);
    if (st) return st;
    if (n->trains) {
        n->scratch = threads * BLOCK * (size_t)s->N;
        if (s->f.takes_signs)
            n->scratch += B * (dnx_size(n->in[0]) + (size_t)n->out.h * (size_t)n->out.w +
                               (size_t)n->in[0].h * (size_t)n->in[0].w);
    }
    s->is_initial = !n->keeps_no_weights && !n->is_blank;
    return DNX_OK;
}

/* Binarises w and packs the result: as bits when xnor or bnn predicts, else as floats. */
static dnx_status pack(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    dnx_status st = dnx_binary_filters_binarise(&s->f, n, err);
    if (st) return st;
    if (n->trains) {
        dnx_binary_filters_pack(&s->f, n, NULL);
        return DNX_OK;
    }
    dnx_norm_act_fold(&s->norm);
    if (s->f.takes_signs) {
        if (s->input.has_bn) dnx_norm_fold(&s->input.norm);
        st = dnx_bitconv_pack(&s->bits, n, s->f.b, err);
    } else dnx_binary_filters_pack(&s->f, n, s->norm.bn.scale);
    dnx_free(s->f.b);
    dnx_free(s->f.wk);
    s->f.b = s->f.wk = NULL;
    return st;
}

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    float *w = s->f.w;
    const bool is_initial = s->is_initial;
    s->is_initial = false;
    if (is_initial) return pack(n, err);
    if (!w) return DNX_OK; /* an earlier call has packed w and freed it */
    for (size_t i = 0; n->trains && o->clamp && i < (size_t)s->K * (size_t)s->N; i++)
        w[i] = w[i] < -1 ? -1 : w[i] > 1 ? 1 : w[i];
    dnx_status st = pack(n, err);
    if (st || n->trains) return st;
    dnx_binary_filters_round(&s->f);
    dnx_release_param(n, &s->f.w);
    return DNX_OK;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    const float *x; /* input of the convolution: p->x[0] or sign(u) */
    float *dx;      /* batch x H x W x C: gradient of `x`; may be NULL */
    float *dk;      /* batch x OH x OW: gradient of K; NULL when K is taken as a constant */
} job;

/* Computes sign(u) and the sum of |u| over the channels for input pixels [lo, hi). */
static void sign_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    state *s = n->state;
    dnx_bitconv_sign(&s->bits, p->x[0], lo, hi, s->input.norm.scale, s->input.norm.shift, s->signs);
}

/* Computes the part `of` of the outputs with mm(). of.first must be the first filter of a panel, a
 * group of filters that are packed together. */
static void multiply_part(job *j, int t, dnx_part of) {
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t N = (size_t)s->N, K = (size_t)s->K, lda;
    float *block = s->block + (size_t)t * BLOCK * K;
    for (long p = of.lo; p < of.hi; p += BLOCK) {
        int rows = (int)(of.hi - p < BLOCK ? of.hi - p : BLOCK);
        const dnx_epilogue e = dnx_norm_act_epilogue(&s->norm, j->p, p, of.first);
        const float *a = dnx_patches_rows(&s->at, j->x, p, rows, block, &lda);
        k->mm(a, lda, rows, s->K, s->f.packed + (size_t)of.first * K, of.end - of.first, &e);
        if (!n->trains) continue;
        float map[BLOCK], *z = s->norm.z + (size_t)p * N;
        if (s->f.takes_signs) dnx_bitconv_map(&s->bits, p, rows, map);
        for (size_t r = 0; s->f.takes_signs && r < (size_t)rows; r++)
            for (size_t f = 0; f < N; f++) z[r * N + f] = z[r * N + f] * map[r] * s->f.alpha[f];
        dnx_norm_act_stats(&s->norm, j->p, t, z, rows);
    }
}

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    const state *s = n->state;
    long pixels = (long)j->p->batch * n->out.h * n->out.w;
    if (s->f.takes_signs && !n->trains) {
        dnx_part of = dnx_bitconv_share(&s->bits, pixels, t, threads);
        dnx_bitconv_forward(&s->bits, t, j->p, of, s->f.alpha, s->slope, &s->norm);
        return;
    }
    bool has_few = !n->trains && pixels < DNX_FEW_OUTPUTS * threads;
    dnx_part of = dnx_share_outputs(has_few, pixels, s->N, dnx_kernels()->panel, t, threads);
    if (of.first < of.end) multiply_part(j, t, of);
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    job j = {n, p, s->f.takes_signs ? s->signs : p->x[0], NULL, NULL};
    long pixels = (long)p->batch * s->at.in.h * s->at.in.w;
    if (s->f.takes_signs) {
        if (p->is_training) dnx_input_norm_batch(&s->input, n, p->x[0], pixels);
        else if (n->trains && s->input.has_bn) dnx_norm_fold(&s->input.norm);
        dnx_each_row(n, p, pixels, sign_rows);
    }
    if (n->trains) dnx_norm_act_begin(&s->norm, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (n->trains) dnx_norm_act_end(&s->norm, n, p);
}

/* For `rows` output pixels from p on, computes e = dz K, rows x N. Unless j->dk is NULL, also sets
 * the dk of each pixel to the sum of dz z / K over the filters. */
static void unscale(job *j, long p, int rows, float *e) {
    const state *s = j->n->state;
    size_t N = (size_t)s->N, at = (size_t)p * N;
    const float *z = s->norm.z + at;
    const float *dz = dnx_norm_act_dz(&s->norm, j->p->dy + at, z, rows, e);
    float map[BLOCK];
    if (s->f.takes_signs) dnx_bitconv_map(&s->bits, p, rows, map);
    for (int r = 0; r < rows; r++, dz += N, z += N) {
        float by = s->f.takes_signs ? map[r] : 1;
        double sum = 0;
        for (size_t f = 0; j->dk && f < N; f++) sum += (double)dz[f] * (double)z[f];
        if (j->dk) j->dk[p + r] = by > 0 ? (float)(sum / (double)by) : 0;
        for (size_t f = 0; f < N; f++) e[(size_t)r * N + f] = dz[f] * by;
    }
}

/* Each thread takes whole images, because overlapping windows add to the same pixels of dx. */
static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t N = (size_t)s->N, K = (size_t)s->K, size = dnx_size(n->in[0]), lda;
    float *block = s->block + (size_t)t * BLOCK * K, *d_wk = s->f.d_wk + (size_t)t * K * N;
    float *e = j->p->scratch + (size_t)t * BLOCK * N;
    long lo, hi, per = (long)n->out.h * n->out.w;
    dnx_share(j->p->batch, t, threads, &lo, &hi);
    if (j->dx && (s->f.takes_signs || !j->p->dx_adds[0]))
        memset(j->dx + (size_t)lo * size, 0, sizeof(float) * (size_t)(hi - lo) * size);
    for (long p = lo * per; p < hi * per; p += BLOCK) {
        int rows = (int)(hi * per - p < BLOCK ? hi * per - p : BLOCK);
        unscale(j, p, rows, e);
        const float *a = dnx_patches_rows(&s->at, j->x, p, rows, block, &lda);
        k->mmt(a, lda, e, N, rows, s->K, s->N, d_wk, NULL);
        if (!j->dx) continue;
        k->mm(e, N, rows, s->N, s->f.packed_t, s->K, &(dnx_epilogue){.y = block, .ldy = K});
        dnx_patches_scatter(&s->at, block, p, rows, j->dx);
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    state *s = n->state;
    size_t B = (size_t)n->batch, outs = B * (size_t)n->out.h * (size_t)n->out.w;
    size_t threads = (size_t)dnx_pool_threads(n->pool);
    job j = {n, p, s->f.takes_signs ? s->signs : p->x[0], p->dx[0], NULL};
    float *behind = p->scratch + threads * BLOCK * (size_t)s->N, *map = NULL;
    dnx_norm_act_backward(&s->norm, n, p);
    if (s->f.takes_signs && (p->dx[0] || s->input.has_bn)) j.dx = behind;
    if (j.dx == behind && s->bits.has_map && o->gradient == DNX_EXACT) {
        j.dk = behind + B * dnx_size(n->in[0]);
        map = j.dk + outs;
    }
    memset(s->f.d_wk, 0, sizeof(float) * (size_t)s->K * (size_t)s->N * threads);
    dnx_pool_run(n->pool, backward_share, &j);
    dnx_binary_filters_back(&s->f, n, s->block);
    if (j.dx != behind) return;
    if (map) dnx_bitconv_unmap(&s->bits, j.dk, p->batch, map);
    dnx_input_norm_back(&s->input, n, p->x[0], (long)p->batch * s->at.in.h * s->at.in.w, j.dx, map,
                        p->dx[0], p->dx_adds[0]);
}

static dnx_arithmetic arithmetic(const dnx_node *n) {
    return ((const state *)n->state)->f.takes_signs ? DNX_BIT_OPS : DNX_ADDS;
}

static void show(const dnx_node *n, dnx_view *v) {
    const opts *o = n->opts;
    const state *s = n->state;
    const dnx_convolution c = {o->size, o->stride, s->at.pad, 1, o->activation, o->batch_normalize};
    dnx_show_convolution(v, v->from[0], n->out, &c, s->f.takes_signs ? "xnor=1\n" : "binary=1\n");
}

static const char *algorithm(const dnx_node *n) {
    const state *s = n->state;
    if (!s->f.takes_signs || n->trains) return "products of windows";
    return s->bits.has_tiles ? "bytes in AMX tiles" : "counting bits";
}

static const dnx_description description = {.show = show, .algorithm = algorithm};
static const dnx_fusion fusion = {.adds_residual = dnx_norm_act_adds_residual};
static const dnx_compression compression = {.arithmetic = arithmetic};

const dnx_layer_type dnx_binary = {
    .name = "binary",
    .summary = "convolution with one bit a weight: BWN, XNOR-Net, BinaryConnect, BNN",
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .description = &description,
    .fusion = &fusion,
    .compression = &compression,
};
