/* test_margin_sample.c - [margin_softmax]: sampled classes, the warm-up of s, and logits. */
#include "layer/classifier.h"
#include "lib/margin_naive.h"

/* During warmup the scale rises from s_start to s. At scale s and with cosines 1 and 0 the loss is
 * log(1 + e^{-s}). */
static void warmup_of_s(void) {
    layer l;
    dnx_err err = {0};
    if (open(&l, "classes=2\ns=9\ns_start=1\nwarmup=4\n", 1, (dnx_shape){1, 1, 2}, 1, true, &err)) {
        check_value(false, err.text, 0, 0);
        return;
    }
    memcpy(weights(&l).value, (float[]){3, 0, 0, .5f}, 4 * sizeof(float));
    writable(l.pass.x[0])[0] = 1;
    for (int i = 0; i < 6; i++) {
        double s = i < 4 ? 1 + 2 * i : 9;
        float z[2];
        l.node.type->forward(&l.node, &l.pass);
        near("warm-up of s", l.pass.loss, log(1 + exp(-s)), 2e-6);
        l.node.type->classifier->logits(&l.node, l.pass.x[0], 1, 0, 2, z);
        near("logits in the warm-up", z[0], s, 1e-6);
        l.pass.update++;
    }
    shut(&l);
}

/* ---- sample: the gradient of the weights shows which classes took part ---- */

static int taking_part(const float *grad, int N, int D, int *rows) {
    int n = 0;
    for (int j = 0; j < N; j++) {
        bool has = false;
        for (int k = 0; k < D; k++) has |= grad[j * D + k] != 0;
        if (has) rows[n++] = j;
    }
    return n;
}

static void sampled(const char *share, int want, int threads) {
    enum { N = 300, B = 8, D = 9 };
    static const int truth[B] = {7, 299, 0, 7, 150, -1, 33, 151};
    head h = {"am", 8, .35, 0, 0, 0, 0, 0, false};
    char text[200];
    layer l;
    dnx_err err = {0};
    dnx_rng r;
    int rows[3][N], n[3], y[B], right;
    static double x[B * D], w[64 * D];
    snprintf(text, sizeof text, "classes=300\nmargin=am\ns=8\nsample=%s\n", share);
    if (open(&l, text, B, (dnx_shape){1, 1, D}, threads, true, &err)) {
        check_value(false, err.text, 0, 0);
        return;
    }
    dnx_rng_seed(&r, 3, 3);
    dnx_param p = weights(&l);
    for (int i = 0; i < N * D; i++) p.value[i] = dnx_rng_normal(&r);
    for (int i = 0; i < B * D; i++) x[i] = writable(l.pass.x[0])[i] = dnx_rng_normal(&r);
    for (int b = 0; b < B; b++) writable(l.pass.truth)[b] = (float)truth[b];
    for (int i = 0; i < 3; i++) {
        l.pass.update = i == 2 ? 4 : 5;
        memset(p.grad, 0, sizeof(float) * p.count);
        l.node.type->forward(&l.node, &l.pass);
        l.node.type->backward(&l.node, &l.pass);
        n[i] = taking_part(p.grad, N, D, rows[i]);
        check_value(n[i] == want, share, n[i], want);
    }
    check_value(n[0] == n[1] && !memcmp(rows[0], rows[1], sizeof(int) * (size_t)n[0]),
                "one update, one draw", 0, 0);
    check_value(want == 6 || memcmp(rows[0], rows[2], sizeof(int) * (size_t)n[0]), "another draw",
                0, 0);
    for (int b = 0; b < B; b++) {
        y[b] = -1;
        for (int i = 0; i < n[2]; i++)
            if (rows[2][i] == truth[b]) y[b] = i;
        check_value(y[b] >= 0 || truth[b] < 0, "the batch's classes take part", y[b], truth[b]);
    }
    for (int i = 0; i < n[2]; i++)
        for (int k = 0; k < D; k++) w[i * D + k] = p.value[rows[2][i] * D + k];
    near("sampled loss", l.pass.loss, naive(&h, x, w, y, B, n[2], D, &right), 2e-6);
    double worst = 0;
    for (int i = 0; i < B * D + n[2] * D; i++) {
        int k = i - B * D;
        double *at = k < 0 ? &x[i] : &w[k];
        double d = -difference(&h, at, x, w, y, B, n[2], D);
        double g = k < 0 ? l.pass.dx[0][i] : p.grad[rows[2][k / D] * D + k % D];
        worst = worse(worst, fabs(d - g));
    }
    check_value(worst < 2e-4, "sampled gradient", worst, 2e-4);
    shut(&l);
}

static void draws_are_even(void) {
    enum { N = 40, UPDATES = 400 };
    layer l;
    dnx_err err = {0};
    int count[N] = {0}, rows[N];
    if (open(&l, "classes=40\nsample=.25\n", 1, (dnx_shape){1, 1, 3}, 1, true, &err)) {
        check_value(false, err.text, 0, 0);
        return;
    }
    dnx_param p = weights(&l);
    for (int i = 0; i < 3; i++) writable(l.pass.x[0])[i] = (float)(1 + i);
    for (; l.pass.update < UPDATES; l.pass.update++) {
        memset(p.grad, 0, sizeof(float) * p.count);
        l.node.type->forward(&l.node, &l.pass);
        l.node.type->backward(&l.node, &l.pass);
        for (int i = 0, n = taking_part(p.grad, N, 3, rows); i < n; i++) count[rows[i]]++;
    }
    /* Class 0 takes part in each update. Of the 39 other classes 9 are drawn: the mean of a count
     * is 92.3, its standard deviation 8.4, and 34 is four deviations. */
    for (int j = 0; j < N; j++) {
        double want = j == 0 ? UPDATES : UPDATES * 9. / 39;
        check_value(fabs(count[j] - want) < (j == 0 ? 1 : 34), "even draws", count[j], want);
    }
    shut(&l);
}

/* ---- logits for distillation ---- */

static void logits_agree(int lo, int hi, int threads) {
    enum { N = 300, B = 5, D = 21 };
    layer l;
    dnx_err err = {0};
    dnx_rng r;
    static float x[2 * B * D], z[2 * B * N], dz[B * N], dx[B * D];
    int width = hi - lo;
    if (open(&l, "classes=300\nmargin=arcface\ns=8\n", B, (dnx_shape){1, 1, D}, threads, true,
             &err)) {
        check_value(false, err.text, 0, 0);
        return;
    }
    dnx_rng_seed(&r, 8, 3);
    dnx_param p = weights(&l);
    for (int i = 0; i < N * D; i++) p.value[i] = dnx_rng_normal(&r);
    for (int i = 0; i < 2 * B * D; i++) x[i] = dnx_rng_normal(&r);
    for (int i = 0; i < B * width; i++) dz[i] = dnx_rng_normal(&r);
    memset(x + 3 * D, 0, sizeof(float) * D);
    check_value(l.node.type->classifier->classes(&l.node) == N, "classes", 0, N);
    l.node.type->classifier->logits(&l.node, x, 2 * B, lo, hi,
                                    z); /* logits() must take more images than node.batch */
    static double want_w[N * D], want_x[B * D];
    memset(want_w, 0, sizeof want_w);
    memset(want_x, 0, sizeof want_x);
    double worst = 0;
    for (int b = 0; b < 2 * B; b++)
        for (int j = lo; j < hi; j++) {
            const float *u = x + b * D, *v = p.value + j * D;
            double uu = 0, vv = 0, uv = 0;
            for (int k = 0; k < D; k++) {
                uu += (double)u[k] * u[k];
                vv += (double)v[k] * v[k];
                uv += (double)u[k] * v[k];
            }
            double c = uu > 0 ? uv / sqrt(uu * vv) : 0;
            worst = worse(worst, fabs(z[b * width + j - lo] - 8 * c));
            for (int k = 0; k < D && b < B && uu > 0; k++) {
                double g = 8 * dz[b * width + j - lo];
                want_w[j * D + k] += g * (u[k] / sqrt(uu * vv) - c * v[k] / vv);
                want_x[b * D + k] += g * (v[k] / sqrt(uu * vv) - c * u[k] / uu);
            }
        }
    check_value(worst < 5e-6, "logits", worst, 0);
    for (int i = 0; i < B * D; i++) dx[i] = 2;
    for (int i = 0; i < N * D; i++) p.grad[i] = 1;
    l.node.type->classifier->logits(&l.node, x, B, lo, hi, z);
    l.node.type->classifier->logits_back(&l.node, x, B, lo, hi, dz, dx);
    l.node.type->classifier->logits_back(&l.node, x, B, lo, hi, dz, NULL);
    worst = 0;
    for (int i = 0; i < B * D; i++) worst = worse(worst, fabs(dx[i] - 2 - want_x[i]));
    check_value(worst < 1e-4, "dx of logits", worst, 0);
    worst = 0;
    for (int i = 0; i < N * D; i++) worst = worse(worst, fabs(p.grad[i] - 1 - 2 * want_w[i]));
    check_value(worst < 1e-4, "gradient of logits", worst, 0);
    shut(&l);
}

int main(void) {
    warmup_of_s();
    for (int threads = 1; threads <= 3; threads += 2) {
        sampled(".1", 30, threads);
        sampled(".097", 30, threads);
        sampled(".001", 6, threads);
        logits_agree(0, 300, threads);
        logits_agree(40, 41, threads);
        logits_agree(130, 290, threads);
    }
    draws_are_even();
    return summary();
}
