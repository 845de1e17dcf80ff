/* product.cu - convolutions and their gradients as matrix products. Two kernels change the order of
 * the filters for these products, and of their gradient. */
#include "cuda/tile.h"

/* Sums of z - pivot and of its square over the rows of this thread, for each of its columns. The
 * pivot of a column is its mean in the block's first tile: without it, a float32 sum of squares
 * would lose the variance of a column whose mean is large. */
struct statistics {
    float sum[8], square[8];
};

/* Adds up numbers of all threads. of: for each column of this thread, the sum over its rows.
 * Returns the sum over the rows of all threads, for column THREAD of the tile. sums: scratch. */
DEVICE double add_parts(const float *of, int precision, float (*sums)[TILE]) {
    double s = 0;
    UNROLL for (int q = 0; q < 8; q++) if (q < COLUMNS_OF(precision))
        sums[row_part(precision)][tile_column(in_tile(q, 0, precision), precision)] = of[q];
    SYNC();
    for (int k = 0; k < row_parts(precision) && THREAD < TILE; k++) s += (double)sums[k][THREAD];
    SYNC();
    return s;
}

/* Sets mean[c] to the mean of column c, for all columns of the tile, which has n rows. sums:
 * scratch. */
DEVICE void find_pivots(const struct tile *t, int precision, int n, float (*sums)[TILE],
                        float *mean) {
    float s[8];
    UNROLL for (int q = 0; q < COLUMNS_OF(precision); q++) {
        s[q] = 0;
        UNROLL for (int r = 0; r < ROWS_OF(precision); r++) {
            const int i = in_tile(q, r, precision);
            s[q] += tile_row(i, precision) < n ? t->acc[i] : 0;
        }
    }
    const double sum = add_parts(s, precision, sums);
    if (THREAD < TILE) mean[THREAD] = (float)(sum / n);
    SYNC();
}

DEVICE void add_statistics(const struct tile *t, int precision, long rows_left, const float *mean,
                           struct statistics *s) {
    UNROLL for (int q = 0; q < COLUMNS_OF(precision); q++) {
        const float m = mean[tile_column(in_tile(q, 0, precision), precision)];
        UNROLL for (int r = 0; r < ROWS_OF(precision); r++) {
            const int i = in_tile(q, r, precision);
            const float d = tile_row(i, precision) < rows_left ? t->acc[i] - m : 0;
            s->sum[q] += d;
            s->square[q] += d * d;
        }
    }
}

/* After this number of tiles, the float32 sums of a thread are added to sums in double, because
 * longer float32 sums would lose digits. */
enum { TILES_IN_FLOAT = 32 };
/* Adds the sums of all threads to total, for column THREAD of the tile. Then sets the sums to 0. */
DEVICE void take_statistics(struct statistics *s, int precision, float (*sums)[TILE],
                            double total[2]) {
    total[0] += add_parts(s->sum, precision, sums);
    total[1] += add_parts(s->square, precision, sums);
    UNROLL for (int q = 0; q < 8; q++) s->sum[q] = s->square[q] = 0;
}

/* For column THREAD of the tile: total has the sums of z - pivot and of its square over all `rows`
 * rows of the block's tiles. Changes them to the sums of z and of z^2. mean: the pivots. */
DEVICE void end_statistics(long rows, const float *mean, double total[2]) {
    const double m = THREAD < TILE ? (double)mean[THREAD] : 0;
    total[1] += m * (2 * total[0] + (double)rows * m);
    total[0] += (double)rows * m;
}

/* Stores a, and if is_in also b, which is its neighbour in the row. With may_pair, one instruction
 * stores both. */
DEVICE void store(float *to, float a, float b, bool is_in, bool may_pair) {
    if (is_in && may_pair) *(float2 *)to = (float2){a, b};
    else {
        to[0] = a;
        if (is_in) to[1] = b;
    }
}

DEVICE float with_act(const struct conv_forward_args *a, float z, long r, int n) {
    if (a->shift) z = call_activate(z + a->shift[n], a->act, a->slopes ? a->slopes[n] : 0);
    return z + (a->residual ? a->residual[r * a->at.N + n] : 0);
}

DEVICE void forward_tiles(const struct conv_forward_args *a, int precision) {
    SHARED __attribute__((aligned(16))) stage stages[STAGES];
    SHARED float sums[32][TILE], mean[TILE];
    const struct dnx_cuda_window *at = &a->at;
    const int taps = at->kh * at->kw;
    struct product p = product_of(at, a->x, a->wk, &a->of_x, BLOCK_Z, at->C / at->groups,
                                  taps * (at->C / at->groups));
    struct tile t;
    struct statistics s;
    double total[2] = {0, 0};
    long rows = 0;
    int tiles = 0;
    UNROLL for (int q = 0; q < 8; q++) s.sum[q] = s.square[q] = 0;
    p.rows = (long)at->batch * at->oh * at->ow;
    p.columns = p.Ng;
    p.hi = taps * p.Cg;
    const bool pairs = precision != PLAIN && p.Ng % 2 == 0 && (unsigned long)a->y % 8 == 0;
    struct pipe pipe = begin_tiles(&p, FORWARD, precision, (long)BLOCKS_X * TILE, stages);
    for (; p.row < p.rows; p.row += (long)BLOCKS_X * TILE) {
        const long left = p.rows - p.row;
        product_tile(&p, FORWARD, precision, &pipe, &t);
        if (a->parts && rows == 0)
            find_pivots(&t, precision, left < TILE ? (int)left : TILE, sums, mean);
        if (a->parts) add_statistics(&t, precision, left, mean, &s);
        tiles++;
        if (a->parts && (tiles % TILES_IN_FLOAT == 0 || left <= (long)BLOCKS_X * TILE))
            take_statistics(&s, precision, sums, total);
        rows += left < TILE ? left : TILE;
        UNROLL for (int i = 0; i < 16; i += precision == PLAIN ? 1 : 2) {
            const long r = p.row + tile_row(i, precision);
            const int c = p.column + tile_column(i, precision), n = p.g * p.Ng + c;
            if (r >= p.rows || c >= p.columns) continue;
            const bool has_next = precision != PLAIN && c + 1 < p.columns;
            float *to = a->y + r * at->N + n;
            if (precision == PLAIN) *to = with_act(a, t.acc[i], r, n);
            else
                store(to, with_act(a, t.acc[i], r, n),
                      has_next ? with_act(a, t.acc[i + 1], r, n + 1) : 0, has_next, pairs);
        }
    }
    if (!a->parts) return;
    end_statistics(rows, mean, total);
    const int c = p.column + THREAD;
    if (THREAD >= TILE || c >= p.columns) return;
    for (int k = 0; k < 2; k++)
        a->parts[((long)BLOCK_X * 3 + k) * at->N + p.g * p.Ng + c] = total[k];
}

DEVICE void dx_tiles(const struct conv_dx_args *a, int precision) {
    SHARED __attribute__((aligned(16))) stage stages[STAGES];
    const struct dnx_cuda_window *at = &a->at;
    struct product p = product_of(at, a->dz, a->wt, 0, BLOCK_Z, at->N / at->groups,
                                  at->C / at->groups);
    struct tile t;
    p.rows = (long)at->batch * at->h * at->w;
    p.columns = p.Cg;
    p.hi = at->kh * at->kw * p.Ng;
    const bool pairs = precision != PLAIN && p.Cg % 2 == 0 && (unsigned long)a->dx % 8 == 0;
    struct pipe pipe = begin_tiles(&p, DX, precision, (long)BLOCKS_X * TILE, stages);
    for (; p.row < p.rows; p.row += (long)BLOCKS_X * TILE) {
        product_tile(&p, DX, precision, &pipe, &t);
        UNROLL for (int i = 0; i < 16; i += precision == PLAIN ? 1 : 2) {
            const long r = p.row + tile_row(i, precision);
            const int c = p.column + tile_column(i, precision);
            if (r >= p.rows || c >= p.columns) continue;
            float *to = a->dx + r * at->C + p.g * p.Cg + c;
            const bool has_next = precision != PLAIN && c + 1 < p.columns;
            if (precision == PLAIN) *to = t.acc[i] + (a->adds ? *to : 0);
            else
                store(to, t.acc[i] + (a->adds ? to[0] : 0),
                      has_next ? t.acc[i + 1] + (a->adds ? to[1] : 0) : 0, has_next, pairs);
        }
    }
}

DEVICE void dw_tile(const struct conv_dw_args *a, int precision) {
    SHARED __attribute__((aligned(16))) stage stages[STAGES];
    const struct dnx_cuda_window *at = &a->at;
    const long pixels = (long)at->batch * at->oh * at->ow,
               each = (pixels + a->slabs - 1) / a->slabs;
    const int slab = BLOCK_Z / at->groups;
    struct product p = product_of(at, a->dz, a->x, &a->of_x, BLOCK_Z % at->groups,
                                  at->N / at->groups, at->C / at->groups);
    struct tile t;
    p.row = (long)BLOCK_Y * TILE;
    p.rows = p.Ng;
    p.column = BLOCK_X * TILE;
    p.columns = at->kh * at->kw * p.Cg;
    p.lo = (int)(slab * each < pixels ? slab * each : pixels);
    p.hi = (int)(p.lo + each < pixels ? p.lo + each : pixels);
    struct pipe pipe = begin_tiles(&p, DW, precision, p.rows, stages);
    product_tile(&p, DW, precision, &pipe, &t);
    float *parts = a->parts + ((long)slab * at->N + (long)p.g * p.Ng) * p.columns;
    UNROLL for (int i = 0; i < 16; i++) {
        const long n = p.row + tile_row(i, precision);
        const int k = p.column + tile_column(i, precision);
        if (n < p.rows && k < p.columns) parts[n * p.columns + k] = t.acc[i];
    }
}

KERNEL_WITH(conv_forward, 2) { forward_tiles(&a, PLAIN); }
KERNEL_WITH(conv_forward_tf32, 2) { forward_tiles(&a, TF32); }
KERNEL_WITH(conv_forward_bf16, 2) { forward_tiles(&a, BF16); }
KERNEL_WITH(conv_dx, 3) { dx_tiles(&a, PLAIN); }
KERNEL_WITH(conv_dx_tf32, 3) { dx_tiles(&a, TF32); }
KERNEL_WITH(conv_dx_bf16, 3) { dx_tiles(&a, BF16); }
KERNEL_WITH(conv_dw, 2) { dw_tile(&a, PLAIN); }
KERNEL_WITH(conv_dw_tf32, 2) { dw_tile(&a, TF32); }
KERNEL_WITH(conv_dw_bf16, 2) { dw_tile(&a, BF16); }

KERNEL(filters) {
    const long count = (long)a.N * a.cg * a.taps;
    const int Ng = a.N / a.groups;
    for (long i = INDEX; i < count; i += STEP) {
        const int tap = (int)(i % a.taps), c = (int)(i / a.taps % a.cg);
        const int n = (int)(i / a.taps / a.cg), g = n / Ng;
        a.wk[((long)n * a.taps + tap) * a.cg + c] = a.w[i] * (a.scale ? a.scale[n] : 1);
        if (a.wt) a.wt[(((long)g * a.taps + tap) * Ng + n % Ng) * a.cg + c] = a.w[i];
    }
}

KERNEL(filters_back) {
    const long count = (long)a.N * a.cg * a.taps;
    for (long i = INDEX; i < count; i += STEP) {
        const int tap = (int)(i % a.taps), c = (int)(i / a.taps % a.cg);
        const long at = (i / a.taps / a.cg * a.taps + tap) * a.cg + c;
        a.dw[i] += sum_of_slabs(a.parts + at, a.slabs, count);
    }
}
