/* [convolutional]: convolution in groups, batch norm, activation.
 *
 *   z[b,y,x,n] = sum_{i,j,c} w[n,c,i,j] x[b, y*stride - pad + i, x*stride - pad + j, c]
 *   y = act(batch_norm(z))
 *
 * x: B x H x W x C, y: B x OH x OW x N with OH = (H + 2 pad - size)/stride + 1.
 * File: biases N, scales N, mean N, variance N, weights N x C/groups x size x size, slopes N.
 *
 * The windows of a block of output pixels are gathered into rows of K = size*size*C/groups floats
 * and multiplied by the packed filters. The block stays in the cache, so there is no copy of the
 * input that is size*size times larger. A 1x1 convolution with stride 1 reads its input in place.
 * Narrow groups, such as depthwise ones, use common/conv/dwconv.h. When predicting, 3x3 filters
 * with stride 1 and enough channels use common/conv/winograd.h. When training, the layer before may
 * defer its batch norm and activation to a 1x1 convolution, which applies them to a block of rows
 * before it multiplies. When predicting, a [batchnorm] before it is applied in the same way, to
 * windows without padding, or to the tiles of Winograd; padding stays 0. */
#include <string.h>

#include "common/conv/dwconv.h"
#include "common/conv/filters.h"
#include "common/conv/patches.h"
#include "common/conv/winograd.h"
#include "kernels/pool.h"

#define BLOCK 84   /* pixels at a time: a multiple of every tile height */
#define FILTERS 96 /* filters at a time, so that their gradients stay in the cache */

typedef struct {
    int filters, size, stride, pad, padding, groups, batch_normalize, activation;
    int binary, xnor, flipped;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, filters, 1, 1, 65536, "number of outputs"),
    DNX_WINDOW_OPTIONS(opts),
    DNX_OPT_INT(opts, groups, 1, 1, 65536, "inputs and outputs fall into so many separate groups"),
    DNX_OPT_INT(opts, batch_normalize, 0, 0, 1, "1: batch norm before the activation"),
    DNX_OPT_WORD(opts, activation, DNX_LOGISTIC, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_INT(opts, binary, 0, 0, 0, "only 0: the host's binary weights have no effect"),
    DNX_OPT_INT(opts, xnor, 0, 0, 0, "only 0: the host's gradient does not belong to its forward"),
    DNX_OPT_INT(opts, flipped, 0, 0, 0, "only 0: transposed filters of old files are not read"),
    DNX_OPT_END,
};

typedef struct {
    dnx_dwconv dw;     /* with is_narrow it is the whole layer, else only dw.norm is used */
    dnx_winograd wino; /* wino.m > 0: the layer predicts with Winograd, and `packed` is NULL */
    dnx_patches at;
    int groups, K, N;  /* each group has N filters of K floats */
    bool is_narrow, reads_in_place;
    bool has_few_rows; /* fewer pixels than filters: threads share the filters, not the pixels */
    float *w, *d_w;    /* N x C/groups x size x size, file order */
    float *wk;         /* groups x N x K in the order of the rows; NULL if w has it */
    float *packed;     /* groups x packed panels of K x N */
    float *packed_t;   /* groups x packed panels of N x K, for dx */
    float *d_wk;       /* threads x groups x N x K; NULL with has_few_rows */
    float *block;      /* threads x BLOCK x K. NULL when x is read in place, and when predicting:
                        * then the block is in scratch */
} state;

static dnx_status prepare(dnx_node *n, dnx_err *err);

static dnx_status check_shapes(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_shape in = n->in[0];
    dnx_status st = dnx_patches_make(&s->at, n, o->size, o->stride,
                                     o->pad ? o->size / 2 : o->padding, o->filters, err);
    if (st) return st;
    if (in.c % o->groups || o->filters % o->groups)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[convolutional] groups=%d: does not divide %d channels and filters=%d",
                        o->groups, in.c, o->filters);
    if ((double)o->size * o->size * in.c / o->groups * o->filters > 1 << 30)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[convolutional] size=%d filters=%d: over 2^30 weights", o->size,
                        o->filters);
    s->groups = o->groups;
    s->at.c = in.c / o->groups;
    s->K = o->size * o->size * s->at.c;
    s->N = o->filters / o->groups;
    s->is_narrow = o->groups > 1 &&
                   dnx_dwconv_is_narrow(s->at.c, s->N, o->size, o->stride, n->trains);
    s->reads_in_place = dnx_patches_in_place(&s->at);
    s->has_few_rows = n->trains && s->reads_in_place && o->groups == 1 &&
                      (double)n->batch * n->out.h * n->out.w <= s->N;
    return DNX_OK;
}

static dnx_norm_act *defer(dnx_node *n, float **z) {
    return dnx_norm_act_defer(&((state *)n->state)->dw.norm, z);
}

static bool applies_deferred(const dnx_node *n) {
    const state *s = n->state;
    if (s->is_narrow) return n->trains;
    return n->trains && s->reads_in_place && s->groups == 1 && !s->has_few_rows;
}

static bool take_on(dnx_node *n) {
    state *s = n->state;
    size_t block = (size_t)dnx_pool_threads(n->pool) * BLOCK * (size_t)s->K;
    if (s->wino.m) return true;
    if (s->is_narrow || s->groups > 1 || s->at.pad) return false;
    if (n->scratch < block) n->scratch = block;
    return true;
}

static dnx_status add_block_scratch(dnx_node *n, size_t size, dnx_err *err) {
    if (n->trains) return dnx_new(n, &((state *)n->state)->block, size, err);
    n->scratch = size;
    return DNX_OK;
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_status st = check_shapes(n, err);
    if (st) return st;
    if (s->is_narrow) {
        s->dw.kh = s->dw.kw = o->size;
        s->dw.stride = o->stride;
        s->dw.pad = s->at.pad;
        s->dw.groups = o->groups;
        return dnx_dwconv_make(n, &s->dw, o->batch_normalize, (dnx_act)o->activation, err);
    }
    const dnx_kernel_set *k = dnx_kernels();
    size_t groups = (size_t)s->groups, threads = (size_t)dnx_pool_threads(n->pool);
    size_t count = (size_t)s->K * (size_t)o->filters;
    st = dnx_norm_act_make(&s->dw.norm, n, o->batch_normalize, (dnx_act)o->activation, err);
    if (!st) st = dnx_new(n, &s->w, count, err);
    if (!st && !n->trains) st = dnx_winograd_make(&s->wino, n, &s->at, o->filters, err);
    if (!st && !s->wino.m) st = dnx_new(n, &s->packed, groups * k->packed(s->K, s->N), err);
    if (!st && !s->wino.m && (!s->reads_in_place || applies_deferred(n)))
        st = add_block_scratch(n, threads * BLOCK * (size_t)s->K, err);
    if (!st && n->trains) {
        st = dnx_new(n, &s->d_w, count, err);
        if (!st) st = dnx_new(n, &s->packed_t, groups * k->packed(s->N, s->K), err);
        if (!st && !s->has_few_rows) st = dnx_new(n, &s->d_wk, threads * count, err);
        n->scratch = s->has_few_rows ? (size_t)n->batch * dnx_size(n->out)
                                     : threads * BLOCK * (size_t)o->filters;
    }
    if (st) return st;
    dnx_filters_init(n, s->K, s->w, count);
    return prepare(n, err);
}

static void unmake(dnx_node *n) {
    state *s = n->state;
    if (s->is_narrow) {
        dnx_dwconv_unmake(n);
        return;
    }
    dnx_norm_act_unmake(&s->dw.norm);
    dnx_winograd_unmake(&s->wino);
    float *all[] = {s->w, s->d_w, s->wk, s->packed, s->packed_t, s->d_wk, s->block};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) dnx_free(all[i]);
}

static int params(dnx_node *n, dnx_param *list) {
    state *s = n->state;
    if (s->is_narrow) return dnx_dwconv_params(n, list);
    dnx_param w = {"weights", s->w, s->d_w, (size_t)s->K * (size_t)n->out.c, 1, true,
                   s->groups == 1 ? n->out.c : 0, DNX_WEIGHTS};
    return dnx_norm_act_params(&s->dw.norm, &w, DNX_AFTER_NORM, list);
}

static dnx_status restore(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    return dnx_filters_restore(n, s->is_narrow ? &s->dw.w : &s->w, (size_t)s->K * (size_t)n->out.c,
                               err);
}

static dnx_filters filters_of(const state *s) {
    return (dnx_filters){s->groups, s->K, s->N, s->at.c};
}

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    dnx_filters f = filters_of(s);
    if (s->is_narrow) return dnx_dwconv_prepare(n, err);
    if (!s->w) return DNX_OK; /* an earlier call has packed and released them */
    if (!n->trains) dnx_norm_act_fold(&s->dw.norm);
    if (s->wino.m) {
        dnx_winograd_prepare(&s->wino, n, s->w, s->dw.norm.scale);
        dnx_filters_release(n, &s->w);
        return DNX_OK;
    }
    if (!s->wk && (!n->trains || s->at.size > 1)) {
        dnx_status st = dnx_new(n, &s->wk, (size_t)s->K * (size_t)n->out.c, err);
        if (st) return st;
    }
    if (s->wk) dnx_filters_order(&f, n->pool, s->w, n->trains ? NULL : s->dw.norm.scale, s->wk);
    dnx_filters_pack(&f, n->pool, s->wk ? s->wk : s->w, s->packed, s->packed_t);
    if (!n->trains) {
        dnx_free(s->wk);
        s->wk = NULL;
    }
    dnx_filters_release(n, &s->w);
    return DNX_OK;
}

static double macs(const dnx_node *n) {
    const state *s = n->state;
    return (double)dnx_size(n->out) * s->K;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    const float *dz; /* dz of all pixels; only with has_few_rows */
} job;

static dnx_patches of_group(const state *s, int g) {
    dnx_patches at = s->at;
    at.c0 = g * at.c;
    return at;
}

/* Returns the input rows of `count` outputs from p on, after the deferred batch norm and
 * activation. */
static const float *rows_at(const job *j, const dnx_patches *at, long p, int count, float *block,
                            size_t *lda) {
    const float *rows = dnx_patches_rows(at, j->p->x[0], p, count, block, lda);
    if (!dnx_deferred(j->p)) return rows;
    dnx_norm_act_rows(dnx_deferred(j->p), rows, (long)count * at->size * at->size, block);
    return block;
}

/* Computes output pixels [lo, hi) for filters [first, end) of every group. The filters are whole
 * panels. */
static void forward_part(job *j, int t, long lo, long hi, int first, int end) {
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t N = (size_t)n->out.c, lda;
    float *out = dnx_norm_act_out(&s->dw.norm, j->p);
    float *block = (s->block ? s->block : j->p->scratch) + (size_t)t * BLOCK * (size_t)s->K;
    int step = s->has_few_rows ? (int)(hi - lo) : BLOCK;
    for (long p = lo; p < hi; p += step) {
        int rows = (int)(hi - p < step ? hi - p : step);
        for (int g = 0; g < s->groups; g++) {
            dnx_patches at = of_group(s, g);
            const float *a = rows_at(j, &at, p, rows, block, &lda);
            int f = g * s->N + first;
            dnx_epilogue e = dnx_norm_act_epilogue(&s->dw.norm, j->p, p, f);
            if (dnx_deferred(j->p) && s->reads_in_place)
                e.next = j->p->x[0] + (size_t)(p + rows) * lda;
            k->mm(a, lda, rows, s->K,
                  s->packed + (size_t)g * k->packed(s->K, s->N) + (size_t)first * (size_t)s->K,
                  end - first, out + (size_t)p * N + f, N, &e);
        }
        if (n->trains) dnx_norm_act_stats(&s->dw.norm, j->p, t, out + (size_t)p * N, rows);
    }
}

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    const state *s = n->state;
    long pixels = (long)j->p->batch * n->out.h * n->out.w, lo, hi;
    int first, end;
    /* Few rows: the threads share the filters, unless batch statistics need whole rows. */
    bool has_few = n->trains ? s->has_few_rows && !s->dw.norm.has_bn
                             : pixels < DNX_FEW_OUTPUTS * threads;
    dnx_share_outputs(has_few, pixels, s->N, dnx_kernels()->panel, t, threads, &lo, &hi, &first,
                      &end);
    if (first < end) forward_part(j, t, lo, hi, first, end);
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    job j = {n, p, NULL};
    if (s->is_narrow) {
        dnx_dwconv_forward(n, p);
        return;
    }
    if (s->wino.m) {
        dnx_winograd_forward(&s->wino, n, p, &s->dw.norm);
        return;
    }
    if (n->trains) dnx_norm_act_begin(&s->dw.norm, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (n->trains) dnx_norm_act_end(&s->dw.norm, n, p);
}

/* The memory that the block from p on reads, for prefetching. */
static dnx_ahead next_block(const job *j, long p, long hi) {
    const state *s = j->n->state;
    size_t N = (size_t)j->n->out.c, K = s->reads_in_place ? (size_t)s->at.in.c : 0;
    size_t at = (size_t)p, rows = (size_t)(hi - p < BLOCK ? hi - p : BLOCK);
    if (p >= hi) return (dnx_ahead){{0}, {0}};
    return (dnx_ahead){{j->p->dy + at * N, s->dw.norm.z + at * N, j->p->x[0] + at * K},
                       {rows * N, rows * N, rows * K}};
}

/* Computes filter gradients and dx from output pixels [lo, hi), block by block, while dz of the
 * block is in the cache. */
static void backward_part(job *j, int t, long lo, long hi) {
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t N = (size_t)n->out.c, K = (size_t)s->K, Ng = (size_t)s->N, lda;
    float *block = s->block ? s->block + (size_t)t * BLOCK * K : NULL, *dx = j->p->dx[0];
    float *d_wk = s->d_wk + (size_t)t * K * N, *scratch = j->p->scratch + (size_t)t * BLOCK * N;
    for (long p = lo; p < hi; p += BLOCK) {
        int rows = (int)(hi - p < BLOCK ? hi - p : BLOCK);
        const float *dz = dnx_norm_act_dz(&s->dw.norm, j->p->dy + (size_t)p * N,
                                      s->dw.norm.z + (size_t)p * N, rows, scratch);
        dnx_ahead next = next_block(j, p + rows, hi);
        for (int g = 0; g < s->groups; g++) {
            const float *d = dz + (size_t)g * Ng;
            dnx_patches at = of_group(s, g);
            const float *a = rows_at(j, &at, p, rows, block, &lda);
            const float *wt = s->packed_t + (size_t)g * k->packed(s->N, s->K);
            k->mmt_ahead(d, N, a, lda, rows, s->N, s->K, d_wk + (size_t)g * Ng * K, K, &next);
            next = next_block(j, hi, hi); /* prefetch once */
            if (!dx) continue;
            dnx_epilogue e = {.adds = s->reads_in_place && j->p->dx_adds[0]};
            float *to = s->reads_in_place ? dx + (size_t)p * lda + at.c0 : block;
            k->mm(d, N, rows, s->N, wt, s->K, to, lda, &e);
            if (!s->reads_in_place) dnx_patches_scatter(&at, block, p, rows, dx);
            if (dnx_deferred(j->p))
                dnx_norm_act_sums(dnx_deferred(j->p), t, to, j->p->x[0] + (size_t)p * K, rows);
        }
    }
}

static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    const state *s = j->n->state;
    long lo, hi;
    dnx_patches_share(&s->at, j->p->batch, j->p->dx[0], j->p->dx_adds[0], t, threads, &lo, &hi);
    backward_part(j, t, lo, hi);
}

/* Adds the filter gradients of all threads, in the order of the threads. */
static void sum_share(void *arg, int t, int threads) {
    job *j = arg;
    state *s = j->n->state;
    dnx_filters order = filters_of(s);
    size_t K = (size_t)s->K, count = K * (size_t)j->n->out.c;
    long lo, hi;
    dnx_share(j->n->out.c, t, threads, &lo, &hi);
    for (int k = 0; k < threads; k++) {
        const float *d = s->d_wk + (size_t)k * count + (size_t)lo * K;
        float *to = s->d_w + (size_t)lo * K;
        if (s->at.size == 1) dnx_kernels()->add(d, (size_t)(hi - lo) * K, to);
        else
            for (long f = lo; f < hi; f++, d += K, to += K)
                for (size_t i = 0; i < K; i++) to[dnx_filters_place(&order, i)] += d[i];
    }
}

/* Few rows: thread t computes the gradients of some filters directly in d_w, then some columns of
 * dx. */
static void few_share(void *arg, int t, int threads) {
    job *j = arg;
    state *s = j->n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t N = (size_t)s->N, K = (size_t)s->K;
    int rows = j->p->batch * j->n->out.h * j->n->out.w;
    long lo, hi;
    dnx_share(s->N, t, threads, &lo, &hi);
    for (long f = lo; f < hi; f += FILTERS)
        k->mmt(j->dz + f, N, j->p->x[0], K, rows, (int)(hi - f < FILTERS ? hi - f : FILTERS), s->K,
               s->d_w + (size_t)f * K, K);
    if (!j->p->dx[0]) return;
    int first, end;
    dnx_share_columns(s->K, k->panel, t, threads, &first, &end);
    dnx_epilogue e = {.adds = j->p->dx_adds[0]};
    if (first < end)
        k->mm(j->dz, N, rows, s->N, s->packed_t + (size_t)first * N, end - first,
              j->p->dx[0] + first, K, &e);
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    if (s->is_narrow) {
        dnx_dwconv_backward(n, p);
        return;
    }
    job j = {n, p, NULL};
    dnx_norm_act_backward(&s->dw.norm, n, p);
    if (dnx_deferred(p)) dnx_norm_act_begin(dnx_deferred(p), n);
    if (s->has_few_rows) {
        j.dz = dnx_norm_act_dz(&s->dw.norm, p->dy, s->dw.norm.z,
                               (long)p->batch * n->out.h * n->out.w, p->scratch);
        dnx_pool_run(n->pool, few_share, &j);
        return;
    }
    memset(s->d_wk, 0, sizeof(float) * (size_t)s->K * (size_t)n->out.c *
                           (size_t)dnx_pool_threads(n->pool));
    dnx_pool_run(n->pool, backward_share, &j);
    dnx_pool_run(n->pool, sum_share, &j);
}

static bool as_convolution(const dnx_node *n, dnx_convolution *view) {
    const opts *o = n->opts;
    const state *s = n->state;
    *view = (dnx_convolution){o->size, o->stride, s->at.pad, o->groups, o->activation};
    return true;
}

static const char *algorithm(const dnx_node *n) {
    const state *s = n->state;
    if (s->is_narrow) return dnx_dwconv_description.algorithm(n);
    if (s->wino.m) return s->wino.m == 2 ? "Winograd 2 x 2" : "Winograd 4 x 4";
    if (s->has_few_rows) return "product, threads share filters";
    return s->reads_in_place ? "product" : "products of windows";
}

static const dnx_description description = {.algorithm = algorithm};
static const dnx_fusion fusion = {.adds_residual = dnx_norm_act_adds_residual,
                                  .defer = defer,
                                  .applies_deferred = applies_deferred,
                                  .take_on = take_on};
static const dnx_compression compression = {.as_convolution = as_convolution};

const dnx_layer_type dnx_convolutional = {
    .name = "convolutional",
    .aliases = "conv",
    .summary = "convolution in groups, batch norm, activation",
    .is_reentrant = true,
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
    .restore = restore,
    .fusion = &fusion,
    .description = &description,
    .compression = &compression,
};
