/* groups.inc.h - convolution in narrow groups; a part of kernels.inc.h. The lanes of a vector are
 * neighbouring output channels. Each lane picks its input from vectors of input channels. */

/* Lane i of the result is p[at[i]]. Only the first m floats of p may be read; the caller does not
 * use lanes with at[i] >= m. V is the number of vectors that hold all p[at[i]]: 1, 2, or 0 when
 * they need more. */
INLINE vf pick(const int V, const float *p, vi at, const int m) {
    if (V == 0) {
        float t[VW];
        for (int i = 0; i < VW; i++) t[i] = at[i] < m ? p[at[i]] : 0;
        return ld(t);
    }
    vf lo = ldn(p, m < VW ? m : VW);
    vf hi = V == 2 && m > VW ? ldn(p + VW, m < 2 * VW ? m - VW : VW) : zero();
#if defined(USE_AVX512)
    if (V == 1) return (vf)_mm512_permutexvar_ps((__m512i)at, (__m512)lo);
    return (vf)_mm512_permutex2var_ps((__m512)lo, (__m512i)at, (__m512)hi);
#elif defined(USE_AVX2)
    lo = (vf)_mm256_permutevar8x32_ps((__m256)lo, (__m256i)at);
    if (V == 1) return lo;
    hi = (vf)_mm256_permutevar8x32_ps((__m256)hi, (__m256i)at);
    __m256i is_hi = _mm256_cmpgt_epi32((__m256i)at, _mm256_set1_epi32(VW - 1));
    return (vf)_mm256_blendv_ps((__m256)lo, (__m256)hi, _mm256_castsi256_ps(is_hi));
#else
    float from[2 * VW], t[VW];
    st(from, lo);
    st(from + VW, hi);
    for (int i = 0; i < VW; i++) t[i] = from[at[i] & (2 * VW - 1)];
    return ld(t);
#endif
}

/* Tells which inputs the lanes of each vector of outputs read. */
typedef struct {
    int C, N, a, b;
    int steps, rest; /* VW outputs hold `steps` whole groups and `rest` more outputs */
    int V;           /* V for pick(), the same for all outputs */
    vi at;           /* result of inputs_of() for the first VW outputs */
} lane_map;

/* For a vector whose lane 0 is output k of a group: returns how many channels input 0 of each
 * lane's group is behind input 0 of lane 0's group. */
INLINE vi inputs_of(int k, int a, int b) {
    int32_t at[VW];
    vi v;
    for (int i = 0, in = 0; i < VW; i++) {
        at[i] = in;
        if (++k < b) continue;
        k = 0;
        in += a;
    }
    memcpy(&v, at, sizeof v);
    return v;
}

static lane_map map_of(const dnx_groups *g) {
    lane_map map = {g->C,      g->C / g->a * g->b, g->a, g->b,
                    VW / g->b, VW % g->b,          0,    inputs_of(0, g->a, g->b)};
    int furthest = 0;
    for (int c = 0, k = 0; c == 0 || (k != 0 && c < map.N); c += VW, k = c % map.b)
        furthest = at_least(furthest, (k + VW - 1) / map.b * map.a + map.a - 1);
    map.V = furthest < VW ? 1 : furthest < 2 * VW ? 2 : 0;
    return map;
}

/* Runs CALL for each vector of outputs. CALL uses c, the first output; n, the number of outputs;
 * in, the first input channel; m, the number of channels from `in` to the end of the pixel; at, the
 * offset of each lane's input. For whole vectors the compiler knows n and m as constants. */
#define EACH_OUTPUTS(V, CALL)                                                                      \
    vi at = map->at;                                                                               \
    for (int c = 0, in = 0, k = 0; c < map->N; c += VW) {                                          \
        if (V && map->N - c >= VW && map->C - in >= V * VW) {                                      \
            enum { n = VW, m = V * VW };                                                           \
            CALL;                                                                                  \
        } else {                                                                                   \
            const int n = at_most(VW, map->N - c), m = map->C - in;                                \
            CALL;                                                                                  \
        }                                                                                          \
        in += map->steps * map->a;                                                                 \
        k += map->rest;                                                                            \
        if (k >= map->b) k -= map->b, in += map->a;                                                \
        if (map->rest) at = inputs_of(k, map->a, map->b);                                          \
    }

/* Computes outputs c.. of S neighbouring pixels from taps kx0 <= kx < kx1; with S > 1 from all kw
 * taps. Tap 0 of the first pixel reads pixel ix. */
INLINE void group_vector(const int V, const int S, const int kw, const int stride, int kx0, int kx1,
                         const float *const *rows, long ix, const lane_map *map, const float *w,
                         int kh, float *y, const float *residual, const epi *e, int c, vi at,
                         int in, const int n, const int m) {
    size_t step = (size_t)map->N, C = (size_t)map->C;
    vf acc[8];
    UNROLL for (int s = 0; s < S; s++) acc[s] = zero();
    for (int ky = 0; ky < kh; ky++) {
        if (!rows[ky]) {
            w += (size_t)(map->a * kw) * step;
            continue;
        }
        const float *x = rows[ky] + ix * map->C + in;
        for (int j = 0; j < map->a; j++, w += (size_t)kw * step) {
            vi from = at + j;
            if (S == 1) {
                for (int kx = kx0; kx < kx1; kx++)
                    acc[0] = fma_(pick(V, x + kx * (long)C, from, m),
                                  ldn(w + (size_t)kx * step + c, n), acc[0]);
                continue;
            }
            vf tap[5];
            UNROLL for (int kx = 0; kx < kw; kx++) tap[kx] = ldn(w + (size_t)kx * step + c, n);
            UNROLL for (int i = 0; i < (S - 1) * stride + kw; i++) {
                vf v = pick(V, x + (size_t)i * C, from, m);
                UNROLL for (int kx = 0; kx < kw;
                            kx++) if (i >= kx && (i - kx) % stride == 0 && (i - kx) / stride < S)
                    acc[(i - kx) / stride] = fma_(v, tap[kx], acc[(i - kx) / stride]);
            }
        }
    }
    finish_strip(acc, S, e, c, y, step, residual, n);
}

/* Adds the gradients from outputs c.. of S pixels to dw. Other arguments: see group_vector(). */
INLINE void group_dw_vector(const int V, const int S, const int kw, const int stride, int kx0,
                            int kx1, const float *const *rows, long ix, const lane_map *map,
                            float *dw, int kh, const float *dy, int c, vi at, int in, const int n,
                            const int m) {
    size_t step = (size_t)map->N, C = (size_t)map->C;
    vf d[8];
    UNROLL for (int s = 0; s < S; s++) d[s] = ldn(dy + (size_t)s * step + c, n);
    for (int ky = 0; ky < kh; ky++) {
        if (!rows[ky]) {
            dw += (size_t)(map->a * kw) * step;
            continue;
        }
        const float *x = rows[ky] + ix * map->C + in;
        for (int j = 0; j < map->a; j++, dw += (size_t)kw * step) {
            vi from = at + j;
            if (S == 1) {
                for (int kx = kx0; kx < kx1; kx++) {
                    float *to = dw + (size_t)kx * step + c;
                    stn(to, fma_(pick(V, x + kx * (long)C, from, m), d[0], ldn(to, n)), n);
                }
                continue;
            }
            vf acc[5];
            UNROLL for (int kx = 0; kx < kw; kx++) acc[kx] = ldn(dw + (size_t)kx * step + c, n);
            UNROLL for (int i = 0; i < (S - 1) * stride + kw; i++) {
                vf v = pick(V, x + (size_t)i * C, from, m);
                UNROLL for (int kx = 0; kx < kw;
                            kx++) if (i >= kx && (i - kx) % stride == 0 && (i - kx) / stride < S)
                    acc[kx] = fma_(v, d[(i - kx) / stride], acc[kx]);
            }
            UNROLL for (int kx = 0; kx < kw; kx++) stn(dw + (size_t)kx * step + c, acc[kx], n);
        }
    }
}

typedef void (*group_fn)(const float *const *, long, const lane_map *, const float *, int, int, int,
                         int, float *, const float *, const epi *);
typedef void (*group_dw_fn)(const float *const *, long, const lane_map *, float *, int, int, int,
                            int, const float *);
#define GROUP_FN(V, S, KW, STRIDE)                                                                 \
    NOINLINE void group_##V##_##S##_##KW##_##STRIDE(                                               \
        const float *const *rows, long ix, const lane_map *map, const float *w, int kh, int kw,    \
        int kx0, int kx1, float *y, const float *residual, const epi *e) {                         \
        (void)kw;                                                                                  \
        EACH_OUTPUTS(V, group_vector(V, S, S == 1 ? kw : KW, STRIDE, kx0, kx1, rows, ix, map, w,   \
                                     kh, y, residual, e, c, at, in, n, m))                         \
    }                                                                                              \
    NOINLINE void group_dw_##V##_##S##_##KW##_##STRIDE(                                            \
        const float *const *rows, long ix, const lane_map *map, float *dw, int kh, int kw,         \
        int kx0, int kx1, const float *dy) {                                                       \
        (void)kw;                                                                                  \
        EACH_OUTPUTS(V, group_dw_vector(V, S, S == 1 ? kw : KW, STRIDE, kx0, kx1, rows, ix, map,   \
                                        dw, kh, dy, c, at, in, n, m))                              \
    }
#define GROUP_FNS(S, KW, STRIDE)                                                                   \
    GROUP_FN(0, S, KW, STRIDE) GROUP_FN(1, S, KW, STRIDE) GROUP_FN(2, S, KW, STRIDE)
// clang-format off
#define GROUP_NAMES(S, KW, STRIDE)                                        \
    {S, KW, STRIDE,                                                       \
     {group_0_##S##_##KW##_##STRIDE, group_1_##S##_##KW##_##STRIDE,       \
      group_2_##S##_##KW##_##STRIDE},                                     \
     {group_dw_0_##S##_##KW##_##STRIDE, group_dw_1_##S##_##KW##_##STRIDE, \
      group_dw_2_##S##_##KW##_##STRIDE}}
// clang-format on
GROUP_FNS(8, 3, 1)
GROUP_FNS(4, 3, 1)
GROUP_FNS(4, 3, 2)
GROUP_FNS(4, 5, 1)
GROUP_FNS(8, 1, 1)
GROUP_FNS(1, 0, 0)

/* The fast paths: strips of S pixels. The last entry is for one pixel and any filter. */
static const struct {
    int S, kw, stride;
    group_fn row[3];
    group_dw_fn dw[3];
} group_strips[] = {GROUP_NAMES(8, 3, 1), GROUP_NAMES(4, 3, 1), GROUP_NAMES(4, 3, 2),
                    GROUP_NAMES(4, 5, 1), GROUP_NAMES(8, 1, 1), GROUP_NAMES(1, 0, 0)};

/* Computes the outputs y of a row or, when dw is not NULL, adds the taps' gradients to dw. */
static void group_any(const float *const *rows, const dnx_rows *r, const dnx_groups *g,
                      const float *w, float *dw, const float *dy, float *y, const epi *e) {
    const int in_w = r->in_w, out_w = r->out_w, kh = r->kh, kw = r->kw;
    const int stride = r->stride, pad = r->pad;
    const lane_map map = map_of(g);
    int xlo, xhi;
    inside(in_w, 0, kw - 1, stride, pad, &xlo, &xhi); /* outputs that read only pixels of the row */
    xhi = at_most(xhi, out_w);
    for (int x = 0, i; x < out_w; x += group_strips[i].S) {
        long ix = (long)x * stride - pad;
        size_t at = (size_t)x * (size_t)map.N;
        int kx0 = at_least(0, (int)-ix), kx1 = at_most(kw, in_w - (int)ix);
        for (i = 0; group_strips[i].kw > 0; i++)
            if (group_strips[i].kw == kw && group_strips[i].stride == stride && x >= xlo &&
                x + group_strips[i].S <= xhi)
                break;
        if (dw) group_strips[i].dw[map.V](rows, ix, &map, dw, kh, kw, kx0, kx1, dy + at);
        else
            group_strips[i].row[map.V](rows, ix, &map, w, kh, kw, kx0, kx1, y + at,
                                       e->residual ? e->residual + at : NULL, e);
    }
}

static void group_row(const float *const *rows, const dnx_rows *r, const dnx_groups *g,
                      const float *w, float *y, const dnx_epilogue *given) {
    epi e = epi_of(given);
    if (g->a == 1 && g->b == 1) dw_row(rows, r, g->C, w, y, given);
    else group_any(rows, r, g, w, NULL, NULL, y, &e);
}

static void group_row_dw(const float *const *rows, const dnx_rows *r, const dnx_groups *g,
                         float *dw, const float *dy) {
    if (g->a == 1 && g->b == 1) dw_row_dw(rows, r, g->C, dw, dy);
    else group_any(rows, r, g, NULL, dw, dy, NULL, NULL);
}
