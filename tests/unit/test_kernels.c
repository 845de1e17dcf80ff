/* test_kernels.c - compares kernels of every set with loops in double, on odd shapes. "wide"
 * is the AVX-512 source compiled without AVX-512. */
#include "lib/check.h"
#include "kernels/kernels.h"

static const dnx_kernel_set *k;

#define MAX 40000
static float a[MAX], b[MAX], d[MAX], y[MAX], start[MAX], res[MAX], bias[512], slope[512], pk[MAX];
static double want[MAX];
/* This number stands behind the last element of each result. No kernel may overwrite it. */
static const float edge = 12345.f;

static unsigned rng = 1;
static float rnd(void) {
    rng = rng * 1664525u + 1013904223u;
    return (float)(rng >> 8) / 8388608.f - 1;
}
static void fill(float *p, size_t n, float scale) {
    for (size_t i = 0; i < n; i++) p[i] = scale * rnd();
}

static void shape(bool ok, const char *what, int p, int q, int r, int s) {
    where = k ? k->name : "FAILED";
    check(ok, "%s: %d %d %d %d", what, p, q, r, s);
}

static bool close_to(const float *got, const double *w, size_t n, double tol) {
    for (size_t i = 0; i < n; i++)
        if (!(fabs(got[i] - w[i]) <= tol * (1 + fabs(w[i])))) return false;
    return true;
}

/* Returns y[i], of channel c, as epilogue e makes it from the sum v. start[i]: the old y[i]. */
static double naive_finish(double v, const dnx_epilogue *e, int c, size_t i) {
    if (e->bias) v += e->bias[c];
    v = dnx_activate((float)v, e->act, e->slope ? e->slope[c] : 0);
    if (e->residual) v += e->residual[i];
    return v + (e->adds ? start[i] : 0);
}

/* Makes epilogue i of 56: each of 7 activations with all choices of bias, residual and adding.
 * Returns false when i is too large. */
static bool epilogue(int i, dnx_epilogue *e) {
    static const dnx_act acts[] = {DNX_LINEAR, DNX_RELU, DNX_LEAKY, DNX_PRELU,
                                   DNX_RELU6,  DNX_TANH, DNX_HSWISH};
    if (i >= 7 * 8) return false;
    *e = (dnx_epilogue){.y = y, .act = acts[i / 8]};
    e->bias = i & 1 ? bias : NULL;
    e->residual = i & 2 ? res : NULL;
    e->adds = i & 4;
    e->slope = e->act == DNX_PRELU ? slope : NULL;
    return true;
}

static void naive_mm(int P, int K, int N, int lda, int ldy, const dnx_epilogue *e) {
    for (int p = 0; p < P; p++)
        for (int n = 0; n < ldy; n++) {
            size_t at = (size_t)(p * ldy + n);
            double v = 0;
            if (n >= N) {
                want[at] = start[at];
                continue;
            }
            for (int i = 0; i < K; i++) v += (double)a[p * lda + i] * b[i * N + n];
            want[at] = naive_finish(v, e, n, at);
        }
}

static void test_mm(int P, int K, int N, dnx_epilogue *e) {
    int lda = K + 3, ldy = N + 2;
    size_t n = (size_t)(P * ldy);
    memcpy(y, start, n * sizeof *y);
    y[n] = edge;
    if (k->packed(K, N) > MAX) return;
    k->pack(b, (size_t)N, 1, K, N, pk);
    e->ldy = (size_t)ldy;
    k->mm(a, (size_t)lda, P, K, pk, N, e);
    naive_mm(P, K, N, lda, ldy, e);
    shape(close_to(y, want, n, 1e-4) && y[n] == edge, "mm", P, K, N, (int)e->act);
}

static void test_mmt(int P, int K, int N) {
    int lda = K + 1, ldd = N + 3;
    size_t n = (size_t)(K * N);
    memcpy(y, start, n * sizeof *y);
    y[n] = edge;
    dnx_ahead next = {{res, NULL, res + 77}, {1000, 0, 7}};
    k->mmt(a, (size_t)lda, d, (size_t)ldd, P, K, N, y, P % 2 ? NULL : &next);
    for (int i = 0; i < K; i++)
        for (int j = 0; j < N; j++) {
            double v = start[i * N + j];
            for (int p = 0; p < P; p++) v += (double)a[p * lda + i] * d[p * ldd + j];
            want[i * N + j] = v;
        }
    shape(close_to(y, want, n, 1e-4) && y[n] == edge, "mmt", P, K, N, 0);
}

/* Input row k is NULL when bit k of `no` is set. Kernels get NULL for a row in the padding. */
static void test_dw(int C, int kh, int kw, int stride, int pad, int in_w, int no, int epi) {
    int out_w = (in_w + 2 * pad - kw) / stride + 1;
    const float *rows[8];
    dnx_epilogue e;
    size_t n = (size_t)(out_w * C), nx = (size_t)(in_w * C), nw = (size_t)(kh * kw * C);
    if (in_w + 2 * pad < kw || out_w < 1) return;
    const dnx_rows line = {in_w, out_w, kh, kw, stride, pad};
    epilogue(epi, &e);
    for (int i = 0; i < kh; i++) rows[i] = no >> i & 1 ? NULL : a + (size_t)i * nx;

    memcpy(y, start, n * sizeof *y);
    y[n] = edge;
    e.ldy = (size_t)C;
    const dnx_groups groups = {C, 1, 1};
    k->group_row(rows, &line, &groups, b, &e);
    for (int x = 0; x < out_w; x++)
        for (int c = 0; c < C; c++) {
            double v = 0;
            for (int i = 0; i < kh; i++)
                for (int j = 0; j < kw; j++) {
                    int ix = x * stride - pad + j;
                    if (rows[i] && ix >= 0 && ix < in_w)
                        v += (double)rows[i][ix * C + c] * b[(i * kw + j) * C + c];
                }
            want[x * C + c] = naive_finish(v, &e, c, (size_t)(x * C + c));
        }
    shape(close_to(y, want, n, 1e-4) && y[n] == edge, "depthwise row", C, kw, stride, pad);

    for (int adds = 0; adds < 2; adds++) { /* a[] serves as dy */
        memcpy(y, start, nx * sizeof *y);
        y[nx] = edge;
        const float *dy_rows[8];
        for (int i = 0; i < kh; i++) dy_rows[i] = no >> i & 1 ? NULL : a + (size_t)i * n;
        k->dw_dx(dy_rows, &line, C, b, y, adds);
        for (size_t i = 0; i < nx; i++) want[i] = adds ? start[i] : 0;
        for (int x = 0; x < out_w; x++)
            for (int c = 0; c < C; c++)
                for (int i = 0; i < kh; i++)
                    for (int j = 0; j < kw; j++) {
                        int ix = x * stride - pad + j;
                        if (dy_rows[i] && ix >= 0 && ix < in_w)
                            want[(size_t)(ix * C + c)] += (double)dy_rows[i][x * C + c] *
                                                          b[(i * kw + j) * C + c];
                    }
        shape(close_to(y, want, nx, 1e-4) && y[nx] == edge, "dw_dx", C, kw, stride, pad);
    }

    memcpy(y, start, nw * sizeof *y);
    y[nw] = edge;
    k->group_row_dw(rows, &line, &groups, y, d);
    for (size_t i = 0; i < nw; i++) want[i] = start[i];
    for (int x = 0; x < out_w; x++)
        for (int c = 0; c < C; c++)
            for (int i = 0; i < kh; i++)
                for (int j = 0; j < kw; j++) {
                    int ix = x * stride - pad + j;
                    if (rows[i] && ix >= 0 && ix < in_w)
                        want[(i * kw + j) * C + c] += (double)d[x * C + c] * rows[i][ix * C + c];
                }
    shape(close_to(y, want, nw, 1e-4) && y[nw] == edge, "depthwise dw", C, kw, stride, pad);
}

static bool sums_close(const double *s, const double *w, int n) {
    for (int i = 0; i < n; i++)
        if (!(fabs(s[i] - w[i]) <= 1e-4 * (1 + fabs(w[i])))) return false;
    return true;
}

static void test_channels(int P, int C) {
    size_t n = (size_t)(P * C);
    double s[3][64], w[3][64];
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 3; j++) s[j][i] = w[j][i] = i + j;
    k->stats(a, P, C, s[0], s[1]);
    for (size_t i = 0; i < n; i++) {
        w[0][i % (size_t)C] += a[i];
        w[1][i % (size_t)C] += (double)a[i] * a[i];
    }
    shape(sums_close(s[0], w[0], 64) && sums_close(s[1], w[1], 64), "stats", P, C, 0, 0);

    for (int act = 0; act < DNX_ACTIVATIONS; act++)
        for (int v = 0; v < 8; v++) {
            const float *scale = v & 1 ? b : NULL, *shift = v & 2 ? bias : NULL;
            const float *r = v & 4 ? res : NULL;
            const dnx_scaled_act how = {C, scale, shift, (dnx_act)act, slope};
            /* With v & 4 the kernel adds a residual and works in place: y is also the input. */
            memcpy(y, a, n * sizeof *y);
            y[n] = edge;
            k->scale_act(r ? y : a, P, &how, r, y);
            for (size_t i = 0; i < n; i++) {
                size_t c = i % (size_t)C;
                float u = a[i] * (scale ? scale[c] : 1) + (shift ? shift[c] : 0);
                want[i] = dnx_activate(u, (dnx_act)act, slope[c]) + (r ? r[i] : 0);
            }
            shape(close_to(y, want, n, 1e-5) && y[n] == edge, "scale_act", P, C, act, v);

            static _Alignas(64) float aligned[MAX];
            memcpy(aligned, a, n * sizeof *aligned);
            k->scale_act_stream(aligned, P, &how, r, aligned);
            shape(close_to(aligned, want, n, 1e-5), "scale_act_stream", P, C, act, v);

            for (int i = 0; i < 64; i++)
                for (int j = 0; j < 3; j++) s[j][i] = w[j][i] = i + j;
            memcpy(y, d, n * sizeof *y);
            y[n] = edge;
            k->act_back(r ? y : d, a, P, &how, y, s[0], s[1], v & 2 ? s[2] : NULL);
            for (size_t i = 0; i < n; i++) {
                size_t c = i % (size_t)C;
                float u = a[i] * (scale ? scale[c] : 1) + (shift ? shift[c] : 0);
                double du = d[i] * dnx_activate_grad(u, (dnx_act)act, slope[c]);
                want[i] = du;
                w[0][c] += du;
                w[1][c] += du * a[i];
                if (u < 0 && v & 2) w[2][c] += (double)d[i] * u;
            }
            bool ok = close_to(y, want, n, 1e-4) && y[n] == edge;
            for (int j = 0; j < 3; j++) ok = ok && sums_close(s[j], w[j], 64);
            for (int i = 0; i < 64; i++)
                for (int j = 0; j < 3; j++) s[j][i] = i + j;
            k->act_back(d, a, P, &how, NULL, s[0], s[1], v & 2 ? s[2] : NULL);
            for (int j = 0; j < 3; j++) ok = ok && sums_close(s[j], w[j], 64);
            memcpy(y, d, n * sizeof *y);
            k->act_dz(r ? y : d, a, P, &how, v & 1 ? b : NULL, bias, res, y);
            for (size_t i = 0; i < n && v & 1; i++) {
                size_t c = i % (size_t)C;
                want[i] = want[i] * b[c] + (double)a[i] * bias[c] + res[c];
            }
            ok = ok && close_to(y, want, n, 1e-4) && y[n] == edge;
            shape(ok, "act_back", P, C, act, v);
        }

    memcpy(y, a, n * sizeof *y);
    y[n] = edge;
    k->act_dz(y, d, P, &(dnx_scaled_act){.C = C}, b, bias, slope, y);
    for (size_t i = 0; i < n; i++) {
        size_t c = i % (size_t)C;
        want[i] = (double)a[i] * b[c] + (double)d[i] * bias[c] + slope[c];
    }
    shape(close_to(y, want, n, 1e-5) && y[n] == edge, "act_dz of a linear function", P, C, 0, 0);
    memcpy(y, a, n * sizeof *y);
    y[n] = edge;
    k->add(d, n, y);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        want[i] = (double)a[i] + d[i];
        sum += (double)a[i] * d[i];
    }
    shape(close_to(y, want, n, 1e-6) && y[n] == edge, "add", P, C, 0, 0);
    shape(fabs(k->dot(a, d, n) - sum) < 1e-3, "dot", P, C, 0, 0);
}

static void test_set(void) {
    static const int Ps[] = {1, 5, 6, 7, 13, 14, 15, 97}, Ks[] = {1, 3, 27, 33, 64};
    static const int Ns[] = {1, 2, 15, 16, 17, 31, 32, 33, 64}, Cs[] = {1, 3, 8, 15, 33, 64};
    dnx_epilogue e;
    int turn = 0;
    for (int p = 0; p < 8; p++)
        for (int i = 0; i < 5; i++)
            for (int n = 0; n < 9; n++) {
                bool is_short = Ks[i] == 27 && p >= 2 && p <= 5;
                for (int j = 0; j < (is_short ? 56 : 3); j++) {
                    epilogue(is_short ? j : turn++ % 56, &e);
                    test_mm(Ps[p], Ks[i], Ns[n], &e);
                }
                test_mmt(Ps[p], Ks[i], Ns[n]);
            }
    test_mm(300, 64, 33, &e);
    test_mmt(300, 17, 33);
    test_mm(97, 200, 64, &e);

    for (int i = 0; i < 2; i++) { /* pack() reads b by rows and by columns */
        k->pack(b, i ? 33 : 1, i ? 1 : 27, 27, 33, pk);
        bool ok = true;
        for (int n = 0; n < k->panel * ((33 + k->panel - 1) / k->panel); n++)
            for (int r = 0; r < 27; r++) {
                float v = pk[(n / k->panel * 27 + r) * k->panel + n % k->panel];
                ok = ok && v == (n >= 33 ? 0 : i ? b[r * 33 + n] : b[n * 27 + r]);
            }
        shape(ok, "pack", 27, 33, i, 0);
    }

    for (int c = 0; c < 6; c++)
        for (int kw = 1; kw <= 7; kw++)
            for (int stride = 1; stride <= 3; stride++)
                for (int pad = 0; pad <= 3; pad++)
                    for (int j = 0; j < 5; j++) {
                        static const int widths[] = {1, 4, 7, 14, 23};
                        int no = turn % 3 == 0 ? 1 << (turn / 3 % kw) : 0;
                        test_dw(Cs[c], kw, kw, stride, pad, widths[j], no, turn++ % 56);
                    }
    test_dw(8, 1, 3, 1, 1, 23, 0, 0);
    test_dw(8, 2, 3, 2, 1, 23, 0, 5);
    for (int c = 0; c < 6; c++) {
        test_channels(1, Cs[c]);
        test_channels(15, Cs[c]);
        test_channels(150, Cs[c]);
    }
}

int main(void) {
    static const char *const names[] = {"plain", "avx2", "avx512", "wide"};
    fill(a, MAX, 2);
    fill(b, MAX, 1);
    fill(d, MAX, 1);
    fill(start, MAX, 1);
    fill(res, MAX, 1);
    fill(bias, 512, 1);
    fill(slope, 512, 1);
    for (int i = 0; i < 4; i++) {
        k = dnx_kernels_named(names[i]);
        group("%s", names[i]);
        if (k) test_set();
        else skip(names[i], NEVER_HERE);
    }
    group("the choice of a set");
    check(dnx_kernels() != NULL && dnx_kernels_named("") == NULL, "dnx_kernels");
    return summary();
}
