/* kernels.h - the float loops. No allocation, no options, no threads: a caller splits the work.
 *
 * One source, kernels.inc.h, is compiled for each instruction set; dnx_kernels() picks at run time.
 * Letters: P pixels (rows), K inner length, N output channels, C channels. */
#ifndef DNX_KERNELS_H
#define DNX_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/activations.h"

/* What happens to a row of N outputs on its way to memory, in this order. */
typedef struct {
    const float *bias;     /* N, added; NULL: none */
    dnx_act act;           /* those of dnx_act_is_cheap() are vectorised; the others are applied
                            * number by number after the tile is stored */
    const float *slope;    /* N, for PRELU */
    const float *residual; /* added last, same rows and stride as the output; NULL: none */
    bool adds;             /* add to what the output holds, instead of storing */
    const float *next;     /* P x K floats that the next product will read: mm fetches them into
                            * the cache; NULL: what lies behind its rows */
} dnx_epilogue;

/* What will be read soon: a product fetches it into the cache while it computes. */
typedef struct {
    const float *p[3];
    size_t floats[3];
} dnx_ahead;

/* Convolution in groups of a inputs and b outputs: output n reads inputs n/b*a + j, j < a, of C. */
typedef struct {
    int C, a, b;
} dnx_groups;

typedef struct {
    const char *name; /* "plain", "avx2", "avx512" */
    int panel;        /* columns of a packed panel (NR) */

    /* Floats that pack needs for a K x N matrix: K * ceil(N/panel)*panel. */
    size_t (*packed)(int K, int N);
    /* Packs b, element (k,n) at b[k*sk + n*sn], into panels [N/panel][K][panel], zero padded. */
    void (*pack)(const float *b, size_t sk, size_t sn, int K, int N, float *packed);
    /* y[P][N] = epilogue(a[P][K] * B). lda, ldy: floats between rows. */
    void (*mm)(const float *a, size_t lda, int P, int K, const float *packed, int N, float *y,
               size_t ldy, const dnx_epilogue *e);
    /* w[K][N] += sum_p a[p][k] * d[p][n]; row stride of w is ldw. */
    void (*mmt)(const float *a, size_t lda, const float *d, size_t ldd, int P, int K, int N,
                float *w, size_t ldw);
    void (*mmt_ahead)(const float *a, size_t lda, const float *d, size_t ldd, int P, int K, int N,
                      float *w, size_t ldw, const dnx_ahead *next);

    /* Depthwise, one output row of W pixels x C channels, kernel k x k (or any kh taps):
     * rows[ky] points at padded input pixel 0 of input row ky (NULL: that row is padding, skip);
     * out x reads input pixels x*stride - pad + kx; those outside 0..in_w-1 are skipped.
     * w is [kh][kw][C]. Then the epilogue over C channels. */
    void (*dw_row)(const float *const *rows, int in_w, int C, const float *w, int kh, int kw,
                   int stride, int pad, float *y, int out_w, const dnx_epilogue *e);
    /* Input gradient of one input row, in_w x C, from the kh rows of dy that it meets: rows[ky] is
     * the output row that reads it by its taps w[ky] (NULL: there is none). Stored, or added. */
    void (*dw_dx)(const float *const *rows, int out_w, int C, const float *w, int kh, int kw,
                  int stride, int pad, float *dx, int in_w, bool adds);
    /* Filter gradient of one output row: dw[kh][kw][C] += x rows * dy row. */
    void (*dw_row_dw)(const float *const *rows, int in_w, int C, float *dw, int kh, int kw,
                      int stride, int pad, const float *dy, int out_w);

    /* dw_row and dw_row_dw for groups: rows of C channels, N = C/a*b outputs, w and dw are
     * [kh][a][kw][N]. Fast where a and b fit a vector; with a = b = 1 they are dw_row and
     * dw_row_dw. pad may be negative. */
    void (*group_row)(const float *const *rows, int in_w, const dnx_groups *g, const float *w,
                      int kh, int kw, int stride, int pad, float *y, int out_w,
                      const dnx_epilogue *e);
    void (*group_row_dw)(const float *const *rows, int in_w, const dnx_groups *g, float *dw,
                         int kh, int kw, int stride, int pad, const float *dy, int out_w);

    /* Per-channel passes over P rows of C floats (contiguous). sums are double[C], added to. */
    void (*stats)(const float *x, long P, int C, double *sum, double *sum_sq);
    /* y = act(x * scale[c] + shift[c]) (+ residual); scale or shift NULL: 1, 0. y may be x. */
    void (*scale_act)(const float *x, long P, int C, const float *scale, const float *shift,
                      dnx_act act, const float *slope, const float *residual, float *y);
    /* The same for a y that is too large to be found in the cache later: written past it. */
    void (*scale_act_stream)(const float *x, long P, int C, const float *scale,
                             const float *shift, dnx_act act, const float *slope,
                             const float *residual, float *y);
    /* Backward of y = act(u), u = z*scale[c]+shift[c] (z as stored by forward):
     * du = dy * act'(u), stored. sum_du[c] += du, sum_duz[c] += du*z,
     * sum_slope[c] += dy*u where u < 0 (NULL: skip). du may be dy; NULL: only the sums. */
    void (*act_back)(const float *dy, const float *z, long P, int C, const float *scale,
                     const float *shift, dnx_act act, const float *slope, float *du,
                     double *sum_du, double *sum_duz, double *sum_slope);
    /* The same activation, then batch norm's backward: dz = du*p[c] + z*q[c] + r[c]; p NULL:
     * dz = du. dz may be dy. */
    void (*act_dz)(const float *dy, const float *z, long P, int C, const float *scale,
                   const float *shift, dnx_act act, const float *slope, const float *p,
                   const float *q, const float *r, float *dz);
    /* out = a*p[c] + b*q[c] + r[c]. out may be a. */
    void (*affine2)(const float *a, const float *b, long P, int C, const float *p, const float *q,
                    const float *r, float *out);
    /* to[i*ldt + j] = from[i*step + j], i < count, j < n. */
    void (*copy_runs)(const float *from, size_t step, int count, int n, float *to, size_t ldt);
    /* y += x */
    void (*add)(const float *x, size_t n, float *y);
    /* sum of a[i]*b[i] */
    double (*dot)(const float *a, const float *b, size_t n);

    /* Winograd's transforms of F(m x m, 3 x 3), m = 2 or 4, a = m + 2; one tile. Element e < a*a
     * of channel c of the tile, a x a pixels x C from x on, goes to v[e*step + c]. */
    void (*wino_in)(int m, const float *x, size_t ldx, int C, float *v, size_t step);
    /* The products v[e*step + c] give h x w <= m x m outputs of N channels: y + i*row + j*ldy.
     * The residual has the same strides; nothing is added to y. */
    void (*wino_out)(int m, const float *v, size_t step, int N, int h, int w, float *y, size_t row,
                     size_t ldy, const dnx_epilogue *e);
} dnx_kernel_set;

/* The best set for this processor, or the one that DNX_ISA names ("plain", "avx2", "avx512").
 * Another name ("amx" is a set of bits.h) or one that the processor lacks gives the best set. */
const dnx_kernel_set *dnx_kernels(void);

/* Set by name, for tests; NULL when the processor lacks it. "wide" is avx512's source compiled
 * without AVX-512 so that it can be tested everywhere (test builds only). */
const dnx_kernel_set *dnx_kernels_named(const char *name);

/* Makes this thread flush denormal numbers to zero (x86); untrained networks are slow without. */
void dnx_flush_denormals(void);
#endif
