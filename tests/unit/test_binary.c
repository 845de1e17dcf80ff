/* test_binary.c - compares binary convolutions with naive versions, and gradients with
 * finite differences. */
#include "lib/check.h"
#include "common/bits/binarise.h"
#include "kernels/bits.h"

/* ---- counting different bits ---- */

static void counts(int P, int L, int N, bool all_differ) {
    const dnx_bit_set *b = dnx_bits();
    size_t panels = (size_t)((N + b->panel - 1) / b->panel), ldc = panels * (size_t)b->panel;
    uint64_t *a = (uint64_t *)dnx_alloc((size_t)(2 * P * L));
    uint64_t *w = (uint64_t *)dnx_alloc((size_t)(2 * N * L));
    void *packed = dnx_alloc(b->packed(L, N) / 4 + 1);
    int32_t *got = (int32_t *)dnx_alloc((size_t)P * ldc);
    dnx_rng r;
    dnx_rng_seed(&r, 3, (uint64_t)L);
    for (int i = 0; i < P * L; i++) a[i] = all_differ ? ~0ull : dnx_rng_next(&r);
    for (int i = 0; i < N * L; i++) w[i] = all_differ ? 0 : dnx_rng_next(&r);
    b->pack(w, L, N, packed);
    void *scratch = dnx_alloc((b->scratch_size ? b->scratch_size(L) : 0) / 4 + 1);
    b->count(a, P, L, packed, (int)panels, got, ldc, scratch);
    int wrong = 0;
    for (int p = 0; p < P; p++)
        for (int n = 0; n < N; n++) {
            long want = 0;
            for (int l = 0; l < L; l++) {
                uint64_t x = a[p * L + l] ^ w[n * L + l];
                want += dnx_bit_sum(&x, 1);
            }
            wrong += want != got[(size_t)p * ldc + (size_t)n];
        }
    check(!wrong, "count P=%d L=%d N=%d: %d are wrong", P, L, N, wrong);
    dnx_free(a), dnx_free(w), dnx_free(packed), dnx_free(got), dnx_free(scratch);
}

static void signs(int C) {
    float x[3 * 200], scale[200], shift[200], sum[3];
    uint64_t rows[3 * 4];
    dnx_rng r;
    dnx_rng_seed(&r, 4, (uint64_t)C);
    for (int i = 0; i < 3 * C; i++) x[i] = dnx_rng_normal(&r);
    for (int i = 0; i < C; i++) scale[i] = dnx_rng_normal(&r), shift[i] = dnx_rng_normal(&r);
    x[0] = 0, x[C] = -0.f;
    for (int with = 0; with < 2; with++) {
        int wrong = 0, L = dnx_bit_words(C);
        dnx_bits()->sign(x, 3, C, with ? scale : NULL, shift, rows, sum);
        for (int p = 0; p < 3; p++) {
            double total = 0;
            for (int c = 0; c < 64 * L; c++) {
                volatile float u = c < C ? x[p * C + c] : -1; /* volatile: no fused multiply-add */
                if (with && c < C) u = u * scale[c], u = u + shift[c];
                wrong += (int)(rows[p * L + c / 64] >> (c % 64) & 1) != (u >= 0);
                total += c < C ? fabs((double)u) : 0;
            }
            wrong += !(fabs(total - (double)sum[p]) < 1e-5 * total + 1e-6);
        }
        check(!wrong, "signs of %d channels, scale %d: %d are wrong", C, with, wrong);
    }
    x[C - 1] = NAN;
    dnx_bits()->sign(x, 1, C, NULL, NULL, rows, sum);
    check(isnan(sum[0]), "signs of %d channels: NaN is lost", C);
}

/* ---- networks ---- */

static dnx_net *build(const char *text, bool trains, int threads) {
    return make_net(text, "binary.cfg", trains, 0, threads);
}

static void copy_params(dnx_net *from, dnx_net *to) {
    dnx_param a[DNX_MAX_PARAMS], b[DNX_MAX_PARAMS];
    for (int i = 0; i < from->n; i++) {
        int n = dnx_net_params(from, i, a);
        dnx_net_params(to, i, b);
        for (int k = 0; k < n; k++) memcpy(b[k].value, a[k].value, sizeof(float) * a[k].count);
    }
}

static float *noise(size_t count) {
    float *x = dnx_alloc(count);
    dnx_rng r;
    dnx_rng_seed(&r, 8, 8);
    for (size_t i = 0; i < count; i++) x[i] = dnx_rng_normal(&r);
    return x;
}

/* A network that only predicts counts packed bits; a training network multiplies signs. Their
 * outputs must be equal: bit for bit in the modes xnor and bnn, within 1e-4 in other modes. */
static void simulate(const char *shape, const char *section) {
    char text[800];
    snprintf(text, sizeof text, "[net]\nbatch=3\n%s[binary]\n%s", shape, section);
    dnx_net *sim = build(text, true, 2), *fast = build(text, false, 3);
    size_t count = dnx_size(sim->nodes[0].out) * 3;
    float *x = noise(dnx_size(sim->in) * 3), *y = dnx_alloc(count);
    scatter(sim, 5, .6f);
    copy_params(sim, fast);
    for (int i = 0; i < 3; i++) dnx_net_prepare(fast, NULL); /* preparing again changes nothing */
    dnx_net_forward_layer(sim, 0, x, 3, DNX_PREDICTING, NULL, NULL);
    dnx_net_run(fast, x, 3, 0, y);
    double worst = 0;
    for (size_t i = 0; i < count; i++)
        worst = worse(worst, fabs((double)y[i] - (double)sim->plan.of[0].y[i]));
    bool is_real = strstr(section, "bwn") || strstr(section, "connect");
    check(is_real ? worst < 1e-4 : worst == 0, "%s%s: predicting differs by %g", shape, section,
          worst);
    dnx_free(x), dnx_free(y);
    dnx_net_free(sim), dnx_net_free(fast);
}

/* mode=bnn without biases: outputs are integers. Padding adds 0. */
static void integers(int H, int W, int C, int N, int size, int stride, int pad) {
    char text[300];
    snprintf(text, sizeof text,
             "[net]\nbatch=2\nheight=%d\nwidth=%d\nchannels=%d\n"
             "[binary]\nfilters=%d\nsize=%d\nstride=%d\npadding=%d\nmode=bnn\n",
             H, W, C, N, size, stride, pad);
    dnx_net *net = build(text, false, 2);
    dnx_param list[DNX_MAX_PARAMS];
    dnx_net_params(net, 0, list);
    const float *w = list[1].value;
    dnx_shape o = net->nodes[0].out;
    float *x = noise(dnx_size(net->in) * 2), *y = dnx_alloc(dnx_size(o) * 2);
    list[1].value[0] = x[1] = 0;
    dnx_net_prepare(net, NULL);
    dnx_net_run(net, x, 2, 0, y);
    int wrong = 0;
    for (int p = 0; p < 2 * o.h * o.w; p++)
        for (int n = 0; n < N; n++) {
            int sum = 0, iy = p / o.w % o.h * stride - pad, ix = p % o.w * stride - pad;
            for (int c = 0; c < C; c++)
                for (int ky = 0; ky < size; ky++)
                    for (int kx = 0; kx < size; kx++) {
                        int yy = iy + ky, xx = ix + kx;
                        if (yy < 0 || xx < 0 || yy >= H || xx >= W) continue;
                        float v = x[((size_t)(p / (o.h * o.w) * H + yy) * (size_t)W + (size_t)xx) *
                                        (size_t)C +
                                    (size_t)c];
                        float f = w[((n * C + c) * size + ky) * size + kx];
                        sum += (v >= 0) == (f >= 0) ? 1 : -1;
                    }
            wrong += y[p * N + n] != (float)sum;
        }
    check(!wrong, "%dx%dx%d -> %d, size %d stride %d pad %d: %d integers are wrong", H, W, C, N,
          size, stride, pad, wrong);
    dnx_free(x), dnx_free(y);
    dnx_net_free(net);
}

/* ---- gradients ---- */

enum { B = 3, H = 4, W = 3, C = 3, N = 4, T = 9, KK = C * T, PX = B * H * W };

typedef struct {
    int mode, how, centers, has_map, norm;
    double x[PX * C], w[N * KK], shifts[C], scales[C];
    double dy[PX * N];
} problem;

static double clip(double v) { return v < -1 ? -1 : v > 1 ? 1 : v; }
static double sign(double v) { return v >= 0 ? 1 : -1; }

/* Sets u to the input, normalised if q->norm, and v to the weights, centred if q->centers. */
static void before(const problem *q, double *u, double *v) {
    for (int c = 0; c < C; c++) {
        double m = 0, var = 0;
        for (int p = 0; p < PX; p++) m += q->x[p * C + c] / PX;
        for (int p = 0; p < PX; p++) var += pow(q->x[p * C + c] - m, 2) / PX;
        for (int p = 0; p < PX; p++)
            u[p * C + c] = q->norm ? (q->x[p * C + c] - m) / sqrt(var + 1e-5) * q->scales[c] +
                                         q->shifts[c]
                                   : q->x[p * C + c];
    }
    for (int n = 0; n < N; n++)
        for (int t = 0; t < T; t++) {
            double m = 0;
            for (int c = 0; c < C; c++) m += q->centers ? q->w[(n * C + c) * T + t] / C : 0;
            for (int c = 0; c < C; c++) v[(n * C + c) * T + t] = q->w[(n * C + c) * T + t] - m;
        }
}

static double mean_magnitude(const double *v, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += fabs(v[i]) / n;
    return sum;
}

/* Returns the sum of dy * y at the point q. A sign has no useful derivative, so a continuous
 * function replaces it. At the point q0 the function has the value of the sign, and the derivative
 * that the option gradient= defines. */
static double stand_in(const problem *q, const problem *q0) {
    static double u[PX * C], v[N * KK], u0[PX * C], v0[N * KK], s[PX * C], a[PX], k[PX], b[N * KK];
    bool takes_signs = q->mode & 1, has_alpha = q->mode < 2;
    int how = has_alpha ? q->how : DNX_PLAIN;
    before(q, u, v), before(q0, u0, v0);
    for (int i = 0; i < PX * C; i++)
        s[i] = takes_signs ? sign(u0[i]) + clip(u[i]) - clip(u0[i]) : u[i];
    /* Unless gradient=exact, the gradient treats the magnitudes of the input as constants. */
    for (int p = 0; p < PX; p++) a[p] = mean_magnitude((q->how == DNX_EXACT ? u : u0) + p * C, C);
    for (int n = 0; n < N; n++) {
        double alpha = has_alpha ? mean_magnitude(v + n * KK, KK) : 1;
        double alpha0 = has_alpha ? mean_magnitude(v0 + n * KK, KK) : 1;
        for (int i = n * KK; i < (n + 1) * KK; i++) {
            double dw = q->w[i] - q0->w[i], through = clip(v0[i] + dw) - clip(v0[i]);
            if (how == DNX_EXACT) b[i] = alpha * (sign(v0[i]) + clip(v[i]) - clip(v0[i]));
            else if (how == DNX_PAPER) b[i] = alpha0 * (sign(v0[i]) + through) + dw / KK;
            else b[i] = alpha0 * sign(v0[i]) + through;
        }
    }
    double sum = 0;
    for (int p = 0; p < PX; p++) {
        k[p] = q->mode == 1 && q->has_map ? 0 : 1;
        for (int t = 0; t < T && q->mode == 1 && q->has_map; t++) {
            int yy = p / W % H + t / 3 - 1, xx = p % W + t % 3 - 1;
            if (yy >= 0 && xx >= 0 && yy < H && xx < W)
                k[p] += a[(p / (H * W) * H + yy) * W + xx] / T;
        }
        for (int n = 0; n < N; n++) {
            double z = 0;
            for (int c = 0; c < C; c++)
                for (int t = 0; t < T; t++) {
                    int yy = p / W % H + t / 3 - 1, xx = p % W + t % 3 - 1;
                    if (yy < 0 || xx < 0 || yy >= H || xx >= W) continue;
                    z += s[((p / (H * W) * H + yy) * W + xx) * C + c] * b[(n * C + c) * T + t];
                }
            sum += q->dy[p * N + n] * z * k[p];
        }
    }
    return sum;
}

static void compare(const problem *q0, problem *q, double *at, const float *got, int count,
                    const char *what, const char *text) {
    double worst = 0, scale = 1e-3;
    for (int i = 0; i < count; i++) scale = fmax(scale, fabs((double)got[i]));
    for (int i = 0; i < count; i++) {
        double old = at[i], h = 1e-6;
        at[i] = old + h;
        double up = stand_in(q, q0);
        at[i] = old - h;
        double d = (up - stand_in(q, q0)) / (2 * h);
        at[i] = old;
        worst = worse(worst, fabs(d - (double)got[i]) / scale);
    }
    check(worst < 1e-4, "%s: gradient of %s is off by %g of its largest", text, what, worst);
}

static void gradients(int mode, int how, int centers, int has_map, int norm) {
    static const char *const modes[] = {"bwn", "xnor", "binaryconnect", "bnn"};
    static const char *const hows[] = {"exact", "paper", "plain"};
    static problem q0, q;
    char text[500];
    snprintf(text, sizeof text,
             "[net]\nbatch=%d\nheight=%d\nwidth=%d\nchannels=%d\n[activation]\n"
             "[binary]\nfilters=%d\nsize=3\npad=1\nmode=%s\ngradient=%s\ncenter=%d\nk_map=%d\n"
             "batch_normalize=%d\n",
             B, H, W, C, N, modes[mode], hows[how], centers, has_map, norm);
    dnx_net *net = build(text, true, 2);
    float *x = noise(PX * C);
    dnx_param list[DNX_MAX_PARAMS];
    scatter(net, 6, .6f);
    const dnx_param *w = &list[dnx_net_params(net, 1, list) - 1];
    for (int i = 0; i < N * KK; i++) w->value[i] *= 2; /* clip() then limits some weights */
    dnx_net_prepare(net, NULL);
    q0 = (problem){mode, how, centers, has_map, norm, {0}, {0}, {0}, {0}, {0}};
    for (int i = 0; i < PX * C; i++) q0.x[i] = (double)x[i];
    for (int i = 0; i < N * KK; i++) q0.w[i] = (double)w->value[i];
    for (int i = 0; norm && i < C; i++) {
        q0.shifts[i] = (double)list[1].value[i];
        q0.scales[i] = (double)list[2].value[i];
    }
    for (int i = 0; i < 2; i++) dnx_net_forward_layer(net, i, x, B, DNX_TRAINING, NULL, NULL);
    dnx_net_backward_begin(net);
    dnx_rng r;
    dnx_rng_seed(&r, 1, 1);
    for (int i = 0; i < PX * N; i++)
        q0.dy[i] = (double)(net->plan.of[1].dy[i] = dnx_rng_normal(&r));
    dnx_net_backward_layer(net, 1, x, B, NULL);
    q = q0;
    compare(&q0, &q, q.w, w->grad, N * KK, "weights", text);
    compare(&q0, &q, q.x, net->plan.of[0].dy, PX * C, "x", text);
    if (norm) {
        compare(&q0, &q, q.shifts, list[1].grad, C, "shifts", text);
        compare(&q0, &q, q.scales, list[2].grad, C, "scales", text);
    }
    dnx_free(x);
    dnx_net_free(net);
}

static void binarising(void) {
    float w[6] = {.5f, -1, 0, -.25f, 2, -.25f}, same[4] = {-.3f, .3f, .3f, -.3f}, b[6], alpha;
    dnx_binarise(&(dnx_binariser){3, 2, .has_alpha = true}, w, b, &alpha);
    check(b[0] == 1 && b[1] == -1 && b[2] == 1 && b[3] == -1, "sign(0) is not +1");
    check(fabs((double)alpha - 4. / 6) < 1e-6, "alpha %g", (double)alpha);
    dnx_binarise(&(dnx_binariser){3, 2}, w, b, &alpha);
    check(alpha == 1, "alpha %g without scaling", (double)alpha);
    /* Centring subtracts the means over the 3 channels, .8333 and -.5. */
    dnx_binarise(&(dnx_binariser){3, 2, .centers = true, .has_alpha = true}, w, b, &alpha);
    check(b[0] == -1 && b[1] == -1 && b[2] == -1 && b[3] == 1 && b[4] == 1 && b[5] == 1,
          "centring: signs");
    dnx_binarise(&(dnx_binariser){2, 2, .centers = true, .has_alpha = true}, same, b, &alpha);
    check(alpha == .3f && b[0] == -1 && b[1] == 1, "a binary filter is centred");
}

/* ---- training ---- */

static void trains(const char *options) {
    char text[700];
    snprintf(text, sizeof text,
             "[net]\nbatch=16\nheight=6\nwidth=6\nchannels=4\nseed=3\n"
             "[convolutional]\nfilters=16\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n"
             "[binary]\nfilters=32\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n%s"
             "[binary]\nfilters=32\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n%s"
             "[avgpool]\n[connected]\noutput=4\nactivation=linear\n[softmax]\n",
             options, options);
    dnx_net *net = build(text, true, 2);
    float *x = noise(16 * 6 * 6 * 4), truth[16], most = 0;
    double first = 0, loss = 0;
    for (int b = 0; b < 16; b++) truth[b] = (float)(b % 4);
    for (int s = 0; s < 150; s++) {
        for (int i = 0; i < net->n; i++)
            dnx_net_forward_layer(net, i, x, 16, DNX_TRAINING, truth, &loss);
        if (!s) first = loss;
        dnx_net_backward_begin(net);
        dnx_net_update_begin(net, 16);
        for (int i = net->n - 1; i >= 0; i--) {
            dnx_net_backward_layer(net, i, x, 16, truth);
            dnx_net_update_layer(net, i, 16, .05f, .9f, 0);
        }
    }
    check(loss < .5 * first, "%s: the loss goes from %g to %g only", options, first, loss);
    dnx_param list[DNX_MAX_PARAMS];
    int n = dnx_net_params(net, 1, list);
    for (size_t i = 0; i < list[n - 1].count; i++) most = fmaxf(most, fabsf(list[n - 1].value[i]));
    check(!strstr(options, "clamp") || most <= 1, "%s: a weight is %g", options, (double)most);
    dnx_free(x);
    dnx_net_free(net);
}

static void check_layers(void) {
    static const char *const maps[] = {
        "height=5\nwidth=4\nchannels=3\n",   "height=7\nwidth=9\nchannels=67\n",
        "height=3\nwidth=3\nchannels=64\n",  "height=31\nwidth=26\nchannels=16\n",
        "height=3\nwidth=600\nchannels=9\n", "height=200\nwidth=3\nchannels=9\n"};
    static const char *const sections[] = {
        "filters=5\nmode=bnn\nactivation=leaky\n",
        "filters=33\nsize=3\npad=1\nmode=bnn\nbatch_normalize=1\nactivation=relu\n",
        "filters=70\nsize=3\nstride=2\npad=1\nmode=xnor\nbatch_normalize=1\nactivation=prelu\n",
        "filters=7\nsize=3\npadding=3\nmode=xnor\nk_map=0\ncenter=1\n",
        "filters=40\nsize=2\nmode=xnor\nbatch_normalize=1\nnormalize=output\nactivation=tanh\n",
        "filters=9\nsize=3\nstride=2\npadding=5\nmode=xnor\nactivation=relu\n",
        "filters=6\nsize=3\npad=1\nmode=bwn\ncenter=1\nbatch_normalize=1\nactivation=relu\n",
        "filters=19\nmode=binaryconnect\nactivation=prelu\n"};
    integers(1, 1, 1, 1, 1, 1, 0);
    integers(5, 4, 65, 33, 3, 1, 1);
    integers(6, 7, 17, 129, 3, 2, 1);
    integers(4, 3, 128, 5, 5, 1, 4);
    integers(9, 8, 3, 64, 1, 3, 2);
    integers(29, 31, 200, 70, 5, 2, 2);
    integers(13, 50, 130, 48, 3, 3, 0);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        for (size_t k = 0; k < sizeof sections / sizeof *sections; k++)
            simulate(maps[i], sections[k]);
}

static bool has_tiles(void) { return dnx_tiles() != NULL; }

static void check_set(void) {
    static const int shapes[][3] = {{1, 1, 1},   {DNX_BIT_ROWS, 36, 130},
                                    {5, 2, 33},  {31, 17, 100},
                                    {3, 15, 96}, {7, 16, 64},
                                    {32, 31, 7}, {4, 5, 32}};
    check(!dnx_tiles(), "tiles, which DNX_ISA does not name");
    check(!strcmp(dnx_bits()->name, where), "DNX_ISA is not obeyed");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        counts(shapes[i][0], shapes[i][1], shapes[i][2], false);
    counts(3, DNX_BIT_WORDS, 33, true);
    for (int c = 1; c < 140; c += c < 20 ? 1 : 13) signs(c);
    signs(64), signs(128), signs(200);
    check_layers();
    binarising();
    for (int mode = 0; mode < 4; mode++)
        for (int how = 0; how < 3; how++)
            for (int k = 0; k < 4; k++)
                gradients(mode, how, k & 1, how < 2 || k & 1, mode & 1 && k > 1);
}

int main(void) {
    static const char *const sets[] = {"plain", "avx2", "avx512"};
    for (int i = 0; i < 3; i++) {
        if (dnx_bits_named(sets[i])) in_child(sets[i], check_set);
        else skip(sets[i], NEVER_HERE);
    }
    if (child_says("amx", has_tiles)) in_child("amx", check_layers);
    else skip("amx", NEVER_HERE);
    trains("mode=bwn\n"), trains("mode=bwn\ncenter=1\nclamp=1\ngradient=paper\n");
    trains("mode=xnor\n"), trains("mode=xnor\ngradient=paper\n"), trains("mode=xnor\nk_map=0\n");
    trains("mode=binaryconnect\nclamp=1\n"), trains("mode=bnn\nclamp=1\n");
    return summary();
}
