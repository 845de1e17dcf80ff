/* [low_rank]: a convolution whose filters have rank R: R filters of size x size, then a 1x1.
 *
 *   t[b,y,x,r] = sum_{i,j,c} V[r,c,i,j] x[b, y*stride - pad + i, x*stride - pad + j, c]
 *   z[b,y,x,n] = sum_r P[n,r] t[b,y,x,r]
 *   y = act(batch_norm(z))
 *
 * x: B x H x W x C, y: B x OH x OW x N with OH = (H + 2 pad - size)/stride + 1. V is W' of Zhang et
 * al., "Accelerating Very Deep Convolutional Networks", arXiv 1505.06798.
 * File: biases N, scales N, mean N, variance N, weights P N x R, basis V R x C x size x size,
 * slopes N.
 *
 * A block of t stays in the cache between the two products: one pass over x and y. Training keeps
 * t (R numbers a pixel, fewer than z has), so that backward need not compute it again. */
#include <math.h>
#include <string.h>

#include "common/patches.h"
#include "common/tail.h"
#include "kernels/pool.h"

#define BLOCK 84 /* pixels at a time: a multiple of every tile height */

typedef struct {
    int filters, rank, size, stride, pad, padding, batch_normalize, activation;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, filters, 1, 1, 65536, "number of outputs"),
    DNX_OPT_INT(opts, rank, 1, 1, 65536,
                "filters in between; width_multiplier leaves it alone"),
    DNX_OPT_INT(opts, size, 1, 1, 255, "side of the filters, pixels"),
    DNX_OPT_INT(opts, stride, 1, 1, 64, "step between outputs, pixels"),
    DNX_OPT_INT(opts, pad, 0, 0, 1, "1: padding = size/2"),
    DNX_OPT_INT(opts, padding, 0, 0, 255, "zero pixels around the input, when pad=0"),
    DNX_OPT_INT(opts, batch_normalize, 0, 0, 1, "1: batch norm before the activation"),
    DNX_OPT_WORD(opts, activation, DNX_LOGISTIC, DNX_ACT_WORDS, "activation function"),
    DNX_OPT_END};

typedef struct {
    dnx_tail tail;
    dnx_patches at;
    int K, N, R;
    bool reads_in_place;
    float *v, *d_v;    /* R x C x size x size, file order */
    float *p, *d_p;    /* N x R */
    float *vk;         /* K x R, then R x N: only while packing when the network predicts */
    float *packed_v, *packed_p;   /* of K x R and R x N */
    float *packed_vt, *packed_pt; /* transposed, for dx and dt; packed_vt NULL: predicts */
    float *t;          /* training: batch x OH x OW x R */
    float *block;      /* threads x BLOCK x (K + R): rows of x, then of t or dt */
    float *d_all;      /* threads x (K x R + R x N) */
} state;

static dnx_status prepare(dnx_node *n, dnx_err *err);

static dnx_status check_shapes(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_shape in = n->in[0];
    int pad = o->pad ? o->size / 2 : o->padding;
    if (o->size > in.h + 2 * pad || o->size > in.w + 2 * pad)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[low_rank] size=%d: the padded input is only %d x %d", o->size,
                        in.h + 2 * pad, in.w + 2 * pad);
    double K = (double)o->size * o->size * in.c;
    if (K * o->rank + (double)o->rank * o->filters > 1 << 30 || K > 1 << 30)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[low_rank] size=%d filters=%d rank=%d: over 2^30 weights", o->size,
                        o->filters, o->rank);
    if (o->rank > o->filters || o->rank > K)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[low_rank] rank=%d: must be at most filters=%d and "
                        "size*size*channels=%.0f", o->rank, o->filters, K);
    n->out = (dnx_shape){(in.h + 2 * pad - o->size) / o->stride + 1,
                         (in.w + 2 * pad - o->size) / o->stride + 1, o->filters};
    s->at = (dnx_patches){in, n->out.h, n->out.w, o->size, o->stride, pad, 0, in.c};
    s->K = (int)K;
    s->N = o->filters;
    s->R = o->rank;
    s->reads_in_place = o->size == 1 && o->stride == 1 && pad == 0;
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
    st = dnx_tail_make(&s->tail, n, o->batch_normalize, (dnx_act)o->activation, err);
    if (!st) st = dnx_new(n, &s->v, K * R, err);
    if (!st) st = dnx_new(n, &s->p, R * N, err);
    if (!st) st = dnx_new(n, &s->packed_v, k->packed(s->K, s->R), err);
    if (!st) st = dnx_new(n, &s->packed_p, k->packed(s->R, s->N), err);
    if (!st) st = dnx_new(n, &s->block, threads * BLOCK * (K + R), err);
    if (!st && n->trains) {
        st = dnx_new(n, &s->d_v, K * R, err);
        if (!st) st = dnx_new(n, &s->d_p, R * N, err);
        if (!st) st = dnx_new(n, &s->packed_vt, k->packed(s->R, s->K), err);
        if (!st) st = dnx_new(n, &s->packed_pt, k->packed(s->N, s->R), err);
        if (!st)
            st = dnx_new(n, &s->t, (size_t)n->batch * (size_t)(n->out.h * n->out.w) * R, err);
        if (!st) st = dnx_new(n, &s->d_all, threads * R * (K + N), err);
    }
    if (st) return st;
    dnx_rng r; /* t has the variance of x, z what He et al. want */
    dnx_rng_seed(&r, n->seed, (uint64_t)n->index);
    for (size_t i = 0; i < K * R; i++) s->v[i] = dnx_rng_normal(&r) / sqrtf((float)K);
    for (size_t i = 0; i < R * N; i++) s->p[i] = dnx_rng_normal(&r) * sqrtf(2.f / (float)R);
    n->scratch = n->trains ? threads * BLOCK * N : 0;
    return prepare(n, err);
}

static void unmake(dnx_node *n) {
    state *s = n->state;
    dnx_tail_unmake(&s->tail);
    float *all[] = {s->v, s->d_v, s->p, s->d_p, s->vk, s->packed_v, s->packed_p,
                    s->packed_vt, s->packed_pt, s->t, s->block, s->d_all};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) dnx_free(all[i]);
}

static int params(dnx_node *n, dnx_param *list) {
    state *s = n->state;
    size_t K = (size_t)s->K, N = (size_t)s->N, R = (size_t)s->R;
    dnx_param p = {"weights", s->p, s->d_p, N * R, 1, true, s->N};
    dnx_param v = {"basis", s->v, s->d_v, R * K, 1, true, s->R};
    int count = dnx_tail_params(&s->tail, &p, false, list);
    if (s->tail.slopes) {
        list[count] = list[count - 1];
        list[count - 1] = v;
    } else list[count] = v;
    return count + 1;
}

/* Where V's row of input channel c and tap i stands in a gathered row. */
static size_t row_index(const state *s, int c, int i) { return (size_t)(i * s->at.c + c); }

/* Visits V in file order. */
#define FOR_BASIS(s, r, c, i, at)                                   \
    for (size_t r = 0, at = 0; r < (size_t)(s)->R; r++)             \
        for (int c = 0; c < (s)->at.c; c++)                         \
            for (int i = 0; i < (s)->at.size * (s)->at.size; i++, at++)

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t K = (size_t)s->K, N = (size_t)s->N, R = (size_t)s->R;
    if (!s->vk) {
        dnx_status st = dnx_new(n, &s->vk, R * (K > N ? K : N), err);
        if (st) return st;
    }
    if (!n->trains) dnx_tail_fold(&s->tail);
    FOR_BASIS(s, r, c, i, at) s->vk[row_index(s, c, i) * R + r] = s->v[at];
    k->pack(s->vk, R, 1, s->K, s->R, s->packed_v);
    if (n->trains) k->pack(s->vk, 1, R, s->R, s->K, s->packed_vt);
    for (size_t f = 0; f < N; f++)
        for (size_t r = 0; r < R; r++)
            s->vk[r * N + f] = s->p[f * R + r] * (n->trains ? 1 : s->tail.scale[f]);
    k->pack(s->vk, N, 1, s->R, s->N, s->packed_p);
    if (n->trains) k->pack(s->vk, 1, N, s->N, s->R, s->packed_pt);
    if (!n->trains) {
        dnx_free(s->vk);
        s->vk = NULL;
    }
    return DNX_OK;
}

static double macs(const dnx_node *n) {
    const state *s = n->state;
    return (double)n->out.h * n->out.w * s->R * ((double)s->K + s->N);
}

static bool can_add(const dnx_node *n) {
    (void)n;
    return true;
}

typedef struct {
    dnx_node *n;
    dnx_pass *p;
} job;

/* Rows of x of `rows` output pixels from p on: in place, or gathered into block. */
static const float *rows_of(const state *s, const float *x, long p, int rows, float *block) {
    if (s->reads_in_place) return x + (size_t)p * (size_t)s->K;
    dnx_patches_gather(&s->at, x, p, rows, block);
    return block;
}

static void forward_share(void *arg, int t, int threads) {
    job *j = arg;
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t K = (size_t)s->K, N = (size_t)s->N, R = (size_t)s->R;
    float *out = n->trains ? s->tail.z : j->p->y;
    float *block = s->block + (size_t)t * BLOCK * (K + R);
    long lo, hi;
    dnx_share((long)j->p->batch * n->out.h * n->out.w, t, threads, &lo, &hi);
    for (long p = lo; p < hi; p += BLOCK) {
        int rows = (int)(hi - p < BLOCK ? hi - p : BLOCK);
        float *mid = n->trains ? s->t + (size_t)p * R : block + BLOCK * K;
        dnx_epilogue none = {0}, e = {0};
        if (!n->trains) {
            e = dnx_tail_epilogue(&s->tail, j->p);
            if (e.residual) e.residual += (size_t)p * N;
        }
        k->mm(rows_of(s, j->p->x[0], p, rows, block), K, rows, s->K, s->packed_v, s->R, mid, R,
              &none);
        k->mm(mid, R, rows, s->R, s->packed_p, s->N, out + (size_t)p * N, N, &e);
        if (n->trains) dnx_tail_block(&s->tail, j->p, t, out + (size_t)p * N, rows);
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    job j = {n, p};
    if (n->trains) dnx_tail_begin(&s->tail, n);
    dnx_pool_run(n->pool, forward_share, &j);
    if (n->trains) dnx_tail_end(&s->tail, n, p);
}

/* Gradients of P, V and x of output pixels [lo, hi), block by block while dz is in the cache. */
static void backward_part(job *j, int t, long lo, long hi) {
    dnx_node *n = j->n;
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    size_t K = (size_t)s->K, N = (size_t)s->N, R = (size_t)s->R;
    float *block = s->block + (size_t)t * BLOCK * (K + R), *dt = block + BLOCK * K;
    float *d_vk = s->d_all + (size_t)t * R * (K + N), *d_pk = d_vk + K * R;
    float *dx = j->p->dx[0], *room = j->p->scratch + (size_t)t * BLOCK * N;
    for (long p = lo; p < hi; p += BLOCK) {
        int rows = (int)(hi - p < BLOCK ? hi - p : BLOCK);
        const float *dz = dnx_tail_dz(&s->tail, j->p->dy + (size_t)p * N,
                                      s->tail.z + (size_t)p * N, rows, room);
        dnx_epilogue e = {0};
        k->mmt(s->t + (size_t)p * R, R, dz, N, rows, s->R, s->N, d_pk, N);
        k->mm(dz, N, rows, s->N, s->packed_pt, s->R, dt, R, &e);
        const float *a = rows_of(s, j->p->x[0], p, rows, block);
        k->mmt(a, K, dt, R, rows, s->K, s->R, d_vk, R);
        if (!dx) continue;
        e.adds = s->reads_in_place && j->p->dx_adds[0];
        float *to = s->reads_in_place ? dx + (size_t)p * K : block;
        k->mm(dt, R, rows, s->R, s->packed_vt, s->K, to, K, &e);
        if (!s->reads_in_place) dnx_patches_scatter(&s->at, block, p, rows, dx);
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
    size_t K = (size_t)s->K, N = (size_t)s->N, R = (size_t)s->R, count = R * (K + N);
    job j = {n, p};
    dnx_tail_backward(&s->tail, n, p);
    memset(s->d_all, 0, sizeof(float) * count * (size_t)threads);
    dnx_pool_run(n->pool, backward_share, &j);
    for (int t = 1; t < threads; t++)
        dnx_kernels()->add(s->d_all + (size_t)t * count, count, s->d_all);
    FOR_BASIS(s, r, c, i, at) s->d_v[at] += s->d_all[row_index(s, c, i) * R + r];
    for (size_t f = 0; f < N; f++)
        for (size_t r = 0; r < R; r++) s->d_p[f * R + r] += s->d_all[K * R + r * N + f];
}

const dnx_layer_type dnx_low_rank = {
    .name = "low_rank",
    .summary = "convolution of low rank: to rank channels, then 1x1; batch norm, activation",
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
