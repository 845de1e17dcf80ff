/* bits.h - the bit loops of binary convolutions. They allocate nothing and start no threads.
 * A bit stands for a sign: 1 for +1, 0 for -1; sign(0) = +1. Channel c of a pixel is bit c%64 of
 * word c/64; spare bits are 0. The product of two rows of n signs is n - 2*(number of different
 * bits). L is the number of words of a row; the other letters are those of kernels.h. */
#ifndef DNX_BITS_H
#define DNX_BITS_H
#include <stddef.h>
#include <stdint.h>

#define DNX_BIT_ROWS 32    /* most rows in one call of count() */
#define DNX_BIT_WORDS 1023 /* most words of a row, so that counts fit 16 bits */

typedef struct {
    const float *alpha, *shift, *slope; /* N floats each; shift and slope may be NULL together */
    const float *residual;              /* may be NULL */
} dnx_bit_end;

typedef struct {
    const char *name;
    int panel; /* filters in a packed panel */

    /* For P pixels: stores the signs of u = x[c]*scale[c] + shift[c] in rows, and sum[p] = sum over
     * c of |u|. When scale is NULL, u = x. All sets add in the same order: first 16 partial sums,
     * each of the channels with equal c % 16. Then the second half of the partial sums is added to
     * the first half, until one number is left. */
    void (*sign)(const float *x, long P, int C, const float *scale, const float *shift,
                 uint64_t *rows, float *sum);
    /* Returns the bytes of N packed filters of L words. */
    size_t (*packed)(int L, int N);
    /* Packs N filters, rows of L words, into panels. Does not write the padding: the caller must
     * set `packed` to 0 first. */
    void (*pack)(const uint64_t *rows, int L, int N, void *packed);
    /* Returns the bytes of scratch for count(). scratch_size is NULL when count() needs none. */
    size_t (*scratch_size)(int L);
    /* count[p*ldc + i] = number of bits in which row p of a (P rows of L words) and filter i
     * differ. ldc >= panels*panel; packed and scratch are aligned to 64 bytes. */
    void (*count)(const uint64_t *a, int P, int L, const void *packed, int panels, int32_t *count,
                  size_t ldc, void *scratch);
    /* Computes y for N filters at one output pixel: z[i] = (base[i] - 2*count[i]) * factor *
     * alpha[i], multiplied from left to right. If e->shift is not NULL, u = z[i] + shift[i] and
     * y[i] = u > 0 ? u : u*slope[i]; else y[i] = z[i]. Then adds the residual to y. */
    void (*finish)(const int32_t *count, int N, const int32_t *base, float factor,
                   const dnx_bit_end *e, float *y);
} dnx_bit_set;

#define DNX_TILE_POSITIONS 512 /* most positions in one call of multiply() */

/* Windows at consecutive positions of one image. common/bits/bitconv_tiles.h has the layout of the
 * input x. A place is 64 bytes of x: the signs, +1 or -1, of 64 channels of one pixel. The bytes of
 * padding and of missing channels are 0. The window at position j begins with the place x + 64*j. A
 * row has `pitch` positions, but only the first `width` of them have an output. */
typedef struct {
    const int8_t *x;
    const size_t *offset; /* bytes from a window's first place to each of its `words` words */
    int words;
    int column, count; /* column of position 0; number of positions */
    int pitch, width;
    const float *factor; /* the factor in dnx_bit_set.finish, one for each output pixel */
    dnx_bit_end end;
    size_t ldy; /* floats between output pixels, in y and in the residual */
} dnx_tile_job;

typedef struct {
    int panel;           /* filters in a packed panel */
    size_t scratch_size; /* bytes of scratch that multiply() needs */
    /* Like dnx_bit_set.sign, for P pixels that are `skip` pixels apart in x and in sum. The signs
     * of word l of pixel p become the 64 bytes at to + 64*p + plane*l. */
    void (*sign)(const float *x, int skip, long P, int C, const float *scale, const float *shift,
                 int8_t *to, size_t plane, float *sum);
    size_t (*packed)(int words, int N);
    /* Packs N filters of `words` words each. Word l of a filter is multiplied by the word at
     * dnx_tile_job.offset[l] of a window. */
    void (*pack)(const uint64_t *rows, int words, int N, void *packed);
    /* Computes the outputs y of the job for N filters: integer sums of products, then the steps of
     * dnx_bit_set.finish. x, packed and scratch are aligned to 64 bytes. Reads up to 15 positions
     * beyond the last one. */
    void (*multiply)(const dnx_tile_job *j, const void *packed, int N, void *scratch, float *y);
} dnx_tile_set;

/* Returns the loops, or NULL when the processor or system lacks AMX or DNX_ISA forbids it. */
const dnx_tile_set *dnx_tiles(void);

/* Returns the number of 64-bit words for the signs of C channels. */
static inline int dnx_bit_words(int C) { return (C + 63) / 64; }

/* Returns a set of bit loops, chosen like dnx_kernels(). */
const dnx_bit_set *dnx_bits(void);
/* For tests: returns the set "plain", "avx2" or "avx512", or NULL when the processor lacks it. */
const dnx_bit_set *dnx_bits_named(const char *name);

/* Counts the 1 bits in n words. */
long dnx_bit_sum(const uint64_t *words, size_t n);
#endif
