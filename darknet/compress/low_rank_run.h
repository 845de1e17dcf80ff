/* low_rank_run.h - compresses a network's convolutions on sample images: collect, choose ranks,
 * solve, measure. The last images are held out: they serve only to measure the errors. */
#ifndef DNX_LOW_RANK_RUN_H
#define DNX_LOW_RANK_RUN_H
#include "compress/low_rank_net.h"

typedef enum { DNX_LINEAR_SOLUTION, DNX_NONLINEAR, DNX_ASYMMETRIC } dnx_low_rank_method;

/* A convolution without groups, before the first loss. */
typedef struct {
    dnx_responses r;
    dnx_moments moments;     /* of the exact responses */
    double *sigma, *vectors; /* N eigenvalues of their covariance, largest first; N x N, rows */
    double dense, per_rank;  /* multiply-adds per image: of the original layer; for each rank */
    int most;                /* largest rank: min(N, K) */
    int rank;                /* 0 when the layer is not changed */
    dnx_factors f;
    double *variance; /* N variances of the approximated responses */
    /* sum |r(y) - r(M x + c)|^2 / sum |r(y)|^2. alone: x = y; within: x from `small`. */
    double alone, within;
    double norm;
    float *y, *x; /* samples, for methods that need all of them at once */
} dnx_low_rank_layer;

/* Reads sample image i as the network's floats. */
typedef dnx_status dnx_low_rank_read(void *arg, size_t i, float *x, dnx_err *err);

typedef struct {
    dnx_net *net;   /* predicts, batch 1, with weights */
    dnx_net *small; /* the network with [low_rank] layers, for solve and measure */
    dnx_low_rank_method method;
    int positions; /* the most pixels that are sampled in an image */
    size_t images;
    /* The share of images that are held out, the last ones. Rounded down, but at least one image
     * unless it is 0. */
    double held_out;
    uint64_t seed;
    dnx_low_rank_read *read;
    void *arg;
    void (*progress)(void *arg, const char *what, size_t done, size_t all); /* may be NULL */
    /* the results */
    size_t fitted, measured; /* numbers of images; with measured = 0 the errors are unknown */
    dnx_low_rank_layer *layers;
    int n, last;          /* last: the layer before the first loss */
    double macs;          /* multiply-adds of layers 0..last for an image */
    double error, cosine; /* of the output of layer `last`: |f - f'|^2 / |f|^2; mean cosine */
} dnx_low_rank;

/* Finds the layers, holds images out, runs the others once and decomposes the covariances. Its
 * memory does not depend on the number of images. DNX_ESHAPE when no layer can be replaced, or
 * there are too few images for a covariance of full rank (the message gives the number needed). */
dnx_status dnx_low_rank_collect(dnx_low_rank *c, dnx_err *err);
/* Computes the parameters of all layers with rank > 0, and writes them into small. The methods:
 * linear uses the covariances; nonlinear holds the samples of several layers in memory at a time;
 * asymmetric goes layer by layer, in order. DNX_ESHAPE when a rank is larger than that of the
 * samples. */
dnx_status dnx_low_rank_solve(dnx_low_rank *c, dnx_err *err);
/* Runs both networks on the held-out images and computes the errors. */
dnx_status dnx_low_rank_measure(dnx_low_rank *c, dnx_err *err);
void dnx_low_rank_close(dnx_low_rank *c); /* does not free the networks */
#endif
