/* norm_act.c - batch norm and activation: folding, batch statistics, gradients. */
#include "common/norm_act.h"

#include <string.h>

#include "kernels/pool.h"

dnx_status dnx_norm_act_make(dnx_norm_act *t, dnx_node *n, bool has_bn, dnx_act act, dnx_err *err) {
    t->bn.c = n->out.c;
    t->has_bn = has_bn;
    t->act = act;
    dnx_status s = dnx_norm_make(&t->bn, n, false, has_bn, err);
    if (!s && act == DNX_PRELU) s = dnx_new_slopes(n, &t->slopes, &t->d_slopes, err);
    if (!s && n->trains) {
        size_t sums = 3 * (size_t)t->bn.c * (size_t)dnx_pool_threads(n->pool);
        s = dnx_new(n, &t->z, dnx_size(n->out) * (size_t)n->batch, err);
        if (!s && !(t->sums = dnx_new_array(n, sums, sizeof *t->sums, err))) s = DNX_EMEM;
    }
    return s;
}

dnx_status dnx_new_slopes(dnx_node *n, float **slopes, float **d_slopes, dnx_err *err) {
    const dnx_param p = {"slopes", (size_t)n->out.c, .role = DNX_SLOPES};
    dnx_status st = dnx_new_param(n, slopes, d_slopes, p, err);
    for (size_t i = 0; !st && i < p.count; i++) (*slopes)[i] = .25f;
    return st;
}

void dnx_norm_act_fold(dnx_norm_act *t) {
    if (t->has_bn) dnx_norm_fold(&t->bn);
    for (int i = 0; !t->has_bn && i < t->bn.c; i++) {
        t->bn.scale[i] = 1;
        t->bn.shift[i] = t->bn.shifts[i];
    }
}

dnx_epilogue dnx_norm_act_epilogue(const dnx_norm_act *t, const dnx_pass *p, long pixel,
                                   int channel) {
    size_t at = (size_t)pixel * (size_t)t->bn.c + (size_t)channel;
    if (t->z) return (dnx_epilogue){.y = t->z + at, .ldy = (size_t)t->bn.c};
    return (dnx_epilogue){.y = p->y + at,
                          .ldy = (size_t)t->bn.c,
                          .bias = t->bn.shift + channel,
                          .act = t->act,
                          .slope = t->slopes ? t->slopes + channel : NULL,
                          .residual = dnx_residual(p) ? dnx_residual(p) + at : NULL};
}

bool dnx_norm_act_adds_residual(const dnx_node *n) {
    (void)n;
    return true;
}

dnx_norm_act *dnx_norm_act_defer(dnx_norm_act *t, float **z) {
    *z = t->z;
    t->is_deferred = t->z && dnx_act_is_cheap(t->act);
    return t->is_deferred ? t : NULL;
}

void dnx_norm_act_rows(const dnx_norm_act *t, const float *z, long rows, float *x) {
    dnx_scaled_act a = dnx_norm_act_scaled(t);
    dnx_kernels()->scale_act(z, rows, &a, NULL, x);
}

void dnx_norm_act_sums(dnx_norm_act *t, int thread, const float *dx, const float *z, long rows) {
    double *s = t->sums + 3 * (size_t)t->bn.c * (size_t)thread;
    dnx_scaled_act a = dnx_norm_act_scaled(t);
    dnx_kernels()->act_back(dx, z, rows, &a, NULL, s, s + t->bn.c,
                            t->slopes ? s + 2 * t->bn.c : NULL);
}

void dnx_norm_act_begin(dnx_norm_act *t, const dnx_node *n) {
    memset(t->sums, 0, sizeof *t->sums * 3 * (size_t)t->bn.c * (size_t)dnx_pool_threads(n->pool));
}

void dnx_norm_act_stats(dnx_norm_act *t, const dnx_pass *p, int thread, const float *z, long rows) {
    if (!t->has_bn || !p->is_training) return;
    double *s = t->sums + 3 * (size_t)t->bn.c * (size_t)thread;
    dnx_kernels()->stats(z, rows, t->bn.c, s, s + t->bn.c);
}

static void gather_sums(dnx_norm_act *t, const dnx_node *n) {
    dnx_norm_gather(t->sums, 3 * (size_t)t->bn.c, dnx_pool_threads(n->pool));
}

typedef struct {
    dnx_norm_act *t;
    dnx_pass *p;
    long rows;
} job;

/* Each thread computes its blocks of rows from the last to the first, because the last rows were
 * written just before and are still in the cache. */
#define BLOCK 65536   /* floats of a block */
#define LARGE 1048576 /* floats of y: a larger y does not stay in the cache for the next layer */

static void end_rows(const job *j, int thread, size_t at, long rows) {
    (void)thread;
    const dnx_norm_act *t = j->t;
    const dnx_kernel_set *k = dnx_kernels();
    dnx_scaled_act a = dnx_norm_act_scaled(t);
    (j->rows * t->bn.c > LARGE ? k->scale_act_stream : k->scale_act)(
        t->z + at, rows, &a, dnx_residual(j->p) ? dnx_residual(j->p) + at : NULL, j->p->y + at);
}

static void back_rows(const job *j, int thread, size_t at, long rows) {
    dnx_norm_act_sums(j->t, thread, j->p->dy + at, j->t->z + at, rows);
}

static void downwards(const job *j, int k, int threads, void (*f)(const job *, int, size_t, long)) {
    long lo, hi, step = BLOCK / j->t->bn.c / 4 * 4 + 4;
    dnx_share(j->rows, k, threads, &lo, &hi);
    for (; hi > lo; hi -= step) {
        long first = hi - lo > step ? hi - step : lo;
        f(j, k, (size_t)first * (size_t)j->t->bn.c, hi - first);
    }
}

static void end_share(void *arg, int k, int threads) { downwards(arg, k, threads, end_rows); }
static void back_share(void *arg, int k, int threads) { downwards(arg, k, threads, back_rows); }

void dnx_norm_act_end(dnx_norm_act *t, dnx_node *n, dnx_pass *p) {
    job j = {t, p, (long)p->batch * n->out.h * n->out.w};
    if (t->has_bn && p->is_training) {
        gather_sums(t, n);
        dnx_norm_batch(&t->bn, t->sums, (double)j.rows);
    } else dnx_norm_act_fold(t);
    if (!t->is_deferred) dnx_pool_run(n->pool, end_share, &j);
}

void dnx_norm_act_backward(dnx_norm_act *t, dnx_node *n, dnx_pass *p) {
    job j = {t, p, (long)p->batch * n->out.h * n->out.w};
    if (!t->is_deferred) { /* when deferred, the next layer has computed the sums */
        dnx_norm_act_begin(t, n);
        dnx_pool_run(n->pool, back_share, &j);
    }
    gather_sums(t, n);
    if (t->has_bn) dnx_norm_back(&t->bn, t->sums, (double)j.rows);
    for (int i = 0; !t->has_bn && i < t->bn.c; i++) t->bn.d_shifts[i] += (float)t->sums[i];
    for (int i = 0; t->slopes && i < t->bn.c; i++)
        t->d_slopes[i] += (float)t->sums[2 * t->bn.c + i];
}

const float *dnx_norm_act_dz(const dnx_norm_act *t, const float *dy, const float *z, long rows,
                             float *out) {
    if (!t->has_bn && t->act == DNX_LINEAR) return dy;
    dnx_scaled_act a = dnx_norm_act_scaled(t);
    dnx_kernels()->act_dz(dy, z, rows, &a, t->bn.p, t->bn.q, t->bn.r, out);
    return out;
}
