/* winograd.inc.h - Winograd's transforms of F(m x m, 3 x 3), m = 2 or 4; a part of kernels.inc.h.
 * Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308, section 4.
 * Interpolation points for m = 2: 0, 1, -1, infinity; for m = 4: 0, +-1/sqrt(2), +-sqrt(2),
 * infinity, which lose less precision than 0, +-1, +-2, infinity. */

#define ROOT 1.41421356237309504880f

/* Transforms a row or column d of an input tile: t[0], t[step], ... = B^T d. With m = 2, B is the
 * matrix of the paper; with m = 4, B follows from the points that the top of this file names. */
INLINE void wino_in_line(const int m, const vf *d, vf *t, const int step) {
    if (m == 2) {
        t[0] = d[0] - d[2];
        t[step] = d[1] + d[2];
        t[2 * step] = d[2] - d[1];
        t[3 * step] = d[1] - d[3];
        return;
    }
    vf p = fma_(set1(-2), d[2], d[4]), q = fma_(set1(-2), d[1], d[3]);
    vf r = fma_(set1(-.5f), d[2], d[4]), s = fma_(set1(-.5f), d[1], d[3]);
    t[0] = fma_(set1(-2.5f), d[2], d[0] + d[4]);
    t[step] = fma_(set1(ROOT / 2), q, p);
    t[2 * step] = fma_(set1(-ROOT / 2), q, p);
    t[3 * step] = fma_(set1(ROOT), s, r);
    t[4 * step] = fma_(set1(-ROOT), s, r);
    t[5 * step] = fma_(set1(-2.5f), d[3], d[1] + d[5]);
}

/* Transforms a row or column d of products: t[0], t[step], ... = A^T d. With m = 2, A is the matrix
 * of the paper; with m = 4, A follows from the points that the top of this file names. */
INLINE void wino_out_line(const int m, const vf *d, vf *t, const int step) {
    vf sum = d[1] + d[2], diff = d[1] - d[2];
    if (m == 2) {
        t[0] = d[0] + sum;
        t[step] = diff - d[3];
        return;
    }
    vf sum2 = d[3] + d[4], diff2 = d[3] - d[4];
    t[0] = d[0] + sum + sum2;
    t[step] = fma_(set1(ROOT / 2), diff, set1(ROOT) * diff2);
    t[2 * step] = fma_(set1(.5f), sum, set1(2) * sum2);
    t[3 * step] = fma_(set1(ROOT / 4), diff, fma_(set1(2 * ROOT), diff2, d[5]));
}

INLINE void wino_in_vector(const int m, const float *x, size_t ldx, size_t C, float *v, size_t step,
                           const int n) {
    const int a = m + 2;
    vf t[36];
    UNROLL for (int i = 0; i < a; i++) {
        vf d[6];
        UNROLL for (int k = 0; k < a; k++) d[k] = ldn(x + (size_t)k * ldx + (size_t)i * C, n);
        wino_in_line(m, d, t + i, a);
    }
    UNROLL for (int i = 0; i < a; i++) {
        vf u[6];
        wino_in_line(m, t + i * a, u, 1);
        UNROLL for (int k = 0; k < a; k++, v += step) stn(v, u[k], n);
    }
}

INLINE void wino_in_tile(const int m, const float *x, size_t ldx, int C, float *v, size_t step) {
#define BODY(c, n) wino_in_vector(m, x + (c), ldx, (size_t)C, v + (c), step, n)
    EACH_VECTOR(C, BODY);
#undef BODY
}

static void wino_in(int m, const float *x, size_t ldx, int C, float *v, size_t step) {
    if (m == 2) wino_in_tile(2, x, ldx, C, v, step);
    else wino_in_tile(4, x, ldx, C, v, step);
}

INLINE void wino_out_vector(const int m, const float *v, size_t step, int h, int w, size_t row,
                            epi e, const int n) {
    const int a = m + 2;
    const float *bias = e.bias;
    if (e.is_slow) e.bias = NULL, e.acts = false; /* the loop below adds bias and applies act */
    vf t[24];
    UNROLL for (int i = 0; i < a; i++) {
        vf d[6];
        UNROLL for (int k = 0; k < a; k++) d[k] = ldn(v + (size_t)(k * a + i) * step, n);
        wino_out_line(m, d, t + i, a);
    }
    for (int i = 0; i < h; i++, e.y += row) {
        vf u[4];
        wino_out_line(m, t + i * a, u, 1);
        if (e.is_slow) UNROLL
            for (int k = 0; k < m; k++) {
                vf s = bias ? u[k] + ldn(bias, n) : u[k];
                u[k] = slow_vector(s, n, e.act, dnx_activate);
            }
        if (w == m) finish(u, 1, m, e, n);
        else UNROLL
            for (int k = 0; k < m - 1; k++)
                if (k < w) finish(u + k, 1, 1, epi_at(e, k, 0), n);
        if (e.residual) e.residual += row;
    }
}

INLINE void wino_out_tile(const int m, const float *v, size_t step, int N, int h, int w, size_t row,
                          const dnx_epilogue *given) {
    const epi e = epi_of(given);
#define BODY(c, n) wino_out_vector(m, v + (c), step, h, w, row, epi_at(e, 0, c), n)
    EACH_VECTOR(N, BODY);
#undef BODY
}

static void wino_out(int m, const float *v, size_t step, int N, int h, int w, size_t row,
                     const dnx_epilogue *e) {
    if (m == 2) wino_out_tile(2, v, step, N, h, w, row, e);
    else wino_out_tile(4, v, step, N, h, w, row, e);
}
