/* low_rank.h - the mathematics of low-rank approximation: Zhang, Zou, He, Sun, "Accelerating Very
 * Deep Convolutional Networks for Classification and Detection", arXiv 1505.06798.
 *
 * A layer computes d responses y = W x + b, and applies its activation r to them. The approximation
 * replaces y by M y + c, where M = P Q has rank R; P is d x R, Q is R x d. Solutions are computed
 * in double. */
#ifndef DNX_LOW_RANK_H
#define DNX_LOW_RANK_H
#include "dnx.h"
#include "kernels/kernels.h"

/* ---- streaming mean and covariance ---- */

typedef struct {
    int d;
    double n;      /* number of vectors added */
    double *mean;  /* d numbers */
    double *cross; /* d x d, upper triangle: sum of (y - mean)(y - mean)^T */
    double *delta; /* scratch: 2 x d numbers */
} dnx_moments;

/* Allocates zeroed sums for vectors of d numbers. Errors: DNX_EMEM. Call dnx_moments_free() also
 * after an error. */
dnx_status dnx_moments_make(dnx_moments *m, int d, dnx_err *err);
void dnx_moments_free(dnx_moments *m);
/* Adds the rows of y (`rows` x d) to the mean and the covariance. */
void dnx_moments_add(dnx_moments *m, const float *y, long rows);

/* ---- eigenvalues ---- */

/* Computes the eigenvalues and eigenvectors of the symmetric d x d matrix `a`. Reads the upper
 * triangle; the lower one may contain any finite numbers. sigma: d eigenvalues, largest first;
 * negative eigenvalues become 0. vectors: d x d, unit eigenvectors in rows, each with its component
 * of largest magnitude positive. Errors: DNX_ENUMBER when a number is not finite or LAPACK does not
 * converge; DNX_EMEM. */
dnx_status dnx_eigen(const double *a, int d, double *sigma, double *vectors, dnx_err *err);
/* Returns how many of d eigenvalues are above 1e-10 times the largest. */
int dnx_numerical_rank(const double *sigma, int d);
/* Returns the sum of the first `rank` eigenvalues divided by the sum of all d; 1 when all are 0. */
double dnx_energy(const double *sigma, int d, int rank);

/* ---- solutions ---- */

typedef struct {
    int d, rank;
    double *p;    /* d x rank */
    double *q;    /* rank x d */
    double *mean; /* d numbers: mean of M y + c over the samples */
    double *c;    /* d numbers */
} dnx_factors;

/* Allocates zeroed factors. Errors: DNX_EMEM. Call dnx_factors_free() also after an error. */
dnx_status dnx_factors_make(dnx_factors *f, int d, int rank, dnx_err *err);
void dnx_factors_free(dnx_factors *f);

/* Sets f->c = f->mean - P Q x, so that M y + c has the mean f->mean when y has the mean x. */
void dnx_factors_set_constant(dnx_factors *f, const double *x);
/* Stores the solution of the paper's linear case in f: M = U U^T, c = mean - M mean. The columns of
 * U are the first f->rank rows of `vectors`, which dnx_eigen() has computed. mean: d numbers, the
 * mean of y. */
void dnx_low_rank_linear(const double *vectors, const double *mean, dnx_factors *f);

/* Samples of responses. The objective of a solution M, c is sum_i |r(y_i) - r(M x_i + c)|^2. */
typedef struct {
    const float *y;       /* n x d: the true responses */
    float *x;             /* n x d: the responses when earlier layers are approximated, or a copy of
                           * y */
    long n;               /* number of samples */
    dnx_act act;          /* the activation r */
    const float *slopes;  /* d slopes; only read for PRELU */
    double before, after; /* results: the objective of the linear solution, and the smallest
                           * objective that was found; both divided by sum_i |r(y_i)|^2 */
} dnx_samples;

/* Solves the paper's nonlinear and asymmetric cases: minimises the objective of the samples. The
 * function subtracts the mean of x in place, so x and y must not share memory.
 *
 * f, from dnx_factors_make(), first gets the best linear solution, min sum_i |y_i - M x_i - c|^2.
 * For RELU, LEAKY and PRELU, 50 steps improve this solution: 25 with the penalty lambda = .01 (see
 * low_rank_nonlinear.c) and 25 with lambda = 1. For other activations, the linear solution is the
 * result. Errors: DNX_EMEM, DNX_ENUMBER. */
dnx_status dnx_low_rank_nonlinear(dnx_samples *samples, struct dnx_pool *pool, dnx_factors *f,
                                  dnx_err *err);
/* Returns true when dnx_low_rank_nonlinear() can minimise the objective for this activation:
 * LINEAR, RELU, LEAKY or PRELU. */
bool dnx_low_rank_knows(dnx_act act);

/* ---- ranks ---- */

typedef struct {
    int most;               /* the largest rank to choose */
    const double *sigma;    /* eigenvalues, at least `most`, largest first */
    double dense, per_rank; /* multiply-adds for an image: of the original layer; of the [low_rank]
                             * layer, per unit of rank */
    int rank;               /* set by dnx_rank_select(): the chosen rank, 1 to .most */
} dnx_rank_layer;

/* Returns the multiply-adds for an image when the layer has this rank, but at most l->dense. */
double dnx_rank_cost(const dnx_rank_layer *l, int rank);
/* Chooses the ranks of n layers, so that the product of the layers' energies is large and the total
 * cost is at most `budget` multiply-adds. A layer's energy is the sum of its first `rank`
 * eigenvalues. The search is greedy: each step lowers the rank of the layer that loses the smallest
 * share of its energy for each multiply-add saved. Lowered ranks are multiples of step. *least: the
 * total cost when each rank is `step`, or .most if that is less. Returns false when *least exceeds
 * the budget. */
bool dnx_rank_select(dnx_rank_layer *layers, int n, double budget, int step, double *least);
#endif
