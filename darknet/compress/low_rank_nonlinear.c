/* low_rank_nonlinear.c - fits M x + c to responses y through the activation r (arXiv 1505.06798).
 * Auxiliary variables z stand for M x + c:
 *
 *   min sum_i |r(y_i) - r(z_i)|^2 + lambda |z_i - (M x_i + c)|^2
 *
 * Each step finds each element of z for fixed M and c, then M and c by reduced-rank regression. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/pool.h"
#include "compress/low_rank.h"

#define ITERATIONS 25 /* steps for each lambda, as in the paper */
#define BLOCK 256     /* samples that a thread takes at a time */

typedef struct {
    const float *y, *x; /* n x d; x has mean 0 */
    long n;
    int d, rank, threads;
    dnx_act act;
    float *a; /* d slopes of r below 0 */
    double lambda;
    bool has_z;    /* false: z is y, and no objective is computed */
    float *q, *p;  /* Q^T (d x R) and P^T (R x d), packed for the kernels */
    float *plain;  /* d x R floats before packing */
    float *mean;   /* d means of M x + c */
    double *shift; /* d numbers near the mean of z; subtracting them keeps sums small */
    float *work;   /* scratch: threads x (BLOCK x (d + R) + d x d) */
    double *cross; /* threads x d x d: sum of (z - shift) x^T */
    double *sums;  /* threads x (d + 2): sums of z - shift, |r(y) - r(M x + c)|^2 and |r(y)|^2 */
} solver;

bool dnx_low_rank_knows(dnx_act act) {
    return act == DNX_LINEAR || act == DNX_RELU || act == DNX_LEAKY || act == DNX_PRELU;
}

static double squared(double v) { return v * v; }

/* Returns the z with the least (ry - r(z))^2 + lambda (z - m)^2, where ry is an element of r(y) and
 * m of M x + c. r(z) is z above 0, and a z below 0. */
static float best_z(double ry, double m, double a, double lambda) {
    double above = (lambda * m + ry) / (lambda + 1);
    double below = (a * ry + lambda * m) / (a * a + lambda);
    if (above < 0) above = 0;
    if (below > 0) below = 0;
    double cost_above = squared(ry - above) + lambda * squared(above - m);
    double cost_below = squared(ry - a * below) + lambda * squared(below - m);
    return (float)(cost_below < cost_above ? below : above);
}

/* Computes the auxiliary variables of a block of `rows` samples, stores them minus `shift` in z,
 * and adds to `sums`. When has_z, z holds M x + c on entry. */
static void make_targets(solver *s, const float *y, float *z, int rows, double *sums) {
    size_t d = (size_t)s->d;
    for (int r = 0; r < rows; r++, y += d, z += d)
        for (size_t i = 0; i < d; i++) {
            float v = y[i];
            if (s->has_z) {
                double a = (double)s->a[i], m = (double)z[i];
                double ry = v < 0 ? a * (double)v : (double)v;
                sums[d] += squared(ry - (m < 0 ? a * m : m));
                sums[d + 1] += squared(ry);
                v = best_z(ry, m, a, s->lambda);
            }
            z[i] = (float)((double)v - s->shift[i]);
            sums[i] += (double)z[i];
        }
}

static void sum_share(void *arg, int t, int threads) {
    solver *s = arg;
    const dnx_kernel_set *k = dnx_kernels();
    size_t d = (size_t)s->d, R = (size_t)s->rank;
    float *z = s->work + (size_t)t * (BLOCK * (d + R) + d * d), *mid = z + BLOCK * d;
    float *part = mid + BLOCK * R;
    double *cross = s->cross + (size_t)t * d * d, *sums = s->sums + (size_t)t * (d + 2);
    long lo, hi;
    dnx_share(s->n, t, threads, &lo, &hi);
    memset(cross, 0, sizeof *cross * d * d);
    memset(sums, 0, sizeof *sums * (d + 2));
    for (long i = lo; i < hi; i += BLOCK) {
        int rows = (int)(hi - i < BLOCK ? hi - i : BLOCK);
        const float *x = s->x + (size_t)i * d;
        if (s->has_z) {
            const dnx_epilogue first = {.y = mid, .ldy = R};
            const dnx_epilogue second = {.y = z, .ldy = d, .bias = s->mean};
            k->mm(x, d, rows, s->d, s->q, s->rank, &first);
            k->mm(mid, R, rows, s->rank, s->p, s->d, &second);
        }
        make_targets(s, s->y + (size_t)i * d, z, rows, sums);
        /* part gets float sums over one block of rows; cross adds the blocks in double. */
        memset(part, 0, sizeof *part * d * d);
        k->mmt(z, d, x, d, rows, s->d, s->d, part, NULL);
        for (size_t e = 0; e < d * d; e++) cross[e] += (double)part[e];
    }
}

/* Runs sum_share() in all threads. Adds their sums in a fixed order, for reproducible bits. */
static void sum_all(solver *s, dnx_pool *pool) {
    size_t d = (size_t)s->d;
    dnx_pool_run(pool, sum_share, s);
    for (int t = 1; t < s->threads; t++) {
        for (size_t e = 0; e < d * d; e++) s->cross[e] += s->cross[(size_t)t * d * d + e];
        for (size_t e = 0; e < d + 2; e++) s->sums[e] += s->sums[(size_t)t * (d + 2) + e];
    }
}

/* Computes c = a b. a: n x k; b: k x m; c: n x m. */
static void multiply(const double *a, const double *b, size_t n, size_t k, size_t m, double *c) {
    memset(c, 0, sizeof *c * n * m);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++)
            for (size_t l = 0; l < m; l++) c[i * m + l] += a[i * k + j] * b[j * m + l];
}

/* Computes c = a b^T. a: n x k; b: m x k; c: n x m. */
static void multiply_transposed(const double *a, const double *b, size_t n, size_t k, size_t m,
                                double *c) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            double sum = 0;
            for (size_t l = 0; l < k; l++) sum += a[i * k + l] * b[j * k + l];
            c[i * m + j] = sum;
        }
}

/* The whitening of x: w = V S^-1/2. V and S are the eigenvectors and eigenvalues of sum x x^T,
 * without eigenvalues that are rounding errors. */
typedef struct {
    size_t r;                             /* rank of sum x x^T */
    double *w;                            /* d x r */
    double *sigma, *vectors, *g, *a, *ug; /* scratch; sigma: d; vectors, g, a: d x d; ug: d x R */
} regression;

/* Minimises sum |z - M x|^2 over M = P Q of rank R, for centred z and x. zx: d x d, S_zx = sum z
 * x^T. With S_xx = sum x x^T and A = S_zx S_xx^-1, the columns of U are the first R eigenvectors of
 * A S_xx A^T; M = U U^T A, P = U and Q = U^T A. */
static dnx_status regress(const double *zx, regression *g, dnx_factors *f, dnx_err *err) {
    size_t d = (size_t)f->d, R = (size_t)f->rank;
    multiply(zx, g->w, d, d, g->r, g->g);
    multiply_transposed(g->g, g->g, d, g->r, d, g->a);
    dnx_status st = dnx_eigen(g->a, f->d, g->sigma, g->vectors, err);
    if (st) return st;
    multiply(g->vectors, g->g, R, d, g->r, g->ug);
    multiply_transposed(g->ug, g->w, R, g->r, d, f->q);
    for (size_t i = 0; i < d; i++)
        for (size_t r = 0; r < R; r++) f->p[i * R + r] = g->vectors[r * d + i];
    return DNX_OK;
}

static void use(solver *s, const dnx_factors *f) {
    const dnx_kernel_set *k = dnx_kernels();
    size_t d = (size_t)s->d, R = (size_t)s->rank;
    for (size_t i = 0; i < d * R; i++) s->plain[i] = (float)f->q[i];
    k->pack(s->plain, 1, d, s->d, s->rank, s->q);
    for (size_t i = 0; i < d * R; i++) s->plain[i] = (float)f->p[i];
    k->pack(s->plain, 1, R, s->rank, s->d, s->p);
    for (size_t i = 0; i < d; i++) s->mean[i] = (float)f->mean[i];
}

static void keep(dnx_factors *to, const dnx_factors *f) {
    size_t d = (size_t)f->d, R = (size_t)f->rank;
    memcpy(to->p, f->p, sizeof *f->p * d * R);
    memcpy(to->q, f->q, sizeof *f->q * d * R);
    memcpy(to->mean, f->mean, sizeof *f->mean * d);
}

static void set_mean(const solver *s, dnx_factors *f) {
    for (int i = 0; i < s->d; i++) f->mean[i] = s->shift[i] + s->sums[i] / (double)s->n;
}

/* Improves the linear solution f by the alternating steps, and stores the solution with the
 * smallest objective in f. Stores the first and the smallest objective in samples->before and
 * ->after. */
static dnx_status alternate(solver *s, regression *g, dnx_pool *pool, dnx_samples *samples,
                            dnx_factors *f, dnx_err *err) {
    dnx_factors now = {0};
    dnx_status st = dnx_factors_make(&now, f->d, f->rank, err);
    if (!st) keep(&now, f);
    samples->before = 0;
    samples->after = INFINITY;
    const int iterations = dnx_low_rank_knows(s->act) && s->act != DNX_LINEAR ? ITERATIONS : 0;
    s->has_z = true;
    for (int i = 0; i <= 2 * iterations && !st; i++) {
        use(s, &now);
        s->lambda = i < iterations ? .01 : 1;
        sum_all(s, pool);
        double error = s->sums[s->d] / (s->sums[s->d + 1] > 0 ? s->sums[s->d + 1] : 1);
        if (i == 0) samples->before = error;
        if (error < samples->after) {
            samples->after = error;
            keep(f, &now);
        }
        if (i == 2 * iterations) break;
        set_mean(s, &now);
        st = regress(s->cross, g, &now, err);
    }
    dnx_factors_free(&now);
    return st;
}

/* Computes the mean of n rows of d floats, and subtracts it from each row. `mean` is 0 on entry. */
static void centre(float *x, long n, size_t d, double *mean) {
    for (long r = 0; r < n; r++)
        for (size_t i = 0; i < d; i++) mean[i] += (double)x[(size_t)r * d + i] / (double)n;
    for (long r = 0; r < n; r++)
        for (size_t i = 0; i < d; i++) {
            float *v = &x[(size_t)r * d + i];
            *v = (float)((double)*v - mean[i]);
        }
}

/* Centres x, computes its whitening and the shift, and stores the best linear solution in f. */
static dnx_status start(solver *s, regression *g, float *x, double *x_mean, dnx_pool *pool,
                        dnx_factors *f, dnx_err *err) {
    size_t d = (size_t)s->d;
    const float *y = s->y;
    centre(x, s->n, d, x_mean);
    s->y = x; /* so that sum_all() computes sum x x^T */
    sum_all(s, pool);
    dnx_status st = dnx_eigen(s->cross, s->d, g->sigma, g->vectors, err);
    if (st) return st;
    g->r = (size_t)dnx_numerical_rank(g->sigma, s->d);
    for (size_t i = 0; i < d; i++)
        for (size_t r = 0; r < g->r; r++)
            g->w[i * g->r + r] = g->vectors[r * d + i] / sqrt(g->sigma[r]);
    s->y = y;
    for (long r = 0; r < s->n; r++)
        for (size_t i = 0; i < d; i++) s->shift[i] += (double)y[(size_t)r * d + i] / (double)s->n;
    sum_all(s, pool);
    set_mean(s, f);
    return regress(s->cross, g, f, err);
}

dnx_status dnx_low_rank_nonlinear(dnx_samples *samples, dnx_pool *pool, dnx_factors *f,
                                  dnx_err *err) {
    size_t d = (size_t)f->d, R = (size_t)f->rank, threads = (size_t)dnx_pool_threads(pool);
    const dnx_kernel_set *k = dnx_kernels();
    const dnx_act act = samples->act;
    solver s = {.y = samples->y,
                .x = samples->x,
                .n = samples->n,
                .d = f->d,
                .rank = f->rank,
                .threads = (int)threads,
                .act = act};
    float **floats[] = {&s.a, &s.q, &s.p, &s.plain, &s.mean, &s.work};
    size_t sizes[] = {d, k->packed(f->d, f->rank),           k->packed(f->rank, f->d), d * R,
                      d, threads * (BLOCK * (d + R) + d * d)};
    regression g = {0};
    double *x_mean = NULL, **doubles[] = {&s.shift,   &s.cross, &s.sums, &g.w,  &g.sigma,
                                          &g.vectors, &g.g,     &g.a,    &g.ug, &x_mean};
    size_t lengths[] = {d, threads * d * d, threads * (d + 2), d * d, d, d * d, d * d, d * d, d * R,
                        d};
    bool ok = true;
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        ok &= (*floats[i] = dnx_alloc(sizes[i])) != NULL;
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        ok &= (*doubles[i] = calloc(lengths[i], sizeof(double))) != NULL;
    dnx_status st = ok ? DNX_OK
                       : dnx_fail_at(err, DNX_EMEM, NULL,
                                     "no memory for %ld samples of %zu responses", s.n, d);
    for (size_t i = 0; ok && i < d; i++)
        s.a[i] = act == DNX_PRELU   ? samples->slopes[i]
                 : act == DNX_RELU  ? 0
                 : act == DNX_LEAKY ? .1f
                                    : 1;
    if (!st) st = start(&s, &g, samples->x, x_mean, pool, f, err);
    if (!st) st = alternate(&s, &g, pool, samples, f, err);
    if (!st) dnx_factors_set_constant(f, x_mean);
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) dnx_free(*floats[i]);
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) free(*doubles[i]);
    return st;
}
