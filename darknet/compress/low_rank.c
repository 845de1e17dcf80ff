/* low_rank.c - moments, eigenvalues, the linear solution, and ranks. */
#include "compress/low_rank.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOISE 1e-10 /* eigenvalues below this share of the largest are rounding errors */

static dnx_status no_memory(dnx_err *err) {
    return dnx_fail_at(err, DNX_EMEM, NULL, "no memory for the low-rank solution");
}

/* ---- streaming mean and covariance ---- */

dnx_status dnx_moments_make(dnx_moments *m, int d, dnx_err *err) {
    size_t D = (size_t)d;
    *m = (dnx_moments){d, 0, calloc(D, sizeof(double)), calloc(D * D, sizeof(double)),
                       calloc(2 * D, sizeof(double))};
    return m->mean && m->cross && m->delta ? DNX_OK : no_memory(err);
}

void dnx_moments_free(dnx_moments *m) {
    free(m->mean);
    free(m->cross);
    free(m->delta);
    *m = (dnx_moments){0};
}

/* Uses Welford's update, which avoids differences of large sums. */
void dnx_moments_add(dnx_moments *m, const float *y, long rows) {
    size_t d = (size_t)m->d;
    double *before = m->delta, *after = m->delta + d;
    for (long r = 0; r < rows; r++, y += d) {
        m->n++;
        for (size_t i = 0; i < d; i++) {
            before[i] = (double)y[i] - m->mean[i];
            m->mean[i] += before[i] / m->n;
            after[i] = (double)y[i] - m->mean[i];
        }
        for (size_t i = 0; i < d; i++)
            for (size_t j = i; j < d; j++) m->cross[i * d + j] += before[i] * after[j];
    }
}

/* ---- eigenvalues ---- */

dnx_status dnx_eigen(const double *a, int d, double *sigma, double *vectors, dnx_err *err) {
    size_t D = (size_t)d;
    double *v = malloc(sizeof *v * D * D);
    if (!v) return no_memory(err);
    memcpy(v, a, sizeof *v * D * D);
    bool is_finite = true;
    for (size_t i = 0; i < D * D; i++) is_finite &= isfinite(v[i]) != 0;
    /* 'L' means lower: LAPACK reads our rows as columns, so our upper triangle is its lower one. */
    lapack_int info = is_finite ? LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', d, v, d, sigma) : 1;
    for (size_t k = 0; !info && k < D; k++) { /* LAPACK's order is smallest first; reverses it */
        const double *from = v + (D - 1 - k) * D;
        size_t largest = 0;
        for (size_t i = 1; i < D; i++)
            if (fabs(from[i]) > fabs(from[largest])) largest = i;
        double sign = from[largest] < 0 ? -1 : 1;
        for (size_t i = 0; i < D; i++) vectors[k * D + i] = sign * from[i];
    }
    for (size_t k = 0; !info && k < (D + 1) / 2; k++) {
        double s = fmax(sigma[k], 0);
        sigma[k] = fmax(sigma[D - 1 - k], 0);
        sigma[D - 1 - k] = s;
    }
    free(v);
    if (!is_finite) return dnx_fail_at(err, DNX_ENUMBER, NULL, "the covariance is not finite");
    if (!info) return DNX_OK;
    return dnx_fail_at(err, DNX_ENUMBER, NULL, "the eigenvalues did not converge (dsyevd %d)",
                       (int)info);
}

int dnx_numerical_rank(const double *sigma, int d) {
    int r = 0;
    while (r < d && sigma[r] > NOISE * sigma[0]) r++;
    return r;
}

double dnx_energy(const double *sigma, int d, int rank) {
    double sum = 0, all = 0;
    for (int i = 0; i < d; i++) {
        if (i < rank) sum += sigma[i];
        all += sigma[i];
    }
    return all > 0 ? sum / all : 1;
}

/* ---- solutions ---- */

dnx_status dnx_factors_make(dnx_factors *f, int d, int rank, dnx_err *err) {
    size_t D = (size_t)d, R = (size_t)rank;
    *f = (dnx_factors){d,
                       rank,
                       calloc(D * R, sizeof(double)),
                       calloc(D * R, sizeof(double)),
                       calloc(D, sizeof(double)),
                       calloc(D, sizeof(double))};
    return f->p && f->q && f->mean && f->c ? DNX_OK : no_memory(err);
}

void dnx_factors_free(dnx_factors *f) {
    free(f->p);
    free(f->q);
    free(f->mean);
    free(f->c);
    *f = (dnx_factors){0};
}

void dnx_factors_set_constant(dnx_factors *f, const double *x) {
    size_t D = (size_t)f->d, R = (size_t)f->rank;
    memcpy(f->c, f->mean, sizeof *f->c * D);
    for (size_t r = 0; r < R; r++) {
        double t = 0;
        for (size_t i = 0; i < D; i++) t += f->q[r * D + i] * x[i];
        for (size_t i = 0; i < D; i++) f->c[i] -= f->p[i * R + r] * t;
    }
}

void dnx_low_rank_linear(const double *vectors, const double *mean, dnx_factors *f) {
    size_t D = (size_t)f->d, R = (size_t)f->rank;
    memcpy(f->q, vectors, sizeof *f->q * R * D);
    for (size_t i = 0; i < D; i++)
        for (size_t r = 0; r < R; r++) f->p[i * R + r] = vectors[r * D + i];
    memcpy(f->mean, mean, sizeof *f->mean * D);
    dnx_factors_set_constant(f, mean);
}

/* ---- ranks ---- */

double dnx_rank_cost(const dnx_rank_layer *l, int rank) {
    double divided = l->per_rank * rank;
    return divided < l->dense ? divided : l->dense;
}

static double total(const dnx_rank_layer *layers, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += dnx_rank_cost(&layers[i], layers[i].rank);
    return sum;
}

/* Returns the next smaller multiple of step, or the rank itself when that multiple is 0. */
static int fewer(int rank, int step) {
    int r = (rank - 1) / step * step;
    return r > 0 ? r : rank;
}

/* Returns the share of its energy that the layer loses for each multiply-add saved, when its rank
 * falls by one step. Returns INFINITY when the rank cannot fall. */
static double price(const dnx_rank_layer *l, int step) {
    int next = fewer(l->rank, step);
    double lost = 0, kept = 0;
    for (int a = 0; a < l->rank; a++) {
        kept += l->sigma[a];
        if (a >= next) lost += l->sigma[a];
    }
    return next == l->rank ? INFINITY
                           : (kept > 0 ? lost / kept : 0) / (l->per_rank * (l->rank - next));
}

bool dnx_rank_select(dnx_rank_layer *layers, int n, double budget, int step, double *least) {
    for (int i = 0; i < n; i++) layers[i].rank = layers[i].most < step ? layers[i].most : step;
    *least = total(layers, n);
    if (*least > budget) return false;
    for (int i = 0; i < n; i++) layers[i].rank = layers[i].most;
    while (total(layers, n) > budget) {
        int best = 0;
        for (int i = 1; i < n; i++)
            if (price(&layers[i], step) < price(&layers[best], step)) best = i;
        layers[best].rank = fewer(layers[best].rank, step);
    }
    return true;
}
