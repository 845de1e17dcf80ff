/* product.cu - convolutions as matrix products. A block of 256 threads computes a tile of 64 x 64
 * outputs. It takes 16 terms of their sums at a time from shared memory. While it multiplies them,
 * it loads the next terms from global memory into registers. Ordinary multiply-adds (float32) or
 * tensor cores (TF32, bfloat16) multiply the tiles. All sums are float32. */
#include "cuda/act.h"

enum { TILE = DNX_CUDA_TILE, SLICE = 16, ROW = TILE + 4, LOADS = SLICE * TILE / 4 / 256 };
enum { PLAIN = 0, TF32 = 1, BF16 = 2 };

/* The part of a tile that one thread sums. PLAIN: 4 x 4 outputs. Tensor cores: four numbers from
 * each of four products of 16 x 8. tile_row() and tile_column() give the place of each number. */
struct tile {
    float acc[16];
};

/* Column `column` of the product is sum over k of left[k][row] * right[k][column]:
 *
 *             rows           columns        terms k
 *   FORWARD   output pixels  filters        taps and channels
 *   DX        input pixels   channels       taps and filters
 *   DW        filters        taps, channels output pixels lo to hi
 *
 * A line is a row or a column. */
enum { FORWARD, DX, DW };
struct product {
    const struct dnx_cuda_window *at;
    const float *left, *right;
    int g, Cg, Ng;      /* the group, its channels and its filters */
    long row, rows;     /* the first row of the tile, and their number in all tiles */
    int column, columns;
    long lo, hi;        /* the first term, and the end of the terms */
    bool four_left, four_right; /* loads four neighbouring numbers at once */
};

/* The address of channel c at tap `tap` (y * kw + x) of the window of output pixel `pixel`; NULL
 * outside of the image. */
DEVICE const float *window_at(const struct dnx_cuda_window *at, const float *x, long pixel, int tap,
                              int c) {
    if (at->kh == 1 && at->kw == 1 && at->stride == 1 && at->pad == 0) return x + pixel * at->C + c;
    const int iy = (int)(pixel / at->ow % at->oh) * at->stride - at->pad + tap / at->kw;
    const int ix = (int)(pixel % at->ow) * at->stride - at->pad + tap % at->kw;
    if (iy < 0 || iy >= at->h || ix < 0 || ix >= at->w) return 0;
    return x + ((pixel / at->ow / at->oh * at->h + iy) * at->w + ix) * at->C + c;
}

/* The address of the dz of filter n at the output whose window has input pixel `pixel` at this tap;
 * NULL when there is no such output. */
DEVICE const float *reader_at(const struct dnx_cuda_window *at, const float *dz, long pixel,
                              int tap, int n) {
    if (at->kh == 1 && at->kw == 1 && at->stride == 1 && at->pad == 0)
        return dz + pixel * at->N + n;
    int y = (int)(pixel / at->w % at->h) + at->pad - tap / at->kw;
    int x = (int)(pixel % at->w) + at->pad - tap % at->kw;
    if (y < 0 || x < 0 || y % at->stride || x % at->stride) return 0;
    y /= at->stride;
    x /= at->stride;
    if (y >= at->oh || x >= at->ow) return 0;
    return dz + ((pixel / at->w / at->h * at->oh + y) * at->ow + x) * at->N + n;
}

/* The address of left[k][line] or right[k][line] of the tile. NULL when that number is 0. */
DEVICE const float *left_at(const struct product *p, int kind, int line, long k) {
    const long row = p->row + line;
    if (k >= p->hi || row >= p->rows) return 0;
    if (kind == DW) return p->left + k * p->at->N + p->g * p->Ng + row;
    const int wide = kind == FORWARD ? p->Cg : p->Ng, tap = (int)k / wide;
    const int c = p->g * wide + (int)k - tap * wide;
    return kind == FORWARD ? window_at(p->at, p->left, row, tap, c)
                           : reader_at(p->at, p->left, row, tap, c);
}
DEVICE const float *right_at(const struct product *p, int kind, int line, long k) {
    const int column = p->column + line;
    if (k >= p->hi || column >= p->columns) return 0;
    if (kind == FORWARD) return p->right + ((long)p->g * p->Ng + column) * p->hi + k;
    if (kind == DX) return p->right + (p->g * p->hi + k) * p->Cg + column;
    const int tap = column / p->Cg;
    return window_at(p->at, p->right, k, tap, p->g * p->Cg + column - tap * p->Cg);
}

/* The numbers that a thread loads: LOADS times four neighbours in memory. The four are terms of one
 * line when `along` is true, else the same term of four lines. */
DEVICE int line_of(int n, bool along) {
    const int i = n * THREADS + THREAD;
    return along ? i / (SLICE / 4) : i % (TILE / 4) * 4;
}
DEVICE int term_of(int n, bool along) {
    const int i = n * THREADS + THREAD;
    return along ? i % (SLICE / 4) * 4 : i / (TILE / 4);
}

/* Loads the numbers of this thread from the slice that begins with term k. */
DEVICE void load(const struct product *p, int kind, bool is_left, bool along, long k,
                 float to[LOADS][4]) {
    UNROLL for (int n = 0; n < LOADS; n++) {
        const int line = line_of(n, along);
        const long term = k + term_of(n, along);
        if (is_left ? p->four_left : p->four_right) {
            const float *from = is_left ? left_at(p, kind, line, term) : right_at(p, kind, line, term);
            const four v = from ? *(const four *)from : (four){0, 0, 0, 0};
            UNROLL for (int i = 0; i < 4; i++) to[n][i] = v[i];
        } else {
            UNROLL for (int i = 0; i < 4; i++) {
                const int l = line + (along ? 0 : i);
                const long t = term + (along ? i : 0);
                const float *from = is_left ? left_at(p, kind, l, t) : right_at(p, kind, l, t);
                to[n][i] = from ? *from : 0;
            }
        }
    }
}

DEVICE void store(float tile[SLICE][ROW], bool along, float from[LOADS][4]) {
    UNROLL for (int n = 0; n < LOADS; n++)
        UNROLL for (int i = 0; i < 4; i++)
            tile[term_of(n, along) + (along ? i : 0)][line_of(n, along) + (along ? 0 : i)] =
                from[n][i];
}

/* Adds SLICE terms to each sum: acc(row, column) += left[k][row] * right[k][column] for all k. */
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

/* The row and the column in the tile of acc[i]. */
DEVICE int tile_row(int i, int precision) {
    if (precision == PLAIN) return THREAD / 16 * 4 + i / 4;
    return THREAD / 32 % 4 * 16 + THREAD % 32 / 4 + i % 4 / 2 * 8;
}
DEVICE int tile_column(int i, int precision) {
    if (precision == PLAIN) return THREAD % 16 * 4 + i % 4;
    return THREAD / 32 / 4 * 32 + i / 4 * 8 + THREAD % 4 * 2 + i % 2;
}

/* Several threads share a column of a tile. row_parts(): their number. row_part(): which of them
 * this thread is. row_index(): the row of acc[i] among the rows of this thread. */
DEVICE int row_parts(int precision) { return precision == PLAIN ? 16 : 32; }
DEVICE int row_part(int precision) {
    return precision == PLAIN ? THREAD / 16 : THREAD / 32 % 4 * 8 + THREAD % 32 / 4;
}
DEVICE int row_index(int i, int precision) { return precision == PLAIN ? i / 4 : i % 4 / 2; }

/* Computes a tile of the product; the arrays are the block's shared memory. */
DEVICE void product_tile(const struct product *p, int kind, int precision, struct tile *t,
                         float left[SLICE][ROW], float right[SLICE][ROW]) {
    const bool left_along = kind != DW, right_along = kind == FORWARD;
    float l[LOADS][4], r[LOADS][4];
    UNROLL for (int i = 0; i < 16; i++) t->acc[i] = 0;
    load(p, kind, true, left_along, p->lo, l);
    load(p, kind, false, right_along, p->lo, r);
    for (long k = p->lo; k < p->hi; k += SLICE) {
        store(left, left_along, l);
        store(right, right_along, r);
        SYNC();
        if (k + SLICE < p->hi) {
            load(p, kind, true, left_along, k + SLICE, l);
            load(p, kind, false, right_along, k + SLICE, r);
        }
        multiply(t, left, right, precision);
        SYNC();
    }
}

/* The product of a block in group g. Lines of `wide` numbers are loaded four at a time. */
DEVICE struct product product_of(const struct dnx_cuda_window *at, const float *left,
                                 const float *right, int g, int wide_left, int wide_right) {
    struct product p;
    p.at = at;
    p.left = left;
    p.right = right;
    p.g = g;
    p.Cg = at->C / at->groups;
    p.Ng = at->N / at->groups;
    p.lo = 0;
    p.column = BLOCK_Y * TILE;
    p.four_left = wide_left % 4 == 0 && (unsigned long)left % 16 == 0;
    p.four_right = wide_right % 4 == 0 && (unsigned long)right % 16 == 0;
    return p;
}

/* Adds to total, for each column of a tile, the sums of z and z^2 over the rows. Within a tile the
 * differences from its mean are summed, so that float32 is exact enough. */
DEVICE void add_statistics(const struct tile *t, int precision, long rows_left, double total[2]) {
    SHARED float sums[32][TILE], mean[TILE];
    const int n = rows_left < TILE ? (int)rows_left : TILE;
    float sum = 0;
    for (int pass = 0; pass < 2; pass++) {
        UNROLL for (int i = 0; i < 16; i++) { /* the rows of this thread, by column */
            const int c = tile_column(i, precision), part = row_part(precision);
            if (row_index(i, precision) == 0) {
                float s = 0;
                UNROLL for (int j = 0; j < 16; j++) {
                    const float z = t->acc[j] - (pass ? mean[c] : 0);
                    if (tile_column(j, precision) == c && tile_row(j, precision) < n)
                        s += pass ? z * z : z;
                }
                sums[part][c] = s;
            }
        }
        SYNC();
        if (THREAD < TILE) {
            float s = 0;
            for (int k = 0; k < row_parts(precision); k++) s += sums[k][THREAD];
            if (pass == 0) {
                sum = s;
                mean[THREAD] = s / (float)n;
            } else {
                const double m = (double)mean[THREAD];
                total[0] += (double)sum;
                total[1] += (double)s + m * (2 * (double)sum - n * m);
            }
        }
        SYNC();
    }
}

DEVICE void forward_tiles(const struct conv_forward_args *a, int precision) {
    SHARED float left[SLICE][ROW], right[SLICE][ROW];
    const struct dnx_cuda_window *at = &a->at;
    const int taps = at->kh * at->kw;
    struct product p = product_of(at, a->x, a->wk, BLOCK_Z, at->C / at->groups,
                                  taps * (at->C / at->groups));
    struct tile t;
    double total[2] = {0, 0};
    p.rows = (long)at->batch * at->oh * at->ow;
    p.columns = p.Ng;
    p.hi = taps * p.Cg;
    for (p.row = (long)BLOCK_X * TILE; p.row < p.rows; p.row += (long)BLOCKS_X * TILE) {
        product_tile(&p, FORWARD, precision, &t, left, right);
        UNROLL for (int i = 0; i < 16; i++) {
            const long r = p.row + tile_row(i, precision);
            const int c = p.column + tile_column(i, precision), n = p.g * p.Ng + c;
            if (r >= p.rows || c >= p.columns) continue;
            a->y[r * at->N + n] = a->shift ? activate(t.acc[i] + a->shift[n], a->act,
                                                      a->slopes ? a->slopes[n] : 0)
                                           : t.acc[i];
        }
        if (a->parts) add_statistics(&t, precision, p.rows - p.row, total);
    }
    const int c = p.column + THREAD;
    if (!a->parts || THREAD >= TILE || c >= p.columns) return;
    for (int k = 0; k < 2; k++)
        a->parts[((long)BLOCK_X * 3 + k) * at->N + p.g * p.Ng + c] = total[k];
}

DEVICE void dx_tile(const struct conv_dx_args *a, int precision) {
    SHARED float left[SLICE][ROW], right[SLICE][ROW];
    const struct dnx_cuda_window *at = &a->at;
    struct product p = product_of(at, a->dz, a->wt, BLOCK_Z, at->N / at->groups,
                                  at->C / at->groups);
    struct tile t;
    p.row = (long)BLOCK_X * TILE;
    p.rows = (long)at->batch * at->h * at->w;
    p.columns = p.Cg;
    p.hi = at->kh * at->kw * p.Ng;
    product_tile(&p, DX, precision, &t, left, right);
    UNROLL for (int i = 0; i < 16; i++) {
        const long r = p.row + tile_row(i, precision);
        const int c = p.column + tile_column(i, precision);
        if (r >= p.rows || c >= p.columns) continue;
        float *to = a->dx + r * at->C + p.g * p.Cg + c;
        *to = t.acc[i] + (a->adds ? *to : 0);
    }
}

DEVICE void dw_tile(const struct conv_dw_args *a, int precision) {
    SHARED float left[SLICE][ROW], right[SLICE][ROW];
    const struct dnx_cuda_window *at = &a->at;
    const long pixels = (long)at->batch * at->oh * at->ow, each = (pixels + a->slabs - 1) / a->slabs;
    const int slab = BLOCK_Z / at->groups;
    struct product p = product_of(at, a->dz, a->x, BLOCK_Z % at->groups, at->N / at->groups,
                                  at->C / at->groups);
    struct tile t;
    p.row = (long)BLOCK_Y * TILE;
    p.rows = p.Ng;
    p.column = BLOCK_X * TILE;
    p.columns = at->kh * at->kw * p.Cg;
    p.lo = slab * each;
    p.hi = p.lo + each < pixels ? p.lo + each : pixels;
    product_tile(&p, DW, precision, &t, left, right);
    float *parts = a->parts + ((long)slab * at->N + (long)p.g * p.Ng) * p.columns;
    UNROLL for (int i = 0; i < 16; i++) {
        const long n = p.row + tile_row(i, precision);
        const int k = p.column + tile_column(i, precision);
        if (n < p.rows && k < p.columns) parts[n * p.columns + k] = t.acc[i];
    }
}

KERNEL(conv_forward) { forward_tiles(&a, PLAIN); }
KERNEL(conv_forward_tf32) { forward_tiles(&a, TF32); }
KERNEL(conv_forward_bf16) { forward_tiles(&a, BF16); }
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
        a.wk[((long)n * a.taps + tap) * a.cg + c] = a.w[i] * (a.scale ? a.scale[n] : 1);
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
