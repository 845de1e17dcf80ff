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

/* The arguments of mm_tile() and mmt_tile(), which keep a tile of the product in registers. */
typedef struct {
    const float *a; /* the tile's first row of a; in mmt_tile(), the tile's first column of a */
    size_t lda;
    int K;
    const float *b;    /* a packed panel: K rows of PANEL floats */
    int width;         /* columns of the panel that are used */
    const float *next; /* floats to prefetch during the product; may be NULL */
    epi e;
} product;

INLINE void finish_tile(vf (*acc)[2], const int m, const int V, int width, epi e) {
    if (width == V * VW && !e.is_slow) {
        UNROLL for (int v = 0; v < V; v++) finish(&acc[0][v], 2, m, epi_at(e, 0, v * VW), VW);
    } else {
        float u[MR * PANEL];
        UNROLL for (int r = 0; r < m; r++) {
            UNROLL for (int v = 0; v < V; v++) st(u + r * PANEL + v * VW, acc[r][v]);
        }
        finish_rows(u, PANEL, m, width, e);
    }
}

/* Multiplies m rows of a by V vectors of b. One pointer serves three rows, by the addressing modes
 * p, p+lda, p+2*lda, so that all pointers fit the integer registers. */
INLINE void mm_tile(const int m, const int V, product j) {
    vf acc[MR][2];
    const float *p[(MR + 2) / 3], *b = j.b, *next = j.next ? j.next : b;
    const size_t step = j.next ? (size_t)m : 0;
    UNROLL for (int r = 0; r < m; r++) __builtin_prefetch(j.e.y + (size_t)r * j.e.ldy, 1);
    UNROLL for (int r = 0; r < 2 * m; r++) acc[r / 2][r % 2] = zero();
    UNROLL for (int i = 0; i < (m + 2) / 3; i++) p[i] = j.a + 3 * (size_t)i * j.lda;
    for (int k = 0; k < j.K; k++, b += PANEL, next += step) {
        vf in[2];
        UNROLL for (int v = 0; v < V; v++) in[v] = ld(b + v * VW);
        __builtin_prefetch(next);
        UNROLL for (int r = 0; r < m; r++) {
            vf x = set1(p[r / 3][(size_t)(r % 3) * j.lda]);
            UNROLL for (int v = 0; v < V; v++) acc[r][v] = fma_(x, in[v], acc[r][v]);
        }
        UNROLL for (int i = 0; i < (m + 2) / 3; i++) p[i]++;
    }
    finish_tile(acc, m, V, j.width, j.e);
}

/* Adds a^T b to y, with m columns of a and V vectors of b. */
INLINE void mmt_tile(const int m, const int V, product j) {
    vf acc[MR][2];
    const float *a = j.a, *b = j.b, *next = j.next ? j.next : b;
    const size_t step = j.next ? LINE : 0;
    UNROLL for (int r = 0; r < 2 * m; r++) acc[r / 2][r % 2] = zero();
    for (int k = 0; k < j.K; k++, a += j.lda, b += PANEL, next += step) {
        vf in[2];
        UNROLL for (int v = 0; v < V; v++) in[v] = ld(b + v * VW);
        __builtin_prefetch(next);
        UNROLL for (int r = 0; r < m; r++) {
            vf x = set1(a[r]);
            UNROLL for (int v = 0; v < V; v++) acc[r][v] = fma_(x, in[v], acc[r][v]);
        }
    }
    finish_tile(acc, m, V, j.width, (epi){.y = j.e.y, .ldy = j.e.ldy, .adds = true});
}

typedef void (*tile_fn)(const product *);
#define TILE_OF(name, m, V)                                                                        \
    NOINLINE void mm_##name##m(const product *j) { mm_tile(m, V, *j); }                            \
    NOINLINE void mmt_##name##m(const product *j) { mmt_tile(m, V, *j); }
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
    static const tile_fn mm_tiles[] = {EACH_TILE(mm_)},
                         mm_halves[] = {EACH_TILE(mm_half_)}, mmt_tiles[] = {EACH_TILE(mmt_)},
                         mmt_halves[] = {EACH_TILE(mmt_half_)};

static void mm(const float *a, size_t lda, int P, int K, const float *b, int N,
               const dnx_epilogue *given) {
    const epi e = epi_of(given);
    /* With larger blocks of a, a matrix b that does not fit the caches is read less often. */
    int hold = (size_t)K * (size_t)N > MM_LARGE ? MM_BLOCK * 6 : MM_BLOCK;
    int block = K > 0 ? hold / K / MR * MR : MR;
    if (block < MR) block = MR;
    for (int p0 = 0; p0 < P; p0 += block) {
        int p1 = P - p0 < block ? P : p0 + block;
        for (int n0 = 0; n0 < N; n0 += PANEL) {
            int width = N - n0 < PANEL ? N - n0 : PANEL;
            const tile_fn *tiles = width > VW ? mm_tiles : mm_halves;
            for (int p = p0; p < p1; p += MR) {
                int m = p1 - p < MR ? p1 - p : MR;
                const float *next = given->next ? given->next + (size_t)p * (size_t)K
                                                : a + (size_t)(p + block) * lda;
                const product j = {a + (size_t)p * lda,
                                   lda,
                                   K,
                                   b + (size_t)n0 * (size_t)K,
                                   width,
                                   n0 == 0 ? next : NULL,
                                   epi_at(e, p, n0)};
                tiles[m - 1](&j);
            }
        }
    }
}

/* Takes at most `rows` cache lines from `next`. Returns their start, or NULL when none is left. */
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

static void mmt(const float *a, size_t lda, const float *d, size_t ldd, int P, int K, int N,
                float *w, const dnx_ahead *given) {
    float panel[MMT_ROWS * PANEL];
    dnx_ahead next = given ? *given : (dnx_ahead){0};
    for (int p0 = 0; p0 < P; p0 += MMT_ROWS) {
        int rows = P - p0 < MMT_ROWS ? P - p0 : MMT_ROWS;
        for (int n0 = 0; n0 < N; n0 += PANEL) {
            int width = N - n0 < PANEL ? N - n0 : PANEL;
            const tile_fn *tiles = width > VW ? mmt_tiles : mmt_halves;
            /* Copies a panel of d, because rows that are a power of two apart would compete for few
             * cache lines. */
            pack(d + (size_t)p0 * ldd + n0, ldd, 1, rows, width, panel);
            for (int k = 0; k < K; k += MR) {
                int m = K - k < MR ? K - k : MR;
                float *to = w + (size_t)k * (size_t)N + n0;
                const product j = {
                    a + (size_t)p0 * lda + k,   lda, rows, panel, width, fetch(&next, rows),
                    {.y = to, .ldy = (size_t)N}};
                tiles[m - 1](&j);
            }
        }
    }
}
