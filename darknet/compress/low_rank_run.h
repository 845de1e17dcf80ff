/* low_rank_run.h - compresses a network's convolutions by means of sample images:
 * dnx_low_rank_collect(), dnx_low_rank_choose() (in low_rank_choose.h), dnx_low_rank_solve() and
 * dnx_low_rank_measure(), in this order. The last images are held out: only dnx_low_rank_measure()
 * uses them. */
#ifndef DNX_LOW_RANK_RUN_H
#define DNX_LOW_RANK_RUN_H
#include "compress/low_rank_net.h"

typedef enum { DNX_LINEAR_SOLUTION, DNX_NONLINEAR, DNX_ASYMMETRIC } dnx_low_rank_method;

/* A convolution without groups, before the first loss. */
typedef struct {
    dnx_responses r;
    dnx_moments moments;    /* mean and covariance of the responses of `net` */
    double *sigma;          /* N eigenvalues of the responses' covariance, largest first */
    double *vectors;        /* N x N: row k is the eigenvector of sigma[k] */
    double dense, per_rank; /* multiply-adds for an image: of the original layer; of the [low_rank]
                             * layer, per unit of rank */
    int most; /* largest rank: r.K or, if less, the number of filters whose responses vary */
    int rank; /* 0 when the layer is not changed */
    dnx_factors f;
    double *variance; /* N variances of the approximated responses */
    /* Relative errors on the held-out images: sum |r(y) - r(M x + c)|^2 divided by sum |r(y)|^2
     * (low_rank.h explains the letters), where y are the exact responses.
     * alone: only this layer is approximated, so x = y.
     * within: earlier layers are approximated, too. x are the original layer's responses to the
     * input that the layer gets in `small`. */
    double alone, within;
    double norm;   /* sum |r(y)|^2 */
    float *y, *x;  /* while solving: the arrays y and x of dnx_samples (low_rank.h) */
    float *packed; /* while measuring: M^T, packed for the kernels */
} dnx_low_rank_layer;

/* Reads sample image i into x, as the network's input. arg: dnx_low_rank.arg. */
typedef dnx_status dnx_low_rank_read(void *arg, size_t i, float *x, dnx_err *err);

/* The caller sets the members up to `progress`, but `small` only before dnx_low_rank_solve(). */
typedef struct {
    dnx_net *net;   /* built to predict with batch 1; its weights are loaded */
    dnx_net *small; /* net with [low_rank] layers, for solve and measure */
    dnx_low_rank_method method;
    int positions; /* the most pixels that are sampled in an image */
    size_t images;
    double held_out; /* the share of the images that is held out for measuring */
    uint64_t seed;
    dnx_low_rank_read *read;
    void *arg;
    void (*progress)(void *arg, const char *what, size_t done, size_t all); /* may be NULL */
    size_t fitted,
        measured; /* numbers of images for the fit and for measuring; `measured` may be 0 */
    dnx_low_rank_layer *layers;
    float *scratch; /* 5 x the largest number of sampled responses that a layer has for an image */
    int n, last;    /* n: length of layers[]; last: index of the last layer before the first loss */
    double macs;    /* multiply-adds of layers 0..last, for one image */
    /* Means over the held-out images, for the outputs f of net and g of small at layer `last`:
     * |f - g|^2 / |f|^2, and the cosine of f and g. */
    double error, cosine;
} dnx_low_rank;

/* Finds the layers, and decomposes the covariance of each layer's responses. Errors: DNX_ESHAPE
 * when no layer can be replaced, or images are too few; DNX_ENUMBER, DNX_EMEM, and errors of
 * read(). */
dnx_status dnx_low_rank_collect(dnx_low_rank *c, dnx_err *err);
/* Computes the parameters of all layers with rank > 0, and writes them into small. Errors:
 * DNX_ESHAPE when a layer's rank exceeds the number of directions in which its samples vary;
 * DNX_ENUMBER, DNX_EMEM, and errors of read(). */
dnx_status dnx_low_rank_solve(dnx_low_rank *c, dnx_err *err);
/* Computes the errors of small on the held-out images: error, cosine, and alone and within of each
 * layer. Errors: DNX_ENUMBER, DNX_EMEM, and errors of read(). */
dnx_status dnx_low_rank_measure(dnx_low_rank *c, dnx_err *err);
void dnx_low_rank_close(dnx_low_rank *c); /* does not free the networks */
#endif
