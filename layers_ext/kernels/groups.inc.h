/* groups.inc.h - convolution in narrow groups; a part of kernels.inc.h. The lanes of a vector are
 * neighbouring output channels. Each lane picks its input from vectors of input channels. */

/* Returns p[at[i]] in lane i; undefined when at[i] >= m. Reads at most m floats of p. V: how many
 * vectors, from p on, contain all p[at[i]]: 1 or 2; 0 means more than 2. */
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

/* A vector of VW output channels, and the input channels that its lanes read. */
typedef struct {
    int C, N, a, b;
    int steps, rest; /* VW outputs are `steps` whole groups and `rest` more outputs */
    int V;           /* the V of pick(), the same for all vectors of outputs */
    int c, in, k;    /* c: output of lane 0; k: its index in its group; in: the group's input 0 */
    vi at;           /* the result of inputs_of(k, a, b) */
} lane_map;

/* Lane 0 is output k of its group of b outputs. Returns for each lane the index of the first input
 * of the lane's group, counted from the first input of lane 0's group. */
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
    lane_map map = {.C = g->C,
                    .N = g->C / g->a * g->b,
                    .a = g->a,
                    .b = g->b,
                    .steps = VW / g->b,
                    .rest = VW % g->b,
                    .at = inputs_of(0, g->a, g->b)};
    int furthest = 0;
    for (int c = 0, k = 0; c == 0 || (k != 0 && c < map.N); c += VW, k = c % map.b)
        furthest = at_least(furthest, (k + VW - 1) / map.b * map.a + map.a - 1);
    map.V = furthest < VW ? 1 : furthest < 2 * VW ? 2 : 0;
    return map;
}

INLINE void next_outputs(lane_map *map) {
    map->c += VW;
    map->in += map->steps * map->a;
    map->k += map->rest;
    if (map->k >= map->b) map->k -= map->b, map->in += map->a;
    if (map->rest) map->at = inputs_of(map->k, map->a, map->b);
}

/* Declares n, the number of outputs to store, and m, the number of input channels that may be read.
 * With is_whole both are constants. */
#define OUTPUTS                                                                                    \
    const int n = is_whole ? VW : at_most(VW, map.N - map.c),                                      \
              m = is_whole ? V * VW : map.C - map.in;                                              \
    const size_t step = (size_t)map.N, C = (size_t)map.C

INLINE void group_vector(const int V, const int S, const int kw, const int stride, strip p,
                         lane_map map, const bool is_whole) {
    OUTPUTS;
    const float *w = p.w + map.c;
    vf acc[8];
    UNROLL for (int s = 0; s < S; s++) acc[s] = zero();
    for (int ky = 0; ky < p.kh; ky++) {
        if (!p.rows[ky]) {
            w += (size_t)(map.a * kw) * step;
            continue;
        }
        const float *x = p.rows[ky] + p.ix * map.C + map.in;
        for (int j = 0; j < map.a; j++, w += (size_t)kw * step) {
            vi from = map.at + j;
            if (S == 1) {
                for (int kx = p.kx0; kx < p.kx1; kx++)
                    acc[0] = fma_(pick(V, x + kx * (long)C, from, m), ldn(w + (size_t)kx * step, n),
                                  acc[0]);
                continue;
            }
            vf tap[5];
            UNROLL for (int kx = 0; kx < kw; kx++) tap[kx] = ldn(w + (size_t)kx * step, n);
            UNROLL for (int i = 0; i < (S - 1) * stride + kw; i++) {
                vf v = pick(V, x + (size_t)i * C, from, m);
                UNROLL for (int kx = 0; kx < kw;
                            kx++) if (i >= kx && (i - kx) % stride == 0 && (i - kx) / stride < S)
                    acc[(i - kx) / stride] = fma_(v, tap[kx], acc[(i - kx) / stride]);
            }
        }
    }
    finish_strip(acc, S, epi_at(p.e, 0, map.c), n);
}

INLINE void group_dw_vector(const int V, const int S, const int kw, const int stride, strip p,
                            lane_map map, const bool is_whole) {
    OUTPUTS;
    float *dw = p.dw + map.c;
    vf d[8];
    UNROLL for (int s = 0; s < S; s++) d[s] = ldn(p.dy + (size_t)s * step + map.c, n);
    for (int ky = 0; ky < p.kh; ky++) {
        if (!p.rows[ky]) {
            dw += (size_t)(map.a * kw) * step;
            continue;
        }
        const float *x = p.rows[ky] + p.ix * map.C + map.in;
        for (int j = 0; j < map.a; j++, dw += (size_t)kw * step) {
            vi from = map.at + j;
            if (S == 1) {
                for (int kx = p.kx0; kx < p.kx1; kx++) {
                    float *to = dw + (size_t)kx * step;
                    stn(to, fma_(pick(V, x + kx * (long)C, from, m), d[0], ldn(to, n)), n);
                }
                continue;
            }
            vf acc[5];
            UNROLL for (int kx = 0; kx < kw; kx++) acc[kx] = ldn(dw + (size_t)kx * step, n);
            UNROLL for (int i = 0; i < (S - 1) * stride + kw; i++) {
                vf v = pick(V, x + (size_t)i * C, from, m);
                UNROLL for (int kx = 0; kx < kw;
                            kx++) if (i >= kx && (i - kx) % stride == 0 && (i - kx) / stride < S)
                    acc[kx] = fma_(v, d[(i - kx) / stride], acc[kx]);
            }
            UNROLL for (int kx = 0; kx < kw; kx++) stn(dw + (size_t)kx * step, acc[kx], n);
        }
    }
}

typedef void (*group_fn)(const strip *, const lane_map *);
#define GROUP_FN(name, V, S, KW, STRIDE)                                                           \
    NOINLINE void name##_##V##_##S##_##KW##_##STRIDE(const strip *given, const lane_map *first) {  \
        const strip p = *given;                                                                    \
        const int kw = KW ? KW : p.kw;                                                             \
        for (lane_map map = *first; map.c < map.N; next_outputs(&map))                             \
            if (V && map.N - map.c >= VW && map.C - map.in >= V * VW)                              \
                name##_vector(V, S, kw, STRIDE, p, map, true);                                     \
            else name##_vector(V, S, kw, STRIDE, p, map, false);                                   \
    }
#define GROUP_FNS(S, KW, STRIDE)                                                                   \
    GROUP_FN(group, 0, S, KW, STRIDE)                                                              \
    GROUP_FN(group, 1, S, KW, STRIDE)                                                              \
    GROUP_FN(group, 2, S, KW, STRIDE)                                                              \
    GROUP_FN(group_dw, 0, S, KW, STRIDE)                                                           \
    GROUP_FN(group_dw, 1, S, KW, STRIDE)                                                           \
    GROUP_FN(group_dw, 2, S, KW, STRIDE)
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

/* The functions for strips of S output pixels: one for each V of pick(). The last entry computes
 * one pixel with a filter of any size. */
static const struct {
    int S, kw, stride;
    group_fn row[3], dw[3];
} group_strips[] = {GROUP_NAMES(8, 3, 1), GROUP_NAMES(4, 3, 1), GROUP_NAMES(4, 3, 2),
                    GROUP_NAMES(4, 5, 1), GROUP_NAMES(8, 1, 1), GROUP_NAMES(1, 0, 0)};

/* Computes the outputs of a row. If p.dw is not NULL, adds the filter gradient to p.dw instead. */
static void group_any(const dnx_rows *r, const dnx_groups *g, strip p) {
    const int in_w = r->in_w, out_w = r->out_w, kw = r->kw, stride = r->stride, pad = r->pad;
    const lane_map map = map_of(g);
    int xlo, xhi;
    p.kh = r->kh;
    p.kw = kw;
    inside(in_w, 0, kw - 1, stride, pad, &xlo, &xhi);
    xhi = at_most(xhi, out_w);
    for (int x = 0, i, S; x < out_w; x += S) {
        p.ix = (long)x * stride - pad;
        p.kx0 = at_least(0, (int)-p.ix);
        p.kx1 = at_most(kw, in_w - (int)p.ix);
        for (i = 0; group_strips[i].kw > 0; i++)
            if (group_strips[i].kw == kw && group_strips[i].stride == stride && x >= xlo &&
                x + group_strips[i].S <= xhi)
                break;
        (p.dw ? group_strips[i].dw : group_strips[i].row)[map.V](&p, &map);
        S = group_strips[i].S;
        if (p.dw) p.dy += S * map.N;
        else p.e = epi_at(p.e, S, 0);
    }
}

static void group_row(const float *const *rows, const dnx_rows *r, const dnx_groups *g,
                      const float *w, const dnx_epilogue *e) {
    if (g->a == 1 && g->b == 1) dw_row(rows, r, g->C, w, e);
    else group_any(r, g, (strip){.rows = rows, .w = w, .e = epi_of(e)});
}

static void group_row_dw(const float *const *rows, const dnx_rows *r, const dnx_groups *g,
                         float *dw, const float *dy) {
    if (g->a == 1 && g->b == 1) dw_row_dw(rows, r, g->C, dw, dy);
    else group_any(r, g, (strip){.rows = rows, .dw = dw, .dy = dy});
}
