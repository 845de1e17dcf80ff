/* depthwise_3x3.cu - faster depthwise convolutions for the usual case: windows of 3 x 3 pixels,
 * stride 1 or 2, one pixel of padding, N = C, and C is a multiple of 4.
 *
 * A strip is 7 neighbouring pixels of a row of y, or 4 pixels with stride 2; its windows cover 9
 * pixels of a row of x. A thread computes one strip at a time, in 4 channels. It first loads the 9
 * pixels of a row, so that these loads run at the same time. A block computes 32 strips in 32
 * channels. Its strips are neighbours: they find most rows of x in the cache. Loops over rows are
 * not unrolled: with the numbers of three rows in registers, too few threads would run. */
#include "cuda/act.h"

enum { STRIPS = DNX_CUDA_STRIPS, REACH = 9, LONGEST = 7, FOURS = DNX_CUDA_COLUMNS / 4 };

/* The first pixel of a strip, and the index of its image. */
struct strip {
    long image;
    int y, x;
};
DEVICE int strips_across(int columns, int length) { return (columns + length - 1) / length; }
DEVICE struct strip strip_of(unsigned k, int rows, int columns, int length) {
    const unsigned across = (unsigned)strips_across(columns, length), row = k / across;
    struct strip s;
    s.x = (int)(k - row * across) * length;
    s.image = row / (unsigned)rows;
    s.y = (int)(row % (unsigned)rows);
    return s;
}
/* Loops over this thread's strips k: `rows` rows of `columns` pixels are divided into strips of
 * `length` pixels. A thread whose first channel, CHANNEL, is not below C has no strips. */
#define EACH_STRIP(k, rows, columns, length, C)                                                    \
    const unsigned k##_end = CHANNEL < (C) ? (unsigned)((rows)*strips_across(columns, length))     \
                                           : 0;                                                    \
    for (unsigned k = (unsigned)(BLOCK_X * STRIPS + THREAD / FOURS); k < k##_end;                  \
         k += (unsigned)(BLOCKS_X * STRIPS))
#define CHANNEL (BLOCK_Y * DNX_CUDA_COLUMNS + THREAD % FOURS * 4)

/* Copies the filters of the block's channels to shared memory. to[t] has tap t. */
DEVICE void copy_filters(const float *w, int C, float4 to[9][FOURS]) {
    const int first = BLOCK_Y * DNX_CUDA_COLUMNS;
    for (int i = THREAD; i < 9 * DNX_CUDA_COLUMNS && first * 9 + i < C * 9; i += THREADS)
        ((float *)to[i % 9])[i / 9] = w[(long)first * 9 + i];
}

/* bent() applies a batch norm and an activation: u = z*scale + shift; y = u when u > 0, else
 * slope*u; y is at most `top`. copy_bends() copies scale, shift and slope of the block's channels
 * to `of` in shared memory. */
DEVICE float top_of(dnx_act act) { return act == DNX_RELU6 ? 6 : __builtin_inff(); }
DEVICE void copy_bends(const float *scale, const float *shift, const float *slopes, dnx_act act,
                       int C, float4 of[3][FOURS]) {
    const int c = BLOCK_Y * DNX_CUDA_COLUMNS + THREAD;
    if (!scale || THREAD >= DNX_CUDA_COLUMNS || c >= C) return;
    ((float *)of[0])[THREAD] = scale[c];
    ((float *)of[1])[THREAD] = shift[c];
    ((float *)of[2])[THREAD] = act == DNX_PRELU    ? slopes[c]
                               : act == DNX_LINEAR ? 1
                               : act == DNX_LEAKY  ? .1f
                                                   : 0;
}
DEVICE float bent_one(float z, float scale, float shift, float slope, float top) {
    float u = z * scale + shift;
    u = u > 0 ? u : slope * u;
    return u > top ? top : u;
}
DEVICE float4 bent(float4 z, const float4 (*of)[FOURS], float top) {
    const int lane = THREAD % FOURS;
    const float4 scale = of[0][lane], shift = of[1][lane], slope = of[2][lane];
    return (float4){bent_one(z[0], scale[0], shift[0], slope[0], top),
                    bent_one(z[1], scale[1], shift[1], slope[1], top),
                    bent_one(z[2], scale[2], shift[2], slope[2], top),
                    bent_one(z[3], scale[3], shift[3], slope[3], top)};
}

/* Loads 4 channels of `count` neighbouring pixels, the first at column x0 of an image of w columns
 * and C channels. `from` points to this first pixel. Pixels outside of the image become 0. */
DEVICE void load_row(const float *from, int C, int x0, int w, int count, float4 *to) {
    UNROLL for (int i = 0; i < count; i++, from += C)
        to[i] = load_four(from, (unsigned)(x0 + i) < (unsigned)w);
}
/* Applies a deferred batch norm and activation to the pixel z, unless `of` is NULL. Returns 0 for a
 * pixel outside of the image. */
DEVICE float4 bent_at(const float4 (*of)[FOURS], float top, float4 z, bool is_in) {
    const float4 none = {0, 0, 0, 0};
    return !of ? z : is_in ? bent(z, of, top) : none;
}

/* Loads 9 pixels of a row of x. Adds to each output of the strip, in `sum`, the products of its 3
 * pixels with the taps f. */
DEVICE void add_row(const float *from, int C, int x0, int w, int stride, const float4 (*of)[FOURS],
                    float top, const float4 f[3], float4 sum[LONGEST]) {
    float4 v[REACH];
    load_row(from, C, x0, w, REACH, v);
    UNROLL for (int i = 0; i < REACH; i++) {
        const float4 x = bent_at(of, top, v[i], (unsigned)(x0 + i) < (unsigned)w);
        UNROLL for (int kx = 0; kx < 3; kx++) {
            const int at = i - kx;
            if (at >= 0 && at % stride == 0 && at / stride < DNX_CUDA_STRIP(stride))
                sum[at / stride] += f[kx] * x;
        }
    }
}

/* Adds to `sum` the convolution of a strip with w, or with w turned by 180 degrees. x points to
 * this thread's first channel in pixel (0, 0) of the image. */
DEVICE void convolve(const float *x, const struct dnx_cuda_window *at, struct strip s, int stride,
                     const float4 (*of)[FOURS], float top, const float4 w[9][FOURS], bool is_turned,
                     float4 sum[LONGEST]) {
    const int y0 = s.y * stride - 1, x0 = s.x * stride - 1, lane = THREAD % FOURS;
    ROLLED for (int ky = 0; ky < 3; ky++) {
        if ((unsigned)(y0 + ky) >= (unsigned)at->h) continue;
        const float *from = x + ((long)(y0 + ky) * at->w + x0) * at->C;
        float4 f[3];
        UNROLL for (int kx = 0; kx < 3; kx++) f[kx] = is_turned ? w[8 - ky * 3 - kx][lane]
                                                                : w[ky * 3 + kx][lane];
        if (of) add_row(from, at->C, x0, at->w, stride, of, top, f, sum);
        else add_row(from, at->C, x0, at->w, stride, 0, top, f, sum);
    }
}

/* Loads or stores `length` pixels of a row. Only the first `count` of them are in the image. */
DEVICE void load_pixels(const float *from, int C, int count, int length, float4 *to) {
    UNROLL for (int i = 0; i < length; i++, from += C) to[i] = load_four(from, i < count);
}
DEVICE void store_pixels(float *to, int C, int count, int length, const float4 *from) {
    UNROLL for (int i = 0; i < length; i++, to += C) store_four(to, from[i], i < count);
}

/* Adds z and z^2 of the first `count` pixels of a strip to the sums of this thread. */
DEVICE void add_strip(const float4 *z, int count, int length, double (*sums)[STRIPS][FOURS][4]) {
    double s0[4] = {0, 0, 0, 0}, s1[4] = {0, 0, 0, 0};
    UNROLL for (int i = 0; i < length; i++) {
        const float4 v = z[i];
        UNROLL for (int j = 0; j < 4; j++) {
            const double one = i < count ? v[j] : 0;
            s0[j] += one;
            s1[j] += one * one;
        }
    }
    UNROLL for (int j = 0; j < 4; j++) {
        sums[0][THREAD / FOURS][THREAD % FOURS][j] += s0[j];
        sums[1][THREAD / FOURS][THREAD % FOURS][j] += s1[j];
    }
}
/* Adds up the sums of the block's threads, and stores them in parts. */
DEVICE void store_sums(double (*sums)[STRIPS][FOURS][4], double *parts, int C) {
    const int k = THREAD / DNX_CUDA_COLUMNS, lane = THREAD % DNX_CUDA_COLUMNS;
    const int c = BLOCK_Y * DNX_CUDA_COLUMNS + lane;
    SYNC();
    if (k > 1 || c >= C) return;
    double sum = 0;
    for (int i = 0; i < STRIPS; i++) sum += sums[k][i][lane / 4][lane % 4];
    parts[((long)BLOCK_X * 3 + k) * C + c] = sum;
}

DEVICE void forward(const struct depthwise_args *a, int stride) {
    SHARED float4 w[9][FOURS], of[3][FOURS], last[3][FOURS];
    SHARED double sums[2][STRIPS][FOURS][4]; /* of z and z^2, for each thread and channel */
    const struct dnx_cuda_window *at = &a->at;
    const struct dnx_cuda_deferred *d = &a->of_x;
    const int length = DNX_CUDA_STRIP(stride);
    UNROLL for (int j = 0; j < 8; j++) sums[j / 4][THREAD / FOURS][THREAD % FOURS][j % 4] = 0;
    copy_filters(a->w, at->C, w);
    copy_bends(d->scale, d->shift, d->slopes, d->act, at->C, of);
    copy_bends(a->scale, a->shift, a->slopes, a->act, at->C, last);
    SYNC();
    EACH_STRIP(k, at->batch * at->oh, at->ow, length, at->C) {
        const struct strip to = strip_of(k, at->oh, at->ow, length);
        float4 sum[LONGEST];
        UNROLL for (int i = 0; i < length; i++) sum[i] = (float4){0, 0, 0, 0};
        convolve(a->x + to.image * at->h * at->w * at->C + CHANNEL, at, to, stride,
                 d->scale ? of : 0, top_of(d->act), w, false, sum);
        if (a->parts) add_strip(sum, at->ow - to.x, length, sums);
        if (a->scale) {
            UNROLL for (int i = 0; i < length; i++) sum[i] = bent(sum[i], last, top_of(a->act));
        }
        float *y = a->y + ((to.image * at->oh + to.y) * at->ow + to.x) * at->C + CHANNEL;
        store_pixels(y, at->C, at->ow - to.x, length, sum);
    }
    if (a->parts) store_sums(sums, a->parts, at->C);
}
KERNEL_WITH(depthwise_3x3, 2) { forward(&a, 1); }
KERNEL_WITH(depthwise_3x3_by_2, 2) { forward(&a, 2); }

/* dx is the convolution of dz with the filters turned by 180 degrees. */
KERNEL_WITH(depthwise_dx_3x3, 2) {
    SHARED float4 w[9][FOURS];
    enum { LENGTH = DNX_CUDA_STRIP(1) };
    const struct dnx_cuda_window *at = &a.at;
    copy_filters(a.w, at->C, w);
    SYNC();
    EACH_STRIP(k, at->batch * at->h, at->w, LENGTH, at->C) {
        const struct strip to = strip_of(k, at->h, at->w, LENGTH);
        const long image = to.image * at->h * at->w * at->C + CHANNEL;
        float *dx = a.dx + image + ((long)to.y * at->w + to.x) * at->C;
        float4 sum[LENGTH];
        load_pixels(dx, at->C, a.adds ? at->w - to.x : 0, LENGTH, sum);
        convolve(a.dz + image, at, to, 1, 0, 0, w, true, sum);
        store_pixels(dx, at->C, at->w - to.x, LENGTH, sum);
    }
}

/* A thread computes 8 pixels of a row of dx from 5 pixels of one or two rows of dz. In a row, pixel
 * x of dz has the middle of its window at column 2x of dx. So column 2x of dx reads tap 1 of pixel
 * x; column 2x + 1 reads tap 2 of pixel x and tap 0 of pixel x + 1. Rows follow the same rule. */
KERNEL_WITH(depthwise_dx_3x3_by_2, 2) {
    SHARED float4 w[9][FOURS];
    enum { LENGTH = DNX_CUDA_STRIP(2) };
    const struct dnx_cuda_window *at = &a.at;
    const int lane = THREAD % FOURS;
    copy_filters(a.w, at->C, w);
    SYNC();
    EACH_STRIP(k, at->batch * at->h, at->ow, LENGTH, at->C) {
        const struct strip to = strip_of(k, at->h, at->ow, LENGTH);
        float *dx = a.dx + ((to.image * at->h + to.y) * at->w + to.x * 2) * at->C + CHANNEL;
        float4 sum[2 * LENGTH];
        load_pixels(dx, at->C, a.adds ? at->w - to.x * 2 : 0, 2 * LENGTH, sum);
        ROLLED for (int ky = to.y % 2 ? 0 : 1; ky < 3; ky += 2) {
            const int y = (to.y + 1 - ky) / 2;
            const float *dz = a.dz + ((to.image * at->oh + y) * at->ow + to.x) * at->C + CHANNEL;
            float4 d[LENGTH + 1];
            if (y >= at->oh) continue;
            UNROLL for (int i = 0; i <= LENGTH; i++, dz += at->C)
                d[i] = load_four(dz, to.x + i < at->ow);
            const float4 w0 = w[ky * 3][lane], w1 = w[ky * 3 + 1][lane], w2 = w[ky * 3 + 2][lane];
            UNROLL for (int i = 0; i < LENGTH; i++) {
                sum[2 * i] += w1 * d[i];
                sum[2 * i + 1] += w2 * d[i];
                sum[2 * i + 1] += w0 * d[i + 1];
            }
        }
        store_pixels(dx, at->C, at->w - to.x * 2, 2 * LENGTH, sum);
    }
}

/* Adds to dw the gradients of 3 taps: the products of a row of x with d, a strip of dz. */
DEVICE void add_products(const float *from, int C, int x0, int w, int stride,
                         const float4 (*of)[FOURS], float top, const float4 *d, float4 dw[3]) {
    const int length = DNX_CUDA_DW_STRIP(stride), reach = (length - 1) * stride + 3;
    float4 v[REACH];
    load_row(from, C, x0, w, reach, v);
    UNROLL for (int i = 0; i < reach; i++) {
        const float4 x = bent_at(of, top, v[i], (unsigned)(x0 + i) < (unsigned)w);
        UNROLL for (int kx = 0; kx < 3; kx++) {
            const int at = i - kx;
            if (at >= 0 && at % stride == 0 && at / stride < length) dw[kx] += d[at / stride] * x;
        }
    }
}

/* A thread adds up the gradients of 9 taps over its strips. Then the block adds the gradients of
 * its threads, three taps at a time. */
DEVICE void filter_gradient(const struct depthwise_dw_args *a, int stride) {
    SHARED float4 of[3][FOURS], sums[3][STRIPS][FOURS];
    const struct dnx_cuda_window *at = &a->at;
    const struct dnx_cuda_deferred *def = &a->of_x;
    const int length = DNX_CUDA_DW_STRIP(stride);
    const int lane = THREAD % DNX_CUDA_COLUMNS, tap = THREAD / DNX_CUDA_COLUMNS;
    const int c = BLOCK_Y * DNX_CUDA_COLUMNS + lane;
    float4 dw[9];
    UNROLL for (int t = 0; t < 9; t++) dw[t] = (float4){0, 0, 0, 0};
    copy_bends(def->scale, def->shift, def->slopes, def->act, at->C, of);
    SYNC();
    EACH_STRIP(k, at->batch * at->oh, at->ow, length, at->C) {
        const struct strip s = strip_of(k, at->oh, at->ow, length);
        const float *dz = a->dz + ((s.image * at->oh + s.y) * at->ow + s.x) * at->C + CHANNEL;
        const int y0 = s.y * stride - 1, x0 = s.x * stride - 1;
        const float *x = a->x + ((s.image * at->h + y0) * at->w + x0) * at->C + CHANNEL;
        float4 d[LONGEST];
        UNROLL for (int i = 0; i < length; i++, dz += at->C) d[i] = load_four(dz, s.x + i < at->ow);
        UNROLL for (int ky = 0; ky < 3; ky++) {
            if ((unsigned)(y0 + ky) >= (unsigned)at->h) continue;
            const float *from = x + (long)ky * at->w * at->C;
            if (def->scale)
                add_products(from, at->C, x0, at->w, stride, of, top_of(def->act), d, dw + ky * 3);
            else add_products(from, at->C, x0, at->w, stride, 0, 0, d, dw + ky * 3);
        }
    }
    UNROLL for (int ky = 0; ky < 3; ky++) {
        UNROLL for (int kx = 0; kx < 3; kx++)
            sums[kx][THREAD / FOURS][THREAD % FOURS] = dw[ky * 3 + kx];
        SYNC();
        if (tap < 3 && c < at->C) {
            const float *from = (const float *)sums[tap] + lane;
            float sum = 0;
            for (int i = 0; i < STRIPS; i++) sum += from[i * DNX_CUDA_COLUMNS];
            a->parts[((long)BLOCK_X * 9 + ky * 3 + tap) * at->C + c] = sum;
        }
        SYNC();
    }
}
KERNEL_WITH(depthwise_dw_3x3, 2) { filter_gradient(&a, 1); }
KERNEL_WITH(depthwise_dw_3x3_by_2, 2) { filter_gradient(&a, 2); }
