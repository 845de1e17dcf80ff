/* [convolutional]: convolution in groups, batch norm, activation.
 *
 *   z[b,y,x,n] = sum_{i,j,c} w[n,c,i,j] x[b, y*stride - pad + i, x*stride - pad + j, c]
 *   y = act(batch_norm(z))
 *
 * x: B x H x W x C, y: B x OH x OW x N with OH = (H + 2 pad - size)/stride + 1.
 * File: biases N, scales N, mean N, variance N, weights N x C/groups x size x size, slopes N.
 *
 * A block of output pixels is gathered into rows of K = size*size*C/groups floats and multiplied by
 * the packed filters; a 1x1 convolution with stride 1 reads its input in place. The gathered
 * block stays in the cache: there is no size*size times larger copy of the input. */
#include <math.h>
#include <string.h>

#include "common/tail.h"
#include "kernels/pool.h"

#define BLOCK 84 /* pixels gathered at a time: a multiple of every tile height */

typedef struct {
    int filters, size, stride, pad, padding, groups, batch_normalize, activation;
    int binary, xnor, flipped;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, filters, 1, 1, 65536, "number of outputs"),
    DNX_OPT_INT(opts, size, 1, 1, 255, "side of the filters, pixels"),
    DNX_OPT_INT(opts, stride, 1, 1, 64, "step between outputs, pixels"),
    DNX_OPT_INT(opts, pad, 0, 0, 1, "1: padding = size/2"),
    DNX_OPT_INT(opts, padding, 0, 0, 255, "zero pixels around the input, when pad=0"),
    DNX_OPT_INT(opts, groups, 1, 1, 65536, "inputs and outputs fall into so many separate groups"),
    DNX_OPT_INT(opts, batch_normalize, 0, 0, 1, "1: batch norm before the activation"),
    DNX_OPT_WORD(opts, activation, DNX_LOGISTIC, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_INT(opts, binary, 0, 0, 0, "only 0: the host's binary weights have no effect"),
    DNX_OPT_INT(opts, xnor, 0, 0, 0, "only 0: the host's gradient does not belong to its forward"),
    DNX_OPT_INT(opts, flipped, 0, 0, 0, "only 0: transposed filters of old files are not read"),
    DNX_OPT_END};

typedef struct {
    dnx_tail tail;
    int size, stride, pad, groups;
    int K, N;          /* of one group */
    bool reads_in_place;
    float *w, *d_w;    /* N x C/groups x size x size, file order */
    float *wk;         /* groups x K x N; only while packing when the network predicts */
    float *packed;     /* groups x packed panels */
    float *packed_t;   /* the same of the transposed filters, for dx */
    float *d_wk;       /* threads x groups x K x N */
    float *block;      /* threads x BLOCK x K */
} state;

static dnx_status prepare(dnx_node *n, dnx_err *err);

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_shape in = n->in[0];
    s->size = o->size;
    s->stride = o->stride;
    s->groups = o->groups;
    s->pad = o->pad ? o->size / 2 : o->padding;
    if (o->size > in.h + 2 * s->pad || o->size > in.w + 2 * s->pad)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[convolutional] size=%d: the padded input is only %d x %d", o->size,
                        in.h + 2 * s->pad, in.w + 2 * s->pad);
    if (in.c % o->groups || o->filters % o->groups)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[convolutional] groups=%d: does not divide %d channels and filters=%d",
                        o->groups, in.c, o->filters);
    if ((double)o->size * o->size * in.c / o->groups * o->filters > 1 << 30)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[convolutional] size=%d filters=%d: over 2^30 weights", o->size,
                        o->filters);
    n->out = (dnx_shape){(in.h + 2 * s->pad - o->size) / o->stride + 1,
                         (in.w + 2 * s->pad - o->size) / o->stride + 1, o->filters};
    s->K = o->size * o->size * (in.c / o->groups);
    s->N = o->filters / o->groups;
    s->reads_in_place = o->size == 1 && o->stride == 1 && s->pad == 0;

    const dnx_kernel_set *k = dnx_kernels();
    size_t groups = (size_t)s->groups, threads = (size_t)dnx_pool_threads(n->pool);
    size_t count = (size_t)s->K * (size_t)o->filters;
    dnx_status st = dnx_tail_make(&s->tail, n, o->batch_normalize, (dnx_act)o->activation, err);
    if (!st) st = dnx_new(n, &s->w, count, err);
    if (!st) st = dnx_new(n, &s->packed, groups * k->packed(s->K, s->N), err);
    if (!st) st = dnx_new(n, &s->block, threads * BLOCK * (size_t)s->K, err);
    if (!st && n->trains) {
        st = dnx_new(n, &s->d_w, count, err);
        if (!st) st = dnx_new(n, &s->packed_t, groups * k->packed(s->N, s->K), err);
        if (!st) st = dnx_new(n, &s->d_wk, threads * count, err);
    }
    if (st) return st;
    dnx_rng r;
    dnx_rng_seed(&r, n->seed, (uint64_t)n->index);
    float std = sqrtf(2.f / (float)s->K);
    for (size_t i = 0; i < count; i++) s->w[i] = std * dnx_rng_normal(&r);
    n->scratch = n->trains ? (size_t)n->batch * dnx_size(n->out) : 0;
    return prepare(n, err);
}

static void unmake(dnx_node *n) {
    state *s = n->state;
    dnx_tail_unmake(&s->tail);
    float *all[] = {s->w, s->d_w, s->wk, s->packed, s->packed_t, s->d_wk, s->block};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) dnx_free(all[i]);
}

static int params(dnx_node *n, dnx_param *list) {
    state *s = n->state;
    dnx_param w = {"weights", s->w, s->d_w, (size_t)s->K * (size_t)n->out.c, 1, true,
                   s->groups == 1 ? n->out.c : 0};
    return dnx_tail_params(&s->tail, &w, false, list);
}

/* Where filter n's weight (c, i) of the file stands in wk, for group channel c and tap i. */
static size_t wk_index(const state *s, int n, int c, int i) {
    int cg = s->K / (s->size * s->size), g = n / s->N;
    return ((size_t)g * (size_t)s->K + (size_t)(i * cg + c)) * (size_t)s->N + (size_t)(n % s->N);
}

/* Visits all weights in file order. */
#define FOR_WEIGHTS(s, n, c, i, at)                                            \
    for (int n = 0, at = 0; n < (s)->N * (s)->groups; n++)                     \
        for (int c = 0; c < (s)->K / ((s)->size * (s)->size); c++)             \
            for (int i = 0; i < (s)->size * (s)->size; i++, at++)

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    if (!s->wk) {
        dnx_status st = dnx_new(n, &s->wk, (size_t)s->K * (size_t)n->out.c, err);
        if (st) return st;
    }
    const dnx_kernel_set *k = dnx_kernels();
    size_t K = (size_t)s->K, N = (size_t)s->N;
    if (!n->trains) dnx_tail_fold(&s->tail);
    FOR_WEIGHTS(s, f, c, i, at)
        s->wk[wk_index(s, f, c, i)] = s->w[at] * (n->trains ? 1 : s->tail.scale[f]);
    for (int g = 0; g < s->groups; g++) {
        const float *wk = s->wk + (size_t)g * K * N;
        k->pack(wk, N, 1, s->K, s->N, s->packed + (size_t)g * k->packed(s->K, s->N));
        if (n->trains)
            k->pack(wk, 1, N, s->N, s->K, s->packed_t + (size_t)g * k->packed(s->N, s->K));
    }
    if (!n->trains) {
        dnx_free(s->wk);
        s->wk = NULL;
    }
    return DNX_OK;
}

static double macs(const dnx_node *n) {
    const state *s = n->state;
    return (double)dnx_size(n->out) * s->K;
}

static bool can_add(const dnx_node *n) {
    (void)n;
    return true;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    const float *du;
} job;

/* Range of taps that fall inside the input: lo <= tap < hi for an input that starts at `at`. */
static void inside(int at, int size, int len, int *lo, int *hi) {
    *lo = at < 0 ? -at : 0;
    *hi = at + size > len ? len - at : size;
    if (*lo > size) *lo = size;
    if (*hi < *lo) *hi = *lo;
}

/* Rows of K floats: the input pixels of group g under each of `count` outputs from pixel p on. */
static void gather(const dnx_node *n, const float *x, long p, int count, int g, float *rows) {
    const state *s = n->state;
    dnx_shape in = n->in[0];
    size_t C = (size_t)in.c, cg = C / (size_t)s->groups, line = (size_t)s->size * cg;
    long per = (long)n->out.h * n->out.w;
    for (int r = 0; r < count; r++, p++) {
        const float *image = x + (size_t)(p / per) * dnx_size(in) + (size_t)g * cg;
        int iy = (int)(p % per) / n->out.w * s->stride - s->pad;
        int ix = (int)(p % per) % n->out.w * s->stride - s->pad;
        int xlo, xhi;
        inside(ix, s->size, in.w, &xlo, &xhi);
        for (int ky = 0; ky < s->size; ky++, rows += line) {
            if (iy + ky < 0 || iy + ky >= in.h || xlo == xhi) {
                memset(rows, 0, sizeof *rows * line);
                continue;
            }
            const float *from = image + ((size_t)(iy + ky) * (size_t)in.w + (size_t)(ix + xlo)) * C;
            float *to = rows + (size_t)xlo * cg;
            memset(rows, 0, sizeof *rows * (size_t)xlo * cg);
            if (s->groups == 1) memcpy(to, from, sizeof *to * (size_t)(xhi - xlo) * C);
            else
                for (int kx = xlo; kx < xhi; kx++, to += cg, from += C)
                    memcpy(to, from, sizeof *to * cg);
            memset(rows + (size_t)xhi * cg, 0, sizeof *rows * (size_t)(s->size - xhi) * cg);
        }
    }
}

/* The reverse of gather: adds rows to the input's gradient. */
static void scatter(const dnx_node *n, const float *rows, long p, int count, int g, float *dx) {
    const state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    dnx_shape in = n->in[0];
    size_t C = (size_t)in.c, cg = C / (size_t)s->groups, line = (size_t)s->size * cg;
    long per = (long)n->out.h * n->out.w;
    for (int r = 0; r < count; r++, p++) {
        float *image = dx + (size_t)(p / per) * dnx_size(in) + (size_t)g * cg;
        int iy = (int)(p % per) / n->out.w * s->stride - s->pad;
        int ix = (int)(p % per) % n->out.w * s->stride - s->pad;
        int xlo, xhi;
        inside(ix, s->size, in.w, &xlo, &xhi);
        for (int ky = 0; ky < s->size; ky++, rows += line) {
            if (iy + ky < 0 || iy + ky >= in.h) continue;
            for (int kx = xlo; kx < xhi; kx++)
                k->add(rows + (size_t)kx * cg, cg,
                       image + ((size_t)(iy + ky) * (size_t)in.w + (size_t)(ix + kx)) * C);
        }
    }
}

/* Output pixels [lo, hi), columns of panels [first, last) of every group. */
static void forward_part(job *j, int t, long lo, long hi, int first, int last) {
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t C = (size_t)n->in[0].c, N = (size_t)n->out.c;
    float *out = n->trains ? s->tail.z : j->p->y;
    float *block = s->block + (size_t)t * BLOCK * (size_t)s->K;
    int columns = (last * k->panel < s->N ? last * k->panel : s->N) - first * k->panel;
    if (columns <= 0) return;
    for (long p = lo; p < hi; p += BLOCK) {
        int rows = (int)(hi - p < BLOCK ? hi - p : BLOCK);
        for (int g = 0; g < s->groups; g++) {
            const float *a = block;
            size_t lda = (size_t)s->K, at = (size_t)(g * s->N + first * k->panel);
            if (s->reads_in_place) {
                a = j->p->x[0] + (size_t)p * C + (size_t)g * lda;
                lda = C;
            } else gather(n, j->p->x[0], p, rows, g, block);
            dnx_epilogue e = {0};
            if (!n->trains) {
                e = dnx_tail_epilogue(&s->tail, j->p);
                e.bias += at;
                if (e.slope) e.slope += at;
                if (e.residual) e.residual += (size_t)p * N + at;
            }
            k->mm(a, lda, rows, s->K,
                  s->packed + (size_t)g * k->packed(s->K, s->N) +
                      (size_t)first * (size_t)s->K * (size_t)k->panel,
                  columns, out + (size_t)p * N + at, N, &e);
        }
        if (n->trains && columns == s->N)
            dnx_tail_block(&s->tail, j->p, t, out + (size_t)p * N, rows);
    }
}

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    const state *s = n->state;
    long pixels = (long)j->p->batch * n->out.h * n->out.w, lo, hi, plo, phi;
    int panels = (s->N + dnx_kernels()->panel - 1) / dnx_kernels()->panel;
    if (pixels < 8L * threads && !n->trains) { /* few rows: share the columns */
        dnx_share(panels, t, threads, &plo, &phi);
        forward_part(j, t, 0, pixels, (int)plo, (int)phi);
        return;
    }
    dnx_share(pixels, t, threads, &lo, &hi);
    forward_part(j, t, lo, hi, 0, panels);
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    job j = {n, p, NULL};
    if (n->trains) dnx_tail_begin(&s->tail, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (n->trains) dnx_tail_end(&s->tail, n, p);
}

/* Filter gradients and dx of output pixels [lo, hi), block by block while dz is in the cache. */
static void backward_part(job *j, int t, long lo, long hi) {
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t C = (size_t)n->in[0].c, N = (size_t)n->out.c, K = (size_t)s->K, Ng = (size_t)s->N;
    float *block = s->block + (size_t)t * BLOCK * K, *dx = j->p->dx[0];
    float *d_wk = s->d_wk + (size_t)t * K * N;
    for (long p = lo; p < hi; p += BLOCK) {
        int rows = (int)(hi - p < BLOCK ? hi - p : BLOCK);
        const float *dz = dnx_tail_dz(&s->tail, j->du + (size_t)p * N, s->tail.z + (size_t)p * N,
                                      rows, j->p->scratch + (size_t)p * N);
        for (int g = 0; g < s->groups; g++) {
            const float *a = block, *d = dz + (size_t)g * Ng;
            const float *wt = dx ? s->packed_t + (size_t)g * k->packed(s->N, s->K) : NULL;
            if (s->reads_in_place) {
                a = j->p->x[0] + (size_t)p * C + (size_t)g * K;
                k->mmt(a, C, d, N, rows, s->K, s->N, d_wk + (size_t)g * K * Ng, Ng);
                dnx_epilogue e = {.adds = j->p->dx_adds[0]};
                if (dx) k->mm(d, N, rows, s->N, wt, s->K, dx + (a - j->p->x[0]), C, &e);
                continue;
            }
            gather(n, j->p->x[0], p, rows, g, block);
            k->mmt(a, K, d, N, rows, s->K, s->N, d_wk + (size_t)g * K * Ng, Ng);
            if (!dx) continue;
            dnx_epilogue e = {0};
            k->mm(d, N, rows, s->N, wt, s->K, block, K, &e);
            scatter(n, block, p, rows, g, dx);
        }
    }
}

static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    const state *s = n->state;
    long per = (long)n->out.h * n->out.w, lo, hi;
    if (s->reads_in_place || !j->p->dx[0]) {
        dnx_share(j->p->batch * per, t, threads, &lo, &hi);
        backward_part(j, t, lo, hi);
        return;
    }
    dnx_share(j->p->batch, t, threads, &lo, &hi); /* windows overlap: whole images */
    size_t size = dnx_size(n->in[0]);
    if (!j->p->dx_adds[0])
        memset(j->p->dx[0] + (size_t)lo * size, 0, sizeof(float) * (size_t)(hi - lo) * size);
    backward_part(j, t, lo * per, hi * per);
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    int threads = dnx_pool_threads(n->pool);
    size_t count = (size_t)s->K * (size_t)n->out.c;
    job j = {n, p, dnx_tail_backward(&s->tail, n, p, p->scratch)};
    memset(s->d_wk, 0, sizeof(float) * count * (size_t)threads);
    dnx_pool_run(n->pool, backward_share, &j);
    for (int t = 1; t < threads; t++)
        dnx_kernels()->add(s->d_wk + (size_t)t * count, count, s->d_wk);
    FOR_WEIGHTS(s, f, c, i, at) s->d_w[at] += s->d_wk[wk_index(s, f, c, i)];
}

const dnx_layer_type dnx_convolutional = {
    .name = "convolutional",
    .summary = "convolution in groups, batch norm, activation",
    .takes_previous = true,
    .options = options,
    .opts_size = sizeof(opts),
    .state_size = sizeof(state),
    .make = make,
    .unmake = unmake,
    .params = params,
    .forward = forward,
    .backward = backward,
    .macs = macs,
    .prepare = prepare,
    .can_add = can_add,
};
