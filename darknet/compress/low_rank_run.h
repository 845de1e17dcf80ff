/* low_rank_run.h - compresses a network's convolutions on sample images: collect, choose ranks,
 * solve, measure. The last of the images are held out: nothing is fitted to them, and they alone
 * measure the errors. Prints nothing. */
#ifndef DNX_LOW_RANK_RUN_H
#define DNX_LOW_RANK_RUN_H
#include "compress/low_rank_net.h"

typedef enum { DNX_LINEAR_SOLUTION, DNX_NONLINEAR, DNX_ASYMMETRIC } dnx_low_rank_method;

/* One [convolutional] without groups before the first loss. */
typedef struct {
    dnx_responses r;
    dnx_moments moments;       /* of the true responses */
    double *sigma, *vectors;   /* of their covariance: N eigenvalues, falling; N x N, rows */
    double dense, per_rank;    /* multiply-adds an image: as it is, and for each rank */
    int most;                  /* largest rank: min(N, K) */
    int rank;                  /* 0: left alone */
    dnx_factors f;
    double *variance;          /* N, of the approximated responses */
    double alone, within;      /* sum |r(y) - r(M x + c)|^2 / sum |r(y)|^2: x = y; x of `small` */
    double norm;
    float *y, *x;              /* samples, when a method needs them all at once */
} dnx_low_rank_layer;

/* Reads sample image i as the network's floats. */
typedef dnx_status dnx_low_rank_read(void *arg, size_t i, float *x, dnx_err *err);

typedef struct {
    dnx_net *net;              /* predicts, batch 1, weights loaded */
    dnx_net *small;            /* the same with [low_rank] layers; for solve and measure */
    dnx_low_rank_method method;
    int positions;             /* pixels of an image that are sampled, at most */
    size_t images;
    double held_out;           /* the share of them to measure with, rounded down; not 0: at least
                                * one image; but none that the fit needs */
    uint64_t seed;
    dnx_low_rank_read *read;
    void *arg;
    void (*tell)(void *arg, const char *what, size_t done, size_t all); /* may be NULL */
    /* the results */
    size_t fitted, measured;   /* images; measured 0: the errors are unknown */
    dnx_low_rank_layer *layers;
    int n, last;               /* last: the layer before the first loss */
    double macs;               /* multiply-adds an image of layers 0..last */
    double error, cosine;      /* of layer last's output: |f - f'|^2 / |f|^2; mean cosine */
} dnx_low_rank;

/* Finds the layers, holds images out, runs the others once and decomposes the covariances. Memory
 * does not grow with the images. DNX_ESHAPE: no such layer; too few images for a covariance of full
 * rank (says how many are needed). */
dnx_status dnx_low_rank_collect(dnx_low_rank *c, dnx_err *err);
/* Fills layer i's, and with it small's, parameters for every rank that is not 0: linear from the
 * covariances; nonlinear with all samples of some layers at a time; asymmetric layer by layer from
 * the first on. DNX_ESHAPE: a rank above what the samples can tell apart. */
dnx_status dnx_low_rank_solve(dnx_low_rank *c, dnx_err *err);
/* Runs both networks on the images held out and fills the errors. */
dnx_status dnx_low_rank_measure(dnx_low_rank *c, dnx_err *err);
void dnx_low_rank_close(dnx_low_rank *c); /* not the networks */
#endif
