/* test_groups.c - compares kernels for convolutions in narrow groups with loops in double. "wide"
 * is the AVX-512 source compiled without AVX-512. */
#include "lib/check.h"

#define MAX 60000
static float x[MAX], w[MAX], dy[MAX], y[MAX], first[MAX], bias[600], slope[600];
static double want[MAX];
/* This number stands behind the last element of each result. No kernel may overwrite it. */
static const float edge = 12345.f;

typedef struct {
    int G, a, b, kh, kw, stride, pad, in_w;
    int no; /* the filter row that lies in the padding; no >= kh: no row */
} shape;

static bool is_close(const float *got, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= 1e-4 * (1 + fabs(want[i])))) return false;
    return got[n] == edge;
}

static void begin(size_t n) {
    memcpy(y, first, n * sizeof *y);
    y[n] = edge;
    for (size_t i = 0; i < n; i++) want[i] = (double)first[i];
}

/* Calls f(i, k, j) for each product w[k] x[j] that is summed in the output y[i]. */
static void each(const shape *s, int out_w, void (*f)(size_t i, size_t k, size_t j)) {
    int C = s->G * s->a, N = s->G * s->b;
    for (int o = 0; o < out_w; o++)
        for (int n = 0; n < N; n++)
            for (int ky = 0; ky < s->kh; ky++)
                for (int j = 0; j < s->a; j++)
                    for (int kx = 0; kx < s->kw; kx++) {
                        int ix = o * s->stride - s->pad + kx;
                        if (ky == s->no || ix < 0 || ix >= s->in_w) continue;
                        f((size_t)(o * N + n), (size_t)(((ky * s->a + j) * s->kw + kx) * N + n),
                          (size_t)((ky * s->in_w + ix) * C + n / s->b * s->a + j));
                    }
}

static void add_output(size_t i, size_t k, size_t j) { want[i] += (double)w[k] * (double)x[j]; }
static void add_gradient(size_t i, size_t k, size_t j) { want[k] += (double)dy[i] * (double)x[j]; }

static void compare(const dnx_kernel_set *k, const shape *s) {
    int C = s->G * s->a, N = s->G * s->b;
    int out_w = (s->in_w + 2 * s->pad - s->kw) / s->stride + 1;
    size_t outs = (size_t)(out_w * N), taps = (size_t)(s->kh * s->kw * s->a * N);
    dnx_groups g = {C, s->a, s->b};
    const dnx_rows line = {s->in_w, out_w, s->kh, s->kw, s->stride, s->pad};
    const float *rows[8];
    /* `end` is exactly as long as needed, so that a sanitizer detects reads beyond it. */
    size_t inputs = (size_t)(s->kh * s->in_w * C);
    float *end = malloc(sizeof *end * inputs);
    must(end && outs < MAX && taps < MAX && inputs < MAX, "a shape is too large");
    memcpy(end, x, sizeof *end * inputs);
    for (int i = 0; i < s->kh; i++) rows[i] = i == s->no ? NULL : end + i * s->in_w * C;
    dnx_epilogue e = {.y = y, .ldy = (size_t)N, .adds = true};
    begin(outs);
    each(s, out_w, add_output);
    k->group_row(rows, &line, &g, w, &e);
    bool adds = is_close(y, outs);
    e = (dnx_epilogue){
        y, (size_t)N, .bias = bias, .act = DNX_PRELU, .slope = slope, .residual = first};
    for (int slow = 0; slow < 2; slow++) {
        begin(outs);
        memset(want, 0, outs * sizeof *want);
        each(s, out_w, add_output);
        for (size_t i = 0; i < outs; i++) {
            size_t n = i % (size_t)N;
            want[i] = (double)dnx_activate((float)want[i] + bias[n], e.act, slope[n]) +
                      (double)first[i];
        }
        k->group_row(rows, &line, &g, w, &e);
        adds = adds && is_close(y, outs);
        e.act = DNX_TANH;
    }
    begin(taps);
    each(s, out_w, add_gradient);
    k->group_row_dw(rows, &line, &g, y, dy);
    where = k->name;
    check(adds && is_close(y, taps), "%d groups of %d to %d, %d x %d, stride %d, pad %d, width %d",
          s->G, s->a, s->b, s->kh, s->kw, s->stride, s->pad, s->in_w);
    free(end);
}

static void compare_all(const dnx_kernel_set *k) {
    static const int sizes[][3] = {{1, 1, 1},  {7, 2, 2},   {32, 2, 2}, {5, 3, 3},
                                   {16, 4, 4}, {9, 4, 4},   {6, 8, 8},  {3, 16, 16},
                                   {7, 5, 5},  {3, 12, 12}, {11, 1, 3}, {16, 4, 2},
                                   {5, 2, 16}, {2, 13, 1},  {3, 40, 7}, {3, 1, 40}};
    static const int windows[][3] = {{1, 1, 0}, {3, 1, 1}, {3, 1, 0}, {3, 2, 1}, {5, 1, 2},
                                     {2, 1, 1}, {4, 3, 2}, {3, 1, 4}, {3, 1, -1}};
    static const int widths[] = {3, 4, 14, 21};
    int turn = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof windows / sizeof *windows; j++)
            for (int v = 0; v < 4; v++) {
                const int *z = sizes[i], *o = windows[j];
                shape s = {z[0], z[1], z[2], o[0], o[0], o[1], o[2], widths[v], turn++ % 5};
                if (s.in_w + 2 * s.pad >= s.kw) compare(k, &s);
            }
}

static void fill(float *p, size_t n) {
    static dnx_rng r;
    if (!r.s[0]) dnx_rng_seed(&r, 3, 0);
    for (size_t i = 0; i < n; i++) p[i] = dnx_rng_normal(&r);
}

int main(void) {
    static const char *const names[] = {"plain", "avx2", "avx512", "wide"};
    fill(x, MAX), fill(w, MAX), fill(dy, MAX), fill(first, MAX), fill(bias, 600), fill(slope, 600);
    for (int i = 0; i < 4; i++) {
        const dnx_kernel_set *k = dnx_kernels_named(names[i]);
        group("%s", names[i]);
        if (k) compare_all(k);
        else skip(names[i], NEVER_HERE);
    }
    return summary();
}
