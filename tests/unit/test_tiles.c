/* test_tiles.c - compares the AMX tiles of binary convolutions with loops. Skipped without AMX. */
#include "lib/check.h"
#include "common/bits/bitconv_tiles.h"

static dnx_rng r;

static void signs(int C, int P, int skip, bool scaled) {
    enum { MOST = 200, PLACES = 16 };
    float x[PLACES * 3 * MOST], scale[MOST], shift[MOST], sum[PLACES * 3] = {0};
    int8_t *to = (int8_t *)dnx_alloc(PLACES * 64);
    size_t plane = PLACES * 64;
    for (int i = 0; i < P * skip * C; i++) x[i] = dnx_rng_normal(&r);
    for (int i = 0; i < C; i++) scale[i] = dnx_rng_normal(&r), shift[i] = dnx_rng_normal(&r);
    x[0] = NAN;
    if (P > 1) x[skip * C] = -0.f;
    dnx_tiles()->sign(x, skip, P, C, scaled ? scale : NULL, shift, to, plane, sum);
    int wrong = 0;
    for (int p = 0; p < P; p++) {
        double total = 0;
        for (int c = 0; c < 64 * dnx_bit_words(C); c++) {
            /* volatile keeps the compiler from using a fused multiply-add. */
            volatile float u = c < C ? x[p * skip * C + c] : 0;
            if (scaled && c < C) u = u * scale[c], u = u + shift[c];
            wrong += to[(size_t)(c / 64) * plane + (size_t)(p * 64 + c % 64)] != (c >= C   ? 0
                                                                                  : u >= 0 ? 1
                                                                                           : -1);
            total += fabs((double)u);
        }
        bool is_right = fabs(total - (double)sum[p * skip]) < 1e-5 * total + 1e-6;
        wrong += isnan(total) ? !isnan(sum[p * skip]) : !is_right;
    }
    check(!wrong, "signs C=%d P=%d skip=%d scaled=%d: %d are wrong", C, P, skip, scaled, wrong);
    dnx_free(to);
}

typedef struct {
    int words, count, pitch, width, column, N;
    bool has_shift, has_residual;
} shape;

static float *noise(size_t count) {
    float *v = dnx_alloc(count);
    for (size_t i = 0; i < count; i++) v[i] = dnx_rng_normal(&r);
    return v;
}

/* Computes one output by the formula in kernels/bits.h. */
static float result(const dnx_tile_job *j, const uint64_t *row, int at, size_t o, size_t n) {
    int z = 0;
    for (int l = 0; l < j->words; l++)
        for (int b = 0; b < 64; b++)
            z += j->x[j->offset[l] + (size_t)(64 * at + b)] * (row[l] >> b & 1 ? 1 : -1);
    volatile float u = (float)z * j->factor[o];
    u = u * j->end.alpha[n];
    if (j->end.shift) {
        u = u + j->end.shift[n];
        if (!(u > 0)) u = u * j->end.slope[n];
    }
    if (j->end.residual) u = u + j->end.residual[o * j->ldy + n];
    return u;
}

static void products(const shape *s) {
    const dnx_tile_set *t = dnx_tiles();
    size_t N = (size_t)s->N, outputs = (size_t)s->count, places = (size_t)s->count + 100 + 16;
    size_t count = N * (size_t)s->words, ldy = N + 3;
    int8_t *x = (int8_t *)dnx_alloc(places * 64 / 4);
    size_t offset[64];
    uint64_t *rows = (uint64_t *)dnx_alloc(2 * count);
    for (size_t i = 0; i < places * 64; i++) x[i] = (int8_t)((int)(dnx_rng_next(&r) % 3) - 1);
    for (int l = 0; l < s->words; l++) offset[l] = dnx_rng_next(&r) % 100 * 64;
    for (size_t i = 0; i < count; i++) rows[i] = dnx_rng_next(&r);
    void *packed = dnx_alloc(t->packed(s->words, s->N) / 4);
    void *scratch = dnx_alloc(t->scratch_size / 4);
    float *factor = noise(outputs), *alpha = noise(N), *shift = noise(N), *slope = noise(N);
    float *residual = noise(outputs * ldy), *y = dnx_alloc(outputs * ldy);
    dnx_tile_job j = {
        .x = x,
        .offset = offset,
        .words = s->words,
        .column = s->column,
        .count = s->count,
        .pitch = s->pitch,
        .width = s->width,
        .factor = factor,
        .end = {alpha, s->has_shift ? shift : NULL, slope, s->has_residual ? residual : NULL},
        .ldy = ldy};
    for (size_t i = 0; i < outputs * ldy; i++) y[i] = 7;
    t->pack(rows, s->words, s->N, packed);
    t->multiply(&j, packed, s->N, scratch, y);
    size_t o = 0;
    int wrong = 0;
    for (int i = 0, column = s->column; i < s->count; i++, column = (column + 1) % s->pitch) {
        if (column >= s->width) continue;
        for (size_t n = 0; n < N; n++)
            wrong += y[o * ldy + n] != result(&j, rows + n * (size_t)s->words, i, o, n);
        /* The kernel must not write behind the N outputs of a row. */
        for (size_t n = N; n < ldy; n++) wrong += y[o * ldy + n] != 7;
        o++;
    }
    check(!wrong && o, "words=%d count=%d pitch=%d N=%d: %d are wrong", s->words, s->count,
          s->pitch, s->N, wrong);
    void *all[] = {x, rows, packed, scratch, factor, alpha, shift, slope, residual, y};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) dnx_free(all[i]);
}

/* The kernels must choose AMX tiles for an input of side x side x 64 only if `want` is true. */
static void pays(int side, int size, int pad, bool want) {
    int out = side + 2 * pad - size + 1;
    dnx_patches at = {{side, side, 64}, out, out, size, 1, pad, 0, 64};
    check(dnx_bitconv_tiles_pay(&at) == want, "%d x %d, size %d: pay %d", side, side, size, !want);
}

static bool has_tiles(void) { return dnx_tiles() != NULL; }

static void check_tiles(void) {
    static const shape shapes[] = {
        {1, 1, 1, 1, 0, 1, true, false},      {1, 16, 20, 14, 0, 16, false, false},
        {9, 17, 9, 7, 3, 17, true, true},     {12, 32, 16, 14, 0, 32, true, false},
        {13, 33, 40, 40, 5, 33, true, true},  {30, 61, 9, 7, 8, 70, false, true},
        {25, 512, 30, 28, 0, 48, true, true}, {60, 200, 300, 290, 150, 31, true, false}};
    dnx_rng_seed(&r, 5, 5);
    for (int C = 1; C <= 200; C += C < 20 ? 1 : 15)
        for (int i = 0; i < 12; i++) signs(C, 1 + i, 1 + i % 3, i & 1);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) products(&shapes[i]);
    pays(14, 3, 1, true), pays(7, 3, 1, true), pays(28, 1, 0, true);
    pays(5, 3, 1, false), pays(36, 31, 0, false);
}

int main(void) {
    if (child_says("amx", has_tiles)) in_child("amx", check_tiles);
    else skip("amx", NEVER_HERE);
    return summary();
}
