/* test_low_rank.c - the mathematics of compress/low_rank.h, ranks, and the rewriting of a cfg. */
#include "lib/check.h"
#include "kernels/pool.h"
#include "compress/low_rank.h"
#include "compress/low_rank_net.h"

/* ---- moments and eigenvalues ---- */

static void check_moments(void) {
    enum { D = 7, N = 500 };
    float y[N][D];
    double mean[D] = {0};
    dnx_rng g;
    dnx_moments m;
    dnx_rng_seed(&g, 1, 0);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < D; k++) { /* large means: a naive variance would be inexact */
            y[i][k] = 3000 + 100 * (float)k + dnx_rng_normal(&g) * (float)(k + 1);
            mean[k] += (double)y[i][k] / N;
        }
    check_part(!dnx_moments_make(&m, D, NULL), "moments", "no memory", 0, 0);
    dnx_moments_add(&m, y[0], 123);
    dnx_moments_add(&m, y[123], N - 123);
    double worst = 0;
    for (int a = 0; a < D; a++)
        for (int b = a; b < D; b++) {
            double want = 0;
            for (int i = 0; i < N; i++)
                want += ((double)y[i][a] - mean[a]) * ((double)y[i][b] - mean[b]);
            worst = worse(worst, fabs(m.cross[a * D + b] - want) / N);
        }
    check_part(worst < 1e-8, "moments", "covariance", worst, 0);
    check_part(fabs(m.mean[3] - mean[3]) < 1e-9, "moments", "mean", m.mean[3], mean[3]);
    check_part(m.n == N, "moments", "count", m.n, N);
    dnx_moments_free(&m);
}

static void check_eigen(void) {
    enum { D = 40 };
    static double a[D * D], sigma[D], v[D * D];
    dnx_rng g;
    dnx_rng_seed(&g, 2, 0);
    for (int i = 0; i < D; i++)
        for (int j = i; j < D; j++) a[i * D + j] = a[j * D + i] = (double)dnx_rng_normal(&g);
    for (int i = 0; i < D; i++) a[i * D + i] += 20; /* now positive definite */
    check_part(!dnx_eigen(a, D, sigma, v, NULL), "eigen", "fails", 0, 0);
    double worst = 0, crossed = 0;
    for (int k = 0; k < D; k++) {
        if (k) check_part(sigma[k] <= sigma[k - 1], "eigen", "order", sigma[k], sigma[k - 1]);
        for (int i = 0; i < D; i++) {
            double sum = 0, dot = 0;
            for (int j = 0; j < D; j++) {
                sum += a[i * D + j] * v[k * D + j];
                dot += v[k * D + j] * v[i * D + j];
            }
            worst = worse(worst, fabs(sum - sigma[k] * v[k * D + i]));
            crossed = worse(crossed, fabs(dot - (i == k)));
        }
    }
    check_part(worst < 1e-10, "eigen", "A v = sigma v", worst, 0);
    check_part(crossed < 1e-12, "eigen", "unit vectors", crossed, 0);
    double s[] = {4, 3, 1, 0};
    check_part(dnx_energy(s, 4, 2) == 7. / 8 && dnx_energy(s, 4, 4) == 1, "eigen", "energy",
               dnx_energy(s, 4, 2), 7. / 8);
    check_part(dnx_numerical_rank(s, 4) == 3, "eigen", "rank", dnx_numerical_rank(s, 4), 3);
    a[5] = NAN;
    check_part(dnx_eigen(a, D, sigma, v, NULL) == DNX_ENUMBER, "eigen", "takes NaN", 0, 0);
}

/* ---- solutions ---- */

enum { DIM = 12, SAMPLES = 900 };

typedef struct {
    float y[SAMPLES * DIM], x[SAMPLES * DIM], slopes[DIM];
    double sigma[DIM], vectors[DIM * DIM], mean[DIM];
} data;

/* Makes responses y, some negative, and the eigenvectors of their covariance. x: a copy of y. */
static void make_data(data *d) {
    dnx_rng g;
    dnx_moments m;
    double mix[DIM * DIM];
    dnx_rng_seed(&g, 9, 0);
    for (int i = 0; i < DIM * DIM; i++) mix[i] = (double)dnx_rng_normal(&g);
    for (int i = 0; i < SAMPLES; i++) {
        double h[DIM];
        for (int k = 0; k < DIM; k++) h[k] = (double)dnx_rng_normal(&g) * pow(.75, k);
        for (int k = 0; k < DIM; k++) {
            double sum = -.4 + .1 * k;
            for (int j = 0; j < DIM; j++) sum += mix[k * DIM + j] * h[j];
            d->y[i * DIM + k] = (float)sum;
        }
    }
    memcpy(d->x, d->y, sizeof d->x);
    for (int k = 0; k < DIM; k++) d->slopes[k] = .3f - .05f * (float)k; /* some slopes < 0 */
    dnx_moments_make(&m, DIM, NULL);
    dnx_moments_add(&m, d->y, SAMPLES);
    dnx_eigen(m.cross, DIM, d->sigma, d->vectors, NULL);
    memcpy(d->mean, m.mean, sizeof d->mean);
    dnx_moments_free(&m);
}

static double act_of(double v, dnx_act act, double slope) {
    return act == DNX_LINEAR || v > 0 ? v
           : act == DNX_RELU          ? 0
           : act == DNX_LEAKY         ? .1 * v
                                      : slope * v;
}

/* Returns sum |r(y) - r(P Q x + c)|^2 / sum |r(y)|^2 over the samples. r: the activation `act`;
 * P, Q, c: members of f; y: member of d. */
static double objective(const data *d, const float *x, const dnx_factors *f, dnx_act act) {
    double sum = 0, norm = 0;
    for (int i = 0; i < SAMPLES; i++)
        for (int k = 0; k < DIM; k++) {
            double m = f->c[k];
            for (int r = 0; r < f->rank; r++)
                for (int j = 0; j < DIM; j++)
                    m += f->p[k * f->rank + r] * f->q[r * DIM + j] * (double)x[i * DIM + j];
            double a = act_of((double)d->y[i * DIM + k], act, (double)d->slopes[k]);
            double b = act_of(m, act, (double)d->slopes[k]);
            sum += (a - b) * (a - b);
            norm += a * a;
        }
    return sum / norm;
}

static void check_linear(const data *d) {
    for (int rank = 1; rank <= DIM; rank += 3) {
        dnx_factors f;
        dnx_factors_make(&f, DIM, rank, NULL);
        dnx_low_rank_linear(d->vectors, d->mean, &f);
        double left = 0, all = 0, raw = 0;
        for (int k = 0; k < DIM; k++) {
            all += d->sigma[k];
            left += k >= rank ? d->sigma[k] : 0;
        }
        for (int i = 0; i < SAMPLES * DIM; i++) raw += (double)d->y[i] * (double)d->y[i];
        double got = objective(d, d->y, &f, DNX_LINEAR);
        check_part(fabs(got - left / raw) < 1e-9, "linear", "error is the energy left out", got,
                   left / raw);
        check_part(fabs(1 - left / all - dnx_energy(d->sigma, DIM, rank)) < 1e-12, "linear",
                   "energy", 0, 0);
        dnx_factors_free(&f);
    }
}

static void check_nonlinear(data *d, dnx_act act, const char *name, double at_most) {
    dnx_pool *pool = dnx_pool_new(2);
    for (int rank = 2; rank <= DIM; rank += 3) {
        dnx_factors f, l;
        float x[SAMPLES * DIM];
        dnx_samples s = {.y = d->y, .x = x, .n = SAMPLES, .act = act, .slopes = d->slopes};
        memcpy(x, d->x, sizeof x);
        dnx_factors_make(&f, DIM, rank, NULL);
        dnx_factors_make(&l, DIM, rank, NULL);
        dnx_low_rank_linear(d->vectors, d->mean, &l);
        dnx_status st = dnx_low_rank_nonlinear(&s, pool, &f, NULL);
        check_part(!st, name, "fails", st, 0);
        double linear = objective(d, d->x, &l, act), got = objective(d, d->x, &f, act);
        check_part(fabs(s.before - linear) < 1e-5, name, "start is the linear solution", s.before,
                   linear);
        check_part(fabs(s.after - got) < 1e-5, name, "its objective is that of M and c", s.after,
                   got);
        check_part(got <= linear * at_most + 1e-9, name, "is better than linear", got, linear);
        dnx_factors_free(&f);
        dnx_factors_free(&l);
    }
    dnx_pool_free(pool);
}

/* x is a linear mixture of y. With full rank the solution undoes the mixture. */
static void check_asymmetric(const data *d) {
    dnx_pool *pool = dnx_pool_new(1);
    dnx_rng g;
    dnx_factors f;
    float x[SAMPLES * DIM], keep[SAMPLES * DIM];
    double mix[DIM * DIM];
    dnx_samples s = {.y = d->y, .x = x, .n = SAMPLES, .act = DNX_PRELU, .slopes = d->slopes};
    dnx_rng_seed(&g, 4, 0);
    for (int i = 0; i < DIM * DIM; i++) mix[i] = (double)dnx_rng_normal(&g) + 3 * (i % 13 == 0);
    for (int i = 0; i < SAMPLES; i++)
        for (int k = 0; k < DIM; k++) {
            double sum = 5;
            for (int j = 0; j < DIM; j++) sum += mix[k * DIM + j] * (double)d->y[i * DIM + j];
            x[i * DIM + k] = (float)sum;
        }
    memcpy(keep, x, sizeof x);
    dnx_factors_make(&f, DIM, DIM, NULL);
    dnx_low_rank_nonlinear(&s, pool, &f, NULL);
    check_part(objective(d, keep, &f, DNX_PRELU) < 1e-6, "asymmetric", "a mixture is undone",
               s.after, 0);
    dnx_factors_free(&f);
    memcpy(x, d->x, sizeof x);
    /* With two constant inputs the covariance of x is singular. */
    for (int i = 0; i < SAMPLES; i++) x[i * DIM] = x[i * DIM + 1] = 7;
    dnx_factors_make(&f, DIM, 4, NULL);
    s.act = DNX_RELU;
    dnx_status st = dnx_low_rank_nonlinear(&s, pool, &f, NULL);
    check_part(!st && s.after < 1 && isfinite(f.c[0]), "asymmetric", "constant inputs", s.after, 0);
    dnx_factors_free(&f);
    dnx_pool_free(pool);
}

/* The responses with the largest variance are below 0, so ReLU removes them. The nonlinear solution
 * must fit the others. */
static void check_hidden(void) {
    static float y[SAMPLES * DIM], x[SAMPLES * DIM];
    dnx_pool *pool = dnx_pool_new(1);
    dnx_rng g;
    dnx_factors f;
    dnx_samples s = {.y = y, .x = x, .n = SAMPLES, .act = DNX_RELU};
    dnx_rng_seed(&g, 8, 0);
    for (int i = 0; i < SAMPLES * DIM; i++)
        y[i] = i % DIM < DIM / 2 ? dnx_rng_normal(&g) : 2 * dnx_rng_normal(&g) - 20;
    memcpy(x, y, sizeof x);
    dnx_factors_make(&f, DIM, DIM / 2, NULL);
    dnx_low_rank_nonlinear(&s, pool, &f, NULL);
    check_part(s.before > .4 && s.after < .5 * s.before, "nonlinear",
               "what relu hides is not fitted", s.after, s.before);
    dnx_factors_free(&f);
    dnx_pool_free(pool);
}

/* ---- ranks ---- */

static void check_ranks(void) {
    double a[] = {8, 4, 2, 1}, b[] = {5, 5, 5, 5}, c[] = {100, 1, .1, .01}, least = 0;
    dnx_rank_layer l[] = {{4, a, 40, 12, 0}, {4, b, 40, 12, 0}, {4, c, 80, 24, 0}};
    check_part(dnx_rank_select(l, 3, 160, 1, &least) && l[0].rank == 4 && l[1].rank == 4, "ranks",
               "nothing to save", l[0].rank, 4);
    check_part(least == 12 + 12 + 24, "ranks", "least", least, 48);
    check_part(!dnx_rank_select(l, 3, 47, 1, &least), "ranks", "too small a budget", least, 47);
    check_part(dnx_rank_select(l, 3, 120, 1, &least), "ranks", "fails", 0, 0);
    double cost = 0;
    for (int i = 0; i < 3; i++) cost += dnx_rank_cost(&l[i], l[i].rank);
    check_part(cost <= 120, "ranks", "budget", cost, 120);
    check_part(l[2].rank == 1 && l[1].rank == 4 && l[0].rank == 4, "ranks", "choice", l[2].rank, 1);
    check_part(dnx_rank_select(l, 3, 115, 2, &least) && l[0].rank == 2 && l[1].rank == 4 &&
                   l[2].rank == 2 && least == 24 + 24 + 48,
               "ranks", "multiples", l[0].rank, 2);
}

/* ---- the cfg ---- */

static void check_cfg(void) {
    const char *text = "# head\n[net]\nheight=4\nwidth=4\nchannels=2\n\n[convolutional]\r\n"
                       "filters=4 \r\n groups = 1\r\n# a comment\r\nsize=3\r\n\n[conv]\nfilters=3";
    const char *want = "# note\n# head\n[net]\nheight=4\nwidth=4\nchannels=2\n\n[low_rank]\r\n"
                       "rank=2\r\nfilters=4 \r\n# a comment\r\nsize=3\r\n\n[conv]\nfilters=3";
    dnx_low_rank_source of = {.text = strdup(text), .length = strlen(text)};
    char *out = NULL;
    int ranks[] = {2, 0};
    dnx_cfg_parse(text, of.length, "test", &of.cfg, NULL);
    dnx_status st = dnx_net_build(of.cfg, &(dnx_build){.threads = 1}, &of.net, NULL);
    if (!st) st = dnx_low_rank_cfg(&of, ranks, "# note\n", &out, NULL);
    if (!check_part(!st && out && !strcmp(out, want), "cfg", "is rewritten", st, 0))
        printf("%s\n", out);
    free(out);
    free(of.text);
    dnx_net_free(of.net);
    dnx_cfg_free(of.cfg);
}

int main(void) {
    static data d;
    check_moments();
    check_eigen();
    make_data(&d);
    check_linear(&d);
    check_nonlinear(&d, DNX_LINEAR, "nonlinear of linear", 1);
    check_nonlinear(&d, DNX_RELU, "nonlinear of relu", .98);
    check_nonlinear(&d, DNX_LEAKY, "nonlinear of leaky", .98);
    check_nonlinear(&d, DNX_PRELU, "nonlinear of prelu", .98);
    check_asymmetric(&d);
    check_hidden();
    check_ranks();
    check_cfg();
    return summary();
}
