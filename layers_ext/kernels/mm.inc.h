/* mm.inc.h - matrix products; a part of kernels.inc.h. */

static size_t packed(int K, int N) { return (size_t)K * (size_t)((N + PANEL - 1) / PANEL) * PANEL; }

static void pack(const float *b, size_t sk, size_t sn, int K, int N, float *out) {
    for (int n0 = 0; n0 < N; n0 += PANEL) {
        int width = N - n0 < PANEL ? N - n0 : PANEL;
        for (int k = 0; k < K; k++, out += PANEL) {
            const float *row = b + (size_t)k * sk + (size_t)n0 * sn;
            if (sn == 1 && width == PANEL) {
                st(out, ld(row));
                st(out + VW, ld(row + VW));
                continue;
            }
            for (int n = 0; n < width; n++) out[n] = row[(size_t)n * sn];
            for (int n = width; n < PANEL; n++) out[n] = 0;
        }
    }
}

/* Multiplies m rows of a by the first V vectors, 1 or 2, of one panel. Meanwhile it prefetches the
 * lines of y and m*K floats at `next` (may be NULL). One pointer serves three rows, by the
 * addressing modes p, p+lda, p+2*lda, so that all pointers fit the integer registers. */
INLINE void mm_tile(const int m, const int V, const float *a, size_t lda, int K, const float *b,
                    float *y, size_t ldy, const epi *e, int c, int width, const float *residual,
                    const float *next) {
    vf acc[MR][2];
    const float *p[(MR + 2) / 3];
    size_t step = next ? (size_t)m : 0;
    if (!next) next = b;
    UNROLL for (int r = 0; r < m; r++) __builtin_prefetch(y + (size_t)r * ldy, 1);
    UNROLL for (int r = 0; r < 2 * m; r++) acc[r / 2][r % 2] = zero();
    UNROLL for (int i = 0; i < (m + 2) / 3; i++) p[i] = a + 3 * (size_t)i * lda;
    for (int k = 0; k < K; k++, b += PANEL, next += step) {
        vf in[2];
        UNROLL for (int v = 0; v < V; v++) in[v] = ld(b + v * VW);
        __builtin_prefetch(next);
        UNROLL for (int r = 0; r < m; r++) {
            vf x = set1(p[r / 3][(size_t)(r % 3) * lda]);
            UNROLL for (int v = 0; v < V; v++) acc[r][v] = fma_(x, in[v], acc[r][v]);
        }
        UNROLL for (int i = 0; i < (m + 2) / 3; i++) p[i]++;
    }
    if (width == V * VW && !e->is_slow) {
        UNROLL for (int v = 0; v < V; v++) finish(&acc[0][v], 2, m, e, c + v * VW, y + v * VW, ldy,
                                                  residual ? residual + v * VW : NULL, VW);
    } else {
        float u[MR * PANEL];
        UNROLL for (int r = 0; r < m; r++) {
            UNROLL for (int v = 0; v < V; v++) st(u + r * PANEL + v * VW, acc[r][v]);
        }
        finish_rows(u, PANEL, m, width, e, c, y, ldy, residual);
    }
}

NOINLINE void add_rows(const float *u, int rows, int width, float *w, size_t ldw) {
    for (int r = 0; r < rows; r++, u += PANEL, w += ldw)
        for (int i = 0; i < width; i++) w[i] += u[i];
}

/* w[m][width] += sum over `rows` rows of a[m] d[V*VW]. Prefetches `rows` lines at `next`, or
 * none. */
INLINE void mmt_tile(const int m, const int V, const float *a, size_t lda, const float *d, int rows,
                     float *w, size_t ldw, int width, const float *next) {
    vf acc[MR][2];
    size_t step = next ? LINE : 0;
    if (!next) next = d;
    UNROLL for (int r = 0; r < 2 * m; r++) acc[r / 2][r % 2] = zero();
    for (int i = 0; i < rows; i++, a += lda, d += PANEL, next += step) {
        vf in[2];
        UNROLL for (int v = 0; v < V; v++) in[v] = ld(d + v * VW);
        __builtin_prefetch(next);
        UNROLL for (int r = 0; r < m; r++) {
            vf x = set1(a[r]);
            UNROLL for (int v = 0; v < V; v++) acc[r][v] = fma_(x, in[v], acc[r][v]);
        }
    }
    if (width == V * VW) {
        UNROLL for (int r = 0; r < m; r++, w += ldw) UNROLL for (int v = 0; v < V; v++)
            st(w + v * VW, ld(w + v * VW) + acc[r][v]);
    } else {
        float u[MR * PANEL];
        UNROLL for (int r = 0; r < m; r++) {
            UNROLL for (int v = 0; v < V; v++) st(u + r * PANEL + v * VW, acc[r][v]);
        }
        add_rows(u, m, width, w, ldw);
    }
}

typedef void (*mm_fn)(const float *, size_t, int, const float *, float *, size_t, const epi *, int,
                      int, const float *, const float *);
typedef void (*mmt_fn)(const float *, size_t, const float *, int, float *, size_t, int,
                       const float *);
#define TILE_OF(name, m, V)                                                                        \
    NOINLINE void mm_##name##m(const float *a, size_t lda, int K, const float *b, float *y,        \
                               size_t ldy, const epi *e, int c, int width, const float *residual,  \
                               const float *next) {                                                \
        mm_tile(m, V, a, lda, K, b, y, ldy, e, c, width, residual, next);                          \
    }                                                                                              \
    NOINLINE void mmt_##name##m(const float *a, size_t lda, const float *d, int rows, float *w,    \
                                size_t ldw, int width, const float *next) {                        \
        mmt_tile(m, V, a, lda, d, rows, w, ldw, width, next);                                      \
    }
#define TILE(m) TILE_OF(, m, 2) TILE_OF(half_, m, 1)
// clang-format off
TILE(1) TILE(2) TILE(3) TILE(4)
#if MR == 4
#define EACH_TILE(f) f##1, f##2, f##3, f##4
#else
TILE(5) TILE(6)
#if MR == 6
#define EACH_TILE(f) f##1, f##2, f##3, f##4, f##5, f##6
#else
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#define EACH_TILE(f)                                                                               \
    f##1, f##2, f##3, f##4, f##5, f##6, f##7, f##8, f##9, f##10, f##11, f##12, f##13, f##14
#endif
#endif
    // clang-format on
    static const mm_fn mm_tiles[MR] = {EACH_TILE(mm_)},
                       mm_halves[MR] = {EACH_TILE(mm_half_)};
static const mmt_fn mmt_tiles[MR] = {EACH_TILE(mmt_)}, mmt_halves[MR] = {EACH_TILE(mmt_half_)};

static void mm(const float *a, size_t lda, int P, int K, const float *b, int N, float *y,
               size_t ldy, const dnx_epilogue *given) {
    epi e = epi_of(given);
    /* A matrix b that does not fit the caches should be read less often: use larger blocks of a. */
    int hold = (size_t)K * (size_t)N > MM_LARGE ? MM_BLOCK * 6 : MM_BLOCK;
    int block = K > 0 ? hold / K / MR * MR : MR;
    if (block < MR) block = MR;
    for (int p0 = 0; p0 < P; p0 += block) {
        int p1 = P - p0 < block ? P : p0 + block;
        for (int n0 = 0; n0 < N; n0 += PANEL) {
            const float *panel = b + (size_t)n0 * (size_t)K;
            int width = N - n0 < PANEL ? N - n0 : PANEL;
            const mm_fn *tiles = width > VW ? mm_tiles : mm_halves;
            for (int p = p0; p < p1; p += MR) {
                int m = p1 - p < MR ? p1 - p : MR;
                size_t at = (size_t)p * ldy + (size_t)n0;
                const float *next = given && given->next ? given->next + (size_t)p * (size_t)K
                                                         : a + (size_t)(p + block) * lda;
                tiles[m - 1](a + (size_t)p * lda, lda, K, panel, y + at, ldy, &e, n0, width,
                             e.residual ? e.residual + at : NULL, n0 == 0 ? next : NULL);
            }
        }
    }
}

/* Returns the next `rows` cache lines to prefetch, or NULL when all are prefetched. */
static const float *fetch(dnx_ahead *next, int rows) {
    for (int i = 0; i < 3; i++) {
        size_t n = (size_t)rows * LINE;
        const float *at = next->p[i];
        if (!next->floats[i]) continue;
        if (n > next->floats[i]) n = next->floats[i];
        next->floats[i] -= n;
        next->p[i] += n;
        return at;
    }
    return NULL;
}

static void mmt_ahead(const float *a, size_t lda, const float *d, size_t ldd, int P, int K, int N,
                      float *w, size_t ldw, const dnx_ahead *given) {
    float panel[MMT_ROWS * PANEL];
    dnx_ahead next = *given;
    for (int p0 = 0; p0 < P; p0 += MMT_ROWS) {
        int rows = P - p0 < MMT_ROWS ? P - p0 : MMT_ROWS;
        for (int n0 = 0; n0 < N; n0 += PANEL) {
            int width = N - n0 < PANEL ? N - n0 : PANEL;
            const mmt_fn *tiles = width > VW ? mmt_tiles : mmt_halves;
            /* Copies the rows: rows that are a power of two apart would share few cache lines. */
            pack(d + (size_t)p0 * ldd + n0, ldd, 1, rows, width, panel);
            for (int k = 0; k < K; k += MR) {
                int m = K - k < MR ? K - k : MR;
                tiles[m - 1](a + (size_t)p0 * lda + k, lda, panel, rows, w + (size_t)k * ldw + n0,
                             ldw, width, fetch(&next, rows));
            }
        }
    }
}

static void mmt(const float *a, size_t lda, const float *d, size_t ldd, int P, int K, int N,
                float *w, size_t ldw) {
    static const dnx_ahead nothing;
    mmt_ahead(a, lda, d, ldd, P, K, N, w, ldw, &nothing);
}
