/* depthwise.inc.h - depthwise convolution; a part of kernels.inc.h. */

#define STRIP 4    /* output pixels whose sums are in registers together */
#define DW_STRIP 8 /* output pixels summed together for a filter gradient */

INLINE int at_least(int a, int b) { return a > b ? a : b; }
INLINE int at_most(int a, int b) { return a < b ? a : b; }
INLINE int ceil_div(int a, int b) { return a > 0 ? (a + b - 1) / b : 0; }
/* Returns a/b rounded down, but at least -1. */
INLINE int floor_div(int a, int b) { return a < 0 ? -1 : a / b; }

/* Sets the range *xlo <= x < *xhi of the outputs whose taps `first` to `last` all read pixels of
 * the row. */
INLINE void inside(int in_w, int first, int last, int stride, int pad, int *xlo, int *xhi) {
    *xlo = ceil_div(pad - first, stride);
    *xhi = floor_div(in_w - 1 + pad - last, stride) + 1;
}

/* Neighbouring outputs of a row, and what a kernel reads and stores for them. */
typedef struct {
    const float *const *rows; /* kh input rows; NULL for a row of padding */
    long ix;                  /* the pixel that tap 0 of the first output reads */
    int kh, kw, kx0, kx1;     /* at an edge an output uses only the taps kx0 <= kx < kx1 */
    const float *w;
    epi e;
    const float *dy; /* gradients of the outputs; the gradient of w is added to dw */
    float *dw;
} strip;

INLINE void finish_strip(vf *acc, const int S, epi e, const int n) {
    if (e.is_slow) {
        float u[8 * VW];
        UNROLL for (int s = 0; s < S; s++) st(u + s * VW, acc[s]);
        finish_rows(u, VW, S, n, e);
    } else {
        finish(acc, 1, S, e, n);
    }
}

INLINE void strip_vector(const int S, const int kw, const int stride, strip j, size_t C, int c,
                         const int n) {
    const float *w = j.w;
    vf acc[STRIP];
    UNROLL for (int s = 0; s < S; s++) acc[s] = zero();
    for (int ky = 0; ky < j.kh; ky++, w += (size_t)kw * C) {
        if (!j.rows[ky]) continue;
        const float *x = j.rows[ky] + j.ix * (long)C + c;
        vf tap[5];
        UNROLL for (int kx = 0; kx < kw; kx++) tap[kx] = ldn(w + (size_t)kx * C + c, n);
        UNROLL for (int i = 0; i < (S - 1) * stride + kw; i++) {
            vf v = ldn(x + (size_t)i * C, n);
            UNROLL for (int kx = 0; kx < kw;
                        kx++) if (i >= kx && (i - kx) % stride == 0 && (i - kx) / stride < S)
                acc[(i - kx) / stride] = fma_(v, tap[kx], acc[(i - kx) / stride]);
        }
    }
    finish_strip(acc, S, epi_at(j.e, 0, c), n);
}

#define STRIP_FN(kw, stride, S)                                                                    \
    NOINLINE void strip_##kw##_##stride##_##S(const strip *given, int C) {                         \
        const strip j = *given;                                                                    \
        EACH_VECTOR(C, STRIP_BODY_##kw##_##stride##_##S);                                          \
    }
#define STRIP_BODY(kw, stride, S, c, n) strip_vector(S, kw, stride, j, (size_t)C, c, n)
#define STRIP_BODY_3_1_4(c, n) STRIP_BODY(3, 1, 4, c, n)
#define STRIP_BODY_3_1_1(c, n) STRIP_BODY(3, 1, 1, c, n)
#define STRIP_BODY_3_2_4(c, n) STRIP_BODY(3, 2, 4, c, n)
#define STRIP_BODY_3_2_1(c, n) STRIP_BODY(3, 2, 1, c, n)
#define STRIP_BODY_5_1_4(c, n) STRIP_BODY(5, 1, 4, c, n)
#define STRIP_BODY_5_1_1(c, n) STRIP_BODY(5, 1, 1, c, n)
STRIP_FN(3, 1, 4)
STRIP_FN(3, 1, 1)
STRIP_FN(3, 2, 4)
STRIP_FN(3, 2, 1)
STRIP_FN(5, 1, 4)
STRIP_FN(5, 1, 1)

INLINE void pixel_vectors(const int V, strip j, size_t C, int c, const int n) {
    const epi e = epi_at(j.e, 0, c);
    vf acc[4];
    UNROLL for (int v = 0; v < V; v++) acc[v] = zero();
    for (int ky = 0; ky < j.kh; ky++) {
        if (!j.rows[ky]) continue;
        const float *x = j.rows[ky] + (j.ix + j.kx0) * (long)C + c;
        const float *t = j.w + (size_t)(ky * j.kw + j.kx0) * C + c;
        for (int kx = j.kx0; kx < j.kx1; kx++, x += C, t += C)
            UNROLL for (int v = 0; v < V; v++)
                acc[v] = fma_(ldn(x + v * VW, n), ldn(t + v * VW, n), acc[v]);
    }
    if (e.is_slow) {
        float u[4 * VW];
        UNROLL for (int v = 0; v < V; v++) st(u + v * VW, acc[v]);
        finish_rows(u, 0, 1, (V - 1) * VW + n, e);
    } else {
        UNROLL for (int v = 0; v < V; v++) finish(&acc[v], 1, 1, epi_at(e, 0, v * VW), n);
    }
}

NOINLINE void pixel(const strip *given, int C) {
    const strip j = *given;
    int c0 = 0;
    for (; c0 + 4 * VW <= C; c0 += 4 * VW) pixel_vectors(4, j, (size_t)C, c0, VW);
#define BODY(c, n) pixel_vectors(1, j, (size_t)C, c0 + (c), n)
    EACH_VECTOR(C - c0, BODY);
#undef BODY
}

static void dw_row(const float *const *rows, const dnx_rows *r, int C, const float *w,
                   const dnx_epilogue *given) {
    const int in_w = r->in_w, out_w = r->out_w, kw = r->kw, stride = r->stride, pad = r->pad;
    strip j = {.rows = rows, .kh = r->kh, .kw = kw, .w = w, .e = epi_of(given)};
    void (*four)(const strip *, int) = NULL, (*one)(const strip *, int) = NULL;
    int xlo, xhi;
    if (kw == 3 && stride == 1) four = strip_3_1_4, one = strip_3_1_1;
    else if (kw == 3 && stride == 2) four = strip_3_2_4, one = strip_3_2_1;
    else if (kw == 5 && stride == 1) four = strip_5_1_4, one = strip_5_1_1;
    inside(in_w, 0, kw - 1, stride, pad, &xlo, &xhi);
    xhi = at_most(xhi, out_w);
    for (int x = 0, s = 1; x < out_w; x += s, j.e = epi_at(j.e, s, 0)) {
        j.ix = (long)x * stride - pad;
        s = four && x >= xlo && x + STRIP <= xhi ? STRIP : 1;
        if (four && x >= xlo && x < xhi) {
            (s == 1 ? one : four)(&j, C);
            continue;
        }
        j.kx0 = at_least(0, (int)-j.ix);
        j.kx1 = at_most(kw, in_w - (int)j.ix);
        if (j.kx1 < j.kx0) j.kx0 = j.kx1 = 0;
        pixel(&j, C);
    }
}

/* d[i], i < count: the rows of dy whose outputs read the same input row. w[i]: the row of taps by
 * which the outputs of d[i] read it. */
typedef struct {
    const float *d[DNX_MAX_TAPS], *w[DNX_MAX_TAPS];
    int count;
    bool adds;
} back_rows;

/* Computes the gradients of S input pixels from pixel ix on, for a filter of width 3. For each row
 * of dy, g[0] is the gradient of the first output that reads one of these pixels. at: index of g[0]
 * in a row of dy.
 *
 *   stride 1  g[0] is of output ix + pad - 2;  dx[i] = sum_kx w[kx] g[i + 2 - kx]
 *   stride 2  g[0] is of output (ix + pad)/2 - 1;  dx[i] = sum_kx w[kx] g[(i + 2 - kx)/2] over the
 *             kx with an even i - kx. ix + pad must be even. */
INLINE void dx_strip_vector(const int S, const int stride, const back_rows *b, size_t at, size_t C,
                            float *dx, int c, const int n) {
    const int count = b->count, reads = stride == 1 ? S + 2 : S / 2 + 1;
    vf acc[STRIP];
    UNROLL for (int s = 0; s < S; s++) acc[s] = zero();
    for (int i = 0; i < count; i++) {
        const float *row = b->d[i] + at + c;
        vf tap[3];
        UNROLL for (int kx = 0; kx < 3; kx++) tap[kx] = ldn(b->w[i] + (size_t)kx * C + c, n);
        UNROLL for (int j = 0; j < reads; j++) {
            vf v = ldn(row + (size_t)j * C, n);
            UNROLL for (int kx = 0; kx < 3; kx++) {
                const int s = stride == 1 ? j + kx - 2 : 2 * j - 2 + kx;
                if (s >= 0 && s < S) acc[s] = fma_(v, tap[kx], acc[s]);
            }
        }
    }
    finish(acc, 1, S, (epi){.y = dx + c, .ldy = C, .adds = b->adds}, n);
}

#define DX_STRIP_FN(stride, S)                                                                     \
    NOINLINE void dx_strip_##stride##_##S(const back_rows *b, size_t at, int C, float *dx) {       \
        EACH_VECTOR(C, DX_STRIP_BODY_##stride##_##S);                                              \
    }
#define DX_STRIP_BODY_1_4(c, n) dx_strip_vector(4, 1, b, at, (size_t)C, dx, c, n)
#define DX_STRIP_BODY_1_1(c, n) dx_strip_vector(1, 1, b, at, (size_t)C, dx, c, n)
#define DX_STRIP_BODY_2_4(c, n) dx_strip_vector(4, 2, b, at, (size_t)C, dx, c, n)
#define DX_STRIP_BODY_2_2(c, n) dx_strip_vector(2, 2, b, at, (size_t)C, dx, c, n)
DX_STRIP_FN(1, 4)
DX_STRIP_FN(1, 1)
DX_STRIP_FN(2, 4)
DX_STRIP_FN(2, 2)

/* Computes the gradient of a pixel, which output x - k reads by tap kx + k*stride for k < taps. */
NOINLINE void dx_pixel(const back_rows *b, int kx, int x, int taps, int stride, int C, float *dx) {
    const int count = b->count;
    const bool adds = b->adds;
    size_t step = (size_t)C, first = (size_t)kx * step, from = (size_t)x * step;
#define BODY(c, n)                                                                                 \
    do {                                                                                           \
        vf acc = adds ? ldn(dx + (c), n) : zero();                                                 \
        for (int i = 0; i < count; i++)                                                            \
            for (int k = 0; k < taps; k++)                                                         \
                acc = fma_(ldn(b->w[i] + first + (size_t)(k * stride) * step + (c), n),            \
                           ldn(b->d[i] + from - (size_t)k * step + (c), n), acc);                  \
        stn(dx + (c), acc, n);                                                                     \
    } while (0)
    EACH_VECTOR(C, BODY);
#undef BODY
}

static void dw_dx(const float *const *dy_rows, const dnx_rows *r, int C, const float *w, float *dx,
                  bool adds) {
    const int in_w = r->in_w, out_w = r->out_w, kh = r->kh, kw = r->kw;
    const int stride = r->stride, pad = r->pad;
    back_rows b;
    b.count = 0;
    b.adds = adds;
    bool has_strips = kw == 3 && stride <= 2;
    for (int ky = 0; ky < kh; ky++) {
        if (!dy_rows[ky]) continue;
        b.d[b.count] = dy_rows[ky];
        b.w[b.count++] = w + (size_t)(ky * kw) * (size_t)C;
    }
    for (int ix = 0; ix < in_w;) {
        float *to = dx + (size_t)ix * (size_t)C;
        int x = (ix + pad) / stride, kx = (ix + pad) % stride;
        if (has_strips && stride == 1 && x >= 2 && x < out_w) {
            int S = ix + STRIP <= in_w && x + STRIP <= out_w ? STRIP : 1;
            (S == 1 ? dx_strip_1_1 : dx_strip_1_4)(&b, (size_t)(x - 2) * (size_t)C, C, to);
            ix += S;
            continue;
        }
        if (has_strips && stride == 2 && kx == 0 && x >= 1 && x < out_w && ix + 2 <= in_w) {
            int S = ix + STRIP <= in_w && x + 1 < out_w ? STRIP : 2;
            (S == 2 ? dx_strip_2_2 : dx_strip_2_4)(&b, (size_t)(x - 1) * (size_t)C, C, to);
            ix += S;
            continue;
        }
        if (x >= out_w) {
            kx += (x - out_w + 1) * stride;
            x = out_w - 1;
        }
        int taps = kx < kw ? at_most((kw - 1 - kx) / stride, x) + 1 : 0;
        dx_pixel(&b, kx, x, taps, stride, C, to);
        ix++;
    }
}

INLINE void dw_strip_vector(const int S, const int stride, const float *x, size_t C, float *dw,
                            const float *dy, const int n) {
    vf acc[3];
    UNROLL for (int kx = 0; kx < 3; kx++) acc[kx] = ldn(dw + (size_t)kx * C, n);
    UNROLL for (int s = 0; s < S; s++) {
        vf d = ldn(dy + (size_t)s * C, n);
        UNROLL for (int kx = 0; kx < 3; kx++)
            acc[kx] = fma_(ldn(x + (size_t)(s * stride + kx) * C, n), d, acc[kx]);
    }
    UNROLL for (int kx = 0; kx < 3; kx++) stn(dw + (size_t)kx * C, acc[kx], n);
}

INLINE void dw_strip(const int S, const int stride, strip j, int C) {
    size_t step = (size_t)C;
    for (int ky = 0; ky < j.kh; ky++) {
        if (!j.rows[ky]) continue;
        const float *x = j.rows[ky] + j.ix * (long)C;
        float *out = j.dw + (size_t)ky * 3 * step;
#define BODY(c, n) dw_strip_vector(S, stride, x + (c), step, out + (c), j.dy + (c), n)
        EACH_VECTOR(C, BODY);
#undef BODY
    }
}

#define DW_STRIP_FN(stride, S)                                                                     \
    NOINLINE void dw_strip_##stride##_##S(const strip *j, int C) { dw_strip(S, stride, *j, C); }
DW_STRIP_FN(1, 8)
DW_STRIP_FN(1, 2)
DW_STRIP_FN(2, 8)
DW_STRIP_FN(2, 2)

NOINLINE void dw_any(const float *const *rows, const dnx_rows *r, int C, float *dw, const float *dy,
                     int x0, int x1) {
    const int kh = r->kh, kw = r->kw, stride = r->stride, pad = r->pad;
    size_t step = (size_t)C;
    for (int kx = 0; kx < kw; kx++) {
        int lo, hi;
        inside(r->in_w, kx, kx, stride, pad, &lo, &hi);
        lo = at_least(lo, x0);
        hi = at_most(hi, x1);
        if (lo >= hi) continue;
        for (int ky = 0; ky < kh; ky++) {
            if (!rows[ky]) continue;
            const float *x = rows[ky] + ((long)lo * stride - pad + kx) * (long)C;
            const float *d = dy + (size_t)lo * step;
            float *out = dw + (size_t)(ky * kw + kx) * step;
            int count = hi - lo;
#define BODY(c, n)                                                                                 \
    do {                                                                                           \
        vf acc = ldn(out + (c), n);                                                                \
        for (int i = 0; i < count; i++)                                                            \
            acc = fma_(ldn(x + (size_t)(i * stride) * step + (c), n),                              \
                       ldn(d + (size_t)i * step + (c), n), acc);                                   \
        stn(out + (c), acc, n);                                                                    \
    } while (0)
            EACH_VECTOR(C, BODY);
#undef BODY
        }
    }
}

static void dw_row_dw(const float *const *rows, const dnx_rows *r, int C, float *dw,
                      const float *dy) {
    const int out_w = r->out_w, kw = r->kw, stride = r->stride, pad = r->pad;
    strip j = {.rows = rows, .kh = r->kh, .dw = dw};
    int xlo, xhi, x = 0;
    inside(r->in_w, 0, kw - 1, stride, pad, &xlo, &xhi);
    xlo = at_most(xlo, out_w);
    xhi = at_most(xhi, out_w);
    if (kw == 3 && stride <= 2 && xlo < xhi) {
        dw_any(rows, r, C, dw, dy, 0, xlo);
        for (x = xlo; x + 2 <= xhi;) {
            int s = x + DW_STRIP <= xhi ? DW_STRIP : 2;
            j.ix = (long)x * stride - pad;
            j.dy = dy + (size_t)x * (size_t)C;
            if (stride == 1) (s == 2 ? dw_strip_1_2 : dw_strip_1_8)(&j, C);
            else (s == 2 ? dw_strip_2_2 : dw_strip_2_8)(&j, C);
            x += s;
        }
    }
    for (; x < out_w; x += DW_STRIP) dw_any(rows, r, C, dw, dy, x, at_most(x + DW_STRIP, out_w));
}
