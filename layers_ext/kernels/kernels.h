/* kernels.h - the float loops. They allocate nothing and start no threads: callers split the work.
 *
 * Letters: P pixels (rows), K inner length, N output channels, C channels. */
#ifndef DNX_KERNELS_H
#define DNX_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/activations.h"

/* What a kernel does with rows of N sums: it adds bias, applies act, adds residual, and stores the
 * result in y. */
typedef struct {
    float *y;
    size_t ldy;        /* floats between rows of outputs, in y and in the residual */
    const float *bias; /* N floats; may be NULL */
    dnx_act act;
    const float *slope;    /* N slopes, for PRELU */
    const float *residual; /* added after act; may be NULL */
    bool adds;             /* adds to y instead of storing */
    const float *next;     /* P x K floats that mm() prefetches; when NULL, the next rows of a */
} dnx_epilogue;

/* Three arrays to prefetch, because they will be read soon. */
typedef struct {
    const float *p[3];
    size_t floats[3];
} dnx_ahead;

/* A convolution of C input channels, in groups of a inputs and b outputs. */
typedef struct {
    int C, a, b;
} dnx_groups;

#define DNX_MAX_TAPS 512 /* largest kh */

/* One row of outputs: output x reads the pixels x*stride - pad + kx, 0 <= kx < kw, of kh input
 * rows. Pixels outside of a row are 0. */
typedef struct {
    int in_w, out_w; /* pixels of an input row and of an output row */
    int kh, kw, stride, pad;
} dnx_rows;

/* y = act(x*scale[c] + shift[c]) for rows of C channels. */
typedef struct {
    int C;
    const float *scale, *shift; /* C floats each; NULL means scale 1, shift 0 */
    dnx_act act;
    const float *slope; /* C slopes, for PRELU */
} dnx_scaled_act;

typedef struct {
    const char *name;
    int panel; /* columns of a packed panel */

    /* Returns the number of floats of a packed K x N matrix. */
    size_t (*packed)(int K, int N);
    /* Packs a K x N matrix, whose element (k,n) is b[k*sk + n*sn], into panels: [N/panel rounded
     * up][K][panel]. Columns from N on are 0. */
    void (*pack)(const float *b, size_t sk, size_t sn, int K, int N, float *packed);
    /* y[P][N] = epilogue(a[P][K] * B). B: a K x N matrix, packed by pack(). lda: floats between
     * rows of a. */
    void (*mm)(const float *a, size_t lda, int P, int K, const float *packed, int N,
               const dnx_epilogue *e);
    /* w[K][N] += sum_p a[p][k] * d[p][n]. Prefetches `next` meanwhile, unless it is NULL. */
    void (*mmt)(const float *a, size_t lda, const float *d, size_t ldd, int P, int K, int N,
                float *w, const dnx_ahead *next);

    /* group_row() computes a row of a convolution in groups, out_w x N with N = C/a*b. rows[ky]
     * points at pixel 0 of input row ky, or is NULL for a row of padding. group_row_dw() adds the
     * filter gradient of one such row to dw; dy: the gradient of the row. w and dw are
     * [kh][a][kw][N]. Both functions are fast when a and b are at most the length of a vector. pad
     * may be negative. */
    void (*group_row)(const float *const *rows, const dnx_rows *s, const dnx_groups *g,
                      const float *w, const dnx_epilogue *e);
    void (*group_row_dw)(const float *const *rows, const dnx_rows *s, const dnx_groups *g,
                         float *dw, const float *dy);
    /* For a depthwise convolution (a = b = 1), computes the gradient of an input row, in_w x C.
     * rows[ky] is the row of dy whose outputs read this input row with taps w[ky], or NULL if there
     * is no such row. */
    void (*dw_dx)(const float *const *rows, const dnx_rows *s, int C, const float *w, float *dx,
                  bool adds);

    /* Adds x to sum[c] and x^2 to sum_sq[c], over P contiguous rows of C floats. */
    void (*stats)(const float *x, long P, int C, double *sum, double *sum_sq);
    /* y = act(x * scale[c] + shift[c]) + residual. residual may be NULL. y may be x. */
    void (*scale_act)(const float *x, long P, const dnx_scaled_act *s, const float *residual,
                      float *y);
    /* Like scale_act(), for a y larger than the cache: uses non-temporal stores if possible. */
    void (*scale_act_stream)(const float *x, long P, const dnx_scaled_act *s, const float *residual,
                             float *y);
    /* dy is the gradient of act(u), with u = z*scale[c] + shift[c]. Stores du = dy * act'(u). Adds
     * du to sum_du[c], du*z to sum_duz[c], and dy*u where u < 0 to sum_slope[c]. du and sum_slope
     * may be NULL; du may be dy. */
    void (*act_back)(const float *dy, const float *z, long P, const dnx_scaled_act *s, float *du,
                     double *sum_du, double *sum_duz, double *sum_slope);
    /* dz = du*p[c] + z*q[c] + r[c] with du as in act_back(); dz = du if p is NULL. dz may be dy or
     * z. */
    void (*act_dz)(const float *dy, const float *z, long P, const dnx_scaled_act *s, const float *p,
                   const float *q, const float *r, float *dz);
    /* to[i*ldt + j] = from[i*step + j], i < count, j < n. */
    void (*copy_runs)(const float *from, size_t step, int count, int n, float *to, size_t ldt);
    /* y += x */
    void (*add)(const float *x, size_t n, float *y);
    double (*dot)(const float *a, const float *b, size_t n);

    /* Winograd's F(m x m, 3 x 3), m = 2 or 4: transforms an input tile of a x a pixels x C, a = m +
     * 2, at x with rows ldx floats apart. Element e < a*a of channel c goes to v[e*step + c]. */
    void (*wino_in)(int m, const float *x, size_t ldx, int C, float *v, size_t step);
    /* Transforms a tile's products v[e*step + c], e < a*a, into h x w outputs of N channels; h and
     * w are at most m. The rows of the outputs, and of the residual, are `row` floats apart. The
     * epilogue's `adds` must be false. */
    void (*wino_out)(int m, const float *v, size_t step, int N, int h, int w, size_t row,
                     const dnx_epilogue *e);
} dnx_kernel_set;

/* Returns the set that the environment variable DNX_ISA names, if this processor can run it; else
 * the best set that it can run. DNX_ISA=wide has no effect: only tests use this set, by
 * dnx_kernels_named(). */
const dnx_kernel_set *dnx_kernels(void);

/* For tests: returns the set "plain", "avx2", "avx512" or "wide"; NULL if it cannot run here. */
const dnx_kernel_set *dnx_kernels_named(const char *name);

/* Makes the calling thread flush denormals, which slow untrained networks, to zero (x86 only). */
void dnx_flush_denormals(void);
#endif
