/* product.cu - convolutions as matrix products. The rows of the left matrix are windows of a
 * tensor; they are gathered while they are copied to shared memory. A block of 256 threads computes
 * a tile of 64 x 64 outputs and takes 16 terms of their sums at a time. Ordinary multiply-adds
 * (float32) or tensor cores (TF32, bfloat16) multiply the tiles. All sums are float32. */
#include "cuda/target.h"

enum { TILE = DNX_CUDA_TILE, SLICE = 16, ROW = TILE + 4, PLAIN = 0, TF32 = 1, BF16 = 2 };

/* The part of a tile that one thread sums. PLAIN: 4 x 4 outputs. Tensor cores: 4 numbers of each of
 * 4 products of 16 x 8. tile_row() and tile_column() give the place of each number. */
struct tile {
    float acc[16];
};

/* The pixel (b, y, x) that a row of the left matrix stands for. */
struct place {
    int b, y, x;
};

DEVICE struct place place_of(long row, int h, int w) {
    struct place p;
    p.x = (int)(row % w);
    p.y = (int)(row / w % h);
    p.b = (int)(row / w / h);
    return p;
}

/* Channel c at tap `tap` (y * kw + x) of the window of output pixel p; 0 outside of the image. */
DEVICE float window_at(const struct dnx_cuda_window *at, const float *x, struct place p, int tap,
                       int c) {
    int iy = p.y * at->stride - at->pad + tap / at->kw, ix = p.x * at->stride - at->pad + tap % at->kw;
    if (iy < 0 || iy >= at->h || ix < 0 || ix >= at->w) return 0;
    return x[(((long)p.b * at->h + iy) * at->w + ix) * at->C + c];
}

/* The dz of filter n at the output whose window has input pixel p at this tap; 0 when there is no
 * such output. */
DEVICE float reader_at(const struct dnx_cuda_window *at, const float *dz, struct place p, int tap,
                       int n) {
    int y = p.y + at->pad - tap / at->kw, x = p.x + at->pad - tap % at->kw;
    if (y < 0 || x < 0 || y % at->stride || x % at->stride) return 0;
    y /= at->stride;
    x /= at->stride;
    if (y >= at->oh || x >= at->ow) return 0;
    return dz[(((long)p.b * at->oh + y) * at->ow + x) * at->N + n];
}

/* Adds 16 terms to each sum: acc(row, column) += left[k][row] * right[k][column] for all k. */
DEVICE void multiply(struct tile *t, const float left[SLICE][ROW], const float right[SLICE][ROW],
                     int precision) {
    const int lane = THREAD % 32, warp = THREAD / 32, group = lane / 4, part = lane % 4;
    if (precision == PLAIN) {
        const int r = THREAD / 16 * 4, c = THREAD % 16 * 4;
        UNROLL for (int k = 0; k < SLICE; k++)
            UNROLL for (int i = 0; i < 4; i++)
                UNROLL for (int j = 0; j < 4; j++) t->acc[4 * i + j] += left[k][r + i] * right[k][c + j];
        return;
    }
    /* Warp w computes rows 16 (w % 4) and columns 32 (w / 4) of the tile. */
    const int r = warp % 4 * 16 + group, c = warp / 4 * 32 + group;
    UNROLL for (int k = 0; k < SLICE; k += precision == BF16 ? 16 : 8) {
        unsigned a[4], b[2];
        if (precision == BF16) {
            const int p = k + 2 * part;
            a[0] = bf16_pair(left[p][r], left[p + 1][r]);
            a[1] = bf16_pair(left[p][r + 8], left[p + 1][r + 8]);
            a[2] = bf16_pair(left[p + 8][r], left[p + 9][r]);
            a[3] = bf16_pair(left[p + 8][r + 8], left[p + 9][r + 8]);
        } else {
            a[0] = tf32(left[k + part][r]);
            a[1] = tf32(left[k + part][r + 8]);
            a[2] = tf32(left[k + part + 4][r]);
            a[3] = tf32(left[k + part + 4][r + 8]);
        }
        UNROLL for (int j = 0; j < 4; j++) {
            const int n = c + 8 * j;
            if (precision == BF16) {
                const int p = k + 2 * part;
                b[0] = bf16_pair(right[p][n], right[p + 1][n]);
                b[1] = bf16_pair(right[p + 8][n], right[p + 9][n]);
                mma_bf16(t->acc + 4 * j, a, b);
            } else {
                b[0] = tf32(right[k + part][n]);
                b[1] = tf32(right[k + part + 4][n]);
                mma_tf32(t->acc + 4 * j, a, b);
            }
        }
    }
}

/* The row and the column in the tile of number i of acc. */
DEVICE int tile_row(int i, int precision) {
    if (precision == PLAIN) return THREAD / 16 * 4 + i / 4;
    return THREAD / 32 % 4 * 16 + THREAD % 32 / 4 + i % 4 / 2 * 8;
}
DEVICE int tile_column(int i, int precision) {
    if (precision == PLAIN) return THREAD % 16 * 4 + i % 4;
    return THREAD / 32 / 4 * 32 + i / 4 * 8 + THREAD % 4 * 2 + i % 2;
}

DEVICE void forward_tile(const struct conv_forward_args *a, int precision) {
    SHARED float left[SLICE][ROW], right[SLICE][ROW];
    const struct dnx_cuda_window *at = &a->at;
    const int Cg = at->C / at->groups, Ng = at->N / at->groups, K = at->kh * at->kw * Cg;
    const int g = BLOCK_Z, column = BLOCK_Y * TILE;
    const long rows = (long)at->batch * at->oh * at->ow, row = (long)BLOCK_X * TILE;
    const int mine = THREAD / 4, first = THREAD % 4 * 4; /* row or column, and terms, of this thread */
    const struct place p = place_of(row + mine, at->oh, at->ow);
    const float *w = a->wk + ((long)g * Ng + column + mine) * K;
    struct tile t = {{0}};
    for (int k0 = 0; k0 < K; k0 += SLICE) {
        for (int i = first; i < first + 4; i++) {
            const int k = k0 + i;
            left[i][mine] = k < K && row + mine < rows
                                ? window_at(at, a->x, p, k / Cg, g * Cg + k % Cg) : 0;
            right[i][mine] = k < K && column + mine < Ng ? w[k] : 0;
        }
        SYNC();
        multiply(&t, left, right, precision);
        SYNC();
    }
    UNROLL for (int i = 0; i < 16; i++) {
        const long r = row + tile_row(i, precision);
        const int c = column + tile_column(i, precision);
        if (r < rows && c < Ng) a->y[r * at->N + g * Ng + c] = t.acc[i];
    }
}

DEVICE void dx_tile(const struct conv_dx_args *a, int precision) {
    SHARED float left[SLICE][ROW], right[SLICE][ROW];
    const struct dnx_cuda_window *at = &a->at;
    const int Cg = at->C / at->groups, Ng = at->N / at->groups, K = at->kh * at->kw * Ng;
    const int g = BLOCK_Z, column = BLOCK_Y * TILE;
    const long rows = (long)at->batch * at->h * at->w, row = (long)BLOCK_X * TILE;
    const int mine = THREAD / 4, first = THREAD % 4 * 4;
    const int k_w = THREAD / 16, c_w = THREAD % 16 * 4; /* of wt: a term, and four columns */
    const struct place p = place_of(row + mine, at->h, at->w);
    const float *w = a->wt + (long)g * K * Cg;
    struct tile t = {{0}};
    for (int k0 = 0; k0 < K; k0 += SLICE) {
        for (int i = first; i < first + 4; i++) {
            const int k = k0 + i;
            left[i][mine] = k < K && row + mine < rows
                                ? reader_at(at, a->dz, p, k / Ng, g * Ng + k % Ng) : 0;
        }
        for (int i = c_w; i < c_w + 4; i++)
            right[k_w][i] = k0 + k_w < K && column + i < Cg
                                ? w[(long)(k0 + k_w) * Cg + column + i] : 0;
        SYNC();
        multiply(&t, left, right, precision);
        SYNC();
    }
    UNROLL for (int i = 0; i < 16; i++) {
        const long r = row + tile_row(i, precision);
        const int c = column + tile_column(i, precision);
        if (r >= rows || c >= Cg) continue;
        float *to = a->dx + r * at->C + g * Cg + c;
        *to = t.acc[i] + (a->adds ? *to : 0);
    }
}

DEVICE void dw_tile(const struct conv_dw_args *a, int precision) {
    SHARED float left[SLICE][ROW], right[SLICE][ROW];
    const struct dnx_cuda_window *at = &a->at;
    const int Cg = at->C / at->groups, Ng = at->N / at->groups, K = at->kh * at->kw * Cg;
    const int g = BLOCK_Z % at->groups, slab = BLOCK_Z / at->groups;
    const int column = BLOCK_X * TILE, filter = BLOCK_Y * TILE;
    const long rows = (long)at->batch * at->oh * at->ow, lo = (long)slab * DNX_CUDA_SPLIT;
    const long hi = lo + DNX_CUDA_SPLIT < rows ? lo + DNX_CUDA_SPLIT : rows;
    const int mine = THREAD / 16, first = THREAD % 16 * 4; /* a row, and four columns, of this thread */
    struct tile t = {{0}};
    for (long r0 = lo; r0 < hi; r0 += SLICE) {
        const long r = r0 + mine;
        const struct place p = place_of(r, at->oh, at->ow);
        for (int i = first; i < first + 4; i++) {
            const int k = column + i;
            left[mine][i] = r < hi && filter + i < Ng
                                ? a->dz[r * at->N + g * Ng + filter + i] : 0;
            right[mine][i] = r < hi && k < K
                                 ? window_at(at, a->x, p, k / Cg, g * Cg + k % Cg) : 0;
        }
        SYNC();
        multiply(&t, left, right, precision);
        SYNC();
    }
    float *parts = a->parts + ((long)slab * at->N + (long)g * Ng) * K;
    UNROLL for (int i = 0; i < 16; i++) {
        const int n = filter + tile_row(i, precision), k = column + tile_column(i, precision);
        if (n < Ng && k < K) parts[(long)n * K + k] = t.acc[i];
    }
}

KERNEL(conv_forward) { forward_tile(&a, PLAIN); }
KERNEL(conv_forward_tf32) { forward_tile(&a, TF32); }
KERNEL(conv_forward_bf16) { forward_tile(&a, BF16); }
KERNEL(conv_dx) { dx_tile(&a, PLAIN); }
KERNEL(conv_dx_tf32) { dx_tile(&a, TF32); }
KERNEL(conv_dx_bf16) { dx_tile(&a, BF16); }
KERNEL(conv_dw) { dw_tile(&a, PLAIN); }
KERNEL(conv_dw_tf32) { dw_tile(&a, TF32); }
KERNEL(conv_dw_bf16) { dw_tile(&a, BF16); }

KERNEL(filters) {
    const long count = (long)a.N * a.cg * a.taps;
    const int Ng = a.N / a.groups;
    for (long i = INDEX; i < count; i += STEP) {
        const int tap = (int)(i % a.taps), c = (int)(i / a.taps % a.cg);
        const int n = (int)(i / a.taps / a.cg), g = n / Ng;
        a.wk[((long)n * a.taps + tap) * a.cg + c] = a.w[i];
        if (a.wt) a.wt[(((long)g * a.taps + tap) * Ng + n % Ng) * a.cg + c] = a.w[i];
    }
}

KERNEL(filters_back) {
    const long count = (long)a.N * a.cg * a.taps;
    for (long i = INDEX; i < count; i += STEP) {
        const int tap = (int)(i % a.taps), c = (int)(i / a.taps % a.cg);
        const long at = (i / a.taps / a.cg * a.taps + tap) * a.cg + c;
        float sum = 0;
        for (int s = 0; s < a.slabs; s++) sum += a.parts[s * count + at];
        a.dw[i] += sum;
    }
}
