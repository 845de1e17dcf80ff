/* elementwise.inc.h - passes over P rows of C channels; a part of kernels.inc.h. Sums over rows are
 * floats, which are added to doubles every SUM_ROWS rows. */

#define GROUP 4 /* rows computed together, so that sums and constants are loaded once */
#define SUM_ROWS 128
#define CHUNK 1024 /* most channels at a time: their float sums fit the L1 cache */

/* Runs over `rows` rows of C channels. BODY4(c, n) computes n channels from c on in GROUP rows,
 * BODY1(c, n) in one row. STEP(R) advances the pointers by R rows. */
#define EACH_GROUP(rows, C, BODY4, BODY1, STEP)                                                    \
    do {                                                                                           \
        int r_ = 0;                                                                                \
        for (; r_ + GROUP <= (rows); r_ += GROUP) {                                                \
            EACH_VECTOR(C, BODY4);                                                                 \
            STEP(GROUP);                                                                           \
        }                                                                                          \
        for (; r_ < (rows); r_++) {                                                                \
            EACH_VECTOR(C, BODY1);                                                                 \
            STEP(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Sets the first `width` sums to 0, and the rest of the last vector. Setting all CHUNK sums would
 * take longer. */
static void clear(float *s, int width) {
    memset(s, 0, sizeof *s * (size_t)((width + VW - 1) / VW * VW));
}

static void flush(float *s, int n, double *sum) {
    for (int i = 0; i < n; i++) {
        sum[i] += s[i];
        s[i] = 0;
    }
}

INLINE void stats_rows(const int R, const float *x, size_t C, float *sum, float *sum_sq,
                       const int n) {
    vf s = ld(sum), q = ld(sum_sq);
    UNROLL for (int r = 0; r < R; r++) {
        vf u = ldn(x + (size_t)r * C, n);
        s += u;
        q = fma_(u, u, q);
    }
    st(sum, s);
    st(sum_sq, q);
}

static void stats(const float *x, long P, int C, double *sum, double *sum_sq) {
    float s[CHUNK], q[CHUNK];
    size_t step = (size_t)C;
    for (int c0 = 0; c0 < C; c0 += CHUNK) {
        int width = C - c0 < CHUNK ? C - c0 : CHUNK;
        const float *at = x + c0;
        clear(s, width);
        clear(q, width);
        for (long p = 0; p < P; p += SUM_ROWS) {
            int rows = P - p < SUM_ROWS ? (int)(P - p) : SUM_ROWS;
#define BODY4(c, n) stats_rows(GROUP, at + (c), step, s + (c), q + (c), n)
#define BODY1(c, n) stats_rows(1, at + (c), step, s + (c), q + (c), n)
#define STEP(r) at += (size_t)(r)*step
            EACH_GROUP(rows, width, BODY4, BODY1, STEP);
#undef BODY4
#undef BODY1
#undef STEP
            flush(s, width, sum + c0);
            flush(q, width, sum_sq + c0);
        }
    }
}

NOINLINE void slow(float *u, int n, dnx_act act, float (*f)(float, dnx_act, float)) {
    for (int i = 0; i < n; i++) u[i] = f(u[i], act, 0);
}

INLINE vf slow_vector(vf u, int n, dnx_act act, float (*f)(float, dnx_act, float)) {
    float t[VW];
    st(t, u);
    slow(t, n, act, f);
    return ld(t);
}

INLINE void scale_act_rows(const int R, const bool streams, const float *x,
                           const dnx_scaled_act *by, epi e, int c, const int n) {
    vf s = by->scale ? ldn(by->scale + c, n) : set1(1);
    vf t = by->shift ? ldn(by->shift + c, n) : zero();
    vf leak = e.slope ? ldn(e.slope + c, n) : set1(e.leak), u[GROUP];
    UNROLL for (int r = 0; r < R; r++) u[r] = fma_(ldn(x + (size_t)r * e.ldy + c, n), s, t);
    if (e.is_slow) UNROLL
        for (int r = 0; r < R; r++) u[r] = slow_vector(u[r], n, e.act, dnx_activate);
    else if (e.acts) UNROLL
        for (int r = 0; r < R; r++) u[r] = act_vector(u[r], &e, leak);
    if (e.residual) UNROLL
        for (int r = 0; r < R; r++) u[r] += ldn(e.residual + (size_t)r * e.ldy + c, n);
    if (streams) UNROLL
        for (int r = 0; r < R; r++) st_stream(e.y + (size_t)r * e.ldy + c, u[r]);
    else UNROLL
        for (int r = 0; r < R; r++) stn(e.y + (size_t)r * e.ldy + c, u[r], n);
}

INLINE void scale_act_any(const bool streams, const float *x, long P, const dnx_scaled_act *s,
                          const float *residual, float *y) {
    const dnx_scaled_act by = *s;
    epi e = epi_of(&(dnx_epilogue){
        .y = y, .ldy = (size_t)by.C, .act = by.act, .slope = by.slope, .residual = residual});
#define BODY4(c, n) scale_act_rows(GROUP, streams, x, &by, e, c, n)
#define BODY1(c, n) scale_act_rows(1, streams, x, &by, e, c, n)
#define STEP(r) x += (r)*e.ldy, e = epi_at(e, r, 0)
    EACH_GROUP(P, by.C, BODY4, BODY1, STEP);
#undef BODY4
#undef BODY1
#undef STEP
}

static void scale_act(const float *x, long P, const dnx_scaled_act *s, const float *residual,
                      float *y) {
    scale_act_any(false, x, P, s, residual, y);
}

static void scale_act_stream(const float *x, long P, const dnx_scaled_act *s, const float *residual,
                             float *y) {
    if (s->C % VW || (uintptr_t)y % sizeof(vf)) {
        scale_act(x, P, s, residual, y);
        return;
    }
    scale_act_any(true, x, P, s, residual, y);
    end_stream();
}

/* The arguments of act_back() and act_dz(). dy, z and du point to the next row. */
typedef struct {
    const float *dy, *z, *scale, *shift;
    float *du; /* when NULL, only the sums are computed */
    size_t C;
    epi e;
} back;

typedef struct {
    vf scale, shift, leak, u, z, dy;
} back_lanes;

INLINE back_lanes lanes_of(const back *b, int c, const int n) {
    return (back_lanes){.scale = b->scale ? ldn(b->scale + c, n) : set1(1),
                        .shift = b->shift ? ldn(b->shift + c, n) : zero(),
                        .leak = b->e.slope ? ldn(b->e.slope + c, n) : set1(b->e.leak)};
}

/* Returns du = dy * act'(u); sets u, z and dy of v. */
INLINE vf back_vector(const back *b, const bool is_slow, size_t at, back_lanes *v, const int n) {
    v->z = ldn(b->z + at, n);
    v->dy = ldn(b->dy + at, n);
    v->u = fma_(v->z, v->scale, v->shift);
    if (is_slow) return v->dy * slow_vector(v->u, n, b->e.act, dnx_activate_grad);
    return b->e.acts ? v->dy * grad_vector(v->u, &b->e, v->leak) : v->dy;
}

/* Does the work of act_back() for R rows and the n channels from c on: stores du unless b->du is
 * NULL, and adds to three arrays of sums, which begin at sums, sums + CHUNK and sums + 2 CHUNK. The
 * third has the slopes' gradients, and is only used with has_slopes. */
INLINE void sum_rows(const int R, const back *b, const bool is_slow, const bool has_slopes,
                     float *sums, int c, const int n) {
    vf sum = ld(sums + c), sum_z = ld(sums + CHUNK + c), sum_s = zero();
    back_lanes v = lanes_of(b, c, n);
    if (has_slopes) sum_s = ld(sums + 2 * CHUNK + c);
    UNROLL for (int r = 0; r < R; r++) {
        size_t at = (size_t)r * b->C + (size_t)c;
        vf du = back_vector(b, is_slow, at, &v, n);
        sum += du;
        sum_z = fma_(du, v.z, sum_z);
        if (has_slopes) sum_s = fma_(v.dy, if_pos(v.u, zero(), v.u), sum_s);
        if (b->du) stn(b->du + at, du, n);
    }
    st(sums + c, sum);
    st(sums + CHUNK + c, sum_z);
    if (has_slopes) st(sums + 2 * CHUNK + c, sum_s);
}

#define STEP(r) b.dy += (r)*b.C, b.z += (r)*b.C, b.du = b.du ? b.du + (r)*b.C : NULL
#define SUM_FN(name)                                                                               \
    NOINLINE void name(back b, int rows, int width, float *sums) {                                 \
        EACH_GROUP(rows, width, name##_4, name##_1, STEP);                                         \
    }
#define sum_slow_4(c, n) sum_rows(GROUP, &b, true, true, sums, c, n)
#define sum_slow_1(c, n) sum_rows(1, &b, true, true, sums, c, n)
#define sum_slopes_4(c, n) sum_rows(GROUP, &b, false, true, sums, c, n)
#define sum_slopes_1(c, n) sum_rows(1, &b, false, true, sums, c, n)
#define sum_plain_4(c, n) sum_rows(GROUP, &b, false, false, sums, c, n)
#define sum_plain_1(c, n) sum_rows(1, &b, false, false, sums, c, n)
SUM_FN(sum_slow)
SUM_FN(sum_slopes)
SUM_FN(sum_plain)

static void act_back(const float *dy, const float *z, long P, const dnx_scaled_act *how, float *du,
                     double *sum_du, double *sum_duz, double *sum_slope) {
    const float *scale = how->scale, *shift = how->shift;
    const int C = how->C;
    dnx_epilogue given = {.act = how->act, .slope = how->slope};
    float s[3 * CHUNK];
    for (int c0 = 0; c0 < C; c0 += CHUNK) {
        int width = C - c0 < CHUNK ? C - c0 : CHUNK;
        for (int i = 0; i < 3; i++) clear(s + i * CHUNK, width);
        back b = {dy + c0,
                  z + c0,
                  scale ? scale + c0 : NULL,
                  shift ? shift + c0 : NULL,
                  du ? du + c0 : NULL,
                  (size_t)C,
                  epi_of(&given)};
        if (b.e.slope) b.e.slope += c0;
        for (long p = 0; p < P; p += SUM_ROWS) {
            int rows = P - p < SUM_ROWS ? (int)(P - p) : SUM_ROWS;
            (b.e.is_slow ? sum_slow : sum_slope ? sum_slopes : sum_plain)(b, rows, width, s);
            STEP((size_t)rows);
            flush(s, width, sum_du + c0);
            flush(s + CHUNK, width, sum_duz + c0);
            if (sum_slope) flush(s + 2 * CHUNK, width, sum_slope + c0);
        }
    }
}

INLINE void dz_rows(const int R, const back *b, const bool is_slow, const bool has_p,
                    const float *p, const float *q, const float *w, int c, const int n) {
    back_lanes v = lanes_of(b, c, n);
    vf vp = zero(), vq = zero(), vw = zero(), dz[GROUP];
    if (has_p) vp = ldn(p + c, n), vq = ldn(q + c, n), vw = ldn(w + c, n);
    UNROLL for (int r = 0; r < R; r++) {
        size_t at = (size_t)r * b->C + (size_t)c;
        vf du = back_vector(b, is_slow, at, &v, n);
        dz[r] = has_p ? fma_(du, vp, fma_(v.z, vq, vw)) : du;
    }
    UNROLL for (int r = 0; r < R; r++) stn(b->du + (size_t)r * b->C + c, dz[r], n);
}

static void act_dz(const float *dy, const float *z, long P, const dnx_scaled_act *s, const float *p,
                   const float *q, const float *r, float *dz) {
    const int C = s->C;
    dnx_epilogue given = {.act = s->act, .slope = s->slope};
    back b = {dy, z, s->scale, s->shift, dz, (size_t)C, epi_of(&given)};
#define BODY4(c, n) dz_rows(GROUP, &b, false, true, p, q, r, c, n)
#define BODY1(c, n) dz_rows(1, &b, false, true, p, q, r, c, n)
#define PLAIN4(c, n) dz_rows(GROUP, &b, false, false, p, q, r, c, n)
#define PLAIN1(c, n) dz_rows(1, &b, false, false, p, q, r, c, n)
#define SLOW(c, n) dz_rows(1, &b, true, p != NULL, p, q, r, c, n)
    for (long i = 0; i < P && b.e.is_slow; i++) {
        EACH_VECTOR(C, SLOW);
        STEP(1);
    }
    if (b.e.is_slow) return;
    if (p) EACH_GROUP(P, C, BODY4, BODY1, STEP);
    else EACH_GROUP(P, C, PLAIN4, PLAIN1, STEP);
#undef BODY4
#undef BODY1
#undef PLAIN4
#undef PLAIN1
#undef SLOW
#undef STEP
}

static void copy_runs(const float *from, size_t step, int count, int n, float *to, size_t ldt) {
    for (; count > 0; count--, from += step, to += ldt) {
        int i = 0;
        for (; i + VW <= n; i += VW) st(to + i, ld(from + i));
        if (i == n) continue;
        if (i) st(to + n - VW, ld(from + n - VW)); /* overlaps the vector before it */
        else st_part(to, ld_part(from, n), n);
    }
}

static void add(const float *x, size_t n, float *y) {
    size_t i = 0;
    for (; i + VW <= n; i += VW) st(y + i, ld(y + i) + ld(x + i));
    for (; i < n; i++) y[i] += x[i];
}

static double dot(const float *a, const float *b, size_t n) {
    double sum = 0;
    size_t i = 0;
    while (i + 4 * VW <= n) {
        vf acc[4] = {zero(), zero(), zero(), zero()};
        double lanes[VW] = {0};
        for (int r = 0; r < SUM_ROWS && i + 4 * VW <= n; r++, i += 4 * VW)
            UNROLL for (int v = 0; v < 4; v++)
                acc[v] = fma_(ld(a + i + v * VW), ld(b + i + v * VW), acc[v]);
        UNROLL for (int v = 0; v < 4; v++) for (int k = 0; k < VW; k++) lanes[k] += acc[v][k];
        for (int v = 0; v < VW; v++) sum += lanes[v];
    }
    for (; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}
