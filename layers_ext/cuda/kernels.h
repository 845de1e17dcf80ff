/* kernels.h - the kernels of the device and their arguments.
 *
 * All tensors are float32, NHWC, on the device. A row is one pixel of a batch with its channels; a
 * slab is a range of rows. A kernel that sums over rows stores the sums of each slab in `parts`. A
 * second kernel adds up the slabs in a fixed order, so two runs give the same bits.
 *
 * x is the input, y the output, z the values before batch norm and activation; dx, dy and dz are
 * their gradients. When `adds` is true, a kernel adds to its output instead of overwriting it.
 * "Blocks: (a, b, c)" is the grid of a kernel: a blocks in x, b in y, c in z, or else 1. */
#ifndef DNX_CUDA_KERNELS_H
#define DNX_CUDA_KERNELS_H
#include <stdbool.h>

#include "cuda/binary_args.h"
#include "cuda/loss_args.h"
#include "cuda/window.h"
#include "kernels/activations.h"

/* Columns: the kernel's name; true when the kernel calls SYNC(), the barrier of a block. */
// clang-format off
#define DNX_CUDA_KERNELS(X)                                                                     \
    X(conv_forward, true) X(conv_dx, true) X(conv_dw, true)                                     \
    X(conv_forward_tf32, true) X(conv_dx_tf32, true) X(conv_dw_tf32, true)                      \
    X(conv_forward_bf16, true) X(conv_dx_bf16, true) X(conv_dw_bf16, true)                      \
    X(filters, false) X(filters_back, false) X(depthwise, false) X(depthwise_dx, false)         \
    X(depthwise_dw, true) X(depthwise_dw_sum, true)  X(depthwise_tiles, true)                   \
    X(depthwise_dx_tiles, true) X(depthwise_dw_tiles, true) X(depthwise_dx_whole, false)        \
    X(depthwise_3x3, true) X(depthwise_3x3_by_2, true) X(depthwise_dx_3x3, true)                \
    X(depthwise_dx_3x3_by_2, true) X(depthwise_dw_3x3, true) X(depthwise_dw_3x3_by_2, true)     \
    X(norm_sums, true)                                                                          \
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

enum { DNX_CUDA_THREADS = 256 }; /* in a block */
enum { DNX_CUDA_TILE = 64 };     /* a block computes a matrix product in tiles of 64 x 64 */
enum { DNX_CUDA_COLUMNS = 32 };  /* channels that a block sums over rows, or computes in a tile */
enum { DNX_CUDA_ROWS = 8 };      /* rows that a block reads together: 256 threads / 32 channels */
enum { DNX_CUDA_SIDE = 8 };      /* side of a depthwise tile, pixels */
/* Shared memory of a depthwise tile, in floats. WINDOWS: the pixels that it reads, at most 17 x 17
 * in 32 channels (8 x 8 windows of 3 x 3 pixels with stride 2). SUMS: the sums of
 * depthwise_dw_tiles for 9 taps, 8 rows of pixels and 32 channels. */
enum { DNX_CUDA_WINDOWS = 17 * 17 * 32, DNX_CUDA_SUMS = 9 * 8 * 32 };
/* The kernels depthwise*_3x3 compute strips of neighbouring pixels. STRIPS: strips that a block
 * computes at a time. STRIP(): pixels in a strip. DW_STRIP(): pixels in a strip of
 * depthwise_dw_3x3. With longer strips a thread would need more than 128 registers. */
enum { DNX_CUDA_STRIPS = 32 };
#define DNX_CUDA_STRIP(stride) ((stride) == 1 ? 7 : 4)
#define DNX_CUDA_DW_STRIP(stride) ((stride) == 1 ? 4 : 3)
enum { DNX_CUDA_STRIPES = 512 }; /* the most blocks in x of a convolution that sums z and z^2 */
/* SLABS: the number of slabs of a sum over rows. SLAB: the rows in each slab but the last. */
#define DNX_CUDA_SLABS(rows) ((rows) < 512 * 256 ? ((rows) + 511) / 512 : 256)
#define DNX_CUDA_SLAB(rows) (((rows) + DNX_CUDA_SLABS(rows) - 1) / DNX_CUDA_SLABS(rows))
enum { DNX_CUDA_DESCENT = 64 }; /* blocks that update one tensor */
/* Most rows in a slab of conv_dw, unless CUDA's limit of 65535 blocks in z requires larger
 * slabs. */
enum { DNX_CUDA_SPLIT = 4096 };

/* A deferred batch norm and activation: the layer before has stored z, and this kernel computes its
 * own input x = act(z*scale + shift). When scale is NULL, nothing is deferred, and x = z. */
struct dnx_cuda_deferred {
    const float *scale, *shift, *slopes; /* one number for each channel of x; may be NULL */
    dnx_act act;
    int channels;
};

/* conv_forward: z = (windows of x) * wk. y = act(z + shift) + residual; without shift, y = z +
 * residual. Each block in x stores its sums of z and z^2 in parts, in the order of norm_sums.
 * Blocks: (tiles of output pixels, tiles of a group's filters, groups). If parts is not NULL, at
 * most DNX_CUDA_STRIPES blocks in x. */
struct conv_forward_args {
    struct dnx_cuda_window at;
    const float *x;
    const float *wk; /* groups x N/groups x (kh x kw x C/groups) */
    float *y;
    double *parts;               /* (blocks in x) x 3 x N; may be NULL */
    const float *shift, *slopes; /* N each; may be NULL */
    const float *residual;       /* of the shape of y; may be NULL */
    dnx_act act;
    struct dnx_cuda_deferred of_x;
};
/* conv_dx: dx = D * wt. Row i of D has the dz of all outputs whose windows contain input pixel i.
 * Blocks: (tiles of input pixels, tiles of a group's channels, groups). */
struct conv_dx_args {
    struct dnx_cuda_window at;
    const float *dz;
    const float *wt; /* groups x (kh x kw x N/groups) x C/groups */
    float *dx;
    bool adds;
};
/* conv_dw: stores the gradient of wk from each slab of output pixels in parts. Blocks: (tiles of a
 * filter's kh*kw*C/groups weights, tiles of a group's filters, groups * slabs). */
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

/* filters: copies w, N x cg x taps with cg = C/groups, to wk in the order of conv_forward, and to
 * wt in the order of conv_dx. wt may be NULL. Multiplies wk by scale, which has N numbers or is
 * NULL. */
struct filters_args {
    const float *w, *scale;
    float *wk, *wt;
    int N, groups, cg, taps;
};
/* filters_back: adds the sum of conv_dw's slabs to dw, in the order of w in filters_args. */
struct filters_back_args {
    const float *parts;
    float *dw;
    int N, groups, cg, taps, slabs;
};

/* depthwise: y = the convolution of x with w, N x kh x kw. When scale is not NULL, y =
 * act(convolution * scale + shift).
 *
 * The kernels depthwise*_tiles need N = C. A tile has DNX_CUDA_SIDE x DNX_CUDA_SIDE pixels of y; in
 * depthwise_dx_tiles, of dx. The pixels that a tile reads must fit into shared memory. Blocks: (at
 * most one for each tile, C / DNX_CUDA_COLUMNS rounded up). depthwise_dx_tiles needs exactly one
 * block in x for each tile. parts: as in conv_forward.
 *
 * The kernels depthwise*_3x3 are for stride 1, depthwise*_3x3_by_2 for stride 2. They need N = C, a
 * multiple of 4, windows of 3 x 3 pixels, pad = 1, at most 2^30 pixels in the batch, and addresses
 * of x, y, dx and dz that are multiples of 16 bytes. Activations must be linear, relu, leaky, prelu
 * or relu6. Blocks: (at most one for DNX_CUDA_STRIPS strips, C / DNX_CUDA_COLUMNS rounded up).
 *
 * depthwise_dx_whole is for windows that cover the whole input, without padding, and N = C. Blocks:
 * (h * w * C / DNX_CUDA_THREADS rounded up, at most one for each image). */
struct depthwise_args {
    struct dnx_cuda_window at;
    const float *x, *w, *scale, *shift, *slopes;
    float *y;
    double *parts; /* (blocks in x) x 3 x C; may be NULL; `depthwise` ignores it */
    dnx_act act;
    struct dnx_cuda_deferred of_x;
};
struct depthwise_dx_args {
    struct dnx_cuda_window at;
    const float *dz, *w;
    float *dx;
    bool adds;
};
/* depthwise_dw: computes the gradient of w from each slab of output pixels, and stores it in parts,
 * slabs x taps x N. Blocks: (N / DNX_CUDA_COLUMNS rounded up, taps, slabs). For depthwise_dw_tiles
 * and depthwise_dw_3x3 a slab is all the tiles or strips that one block computes. depthwise_dw_sum
 * adds the sum of the slabs to dw. Blocks: N * taps / DNX_CUDA_COLUMNS rounded up. */
struct depthwise_dw_args {
    struct dnx_cuda_window at;
    const float *x, *dz;
    float *parts;
    struct dnx_cuda_deferred of_x;
};
struct depthwise_dw_sum_args {
    const float *parts;
    float *dw; /* N x taps */
    int N, taps, slabs;
};

#define depthwise_tiles_args depthwise_args
#define depthwise_dx_tiles_args depthwise_dx_args
#define depthwise_dw_tiles_args depthwise_dw_args
#define depthwise_dx_whole_args depthwise_dx_args
#define depthwise_3x3_args depthwise_args
#define depthwise_3x3_by_2_args depthwise_args
#define depthwise_dx_3x3_args depthwise_dx_args
#define depthwise_dx_3x3_by_2_args depthwise_dx_args
#define depthwise_dw_3x3_args depthwise_dw_args
#define depthwise_dw_3x3_by_2_args depthwise_dw_args

/* Batch norm and activation: u = z*scale + shift, y = act(u). z is rows x C; du is the gradient of
 * u. Biases, scales, slopes and all statistics are C numbers each. When scale is NULL, u = z.
 *
 * norm_sums: stores the sums over each slab in parts, slabs x 3 x C. When dy is NULL, these are the
 * sums of z and z^2. Else they are the sums of du and du*z, and the gradient of the slopes. Blocks:
 * (C / DNX_CUDA_COLUMNS rounded up, slabs).
 * norm_apply: to = y.
 * norm_dz: to = dz = du*p + z*q + r with du = dy * act'(u). norm_back computes p, q and r. When p
 * is NULL, dz = du.
 * fours: true when C is a multiple of 4, and z, dy and `to` have addresses that are multiples of 16
 * bytes. norm_apply and norm_dz then read and write four numbers at once. */
struct norm_sums_args {
    const float *z, *dy, *scale, *shift, *slopes, *p, *q, *r;
    double *parts;
    float *to;
    long rows;
    int C;
    dnx_act act;
    bool adds, fours;
};
#define norm_apply_args norm_sums_args
#define norm_dz_args norm_sums_args
/* norm_statistics: computes batch_mean, inv_std, scale and shift from the sums of all slabs, and
 * updates the running statistics. Blocks: C / DNX_CUDA_COLUMNS rounded up. */
struct norm_statistics_args {
    const double *parts;
    const float *biases, *scales; /* when biases is NULL, all are 0 */
    float *mean, *variance;       /* running statistics */
    float *batch_mean, *inv_std, *scale, *shift;
    long rows;
    int C, slabs;
    float eps, momentum;
};
/* norm_back: adds to the gradients of biases, scales and slopes. Computes p, q and r for norm_dz,
 * unless p is NULL (without batch norm). Blocks: as for norm_statistics. */
struct norm_back_args {
    const double *parts;
    const float *scales, *batch_mean, *inv_std;
    float *d_biases, *d_scales, *d_slopes; /* each may be NULL */
    float *p, *q, *r;
    long rows;
    int C, slabs;
};
/* norm_fold: computes scale and shift from running statistics. Without batch norm mean is NULL. */
struct norm_fold_args {
    const float *biases, *scales, *mean, *variance;
    float *scale, *shift;
    int C;
    float eps;
};

/* The part of f (FY x FX x FC) that is added to y (Y x X x C): h x w pixels of c channels. For
 * i < h and j < w, pixel (i*stride, j*stride) of f is added to pixel (i*sample, j*sample) of y. */
struct dnx_cuda_overlap {
    int Y, X, C, FY, FX, FC, h, w, c, sample, stride;
    int is_all; /* 1 when y and f have the same shape */
};
/* sum: y = act(alpha*x + beta*f) in the overlap `at`, and y = act(x) outside of it. fours: as in
 * norm_apply, and only when x and f have the same shape. */
struct sum_args {
    const float *x, *f;
    float *y;
    long count;
    float alpha, beta;
    struct dnx_cuda_overlap at;
    struct dnx_cuda_deferred of_x, of_f;
    dnx_act act;
    bool fours;
};
/* sum_back: stores the gradient of x in `to`; with is_f, the gradient of f. Reads x and f only if
 * act is not linear. fours: as in sum, and only when act is linear. */
struct sum_back_args {
    const float *dy, *x, *f;
    float *to;
    long count;
    float alpha, beta;
    struct dnx_cuda_overlap at;
    dnx_act act;
    bool is_f, adds, fours;
};
struct scaled_args {
    const float *from;
    float *to;
    long count;
    float factor;
    bool adds;
};
/* channels: in each row, copies the channels [from_at, from_at + c) of `from` to the channels
 * [to_at, to_at + c) of `to`. A row of `from` has from_c channels, a row of `to` has to_c. */
struct channels_args {
    const float *from;
    float *to;
    long rows;
    int c, from_c, from_at, to_c, to_at;
    bool adds;
};
/* maxpool: winner is, for each output, the largest pixel of its window, as row * w + column. */
struct maxpool_args {
    struct dnx_cuda_window at;
    const float *from; /* x, or dy in maxpool_back */
    float *to;         /* y, or dx in maxpool_back */
    int *winner;       /* NULL when predicting */
    bool adds;         /* only in maxpool_back */
};
struct avgpool_args {
    struct dnx_cuda_window at;
    const float *from; /* x, or dy in avgpool_back */
    float *to;         /* y, or dx in avgpool_back */
    float factor;      /* without is_mean: y = factor * sum of the window */
    bool is_mean;
    bool is_of_image; /* divides by the window's pixels inside of the image, not by kh * kw */
    bool adds;
};
#define maxpool_back_args maxpool_args
#define avgpool_back_args avgpool_args
/* descend: does the same as descend() of net/update.c, for each tensor in w: a step with momentum
 * and weight decay, then g = 0. With clip_norm= or exclusivity=, the processor updates the layers
 * instead. Blocks: (DNX_CUDA_DESCENT, tensors). */
struct dnx_cuda_descent {
    long at, count; /* numbers [at, at + count) of w, g and v */
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
/* A factor in b of times_map_args belongs to one number of a, one channel of an image, or one
 * pixel. */
enum { DNX_CUDA_EACH, DNX_CUDA_CHANNEL, DNX_CUDA_PIXEL };
/* times_map: to = act(a b). map_slopes: to = dy act'(a b). image: numbers in an image. */
struct times_map_args {
    const float *a, *b, *dy;
    float *to;
    long count, image;
    int C, by;
    dnx_act act;
    bool adds;
};
#define map_slopes_args times_map_args
/* scale_sums: to[b,c] = the sum of a[b,p,c] f[b,p,c] over the pixels p of image b. Blocks: (images,
 * C / DNX_CUDA_COLUMNS rounded up). */
struct scale_sums_args {
    const float *a, *f;
    float *to;
    long pixels;
    int C;
    bool adds;
};
/* shuffle: to[k*groups + g] = from[g*C/groups + k] in each row, for g < groups, k < C/groups. */
struct shuffle_args {
    const float *from;
    float *to;
    long rows;
    int C, groups;
    bool adds;
};

/* unit_rows: scales rows of x to length 1, and stores inv = 1/|x|. Row i of unit is row rows[i] of
 * x, scaled, or row i when rows is NULL. When rows[i] is -1, row i of unit and inv[i] are 0.
 * Blocks: count / DNX_CUDA_ROWS rounded up. */
struct unit_rows_args {
    const float *x;
    const int *rows;
    float *unit, *inv; /* unit: count x size, or NULL; inv: count */
    long count, from;  /* unit and inv are 0 in rows `from` to count - 1 */
    int size;
    bool as_it_is; /* unit = x, inv = 1 */
    float least;   /* lower bound for |x|^2 */
};
/* unit_back: the gradient of unit_rows, dx = factor * inv * (d - (d.unit) unit), where d is the
 * gradient of unit. With is_along, along[i] replaces d.unit; when along is NULL, 0 replaces it. d
 * is the sum of `parts` arrays, which begin `part` floats apart and whose rows are ld floats apart.
 * Row i goes to row rows[i] of dx, or to row i when rows is NULL. Blocks: as for unit_rows. */
struct unit_back_args {
    const float *d, *unit, *inv, *along;
    const int *rows;
    float *dx;
    long count, ld, part;
    int size, parts;
    float factor;
    bool is_along, adds;
};

#define DNX_CUDA_ENUM(name, waits) DNX_CUDA_##name,
typedef enum { DNX_CUDA_KERNELS(DNX_CUDA_ENUM) DNX_CUDA_KERNEL_COUNT } dnx_cuda_kernel;
#endif
