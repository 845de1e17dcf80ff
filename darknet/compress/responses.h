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
    int positions;       /* pixels of an image that are sampled */
    bool has_bn;
    dnx_act act;
    const float *slopes; /* N of PRELU, the network's; else NULL */
    double *w, *b;       /* N x K in file order, N: folded */
    float *packed, *bias, *rows;
    float *in; /* room for an input that is a batch norm which the layer applies, or NULL */
} dnx_responses;

/* True when layer i is a convolution without groups. */
bool dnx_responses_fit(const dnx_net *net, int i);
/* Of such a layer. positions: at most so many pixels of an image, without repetition. */
dnx_status dnx_responses_make(dnx_net *net, int i, int positions, dnx_responses *r, dnx_err *err);
void dnx_responses_free(dnx_responses *r);

/* Responses to one image into y, positions x N. Layer i of `net` must be the next to run; net is
 * the network itself or a compressed one of the same shapes. x: the image. Which pixels depends on
 * the layer, seed and image only. */
void dnx_responses_sample(const dnx_responses *r, dnx_net *net, const float *x, uint64_t seed,
                          uint64_t image, float *y);
/* The array of that role among n parameters, or NULL. */
float *dnx_param_find(const dnx_param *list, int n, dnx_role role);
#endif
