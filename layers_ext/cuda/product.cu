/* product.cu - convolutions as matrix products, by multiply-adds (PLAIN) or on tensor cores (TF32,
 * BF16). A block computes a tile of 64 x 64 outputs. It adds the products of one slice, 16 terms,
 * at a time. Meanwhile the next slices are copied to shared memory. Sums are float32. */
#include "cuda/act.h"

enum { TILE = DNX_CUDA_TILE, SLICE = 16, STAGES = 3, BUFFER = TILE * (SLICE + 4) };
enum { PLAIN = 0, TF32 = 1, BF16 = 2 };

/* The 16 outputs of a tile that one thread sums. */
struct tile {
    float acc[16];
};

/* Output (row, column) of the product is the sum over k of left[k][row] * right[k][column]:
 *
 *             rows           columns        terms k
 *   FORWARD   output pixels  filters        taps and channels
 *   DX        input pixels   channels       taps and filters
 *   DW        filters        taps, channels output pixels lo to hi
 *
 * DX is the gradient of the input, DW of the filters. A line is a row or a column. */
enum { FORWARD, DX, DW };
struct product {
    const struct dnx_cuda_window *at;
    const float *left, *right;
    const struct dnx_cuda_deferred *of_x; /* applies to left in FORWARD, to right in DW */
    int g, Cg, Ng;                        /* the group; channels and filters in a group */
    long row, rows;                       /* row: first row of the tile; rows: rows of all tiles */
    int column, columns;
    int lo, hi;                 /* the terms k: lo to hi - 1 */
    bool four_left, four_right; /* copy four numbers of left, or of right, at once */
};

/* Where the window of a pixel begins: at (y, x). In DX the window of an input pixel has the outputs
 * that read the pixel. */
struct spot {
    long image; /* first pixel of the window's image */
    int y, x;
};
DEVICE struct spot spot_of(const struct dnx_cuda_window *at, int kind, unsigned pixel) {
    const unsigned h = (unsigned)(kind == DX ? at->h : at->oh);
    const unsigned w = (unsigned)(kind == DX ? at->w : at->ow), line = pixel / w, b = line / h;
    const int y = (int)(line - b * h), x = (int)(pixel - line * w);
    struct spot s;
    s.image = kind == DX ? (long)b * at->oh * at->ow : (long)b * at->h * at->w;
    s.y = kind == DX ? y + at->pad : y * at->stride - at->pad;
    s.x = kind == DX ? x + at->pad : x * at->stride - at->pad;
    return s;
}

/* Returns the address of channel c at tap `tap` of the window s; NULL outside of the image. */
DEVICE const float *window_at(const struct dnx_cuda_window *at, const float *from, struct spot s,
                              int tap, int c) {
    const int ky = tap / at->kw, y = s.y + ky, x = s.x + tap - ky * at->kw;
    if (y < 0 || y >= at->h || x < 0 || x >= at->w) return 0;
    return from + (s.image + (long)y * at->w + x) * at->C + c;
}

/* Returns the address of dz[n] of the output whose tap `tap` reads input pixel s; NULL when there
 * is no such output. */
DEVICE const float *reader_at(const struct dnx_cuda_window *at, const float *dz, struct spot s,
                              int tap, int n) {
    const int ky = tap / at->kw;
    int y = s.y - ky, x = s.x - (tap - ky * at->kw);
    if (y < 0 || x < 0) return 0;
    if (at->stride > 1) {
        if (y % at->stride || x % at->stride) return 0;
        y /= at->stride;
        x /= at->stride;
    }
    if (y >= at->oh || x >= at->ow) return 0;
    return dz + (s.image + (long)y * at->ow + x) * at->N + n;
}

/* Return the address of left[k][line] or right[k][line]; NULL where the element is 0. s: the spot
 * of the line; in DW, the spot of term k. */
DEVICE const float *left_at(const struct product *p, int kind, struct spot s, int line, int k) {
    const long row = p->row + line;
    if (k >= p->hi || row >= p->rows) return 0;
    if (kind == DW) return p->left + (long)k * p->at->N + p->g * p->Ng + row;
    const int wide = kind == FORWARD ? p->Cg : p->Ng, tap = p->hi == wide ? 0 : k / wide;
    const int c = p->g * wide + k - tap * wide;
    return kind == FORWARD ? window_at(p->at, p->left, s, tap, c)
                           : reader_at(p->at, p->left, s, tap, c);
}
DEVICE const float *right_at(const struct product *p, int kind, struct spot s, int line, int k) {
    const int column = p->column + line;
    if (k >= p->hi || column >= p->columns) return 0;
    if (kind == FORWARD) return p->right + ((long)p->g * p->Ng + column) * p->hi + k;
    if (kind == DX) return p->right + ((long)p->g * p->hi + k) * p->Cg + column;
    const int tap = column / p->Cg;
    return window_at(p->at, p->right, s, tap, p->g * p->Cg + column - tap * p->Cg);
}

/* Each thread copies four numbers of a slice: four terms of one line if `along`, else one term of
 * four lines. line_of() and term_of() return the line and term of its first number. place() returns
 * the index of a number in shared memory; gaps between lines avoid bank conflicts. */
DEVICE int line_of(bool along) { return along ? THREAD / (SLICE / 4) : THREAD % (TILE / 4) * 4; }
DEVICE int term_of(bool along) { return along ? THREAD % (SLICE / 4) * 4 : THREAD / (TILE / 4); }
DEVICE int place(bool along, int line, int k) {
    return along ? line * (SLICE + 4) + k : k * (TILE + 8) + line;
}

/* Starts the copies of this thread's four numbers of the slice that begins with term k. */
DEVICE void load(const struct product *p, int kind, bool is_left, bool along, struct spot s, int k,
                 float *tile) {
    const int line = line_of(along), term = k + term_of(along);
    float *to = tile + place(along, line, term_of(along));
    if (is_left ? p->four_left : p->four_right) {
        copy_four(to, is_left ? left_at(p, kind, s, line, term) : right_at(p, kind, s, line, term));
        return;
    }
    UNROLL for (int i = 0; i < 4; i++) {
        const int n = along ? line : line + i, t = along ? term + i : term;
        copy_one(to + i, is_left ? left_at(p, kind, s, n, t) : right_at(p, kind, s, n, t));
    }
}

/* Applies the deferred batch norm and activation to this thread's four numbers of the slice that
 * begins with term k. Padding stays 0. */
DEVICE void normalise(const struct product *p, int kind, struct spot s, int k, float *tile) {
    const bool along = kind == FORWARD, four = along ? p->four_left : p->four_right;
    const int line = line_of(along), term = k + term_of(along);
    float *to = tile + place(along, line, term_of(along));
    const bool has_taps = p->at->kh * p->at->kw > 1;
    bool is_in = false;
    UNROLL for (int i = 0; i < 4; i++) {
        const int n = along ? line : line + i, t = along ? term + i : term;
        if (i == 0 || !four)
            is_in = along ? left_at(p, kind, s, n, t) != 0 : right_at(p, kind, s, n, t) != 0;
        const int m = along ? t : p->column + n; /* tap * Cg + channel */
        if (is_in) to[i] = loaded(p->of_x, to[i], p->g * p->Cg + (has_taps ? m % p->Cg : m));
    }
}

/* acc(row, column) += left[k][row] * right[k][column] for the 16 terms k of a slice. */
DEVICE void multiply(struct tile *t, const float *left, const float *right, int kind,
                     int precision) {
    const bool in_left = kind != DW, in_right = kind == FORWARD;
#define LEFT(k, line) left[place(in_left, line, k)]
#define RIGHT(k, line) right[place(in_right, line, k)]
    const int lane = THREAD % 32, warp = THREAD / 32, group = lane / 4, part = lane % 4;
    if (precision == PLAIN) {
        const int r = THREAD / 16, c = THREAD % 16;
        UNROLL for (int k = 0; k < SLICE; k++) UNROLL for (int i = 0; i < 16; i++)
            t->acc[i] += LEFT(k, r + i / 4 * 16) * RIGHT(k, c + i % 4 * 16);
        return;
    }
    /* Warp w computes 16 rows, from row 16 * (w % 4), in 32 columns, from column 32 * (w / 4). */
    const int r = warp % 4 * 16 + group, c = warp / 4 * 32 + group;
    UNROLL for (int k = 0; k < SLICE; k += precision == BF16 ? 16 : 8) {
        const int p = precision == BF16 ? k + 2 * part : k + part;
        unsigned a[4], b[2];
        UNROLL for (int i = 0; i < 4; i++) {
            const int row = r + i % 2 * 8, term = p + i / 2 * (precision == BF16 ? 8 : 4);
            a[i] = precision == BF16 ? bf16_pair(LEFT(term, row), LEFT(term + 1, row))
                                     : tf32(LEFT(term, row));
        }
        UNROLL for (int j = 0; j < 4; j++) {
            const int n = c + 8 * j;
            UNROLL for (int i = 0; i < 2; i++)
                b[i] = precision == BF16 ? bf16_pair(RIGHT(p + i * 8, n), RIGHT(p + i * 8 + 1, n))
                                         : tf32(RIGHT(p + i * 4, n));
            if (precision == BF16) mma_bf16(t->acc + 4 * j, a, b);
            else mma_tf32(t->acc + 4 * j, a, b);
        }
    }
#undef LEFT
#undef RIGHT
}

DEVICE int tile_row(int i, int precision) {
    if (precision == PLAIN) return THREAD / 16 + i / 4 * 16;
    return THREAD / 32 % 4 * 16 + THREAD % 32 / 4 + i % 4 / 2 * 8;
}
DEVICE int tile_column(int i, int precision) {
    if (precision == PLAIN) return THREAD % 16 + i % 4 * 16;
    return THREAD / 32 / 4 * 32 + i / 4 * 8 + THREAD % 4 * 2 + i % 2;
}

/* row_parts() threads share a column of the tile; this thread is number row_part() of them. Each of
 * them has several rows; acc[i] is in the one with number row_index(). */
DEVICE int row_parts(int precision) { return precision == PLAIN ? 16 : 32; }
DEVICE int row_part(int precision) {
    return precision == PLAIN ? THREAD / 16 : THREAD / 32 % 4 * 8 + THREAD % 32 / 4;
}
DEVICE int row_index(int i, int precision) { return precision == PLAIN ? i / 4 : i % 4 / 2; }

/* Starts this thread's copies of one slice of left and right. Each call ends a group of copies; the
 * group of a slice beyond the last term is empty. */
DEVICE void fetch(const struct product *p, int kind, struct spot left, int slice,
                  float stages[STAGES][2][BUFFER]) {
    const int k = p->lo + slice * SLICE;
    if (k < p->hi) {
        float(*to)[BUFFER] = stages[slice % STAGES];
        struct spot right = left;
        if (kind == DW) right = spot_of(p->at, DW, (unsigned)(k + term_of(false)));
        load(p, kind, true, kind != DW, left, k, to[0]);
        load(p, kind, false, kind == FORWARD, right, k, to[1]);
    }
    END_COPIES();
}

/* Computes a tile of the product. After SYNC() in the loop, the copies of slice s are complete, and
 * no thread still reads the buffer that fetch() then overwrites. */
DEVICE void product_tile(const struct product *p, int kind, int precision, struct tile *t) {
    SHARED __attribute__((aligned(16))) float stages[STAGES][2][BUFFER];
    const struct spot left = spot_of(p->at, kind, (unsigned)(p->row + line_of(true)));
    UNROLL for (int i = 0; i < 16; i++) t->acc[i] = 0;
    for (int s = 0; s < STAGES - 1; s++) fetch(p, kind, left, s, stages);
    for (int s = 0; p->lo + s * SLICE < p->hi; s++) {
        WAIT_COPIES(STAGES - 2);
        if (kind != DX && p->of_x->scale) {
            const int k = p->lo + s * SLICE;
            struct spot at = left;
            if (kind == DW) at = spot_of(p->at, DW, (unsigned)(k + term_of(false)));
            normalise(p, kind, at, k, stages[s % STAGES][kind == DW]);
        }
        SYNC();
        fetch(p, kind, left, s + STAGES - 1, stages);
        multiply(t, stages[s % STAGES][0], stages[s % STAGES][1], kind, precision);
    }
    SYNC();
}

/* Returns a product in which the caller must set row, rows, columns and hi; for DW, also column and
 * lo. wide_left, wide_right: the length of the runs of numbers that are consecutive in memory, in
 * left and in right. */
DEVICE struct product product_of(const struct dnx_cuda_window *at, const float *left,
                                 const float *right, const struct dnx_cuda_deferred *of_x, int g,
                                 int wide_left, int wide_right) {
    struct product p;
    p.at = at;
    p.left = left;
    p.right = right;
    p.of_x = of_x;
    p.g = g;
    p.Cg = at->C / at->groups;
    p.Ng = at->N / at->groups;
    p.lo = 0;
    p.column = BLOCK_Y * TILE;
    p.four_left = wide_left % 4 == 0 && (unsigned long)left % 16 == 0;
    p.four_right = wide_right % 4 == 0 && (unsigned long)right % 16 == 0;
    return p;
}

/* For column THREAD of the tile: adds the sum of z to total[0], and the sum of z^2 to total[1]. A
 * float32 sum of z^2 would not be exact enough. So the squares of z - mean are summed in float32,
 * and the sum of z^2 is computed from this sum in double. */
DEVICE void add_statistics(const struct tile *t, int precision, long rows_left, double total[2]) {
    SHARED float sums[32][TILE], mean[TILE];
    const int n = rows_left < TILE ? (int)rows_left : TILE;
    float sum = 0;
    for (int pass = 0; pass < 2; pass++) {
        UNROLL for (int i = 0; i < 16; i++) { /* sums each column of this thread once */
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
    const struct dnx_cuda_window *at = &a->at;
    const int taps = at->kh * at->kw;
    struct product p = product_of(at, a->x, a->wk, &a->of_x, BLOCK_Z, at->C / at->groups,
                                  taps * (at->C / at->groups));
    struct tile t;
    double total[2] = {0, 0};
    p.rows = (long)at->batch * at->oh * at->ow;
    p.columns = p.Ng;
    p.hi = taps * p.Cg;
    for (p.row = (long)BLOCK_X * TILE; p.row < p.rows; p.row += (long)BLOCKS_X * TILE) {
        product_tile(&p, FORWARD, precision, &t);
        UNROLL for (int i = 0; i < 16; i++) {
            const long r = p.row + tile_row(i, precision);
            const int c = p.column + tile_column(i, precision), n = p.g * p.Ng + c;
            if (r >= p.rows || c >= p.columns) continue;
            float y = t.acc[i];
            if (a->shift) y = call_activate(y + a->shift[n], a->act, a->slopes ? a->slopes[n] : 0);
            a->y[r * at->N + n] = y + (a->residual ? a->residual[r * at->N + n] : 0);
        }
        if (a->parts) add_statistics(&t, precision, p.rows - p.row, total);
    }
    const int c = p.column + THREAD;
    if (!a->parts || THREAD >= TILE || c >= p.columns) return;
    for (int k = 0; k < 2; k++)
        a->parts[((long)BLOCK_X * 3 + k) * at->N + p.g * p.Ng + c] = total[k];
}

DEVICE void dx_tile(const struct conv_dx_args *a, int precision) {
    const struct dnx_cuda_window *at = &a->at;
    struct product p = product_of(at, a->dz, a->wt, 0, BLOCK_Z, at->N / at->groups,
                                  at->C / at->groups);
    struct tile t;
    p.row = (long)BLOCK_X * TILE;
    p.rows = (long)at->batch * at->h * at->w;
    p.columns = p.Cg;
    p.hi = at->kh * at->kw * p.Ng;
    product_tile(&p, DX, precision, &t);
    UNROLL for (int i = 0; i < 16; i++) {
        const long r = p.row + tile_row(i, precision);
        const int c = p.column + tile_column(i, precision);
        if (r >= p.rows || c >= p.columns) continue;
        float *to = a->dx + r * at->C + p.g * p.Cg + c;
        *to = t.acc[i] + (a->adds ? *to : 0);
    }
}

DEVICE void dw_tile(const struct conv_dw_args *a, int precision) {
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
    product_tile(&p, DW, precision, &t);
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
