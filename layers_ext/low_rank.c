/* [low_rank]: a convolution of rank R: R filters of size x size, then a 1x1 convolution.
 *
 *   t[b,p,q,r] = sum_{i,j,c} V[r,c,i,j] x[b, p*stride - pad + i, q*stride - pad + j, c]
 *   z[b,p,q,n] = sum_r P[n,r] t[b,p,q,r]
 *   y = act(batch_norm(z))
 *
 * x: B x H x W x C, y: B x OH x OW x N with OH = (H + 2 pad - size)/stride + 1, N = filters; pad is
 * size/2 with pad=1, else padding=. V is called W' in Zhang et al. 2015, arXiv 1505.06798.
 * Weights file: biases N; with batch_normalize=1 scales N, mean N, variance N; weights P N x R;
 * basis V R x C x size x size; with activation=prelu slopes N.
 *
 * A block of t stays in the cache between the two products. A network that predicts may compute t
 * by Winograd's transforms. */
#include <math.h>
#include <string.h>

#include "common/conv/filters.h"
#include "common/conv/patches.h"
#include "common/conv/winograd.h"
#include "layer/compression.h"
#include "layer/view.h"
#include "kernels/pool.h"

#define BLOCK 84 /* output pixels at a time; mm() computes 4, 6 or 14 at once, which divide 84 */

typedef struct {
    int filters, rank, size, stride, pad, padding, batch_normalize, activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, filters, 1, 1, 65536, "number of outputs"),
    DNX_OPT_INT(opts, rank, 1, 1, 65536, "filters in between; width_multiplier leaves it alone"),
    DNX_WINDOW_OPTIONS(opts),
    DNX_OPT_INT(opts, batch_normalize, 0, 0, 1, "1: batch norm before the activation"),
    DNX_OPT_WORD(opts, activation, DNX_LOGISTIC, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END(opts),
};

typedef struct {
    dnx_norm_act norm;
    dnx_winograd wino;   /* computes t if wino.m > 0; packed_v is then NULL */
    size_t wino_scratch; /* with wino.m > 0, t starts after this many floats of scratch */
    dnx_patches at;
    int K, N, R;
    bool reads_in_place;
    float *v, *d_v;               /* R x C x size x size, file order */
    float *p, *d_p;               /* N x R */
    float *vk;                    /* scratch: V as R x K, then P as N x R; NULL when predicting */
    float *packed_v, *packed_p;   /* V^T, K x R (K = C*size*size), and P^T, R x N, for mm() */
    float *packed_vt, *packed_pt; /* V and P, packed for dx and dt; NULL when predicting */
    float *t;                     /* training: batch x OH x OW x R */
    float *block; /* training: threads x BLOCK x (K + R), windows of x or their gradients, and dt */
    float *d_all; /* threads x (K x R + R x N): gradients of V and P */
} state;

static dnx_status check_shapes(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_status st = dnx_patches_make(&s->at, n, o->size, o->stride,
                                     o->pad ? o->size / 2 : o->padding, o->filters, err);
    if (st) return st;
    double K = (double)o->size * o->size * n->in[0].c;
    if (K * o->rank + (double)o->rank * o->filters > 1 << 30 || K > 1 << 30)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[low_rank] size=%d filters=%d rank=%d: over 2^30 weights", o->size,
                        o->filters, o->rank);
    if (o->rank > o->filters || o->rank > K)
        return dnx_fail(
            err, DNX_ESHAPE, n->loc,
            "[low_rank] rank=%d: must be at most filters=%d and size*size*channels=%.0f", o->rank,
            o->filters, K);
    s->K = (int)K;
    s->N = o->filters;
    s->R = o->rank;
    s->reads_in_place = dnx_patches_in_place(&s->at);
    return DNX_OK;
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_status st = check_shapes(n, err);
    if (st) return st;
    const dnx_kernel_set *k = dnx_kernels();
    size_t K = (size_t)s->K, N = (size_t)s->N, R = (size_t)s->R;
    size_t threads = (size_t)dnx_pool_threads(n->pool);
    st = dnx_norm_act_make(&s->norm, n, o->batch_normalize, (dnx_act)o->activation, err);
    const dnx_param p = {"weights", R * N, 1, s->N, DNX_WEIGHTS};
    const dnx_param v = {"basis", K * R, 1, s->R, DNX_BASIS};
    if (!st) st = dnx_new_param(n, &s->p, &s->d_p, p, err);
    if (!st) st = dnx_new_param(n, &s->v, &s->d_v, v, err);
    if (!st && !n->trains) st = dnx_winograd_make(&s->wino, n, &s->at, s->R, err);
    if (!st && s->wino.m) {
        s->wino_scratch = n->scratch;
        n->scratch += (size_t)n->batch * (size_t)(n->out.h * n->out.w) * R;
    } else if (!st) {
        st = dnx_new(n, &s->packed_v, k->packed(s->K, s->R), err);
        if (!st && n->trains) st = dnx_new(n, &s->block, threads * BLOCK * (K + R), err);
        if (!n->trains) n->scratch = threads * BLOCK * (K + R);
    }
    if (!st) st = dnx_new(n, &s->packed_p, k->packed(s->R, s->N), err);
    if (!st && n->trains) {
        st = dnx_new(n, &s->packed_vt, k->packed(s->R, s->K), err);
        if (!st) st = dnx_new(n, &s->packed_pt, k->packed(s->N, s->R), err);
        if (!st) st = dnx_new(n, &s->t, (size_t)n->batch * (size_t)(n->out.h * n->out.w) * R, err);
        if (!st) st = dnx_new(n, &s->vk, R * (K > N ? K : N), err);
        if (!st) st = dnx_new(n, &s->d_all, threads * R * (K + N), err);
    }
    if (n->trains) n->scratch = threads * BLOCK * N;
    if (st || n->is_blank) return st;
    /* V gets the variance 1/K, so that t has about the variance of x. P gets the variance 2/R of
     * He et al. */
    dnx_rng r;
    dnx_rng_seed(&r, n->seed, (uint64_t)n->index);
    for (size_t i = 0; i < K * R; i++) s->v[i] = dnx_rng_normal(&r) / sqrtf((float)K);
    for (size_t i = 0; i < R * N; i++) s->p[i] = dnx_rng_normal(&r) * sqrtf(2.f / (float)R);
    return DNX_OK;
}

/* v_of() describes V as R filters of K floats, p_of() describes P as N filters of R floats. */
static dnx_filters v_of(const state *s) { return (dnx_filters){1, s->K, s->R, s->at.c}; }
static dnx_filters p_of(const state *s) { return (dnx_filters){1, s->R, s->N, s->R}; }

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    dnx_filters v = v_of(s), p = p_of(s);
    size_t K = (size_t)s->K, N = (size_t)s->N, R = (size_t)s->R;
    if (!s->p || !s->v) return DNX_OK; /* an earlier call has packed P and V and freed them */
    if (!s->vk) {
        dnx_status st = dnx_new(n, &s->vk, R * (K > N ? K : N), err);
        if (st) return st;
    }
    if (!n->trains) dnx_norm_act_fold(&s->norm);
    if (s->wino.m) dnx_winograd_prepare(&s->wino, n, s->v, NULL);
    else {
        dnx_filters_order(&v, n->pool, s->v, NULL, s->vk);
        dnx_filters_pack(&v, n->pool, s->vk, s->packed_v, s->packed_vt);
    }
    dnx_filters_order(&p, n->pool, s->p, n->trains ? NULL : s->norm.bn.scale, s->vk);
    dnx_filters_pack(&p, n->pool, s->vk, s->packed_p, s->packed_pt);
    if (!n->trains) {
        dnx_free(s->vk);
        s->vk = NULL;
    }
    dnx_release_param(n, &s->p);
    dnx_release_param(n, &s->v);
    return DNX_OK;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
} job;

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t K = (size_t)s->K, R = (size_t)s->R, lda;
    float *block = (s->block ? s->block : j->p->scratch) + (size_t)t * BLOCK * (K + R);
    float *whole = s->wino.m ? j->p->scratch + s->wino_scratch : s->t;
    long lo, hi;
    dnx_share((long)j->p->batch * n->out.h * n->out.w, t, threads, &lo, &hi);
    for (long p = lo; p < hi; p += BLOCK) {
        int rows = (int)(hi - p < BLOCK ? hi - p : BLOCK);
        float *mid = whole ? whole + (size_t)p * R : block + BLOCK * K;
        const dnx_epilogue to_mid = {.y = mid, .ldy = R};
        const dnx_epilogue e = dnx_norm_act_epilogue(&s->norm, j->p, p, 0);
        if (!s->wino.m) {
            const float *a = dnx_patches_rows(&s->at, j->p->x[0], p, rows, block, &lda);
            k->mm(a, lda, rows, s->K, s->packed_v, s->R, &to_mid);
        }
        k->mm(mid, R, rows, s->R, s->packed_p, s->N, &e);
        if (n->trains) dnx_norm_act_stats(&s->norm, j->p, t, e.y, rows);
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    job j = {n, p};
    if (s->wino.m) {
        dnx_pass mid = *p;
        mid.y = p->scratch + s->wino_scratch;
        dnx_winograd_forward(&s->wino, n, &mid, NULL);
    }
    if (n->trains) dnx_norm_act_begin(&s->norm, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (n->trains) dnx_norm_act_end(&s->norm, n, p);
}

/* Computes the gradients of P, V and x from output pixels [lo, hi). */
static void backward_part(job *j, int t, long lo, long hi) {
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t K = (size_t)s->K, N = (size_t)s->N, R = (size_t)s->R, lda;
    float *block = s->block + (size_t)t * BLOCK * (K + R), *dt = block + BLOCK * K;
    float *d_vk = s->d_all + (size_t)t * R * (K + N), *d_pk = d_vk + K * R;
    float *dx = j->p->dx[0], *scratch = j->p->scratch + (size_t)t * BLOCK * N;
    for (long p = lo; p < hi; p += BLOCK) {
        int rows = (int)(hi - p < BLOCK ? hi - p : BLOCK);
        const float *dz = dnx_norm_act_dz(&s->norm, j->p->dy + (size_t)p * N,
                                          s->norm.z + (size_t)p * N, rows, scratch);
        dnx_epilogue e = {.y = dt, .ldy = R};
        k->mmt(s->t + (size_t)p * R, R, dz, N, rows, s->R, s->N, d_pk, NULL);
        k->mm(dz, N, rows, s->N, s->packed_pt, s->R, &e);
        const float *a = dnx_patches_rows(&s->at, j->p->x[0], p, rows, block, &lda);
        k->mmt(a, lda, dt, R, rows, s->K, s->R, d_vk, NULL);
        if (!dx) continue;
        e = (dnx_epilogue){.y = s->reads_in_place ? dx + (size_t)p * K : block,
                           .ldy = K,
                           .adds = s->reads_in_place && j->p->dx_adds[0]};
        k->mm(dt, R, rows, s->R, s->packed_vt, s->K, &e);
        if (!s->reads_in_place) dnx_patches_scatter(&s->at, block, p, rows, dx);
    }
}

static void backward_share(void *arg, int t, int threads) {
    job *j = arg;
    const state *s = j->n->state;
    long lo, hi;
    dnx_patches_share(&s->at, j->p->batch, j->p->dx[0], j->p->dx_adds[0], t, threads, &lo, &hi);
    backward_part(j, t, lo, hi);
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    int threads = dnx_pool_threads(n->pool);
    size_t K = (size_t)s->K, N = (size_t)s->N, R = (size_t)s->R, count = R * (K + N);
    job j = {n, p};
    dnx_norm_act_backward(&s->norm, n, p);
    memset(s->d_all, 0, sizeof(float) * count * (size_t)threads);
    dnx_pool_run(n->pool, backward_share, &j);
    for (int t = 1; t < threads; t++)
        dnx_kernels()->add(s->d_all + (size_t)t * count, count, s->d_all);
    dnx_filters v = v_of(s);
    for (size_t r = 0; r < R; r++)
        for (size_t i = 0; i < K; i++)
            s->d_v[r * K + dnx_filters_place(&v, i)] += s->d_all[i * R + r];
    for (size_t f = 0; f < N; f++)
        for (size_t r = 0; r < R; r++) s->d_p[f * R + r] += s->d_all[K * R + r * N + f];
}

static void show(const dnx_node *n, dnx_view *v) {
    const opts *o = n->opts;
    const state *s = n->state;
    const dnx_convolution basis = {o->size, o->stride, s->at.pad, 1, DNX_LINEAR};
    const dnx_convolution filters = {1, 1, 0, 1, o->activation, o->batch_normalize};
    int t = dnx_show_convolution(v, v->from[0], (dnx_shape){n->out.h, n->out.w, s->R}, &basis, "");
    dnx_show_convolution(v, t, n->out, &filters, "");
}

static const char *algorithm(const dnx_node *n) {
    return ((const state *)n->state)->wino.m ? "Winograd, then a product" : "two products";
}

static const dnx_description description = {.show = show, .algorithm = algorithm};
static const dnx_fusion fusion = {.adds_residual = dnx_norm_act_adds_residual};
static const dnx_compression compression = {.is_low_rank = true};

const dnx_layer_type dnx_low_rank = {
    .name = "low_rank",
    .summary = "convolution of low rank: to rank channels, then 1x1; batch norm, activation",
    .is_reentrant = true,
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
