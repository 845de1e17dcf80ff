/* responses.h - samples a convolution's responses y = W x + b at random pixels of an image, while
 * the network predicts. Batch norm is folded into W and b, and the activation is not applied. */
#ifndef DNX_RESPONSES_H
#define DNX_RESPONSES_H
#include "common/conv/patches.h"
#include "layer/compression.h"
#include "kernels/kernels.h"
#include "net/net.h"

typedef struct {
    int layer, N, K; /* N filters of K weights */
    dnx_patches at;
    int positions; /* number of pixels sampled in an image */
    dnx_act act;
    const float *slopes; /* N slopes of PRELU, owned by the network; else NULL */
    /* W, N x K, ordered as in weights files, and b, N numbers. Both contain the batch norm. */
    double *w, *b;
    float *packed, *bias; /* W, packed for the kernels, and b, as floats */
    float *rows;          /* scratch: the windows of the sampled pixels, positions x K */
    float *in; /* scratch for the layer's input when dnx_net_own_output() computes it, else NULL */
} dnx_responses;

/* Returns true when layer i is a convolution without groups. */
bool dnx_responses_fit(const dnx_net *net, int i);
/* Prepares the sampling of layer i, for which dnx_responses_fit() is true. positions: maximum
 * number of pixels to sample in an image. Errors: DNX_EMEM. Call dnx_responses_free() also after an
 * error. */
dnx_status dnx_responses_make(dnx_net *net, int i, int positions, dnx_responses *r, dnx_err *err);
void dnx_responses_free(dnx_responses *r);

/* Writes the responses of layer r->layer into y, positions x N. Call it when all earlier layers
 * have run on image x, and this layer has not. net may be a compressed network with the same
 * shapes. The pixels depend only on the layer, the seed and the number of the image. */
void dnx_responses_sample(const dnx_responses *r, dnx_net *net, const float *x, uint64_t seed,
                          uint64_t image, float *y);
/* Returns the values of the parameter with this role among n parameters, or NULL. */
float *dnx_param_find(const dnx_param *list, int n, dnx_role role);
#endif
