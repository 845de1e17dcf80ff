/* kernels.h - the kernels of the device and their arguments. The .cu files define the kernels, the
 * .c files queue them.
 *
 * All tensors are float32, NHWC, on the device. A row is one pixel of a batch with its channels. A
 * sum over rows takes two kernels: the first sums each slab of rows into `parts`, the second adds
 * the slabs in a fixed order. So two runs give the same bits.
 *
 * A field `adds` means: add to the output instead of storing it. */
#ifndef DNX_CUDA_KERNELS_H
#define DNX_CUDA_KERNELS_H
#include <stdbool.h>

#include "cuda/binary_args.h"
#include "cuda/loss_args.h"
#include "cuda/window.h"
#include "kernels/activations.h"

/* Columns: name; true when the threads of a block wait for each other (SYNC). */
// clang-format off
#define DNX_CUDA_KERNELS(X)                                                                     \
    X(conv_forward, true) X(conv_dx, true) X(conv_dw, true)                                     \
    X(conv_forward_tf32, true) X(conv_dx_tf32, true) X(conv_dw_tf32, true)                      \
    X(conv_forward_bf16, true) X(conv_dx_bf16, true) X(conv_dw_bf16, true)                      \
    X(filters, false) X(filters_back, false) X(depthwise, false) X(depthwise_dx, false)         \
    X(depthwise_dw, true) X(depthwise_dw_sum, false) X(depthwise_tiles, true)                   \
    X(depthwise_dx_tiles, true) X(depthwise_dw_tiles, true) X(norm_sums, true)                  \
    X(norm_statistics, true) X(norm_back, true) X(norm_fold, false) X(norm_apply, false)        \
    X(norm_dz, false) X(sum, false) X(sum_back, false) X(scaled, false) X(channels, false)      \
    X(maxpool, false) X(maxpool_back, false) X(avgpool, false) X(avgpool_back, false)           \
    X(descend, false) X(fill, false) X(times_map, false) X(map_slopes, false)                   \
    X(scale_sums, true) X(shuffle, false) X(softmax, true) X(softmax_back, true)                \
    X(unit_rows, true) X(unit_back, true) X(margin_loss, true) X(margin_images, true)           \
    X(margin_slopes, false) X(centres_follow, true) X(centres_near, true)                       \
    X(centres_margins, true) X(feature_distance, true) X(feature_weights, true)                 \
    X(center_loss, true) X(center_back, false) X(cost_loss, true) X(cost_back, false)           \
    X(feature_slopes, false) X(correlation, true) X(leading_norm, true)                         \
    X(leading_mass, false) X(leading_count, true) X(leading_least, true)                        \
    X(probability_loss, true) X(probability_slopes, false) X(binarise, true)                    \
    X(binarise_back, true) X(signs, true) X(signs_back, false) X(k_map, false)                  \
    X(k_unmap, false) X(k_scale, false) X(k_back, true)
// clang-format on

enum { DNX_CUDA_TILE = 64 };    /* a block computes 64 x 64 outputs of a matrix product */
enum { DNX_CUDA_COLUMNS = 32 }; /* a block that sums over rows takes 32 channels */
enum { DNX_CUDA_ROWS = 8 };     /* and it takes 8 rows at a time */
enum { DNX_CUDA_SIDE = 8 };     /* of a tile of a depthwise convolution */
enum { DNX_CUDA_WINDOWS = 17 * 17 * 32, DNX_CUDA_SUMS = 9 * 8 * 32 }; /* its shared memory */
enum { DNX_CUDA_STRIPES = 512 }; /* with parts: the most blocks in x */
/* A sum over rows has a slab for each 512 rows, but at most 256. */
#define DNX_CUDA_SLABS(rows) ((rows) < 512 * 256 ? ((rows) + 511) / 512 : 256)
#define DNX_CUDA_SLAB(rows) (((rows) + DNX_CUDA_SLABS(rows) - 1) / DNX_CUDA_SLABS(rows))
enum { DNX_CUDA_DESCENT = 64 }; /* blocks for the update of a tensor */
enum { DNX_CUDA_SPLIT = 4096 }; /* rows in a slab of conv_dw */

/* The batch norm and activation of the layer before, when that layer stores z instead of y: the
 * kernel loads act(z*scale + shift) where x is named. With scale NULL it loads x. Zeros outside of
 * the image stay 0. */
struct dnx_cuda_deferred {
    const float *scale, *shift, *slopes; /* one for each channel of x; slopes may be NULL */
    dnx_act act;
    int channels; /* of x */
};

/* conv_forward: y = (windows of x) * wk; with shift, y = act((windows of x) * wk + shift) +
 * residual. With parts it also sums y and y^2 over the rows of each block, as norm_sums does; then
 * there may be fewer blocks than tiles. Blocks: (tiles of output rows, tiles of N/groups,
 * groups). */
struct conv_forward_args {
    struct dnx_cuda_window at;
    const float *x;
    const float *wk; /* groups x N/groups x (kh x kw x C/groups) */
    float *y;
    double *parts;               /* blocks x 3 x N; may be NULL */
    const float *shift, *slopes; /* N each; may be NULL */
    const float *residual;       /* like y; may be NULL */
    dnx_act act;
    struct dnx_cuda_deferred of_x;
};
/* conv_dx: dx = (for each input pixel, the dz of the outputs that read it) * wt. Blocks: (tiles of
 * input rows, tiles of C/groups, groups). */
struct conv_dx_args {
    struct dnx_cuda_window at;
    const float *dz;
    const float *wt; /* groups x (kh x kw x N/groups) x C/groups */
    float *dx;
    bool adds;
};
/* conv_dw: the gradient of wk from each slab of output rows. Blocks: (tiles of kh*kw*C/groups,
 * tiles of N/groups, groups * slabs). */
struct conv_dw_args {
    struct dnx_cuda_window at;
    const float *x, *dz;
    float *parts; /* slabs x groups x N/groups x (kh x kw x C/groups) */
    int slabs;
    struct dnx_cuda_deferred of_x;
};
#define conv_forward_tf32_args conv_forward_args
#define conv_forward_bf16_args conv_forward_args
#define conv_dx_tf32_args conv_dx_args
#define conv_dx_bf16_args conv_dx_args
#define conv_dw_tf32_args conv_dw_args
#define conv_dw_bf16_args conv_dw_args

/* filters: copies w (N x C/groups x taps, the order of files) to wk, and to wt when wt is not NULL.
 * cg is C/groups. With scale (N numbers), wk is multiplied by it. */
struct filters_args {
    const float *w, *scale;
    float *wk, *wt;
    int N, groups, cg, taps;
};
/* filters_back: adds up the slabs of conv_dw and adds the sum to dw, in the order of files. */
struct filters_back_args {
    const float *parts;
    float *dw;
    int N, groups, cg, taps, slabs;
};

/* depthwise: N/C filters for each channel; groups = C. w: N x kh x kw. One thread computes one
 * number of y, in depthwise_dx one number of dx. With scale and shift,
 * y = act(convolution * scale + shift).
 *
 * depthwise_tiles, _dx_tiles and _dw_tiles compute the same for N = C, in tiles of DNX_CUDA_SIDE x
 * DNX_CUDA_SIDE outputs (_dx_tiles: inputs), with their inputs in shared memory. That has room for
 * DNX_CUDA_WINDOWS numbers, 32 for each pixel; _dw_tiles needs 8 x 32 more for each tap.
 * Blocks: (tiles, C / DNX_CUDA_COLUMNS rounded up); depthwise_tiles and _dw_tiles also take fewer
 * in x. With parts depthwise_tiles sums y and y^2 over the rows of each block, as norm_sums. */
struct depthwise_args {
    struct dnx_cuda_window at;
    const float *x, *w, *scale, *shift, *slopes;
    float *y;
    double *parts; /* blocks in x x 3 x C; depthwise_tiles only; may be NULL */
    dnx_act act;
    struct dnx_cuda_deferred of_x;
};
struct depthwise_dx_args {
    struct dnx_cuda_window at;
    const float *dz, *w;
    float *dx;
    bool adds;
};
/* depthwise_dw: the gradient of w from each slab of output rows. Blocks: (N / DNX_CUDA_COLUMNS
 * rounded up, taps, slabs). parts: slabs x taps x N. For depthwise_dw_tiles a slab is what a block
 * in x sums. depthwise_dw_sum adds up the slabs. */
struct depthwise_dw_args {
    struct dnx_cuda_window at;
    const float *x, *dz;
    float *parts;
    struct dnx_cuda_deferred of_x;
};
struct depthwise_dw_sum_args {
    const float *parts;
    float *dw; /* N x taps, added to */
    int N, taps, slabs;
};

#define depthwise_tiles_args depthwise_args
#define depthwise_dx_tiles_args depthwise_dx_args
#define depthwise_dw_tiles_args depthwise_dw_args

/* The kernels of batch norm and activation compute u = z*scale + shift, y = act(u) for z with
 * `rows` rows of C channels. du is the gradient of u.
 *
 * norm_sums: sums over each slab. dy NULL: of z and z^2. Else: of du, of du*z, and of the gradient
 * of the slopes. Blocks: (C / DNX_CUDA_COLUMNS rounded up, slabs). parts: slabs x 3 x C. */
struct norm_sums_args {
    const float *z, *dy, *scale, *shift, *slopes;
    double *parts;
    long rows;
    int C;
    dnx_act act;
};
/* norm_statistics: from the sums of all slabs computes the statistics of the batch, updates the
 * running statistics, and sets scale and shift. Blocks: C / DNX_CUDA_COLUMNS rounded up. */
struct norm_statistics_args {
    const double *parts;
    const float *biases, *scales; /* biases NULL: all are 0 */
    float *mean, *variance;       /* running statistics */
    float *batch_mean, *inv_std, *scale, *shift;
    long rows;
    int C, slabs;
    float eps, momentum;
};
/* norm_back: from the sums of all slabs adds to the gradients of biases, scales and slopes, and
 * computes p, q, r (C numbers each) for dz = du*p + z*q + r. Without batch norm p is NULL, and only
 * the gradients of biases and slopes are computed. */
struct norm_back_args {
    const double *parts;
    const float *scales, *batch_mean, *inv_std;
    float *d_biases, *d_scales, *d_slopes; /* NULL when the layer has no such parameter */
    float *p, *q, *r;
    long rows;
    int C, slabs;
};
/* norm_fold: computes scale and shift from the running statistics. Without batch norm mean is NULL;
 * then scale is 1 and shift is the bias. */
struct norm_fold_args {
    const float *biases, *scales, *mean, *variance;
    float *scale, *shift;
    int C;
    float eps;
};
/* norm_apply: y = act(z*scale + shift); with scale NULL y = act(z). */
struct norm_apply_args {
    const float *z, *scale, *shift, *slopes;
    float *y;
    long rows;
    int C;
    dnx_act act;
};
/* norm_dz: dz = du*p + z*q + r with du = dy * act'(u). When p is NULL, dz = du. When scale is NULL,
 * u = z. */
struct norm_dz_args {
    const float *dy, *z, *scale, *shift, *slopes, *p, *q, *r;
    float *dz;
    long rows;
    int C;
    dnx_act act;
    bool adds;
};

/* The part of y and f that a sum adds: h x w pixels of c channels. Pixel (i, j) of this part is
 * (i, j) * sample in y (Y x X x C), and (i, j) * stride in f (FY x FX x FC). */
struct dnx_cuda_overlap {
    int Y, X, C, FY, FX, FC, h, w, c, sample, stride;
    int is_all; /* y and f have the same shape */
};
/* sum: y = act(alpha*x + beta*f) in the overlap, y = act(x) elsewhere. */
struct sum_args {
    const float *x, *f;
    float *y;
    long count; /* of y */
    float alpha, beta;
    struct dnx_cuda_overlap at;
    struct dnx_cuda_deferred of_x, of_f;
    dnx_act act;
};
/* sum_back: the gradient of x, or with is_f that of f. x and f are not read when act is linear. */
struct sum_back_args {
    const float *dy, *x, *f;
    float *to;
    long count; /* of `to` */
    float alpha, beta;
    struct dnx_cuda_overlap at;
    dnx_act act;
    bool is_f, adds;
};
/* scaled: to = factor * from */
struct scaled_args {
    const float *from;
    float *to;
    long count;
    float factor;
    bool adds;
};
/* channels: copies `c` channels of each row i, from[i*from_c + from_at + k] to
 * to[i*to_c + to_at + k] for k < c. */
struct channels_args {
    const float *from;
    float *to;
    long rows;
    int c, from_c, from_at, to_c, to_at;
    bool adds;
};
/* maxpool, avgpool and their gradients. winner, like y: for each output, the index y * w + x of the
 * largest pixel of its window. */
struct maxpool_args {
    struct dnx_cuda_window at;
    const float *x;
    float *y;
    int *winner; /* NULL when predicting */
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
    float factor;     /* times the sum */
    bool is_mean;     /* the mean, without factor */
    bool is_of_image; /* the mean is that of the pixels inside of the image */
    bool adds;
};
struct avgpool_back_args {
    struct dnx_cuda_window at;
    const float *dy;
    float *dx;
    float factor;
    bool is_mean, is_of_image, adds;
};
/* descend: one step of SGD as in net/update.c, of each tensor in `descents`. w, g and v have the
 * weights, gradients and momentum of all tensors. Clears g. Blocks: (DNX_CUDA_DESCENT, tensors). */
struct dnx_cuda_descent {
    long at, count; /* the tensor is w[at] to w[at + count - 1] */
    float rate, momentum, decay;
    int nesterov;
};
struct descend_args {
    float *w, *g, *v;
    const struct dnx_cuda_descent *descents;
};
struct fill_args {
    float *to;
    long count;
    float value;
};
/* A product of a map and a factor b: one for each number, for each channel of an image, or for each
 * pixel. C: channels; image: the numbers of an image. */
enum { DNX_CUDA_EACH, DNX_CUDA_CHANNEL, DNX_CUDA_PIXEL };
/* times_map: to = or += act(a b). map_slopes: to = dy act'(a b). */
struct times_map_args {
    const float *a, *b, *dy;
    float *to;
    long count, image;
    int C, by;
    dnx_act act;
    bool adds;
};
#define map_slopes_args times_map_args
/* scale_sums: to[b,c] = or += the sum of a[b,p,c] f[b,p,c] over the pixels p of image b. Blocks:
 * (images, C / DNX_CUDA_COLUMNS rounded up). */
struct scale_sums_args {
    const float *a, *f;
    float *to;
    long pixels;
    int C;
    bool adds;
};
/* shuffle: to[k groups + g] = or += from[g C/groups + k] in each row. */
struct shuffle_args {
    const float *from;
    float *to;
    long rows;
    int C, groups;
    bool adds;
};
/* softmax: y = exp(x/T) / sum exp(x/T) of each row; with label also the loss of each row. One block
 * for each row. softmax_back: dx = or += y (dy - <y, dy>) / T, and with label (onehot - y) / T. */
struct softmax_args {
    const float *x;
    float *y;
    const int *label; /* the index in the row, -1: no class; NULL: no loss */
    double *losses;
    double temperature;
    long size;
};
struct softmax_back_args {
    const float *y, *dy; /* dy NULL: 0 */
    const int *label;
    float *dx;
    double temperature;
    long size;
    bool adds;
};

/* unit_rows: unit = rows of x scaled to length 1, inv = 1/|x|. Blocks: count / DNX_CUDA_ROWS. */
struct unit_rows_args {
    const float *x;
    const int *rows;   /* row i of unit is row rows[i] of x; -1: it is 0; NULL: row i */
    float *unit, *inv; /* count x size, may be NULL; count */
    long count, from;  /* row `from` and later rows are 0 */
    int size;
    bool as_it_is; /* unit = x, inv = 1 */
    float least;   /* the least square of a length: shorter vectors are divided by its root;
                         * 0: their unit vector is 0 */
};
/* unit_back: stores in dx, or adds to it, factor * inv * (d - (d.unit) unit). With is_along the
 * factor (d.unit) is along[i] instead, or 0 when along is NULL. d is the sum of
 * `parts` arrays; they begin `part` floats apart, and their rows ld floats apart. Blocks: as for
 * unit_rows. */
struct unit_back_args {
    const float *d, *unit, *inv, *along;
    const int *rows; /* row i changes row rows[i] of dx; -1: none; NULL: row i */
    float *dx;
    long count, ld, part;
    int size, parts;
    float factor;
    bool is_along, adds;
};

#define DNX_CUDA_ENUM(name, waits) DNX_CUDA_##name,
typedef enum { DNX_CUDA_KERNELS(DNX_CUDA_ENUM) DNX_CUDA_KERNEL_COUNT } dnx_cuda_kernel;
#endif
