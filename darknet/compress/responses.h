/* responses.h - samples of a convolution's responses: y = W x + b with batch norm folded in, before
 * the activation, at random pixels of an image that runs through a predicting network. */
#ifndef DNX_RESPONSES_H
#define DNX_RESPONSES_H
#include "common/conv/patches.h"
#include "layer/compression.h"
#include "kernels/kernels.h"
#include "net/net.h"

typedef struct {
    int layer, N, K;
    dnx_patches at;
    int positions; /* sampled pixels per image */
    bool has_bn;
    dnx_act act;
    const float *slopes; /* N slopes of PRELU, owned by the network; else NULL */
    double *w, *b;       /* N x K in file order, and N; batch norm is folded in */
    float *packed, *bias, *rows;
    float *in; /* the input, if it comes from a batch norm that the layer applies; else NULL */
} dnx_responses;

/* True when layer i is a convolution without groups. */
bool dnx_responses_fit(const dnx_net *net, int i);
/* Makes the samples of such a layer. positions: the largest number of different pixels that are
 * sampled in an image. DNX_EMEM. Call dnx_responses_free() also after an error. */
dnx_status dnx_responses_make(dnx_net *net, int i, int positions, dnx_responses *r, dnx_err *err);
void dnx_responses_free(dnx_responses *r);

/* Writes the responses to one image x into y, positions x N. Call it when layer r->layer is the
 * next to run. `net` is the network itself, or a compressed network with the same shapes. The
 * choice of pixels depends only on the layer, the seed and the number of the image. */
void dnx_responses_sample(const dnx_responses *r, dnx_net *net, const float *x, uint64_t seed,
                          uint64_t image, float *y);
/* Returns the array with this role among n parameters, or NULL. */
float *dnx_param_find(const dnx_param *list, int n, dnx_role role);
#endif
