/* tile.h - a block's part of a product of matrices, by multiply-adds (PLAIN) or on tensor cores
 * (TF32, BF16). A block computes tiles of 64 x 64 outputs. Each output is a sum over terms k. A
 * block adds a slice of 16 terms at a time, while the next slices are copied to shared memory. Sums
 * are float32. */
#ifndef DNX_CUDA_TILE_H
#define DNX_CUDA_TILE_H
#include "cuda/act.h"

enum { TILE = DNX_CUDA_TILE, SLICE = 16, STAGES = 3, BUFFER = TILE * (SLICE + 8) };
enum { PLAIN = 0, TF32 = 1, BF16 = 2 };
typedef float stage[2][BUFFER]; /* shared memory for a slice of each factor */

/* The 16 outputs of a tile that one thread computes. */
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
 * DX is the gradient of the input, DW of the filters. A line of left is a row of the product; a
 * line of right is a column. */
enum { FORWARD, DX, DW };
struct product {
    const struct dnx_cuda_window *at;
    const float *left, *right;
    const struct dnx_cuda_deferred *of_x; /* deferred batch norm: left in FORWARD, right in DW */
    int g, Cg, Ng;                        /* the group; channels and filters in a group */
    bool is_matrix; /* windows of one pixel: pixel i of x gives pixel i of y */
    long row, rows; /* row: first row of the tile; rows: rows of all tiles */
    int column, columns;
    int lo, hi;                 /* the terms k: lo to hi - 1 */
    bool four_left, four_right; /* whether left, or right, is copied four numbers at once */
};

/* The position of a pixel, from which taps (ky, kx) are counted. In FORWARD and DW, tap (ky, kx) of
 * the output pixel reads input pixel (y + ky, x + kx). In DX, the output that reads the input pixel
 * by tap (ky, kx) is pixel ((y - ky) / stride, (x - kx) / stride). */
struct spot {
    long image; /* index of the first pixel of the image: in x, or with DX in dz */
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

/* Returns the address of channel c in the pixel that tap `tap` of the output at s reads; NULL when
 * this pixel lies outside of the image. */
DEVICE const float *window_at(const struct dnx_cuda_window *at, const float *from, struct spot s,
                              int tap, int c) {
    const int ky = tap ? tap / at->kw : 0, y = s.y + ky, x = s.x + tap - ky * at->kw;
    if (y < 0 || y >= at->h || x < 0 || x >= at->w) return 0;
    return from + (s.image + (long)y * at->w + x) * at->C + c;
}

/* Returns the address of dz[n] in the output that reads the input pixel at s by tap `tap`; NULL
 * when no output does. */
DEVICE const float *reader_at(const struct dnx_cuda_window *at, const float *dz, struct spot s,
                              int tap, int n) {
    const int ky = tap ? tap / at->kw : 0;
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

/* Return the address of left[k][row], or of right[k][p->column + line]. Return NULL for an element
 * that is 0: in the padding, outside of the matrix, and in DX also where no output reads the pixel
 * by this tap. s: the position of the pixel of left's row (FORWARD, DX), or of the output pixel
 * that is term k (DW). */
DEVICE const float *left_at(const struct product *p, int kind, struct spot s, long row, int k) {
    if (k >= p->hi || row >= p->rows) return 0;
    if (kind == DW) return p->left + (long)k * p->at->N + p->g * p->Ng + row;
    const int wide = kind == FORWARD ? p->Cg : p->Ng;
    if (p->is_matrix)
        return p->left + row * (kind == FORWARD ? p->at->C : p->at->N) + p->g * wide + k;
    const int tap = p->hi == wide ? 0 : k / wide, c = p->g * wide + k - tap * wide;
    return kind == FORWARD ? window_at(p->at, p->left, s, tap, c)
                           : reader_at(p->at, p->left, s, tap, c);
}
DEVICE const float *right_at(const struct product *p, int kind, struct spot s, int line, int k) {
    const int column = p->column + line;
    if (k >= p->hi || column >= p->columns) return 0;
    if (kind == FORWARD) return p->right + ((long)p->g * p->Ng + column) * p->hi + k;
    if (kind == DX) return p->right + ((long)p->g * p->hi + k) * p->Cg + column;
    if (p->is_matrix) return p->right + (long)k * p->at->C + p->g * p->Cg + column;
    const int tap = column / p->Cg;
    return window_at(p->at, p->right, s, tap, p->g * p->Cg + column - tap * p->Cg);
}

/* Each thread copies four numbers of a slice: four terms of one line if `along`, else one term of
 * four lines. line_of() and term_of() return the line and the term of the first of these numbers.
 * place() returns the index of a number in shared memory. Gaps avoid bank conflicts; their size
 * depends on which numbers the threads of a warp read together. */
DEVICE int line_of(bool along) { return along ? THREAD / (SLICE / 4) : THREAD % (TILE / 4) * 4; }
DEVICE int term_of(bool along) { return along ? THREAD % (SLICE / 4) * 4 : THREAD / (TILE / 4); }
DEVICE int place(bool along, int precision, int line, int k) {
    return along ? line * (SLICE + (precision == BF16 ? 8 : 4)) + k
                 : k * (TILE + (precision == BF16 ? 4 : 8)) + line;
}

/* Starts the copies of this thread's four numbers of left (is_left) or right: in the slice that
 * begins with term k, for the tile whose first row is `row`. */
DEVICE void load(const struct product *p, int kind, int precision, bool is_left, struct spot s,
                 long row, int k, float *tile) {
    const bool along = is_left ? kind != DW : kind == FORWARD;
    const int line = line_of(along), term = k + term_of(along);
    float *to = tile + place(along, precision, line, term_of(along));
    if (is_left ? p->four_left : p->four_right) {
        copy_four(to, is_left ? left_at(p, kind, s, row + line, term)
                              : right_at(p, kind, s, line, term));
        return;
    }
    UNROLL for (int i = 0; i < 4; i++) {
        const int n = along ? line : line + i, t = along ? term + i : term;
        copy_one(to + i, is_left ? left_at(p, kind, s, row + n, t) : right_at(p, kind, s, n, t));
    }
}

/* The deferred batch norm and activation of the four numbers that a thread has copied. */
struct four_norms {
    float scale[4], shift[4], slope[4];
};
/* Reads scale, shift and slope for the slice that begins with term k: in FORWARD for four terms, in
 * DW for four columns. */
DEVICE void read_norms(const struct product *p, int kind, int k, struct four_norms *of) {
    const int first = kind == FORWARD ? k + term_of(true) : p->column + line_of(false);
    const int end = kind == FORWARD ? p->hi : p->columns;
    UNROLL for (int i = 0; i < 4; i++) {
        const int m = first + i; /* tap * Cg + channel */
        const int c = p->g * p->Cg + (p->is_matrix ? m : m % p->Cg);
        if (m >= end) continue;
        of->scale[i] = p->of_x->scale[c];
        of->shift[i] = p->of_x->shift[c];
        of->slope[i] = p->of_x->act == DNX_PRELU ? p->of_x->slopes[c] : 0;
    }
}
/* Applies a deferred batch norm and activation to this thread's four numbers of the slice that
 * begins with term k. Padding stays 0. */
DEVICE void normalise(const struct product *p, int kind, int precision, struct spot s, int k,
                      const struct four_norms *of, float *tile) {
    const bool along = kind == FORWARD, at_once = along ? p->four_left : p->four_right;
    const int line = line_of(along), term = k + term_of(along);
    float *to = tile + place(along, precision, line, term_of(along));
    const dnx_act act = p->of_x->act;
    bool is_in = false;
    UNROLL for (int i = 0; i < 4; i++) {
        const int n = along ? line : line + i, t = along ? term + i : term;
        if (i == 0 || !at_once)
            is_in = along ? left_at(p, kind, s, p->row + n, t) != 0
                          : right_at(p, kind, s, n, t) != 0;
        if (!is_in) continue;
        const float u = to[i] * of->scale[i] + of->shift[i];
        to[i] = act == DNX_PRELU    ? (u > 0 ? u : of->slope[i] * u)
                : act == DNX_LINEAR ? u
                                    : call_activate(u, act, 0);
    }
}

/* Returns the numbers of terms k and k + 1 of a line as bfloat16. k is even. */
DEVICE unsigned pair_at(const float *tile, bool along, int line, int k) {
    const float *at = tile + place(along, BF16, line, k);
    if (!along) return bf16_pair(at[0], at[place(along, BF16, 0, 1)]);
    const float2 both = *(const float2 *)at;
    return bf16_pair(both[0], both[1]);
}

/* acc(row, column) += left[k][row] * right[k][column] for the 16 terms k of a slice. */
DEVICE void multiply(struct tile *t, const float *left, const float *right, int kind,
                     int precision) {
    const bool in_left = kind != DW, in_right = kind == FORWARD;
#define LEFT(k, line) left[place(in_left, precision, line, k)]
#define RIGHT(k, line) right[place(in_right, precision, line, k)]
    const int lane = THREAD % 32, warp = THREAD / 32, group = lane / 4, part = lane % 4;
    if (precision == PLAIN) {
        const int r = THREAD / 16, c = THREAD % 16;
        for (int first = 0; first < SLICE; first += 4)
            UNROLL for (int k = first; k < first + 4; k++) UNROLL for (int i = 0; i < 16; i++)
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
            a[i] = precision == BF16 ? pair_at(left, in_left, row, term) : tf32(LEFT(term, row));
        }
        UNROLL for (int j = 0; j < 4; j++) {
            const int n = c + 8 * j;
            UNROLL for (int i = 0; i < 2; i++) b[i] = precision == BF16
                                                          ? pair_at(right, in_right, n, p + i * 8)
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

/* A thread has COLUMNS_OF columns of the tile, and ROWS_OF rows in each. in_tile() returns the
 * index in acc of the number in the thread's row r and column q. row_parts() threads share a
 * column; this thread is number row_part() of them. */
#define COLUMNS_OF(precision) ((precision) == PLAIN ? 4 : 8)
#define ROWS_OF(precision) (16 / COLUMNS_OF(precision))
DEVICE int in_tile(int q, int r, int precision) {
    return precision == PLAIN ? 4 * r + q : q / 2 * 4 + r * 2 + q % 2;
}
DEVICE int row_parts(int precision) { return precision == PLAIN ? 16 : 32; }
DEVICE int row_part(int precision) {
    return precision == PLAIN ? THREAD / 16 : THREAD / 32 % 4 * 8 + THREAD % 32 / 4;
}

/* Where a block fetches next: the slice that begins with term k, of the tile whose first row is
 * `row`. A block computes the tiles of rows row, row + step, and so on. It fetches the first slices
 * of a tile while it still computes the tile before. left: the spot of this thread's row. */
struct pipe {
    long row, step;
    int k, into, from; /* stages: into for the next fetch, from for the next product */
    struct spot left;
    stage *stages;
};
DEVICE void next_tile(const struct product *p, int kind, struct pipe *pipe) {
    pipe->k = p->lo;
    if (!p->is_matrix && pipe->row < p->rows)
        pipe->left = spot_of(p->at, kind, (unsigned)(pipe->row + line_of(true)));
}

/* Starts this thread's copies of one slice of left and right. Each call ends a group of copies, so
 * that WAIT_COPIES() can count slices; after the last tile the group is empty. */
DEVICE void fetch(const struct product *p, int kind, int precision, struct pipe *pipe) {
    if (pipe->row < p->rows && pipe->k < p->hi) {
        float(*to)[BUFFER] = pipe->stages[pipe->into];
        struct spot at = pipe->left;
        if (kind == DW && !p->is_matrix)
            at = spot_of(p->at, DW, (unsigned)(pipe->k + term_of(false)));
        load(p, kind, precision, true, at, pipe->row, pipe->k, to[0]);
        load(p, kind, precision, false, at, pipe->row, pipe->k, to[1]);
        pipe->k += SLICE;
        if (pipe->k >= p->hi) {
            pipe->row += pipe->step;
            next_tile(p, kind, pipe);
        }
    }
    pipe->into = pipe->into == STAGES - 1 ? 0 : pipe->into + 1;
    END_COPIES();
}

/* Fetches the first slices of the block's first tile, which begins with p->row. */
DEVICE struct pipe begin_tiles(const struct product *p, int kind, int precision, long step,
                               stage *stages) {
    struct pipe pipe = {p->row, step, 0, 0, 0, {0, 0, 0}, stages};
    next_tile(p, kind, &pipe);
    for (int s = 0; s < STAGES - 1; s++) fetch(p, kind, precision, &pipe);
    return pipe;
}

/* Computes the tile whose first row is p->row. After SYNC() in the loop, the copies of a slice are
 * complete, and no thread still reads the buffer that fetch() then overwrites. */
DEVICE void product_tile(const struct product *p, int kind, int precision, struct pipe *pipe,
                         struct tile *t) {
    const bool defers = kind != DX && p->of_x->scale;
    struct spot at = {0, 0, 0};
    struct four_norms of;
    UNROLL for (int i = 0; i < 16; i++) t->acc[i] = 0;
    if (defers && kind == FORWARD && !p->is_matrix)
        at = spot_of(p->at, kind, (unsigned)(p->row + line_of(true)));
    if (defers && kind == DW) read_norms(p, kind, 0, &of);
    for (int k = p->lo; k < p->hi; k += SLICE) {
        float(*now)[BUFFER] = pipe->stages[pipe->from];
        if (defers && kind == FORWARD) read_norms(p, kind, k, &of);
        WAIT_COPIES(STAGES - 2);
        if (defers) {
            if (kind == DW && !p->is_matrix)
                at = spot_of(p->at, DW, (unsigned)(k + term_of(false)));
            normalise(p, kind, precision, at, k, &of, now[kind == DW]);
        }
        SYNC();
        fetch(p, kind, precision, pipe);
        multiply(t, now[0], now[1], kind, precision);
        pipe->from = pipe->from == STAGES - 1 ? 0 : pipe->from + 1;
    }
}

/* Returns a product in which the caller must set rows, columns and hi; for DW, also row, column and
 * lo. wide_left, wide_right: how many numbers of left, and of right, are consecutive in memory. */
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
    p.is_matrix = at->kh * at->kw == 1 && at->stride == 1 && at->pad == 0;
    p.row = (long)BLOCK_X * TILE;
    p.column = BLOCK_Y * TILE;
    p.four_left = wide_left % 4 == 0 && (unsigned long)left % 16 == 0;
    p.four_right = wide_right % 4 == 0 && (unsigned long)right % 16 == 0;
    return p;
}
#endif
