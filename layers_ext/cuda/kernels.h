/* kernels.h - the kernels of the device and their arguments, for both sides.
 *
 * All tensors are float32, NHWC, on the device. "rows" are pixels of a batch. Sums over rows are
 * taken in two steps, slabs of rows first, so that they do not depend on the order in which blocks
 * run: two runs give the same bits. */
#ifndef DNX_CUDA_KERNELS_H
#define DNX_CUDA_KERNELS_H
#include <stdbool.h>

#include "kernels/activations.h"

/* Columns: name, whether threads of a block wait for each other. */
#define DNX_CUDA_KERNELS(X)                                                                     \
    X(conv_forward, true) X(conv_dx, true) X(conv_dw, true)                                     \
    X(conv_forward_tf32, true) X(conv_dx_tf32, true) X(conv_dw_tf32, true)                      \
    X(conv_forward_bf16, true) X(conv_dx_bf16, true) X(conv_dw_bf16, true)                      \
    X(filters, false) X(filters_back, false)                                                    \
    X(depthwise, false) X(depthwise_dx, false) X(depthwise_dw, true) X(depthwise_dw_sum, false) \
    X(norm_sums, true) X(norm_statistics, false) X(norm_back, false) X(norm_fold, false)        \
    X(norm_apply, false) X(norm_dz, false)                                                      \
    X(sum, false) X(scaled, false) X(channels, false) X(maxpool, false) X(maxpool_back, false)  \
    X(avgpool, false) X(avgpool_back, false) X(descend, false) X(fill, false)

enum { DNX_CUDA_TILE = 64 };    /* side of a tile of a product */
enum { DNX_CUDA_COLUMNS = 32 }; /* channels of a block of a sum over rows */
enum { DNX_CUDA_ROWS = 8 };     /* its rows at a time */
enum { DNX_CUDA_SLAB = 512 };   /* rows of a slab */
enum { DNX_CUDA_SPLIT = 4096 }; /* rows of a slab of conv_dw */

/* A convolution in groups. x: B x h x w x C; y: B x oh x ow x N. */
struct dnx_cuda_window {
    int batch, h, w, C, oh, ow, N, kh, kw, stride, pad, groups;
};

/* conv_forward: y = windows of x times wk. Blocks: (row tiles, N/groups tiles, groups). */
struct conv_forward_args {
    struct dnx_cuda_window at;
    const float *x;
    const float *wk; /* groups x N/groups x (kh x kw x C/groups) */
    float *y;
};
/* conv_dx: dx = or += the windows of dz that read each pixel, times wt. Blocks: (tiles of
 * input rows, C/groups tiles, groups). */
struct conv_dx_args {
    struct dnx_cuda_window at;
    const float *dz;
    const float *wt; /* groups x (kh x kw x N/groups) x C/groups */
    float *dx;
    bool adds;
};
/* conv_dw: the gradient of wk from each slab of rows. Blocks: (tiles of kh*kw*C/groups, tiles of
 * N/groups, groups x slabs). */
struct conv_dw_args {
    struct dnx_cuda_window at;
    const float *x, *dz;
    float *parts; /* slabs x groups x N/groups x (kh x kw x C/groups) */
    int slabs;
};
#define conv_forward_tf32_args conv_forward_args
#define conv_forward_bf16_args conv_forward_args
#define conv_dx_tf32_args conv_dx_args
#define conv_dx_bf16_args conv_dx_args
#define conv_dw_tf32_args conv_dw_args
#define conv_dw_bf16_args conv_dw_args

/* filters: copies w, N x C/groups x taps in file order, to wk and wt (NULL: not). */
struct filters_args {
    const float *w;
    float *wk, *wt;
    int N, groups, cg, taps;
};
/* filters_back: adds the sum of the slabs of conv_dw to dw, in file order. */
struct filters_back_args {
    const float *parts;
    float *dw;
    int N, groups, cg, taps, slabs;
};

/* depthwise: groups = C = N. w: C x kh x kw. One thread for each output. */
struct depthwise_args {
    struct dnx_cuda_window at;
    const float *x, *w;
    float *y;
};
struct depthwise_dx_args {
    struct dnx_cuda_window at;
    const float *dz, *w;
    float *dx;
    bool adds;
};
/* Blocks: (channel tiles, taps, slabs of output rows); parts: slabs x taps x C. */
struct depthwise_dw_args {
    struct dnx_cuda_window at;
    const float *x, *dz;
    float *parts;
};
struct depthwise_dw_sum_args {
    const float *parts;
    float *dw; /* C x taps, added to */
    int C, taps, slabs;
};

/* norm_sums: over each slab, of z and z^2 (dy NULL), or of du, du*z and the gradient of the slopes.
 * Blocks: (channel tiles, slabs). parts: slabs x 3 x C doubles. */
struct norm_sums_args {
    const float *z, *dy, *scale, *shift, *slopes;
    double *parts;
    long rows;
    int C;
    dnx_act act;
};
/* norm_statistics: sums of all slabs -> statistics of the batch, running statistics, scale and
 * shift. One thread for each channel. */
struct norm_statistics_args {
    const double *parts;
    const float *biases, *scales; /* biases NULL: 0 */
    float *mean, *variance;       /* running */
    float *batch_mean, *inv_std, *scale, *shift;
    long rows;
    int C, slabs;
    float eps, momentum;
};
/* norm_back: sums of all slabs -> gradients (added), and p, q, r of dz = du*p + z*q + r. Without
 * batch norm (p NULL): only those of biases and slopes. */
struct norm_back_args {
    const double *parts;
    const float *scales, *batch_mean, *inv_std;
    float *d_biases, *d_scales, *d_slopes; /* NULL: none */
    float *p, *q, *r;
    long rows;
    int C, slabs;
};
/* norm_fold: scale and shift from running statistics; without batch norm (mean NULL) 1 and bias. */
struct norm_fold_args {
    const float *biases, *scales, *mean, *variance;
    float *scale, *shift;
    int C;
    float eps;
};
/* y = act(z*scale + shift); scale NULL: act(z). */
struct norm_apply_args {
    const float *z, *scale, *shift, *slopes;
    float *y;
    long rows;
    int C;
    dnx_act act;
};
/* dz = or += du*p + z*q + r, du = dy * act'(u); p NULL: du. scale NULL: u = z. */
struct norm_dz_args {
    const float *dy, *z, *scale, *shift, *slopes, *p, *q, *r;
    float *dz;
    long rows;
    int C;
    dnx_act act;
    bool adds;
};

/* y = act(alpha*x + beta*f) */
struct sum_args {
    const float *x, *f;
    float *y;
    long count;
    float alpha, beta;
    dnx_act act;
};
/* to = or += factor * from * act'(alpha*x + beta*f); x NULL: factor * from */
struct scaled_args {
    const float *from, *x, *f;
    float *to;
    long count;
    float factor, alpha, beta;
    dnx_act act;
    bool adds;
};
/* Copies or adds `c` channels of each row i: from[i*from_c + from_at + k] to
 * to[i*to_c + to_at + k], k < c. */
struct channels_args {
    const float *from;
    float *to;
    long rows;
    int c, from_c, from_at, to_c, to_at;
    bool adds;
};
/* Pools: windows of at.kh x at.kw. winner: index of the largest pixel in its image. */
struct maxpool_args {
    struct dnx_cuda_window at;
    const float *x;
    float *y;
    int *winner; /* NULL: not needed */
};
struct maxpool_back_args {
    struct dnx_cuda_window at;
    const float *dy;
    const int *winner;
    float *dx;
    bool adds;
};
struct avgpool_args {
    struct dnx_cuda_window at;
    const float *x;
    float *y;
};
struct avgpool_back_args {
    struct dnx_cuda_window at;
    const float *dy;
    float *dx;
    bool adds;
};
/* The update of net/update.c; clears g. */
struct descend_args {
    float *w, *g, *v;
    long count;
    float rate, momentum, decay;
    bool nesterov;
};
struct fill_args {
    float *to;
    long count;
    float value;
};

#define DNX_CUDA_ENUM(name, waits) DNX_CUDA_##name,
typedef enum { DNX_CUDA_KERNELS(DNX_CUDA_ENUM) DNX_CUDA_KERNEL_COUNT } dnx_cuda_kernel;
#endif
