/* low_rank.h - the mathematics of low-rank approximation: Zhang, Zou, He, Sun, "Accelerating Very
 * Deep Convolutional Networks for Classification and Detection", arXiv 1505.06798.
 *
 * A layer has d responses y = W x + b before its activation r. They are replaced by M y + c with a
 * matrix M = P Q of rank R: P is d x R, Q is R x d. Sums are kept and systems solved in double. */
#ifndef DNX_LOW_RANK_H
#define DNX_LOW_RANK_H
#include "dnx.h"
#include "kernels/kernels.h"

/* ---- streaming mean and covariance ---- */

typedef struct {
    int d;
    double n;      /* vectors so far */
    double *mean;  /* d */
    double *cross; /* d x d: sum of (y - mean)(y - mean)^T, upper triangle */
    double *delta; /* 2 x d, scratch */
} dnx_moments;

dnx_status dnx_moments_make(dnx_moments *m, int d, dnx_err *err);
void dnx_moments_free(dnx_moments *m);
/* Adds `rows` vectors of d floats. The memory does not depend on their number. */
void dnx_moments_add(dnx_moments *m, const float *y, long rows);

/* ---- eigenvalues ---- */

/* Stores the eigenvalues of a symmetric d x d matrix in sigma, from the largest to the smallest,
 * with 0 for negative ones. Reads only the upper triangle of `a`. Stores the unit eigenvectors in
 * the rows of `vectors`, each with its largest component positive. DNX_ENUMBER when a number is not
 * finite, or the computation does not converge. */
dnx_status dnx_eigen(const double *a, int d, double *sigma, double *vectors, dnx_err *err);
/* The number of eigenvalues that are neither zero nor a rounding error. */
int dnx_numerical_rank(const double *sigma, int d);
/* The sum of the first `rank` eigenvalues as a part of the sum of all, 0..1; 1 when all are 0. */
double dnx_energy(const double *sigma, int d, int rank);

/* ---- solutions ---- */

typedef struct {
    int d, rank;
    double *p;    /* d x rank */
    double *q;    /* rank x d */
    double *mean; /* d: mean of M y + c over the samples */
    double *c;    /* d */
} dnx_factors;

dnx_status dnx_factors_make(dnx_factors *f, int d, int rank, dnx_err *err);
void dnx_factors_free(dnx_factors *f);

/* Sets c = mean - P Q x, so that M y + c has the mean f->mean when y has the mean x. */
void dnx_factors_set_constant(dnx_factors *f, const double *x);
/* The paper's linear case: M = U U^T of the first eigenvectors, c = mean - M mean. */
void dnx_low_rank_linear(const double *vectors, const double *mean, dnx_factors *f);

/* The nonlinear case and the asymmetric reconstruction: min sum_i |r(y_i) - r(M x_i + c)|^2 by an
 * alternating solution, first with the penalty lambda = .01 and then with 1, `iterations` steps
 * each. y: n x d, the true responses. x: n x d, the responses when the layers before are
 * approximated, or a copy of y; x is centred in place, so y must not share its memory. r: `act` is
 * RELU, LEAKY, or PRELU with d slopes. The first solution is the best linear one, min sum |y_i - M
 * x_i - c|^2. The result is the solution with the smallest objective, so it is never worse than the
 * first. For other activations the result is the first solution. before, after: the objective
 * divided by sum |r(y_i)|^2, for other activations without r; both may be NULL. DNX_EMEM,
 * DNX_ENUMBER. */
dnx_status dnx_low_rank_nonlinear(const float *y, float *x, long n, dnx_act act,
                                  const float *slopes, int iterations, struct dnx_pool *pool,
                                  dnx_factors *f, double *before, double *after, dnx_err *err);
/* True for an activation that the alternating solution supports. */
bool dnx_low_rank_knows(dnx_act act);

/* ---- ranks ---- */

typedef struct {
    int d, most;            /* d: responses; most: the largest useful rank */
    const double *sigma;    /* d eigenvalues */
    double dense, per_rank; /* multiply-adds per image: of the original layer; for each rank */
    int rank;               /* the result; with d the layer is not changed */
} dnx_rank_layer;

/* Returns the multiply-adds of the layer with this rank, but at most those of the original. */
double dnx_rank_cost(const dnx_rank_layer *l, int rank);
/* Rank selection: searches the ranks that maximise prod_l sum_{a<=R_l} sigma_{l,a} with sum_l cost
 * <= budget. It is greedy: it removes `step` eigenvalues at a time from the layer that loses the
 * smallest share of its energy for each saved multiply-add. Ranks become multiples of step. *least:
 * the cost of the smallest ranks. Returns false when this is more than the budget. */
bool dnx_rank_select(dnx_rank_layer *layers, int n, double budget, int step, double *least);
#endif
