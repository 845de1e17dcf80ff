/* norm.h - batch norm of C channels: u = x*scale + shift. Ioffe and Szegedy 2015, algorithm 1. */
#ifndef DNX_NORM_H
#define DNX_NORM_H
#include "dnx.h"

#define DNX_NORM_EPS 1e-5      /* added to the variance */
#define DNX_NORM_MOMENTUM .99f /* running statistics: .99 old + .01 batch, as in libdarknet */

/* Each array has c floats. Batch norm is u = (x - mean) / sqrt(variance + 1e-5) * scales + shifts.
 * scale and shift are its short form: u = x*scale + shift. */
typedef struct {
    int c;
    float *shifts, *scales, *mean, *variance;
    float *d_shifts, *d_scales;
    float *scale, *shift;
    /* The arrays below are NULL when predicting. */
    float *batch_mean, *inv_std; /* the batch's mean; 1 / sqrt(the batch's variance + 1e-5) */
    float *p, *q, *r;            /* dx = du*p + x*q + r */
} dnx_norm;

/* Allocates the arrays, and declares the parameters shifts, scales, mean and variance; without
 * has_bn, only shifts. m->c must be set. of_input: the layer normalises its input. The parameters
 * then have no roles (dnx_role), so that no other code folds them into weights. Otherwise the
 * parameter shifts is named "biases". Fails with DNX_EMEM. */
dnx_status dnx_norm_make(dnx_norm *m, dnx_node *n, bool of_input, bool has_bn, dnx_err *err);
/* Computes scale and shift from the running statistics. */
void dnx_norm_fold(const dnx_norm *m);
/* Computes scale and shift from a batch of `rows` rows, and updates the running statistics. sums: C
 * sums of x, then C sums of x^2. */
void dnx_norm_batch(const dnx_norm *m, const double *sums, double rows);
/* Adds to the gradients d_scales and d_shifts. Computes p, q and r. sums: C sums of du, then C sums
 * of du*x, over `rows` rows. */
void dnx_norm_back(const dnx_norm *m, const double *sums, double rows);
/* Adds the sums of the other threads, in order, to the sums of thread 0. sums: threads x len. */
void dnx_norm_gather(double *sums, size_t len, int threads);
#endif
