/* bits.h - the loops over bits of binary convolutions. No allocation, no options, no threads.
 *
 * A bit stands for a sign: 1 for +1, 0 for -1; sign(0) = +1. A pixel of C channels is a row of
 * dnx_bit_words(C) words: channel c is bit c%64 of word c/64, and spare bits are 0. The product of
 * two rows of n signs is n - 2*(bits in which they differ), an exact integer.
 *
 * One file for each way to count bits: plain C; AVX2, which looks the counts up (bits_avx2.c);
 * AVX-512 with VPOPCNTDQ. Letters as in kernels.h; L is the words of a row.
 *
 * AMX does not count: its tiles multiply signs as bytes (dnx_tile_set). */
#ifndef DNX_BITS_H
#define DNX_BITS_H
#include <stddef.h>
#include <stdint.h>

#define DNX_BIT_ROWS 32     /* rows of a that count() takes at most */
#define DNX_BIT_WORDS 1023  /* words of a row: counts fit 16 bits */

typedef struct {
    const float *alpha, *shift, *slope; /* shift and slope: NULL for z alone */
    const float *residual;              /* NULL: none */
} dnx_bit_end;

typedef struct {
    const char *name; /* "plain", "avx2", "avx512" */
    int panel;        /* filters of a packed panel */

    /* Rows of P pixels: the signs of u = x[c]*scale[c] + shift[c] (scale NULL: of u = x), and
     * sum[p] = sum over c of |u|, which is NaN when any u is: 16 sums, of every sixteenth channel,
     * whose second half is added to the first until one is left, in all sets. */
    void (*sign)(const float *x, long P, int C, const float *scale, const float *shift,
                 uint64_t *rows, float *sum);
    /* Bytes that pack needs for N filters. */
    size_t (*packed)(int L, int N);
    /* Packs N rows of L words into panels, padded with zero rows. The place must be zeroed. */
    void (*pack)(const uint64_t *rows, int L, int N, void *packed);
    /* Bytes that count works in, a multiple of 64; NULL: none. */
    size_t (*room)(int L);
    /* count[p*ldc + i] = bits in which row p of a (P rows, L words each) and filter
     * i of `panels` panels differ. ldc >= panels*panel. `packed` points at the first panel; packed
     * and room are aligned to 64 bytes. */
    void (*count)(const uint64_t *a, int P, int L, const void *packed, int panels, int32_t *count,
                  size_t ldc, void *room);
    /* A row's results: z[i] = (base[i] - 2*count[i]) * factor * alpha[i], the integer first; with
     * shift y[i] = u > 0 ? u : u*slope[i] of u = z[i] + shift[i]; then the residual. */
    void (*finish)(const int32_t *count, int N, const int32_t *base, float factor,
                   const dnx_bit_end *e, float *y);
} dnx_bit_set;

#define DNX_TILE_POSITIONS 512 /* that multiply() takes at most */

/* Outputs of one image. Its signs are bytes, 64 channels a place: +1, -1, or 0 for what is outside
 * the image or no channel. Position j is the window whose first place is x + 64*j; of `pitch`
 * positions the first `width` are outputs, the others lie between two rows of the image. */
typedef struct {
    const int8_t *x;
    const size_t *offset; /* words: bytes from a window's first place to each of its words */
    int words;
    int column, count;    /* position 0 is the output of this column; count positions */
    int pitch, width;
    const float *factor;  /* of each output, one after another */
    dnx_bit_end end;
    size_t ldy;           /* of y and the residual: floats from one output to the next */
} dnx_tile_job;

typedef struct {
    int panel;         /* filters of a packed panel */
    size_t room;       /* bytes that multiply works in */
    /* As dnx_bit_set's, of every skip-th pixel, P of them, and their sums; word l of the p-th
     * becomes the 64 bytes at to + 64*p + plane*l. */
    void (*sign)(const float *x, int skip, long P, int C, const float *scale,
                 const float *shift, int8_t *to, size_t plane, float *sum);
    size_t (*packed)(int words, int N);
    /* Packs N filters of as many words as a window, in its order. They stay bits. */
    void (*pack)(const uint64_t *rows, int words, int N, void *packed);
    /* y of N filters: finish() of the integer sums of products. `packed` points at the first
     * panel; x, packed and room are aligned to 64 bytes. Reads up to 15
     * positions beyond the last. */
    void (*multiply)(const dnx_tile_job *j, const void *packed, int N, void *room, float *y);
} dnx_tile_set;

/* NULL when the processor or the system lacks AMX, or DNX_ISA names another set than "amx". */
const dnx_tile_set *dnx_tiles(void);

static inline int dnx_bit_words(int C) { return (C + 63) / 64; }

/* The best set for this processor, or the one that DNX_ISA names, as dnx_kernels() does. */
const dnx_bit_set *dnx_bits(void);
/* By name, for tests; NULL when the processor lacks it. */
const dnx_bit_set *dnx_bits_named(const char *name);

/* The bits that are 1 in n words; any processor. */
long dnx_bit_sum(const uint64_t *words, size_t n);
#endif
