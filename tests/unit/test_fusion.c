/* test_fusion.c - compares fused layers with the same layers without fusion. */
#include "common/norm_act.h"
#include "lib/check.h"
#include "net/types.h"

#define NET "[net]\nheight=13\nwidth=11\nchannels=5\nbatch=6\nseed=3\n"
#define CONV(filters, act)                                                                         \
    "[convolutional]\nfilters=" #filters "\nbatch_normalize=1\nactivation=" act "\n"
#define DW(more) "[depthwise]\nsize=3\npad=1\n" more "\n"

typedef struct {
    const char *name, *layers;
    int deferred; /* number of layers that defer batch norm and activation */
} sample;

// clang-format off
static const sample samples[] = {
    {"a bottleneck",
     CONV(24, "prelu") DW("batch_normalize=1\nactivation=prelu") CONV(9, "linear") CONV(20, "relu6")
     DW("batch_normalize=1\nactivation=leaky\nstride=2") CONV(17, "relu") CONV(24, "prelu")
     "[global_depthwise]\nbatch_normalize=1\n[connected]\noutput=4\nactivation=linear\n[softmax]\n",
     7},
    {"without batch norm",
     "[convolutional]\nfilters=8\nsize=3\nactivation=leaky\n" DW("activation=relu\nstride=3")
     "[convolutional]\nfilters=6\nactivation=prelu\n[convolutional]\nfilters=4\ngroups=2\nsize=1\n"
     "[connected]\noutput=4\nactivation=linear\n[softmax]\n", 3},
    {"narrow groups, filters per channel",
     CONV(12, "prelu") "[convolutional]\nfilters=8\ngroups=4\nsize=3\nstride=2\npad=1\n"
     "batch_normalize=1\nactivation=relu\n" DW("multiplier=2\nactivation=leaky")
     "[convolutional]\nfilters=32\ngroups=8\nactivation=relu\n" CONV(5, "linear")
     "[avgpool]\n[connected]\noutput=4\nactivation=linear\n[softmax]\n", 4},
    {"depthwise as groups, even sides",
     CONV(8, "prelu") "[convolutional]\nfilters=8\ngroups=8\nsize=4\nstride=2\npadding=2\n"
     "batch_normalize=1\nactivation=relu\n" CONV(12, "linear")
     "[avgpool]\n[connected]\noutput=4\nactivation=linear\n[softmax]\n", 2},
    {"costly activations, windows, two readers, a residual",
     CONV(8, "swish") CONV(8, "prelu") "[convolutional]\nfilters=8\nsize=3\npad=1\n"
     "batch_normalize=1\nactivation=prelu\n" CONV(8, "linear") "[shortcut]\nfrom=-3\n"
     "activation=linear\n" DW("multiplier=2") "[connected]\noutput=4\nactivation=linear\n"
     "[softmax]\n", 1},
};
// clang-format on

#define MOST 16
static float *own[MOST];

static void undo_fusion(dnx_net *net) {
    for (int i = 0; i < net->n; i++) {
        dnx_layer_plan *l = &net->plan.of[i];
        if (!l->deferred) continue;
        l->deferred->is_deferred = false;
        l->deferred = NULL;
        l->y = own[i] = dnx_alloc(dnx_size(net->nodes[i].out) * (size_t)net->batch);
    }
}

static double step(dnx_net *net, const float *x, const float *truth, int batch, bool trains) {
    double loss = 0, one;
    for (int i = 0; i < net->n; i++) {
        dnx_net_forward_layer(net, i, x, batch, trains ? DNX_TRAINING : DNX_PREDICTING, truth,
                              &one);
        loss += one;
    }
    dnx_net_backward_begin(net);
    for (int i = net->n - 1; i >= 0 && trains; i--) dnx_net_backward_layer(net, i, x, batch, truth);
    return loss;
}

static void compare(const sample *s, int threads) {
    char text[2000];
    snprintf(text, sizeof text, NET "%s", s->layers);
    dnx_net *net = make_net(text, s->name, true, 0, threads);
    dnx_net *plain = make_net(text, s->name, true, 0, threads);
    float x[6 * 13 * 11 * 5], truth[] = {0, 3, 1, 2, 2, 0};
    dnx_rng g;
    dnx_rng_seed(&g, 5, 0);
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = dnx_rng_normal(&g);
    scatter(net, 4, .4f);
    scatter(plain, 4, .4f);
    int deferred = 0;
    for (int i = 0; i < net->n; i++) deferred += net->plan.of[i].deferred != NULL;
    check_part(deferred == s->deferred, s->name, "layers that defer", deferred, s->deferred);
    undo_fusion(plain);
    for (int batch = 6; batch >= 5; batch--) { /* step 2 adds its gradients to those of step 1 */
        double a = step(net, x, truth, batch, true), b = step(plain, x, truth, batch, true);
        check_part(a == b && a > 0, s->name, "loss", a, b);
    }
    double a = step(net, x, truth, 6, false), b = step(plain, x, truth, 6, false);
    check_part(a == b && a > 0, s->name, "loss of predicting", a, b);
    for (int i = 0; i < net->n; i++) {
        dnx_param p[DNX_MAX_PARAMS], q[DNX_MAX_PARAMS];
        int count = dnx_net_params(net, i, p);
        dnx_net_params(plain, i, q);
        for (int k = 0; k < count; k++) {
            check_part(!memcmp(p[k].value, q[k].value, sizeof(float) * p[k].count), s->name,
                       p[k].name, i, k);
            if (!p[k].grad) continue;
            double largest = 0, worst = 0;
            for (size_t j = 0; j < p[k].count; j++) {
                worst = worse(worst, fabs((double)p[k].grad[j] - (double)q[k].grad[j]));
                largest = fmax(largest, fabs((double)q[k].grad[j]));
            }
            check_part(worst <= 2e-5 * (largest + .1), s->name, "gradient", worst, largest);
        }
    }
    dnx_net_free(net);
    dnx_net_free(plain);
    for (int i = 0; i < MOST; i++) {
        dnx_free(own[i]);
        own[i] = NULL;
    }
}

/* ---- predicting: a [batchnorm] before a convolution ---- */

#define BN "[batchnorm]\nshift=1\nactivation="
#define HEAD "[avgpool]\n[connected]\noutput=4\nactivation=linear\n"

static const sample before[] = {
    {"1x1", CONV(24, "relu") BN "relu\n" CONV(9, "prelu") HEAD, 1},
    {"1x1 with a stride",
     CONV(24, "linear") BN "linear\n[convolutional]\nfilters=7\nstride=2\n" HEAD, 1},
    {"2x2 without padding", CONV(5, "relu") BN "prelu\n[convolutional]\nfilters=6\nsize=2\n" HEAD,
     1},
    {"3x3, Winograd, padded",
     CONV(16, "relu") BN "linear\n[convolutional]\nfilters=24\nsize=3\npad=1\n"
                         "batch_normalize=1\nactivation=prelu\n" HEAD,
     1},
    {"3x3, Winograd, not padded, groups",
     CONV(32, "relu") BN "relu\n[convolutional]\nfilters=32\nsize=3\ngroups=2\n" HEAD, 1},
    {"a block",
     CONV(16, "prelu") BN
     "linear\n[convolutional]\nfilters=16\nsize=3\npad=1\n"
     "batch_normalize=1\nactivation=prelu\n" CONV(
         16, "linear") "[shortcut]\nfrom=-4\n"
                       "activation=linear\n" BN
                       "linear\n[convolutional]\nfilters=16\nsize=3\npad=1\n" HEAD,
     2},
    {"padded, without Winograd: a pass of its own",
     CONV(5, "relu") BN "linear\n[convolutional]\nfilters=6\nsize=3\npad=1\n" HEAD, 0},
    {"depthwise, two readers, an image: passes of their own",
     BN "linear\n" CONV(8, "relu") BN "linear\n" DW("activation=relu") BN
     "linear\n" CONV(8, "relu") "[shortcut]\nfrom=-2\nactivation=linear\n" HEAD,
     0},
};

static void give_back(dnx_net *net) {
    for (int i = 0; i < net->n; i++) {
        dnx_layer_plan *l = &net->plan.of[i];
        if (!l->deferred) continue;
        l->deferred = NULL;
        l->merged_into = -1;
        l->y = own[i] = dnx_alloc((size_t)net->plan.lanes * net->plan.output_floats +
                                  dnx_size(net->nodes[i].out) * (size_t)net->batch);
    }
}

static void predict(const sample *s, int threads) {
    char text[2000];
    snprintf(text, sizeof text, NET "%s", s->layers);
    dnx_net *net = make_net(text, s->name, false, 0, threads);
    dnx_net *plain = make_net(text, s->name, false, 0, threads);
    float x[6 * 13 * 11 * 5], y[2][6 * 4];
    float *got = dnx_alloc(6 * 13 * 11 * 32), *want = dnx_alloc(6 * 13 * 11 * 32);
    dnx_rng g;
    dnx_rng_seed(&g, 5, 0);
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = dnx_rng_normal(&g);
    scatter(net, 4, .4f);
    scatter(plain, 4, .4f);
    int left = 0, at = 0;
    for (int i = 0; i < net->n; i++)
        if (net->plan.of[i].deferred) left++, at = i;
    check_part(left == s->deferred, s->name, "batch norms that the next layer applies", left,
               s->deferred);
    give_back(plain);
    for (int batch = 6; batch >= 5; batch--) {
        dnx_tap taps[2][2] = {{{at, got}, {net->n - 1, y[0]}}, {{at, want}, {net->n - 1, y[1]}}};
        dnx_net_run_taps(net, x, batch, taps[0], 2);
        dnx_net_run_taps(plain, x, batch, taps[1], 2);
        size_t size = sizeof *got * dnx_size(net->nodes[at].out) * (size_t)batch;
        check_part(!memcmp(y[0], y[1], sizeof **y * 4 * (size_t)batch), s->name, "outputs", batch,
                   at);
        check_part(!memcmp(got, want, size), s->name, "a tapped batch norm", batch, at);
    }
    for (int i = 0; i < MOST; i++) {
        dnx_free(own[i]);
        own[i] = NULL;
    }
    dnx_free(got);
    dnx_free(want);
    dnx_net_free(net);
    dnx_net_free(plain);
}

/* ---- a layer type that adds two inputs, both named by from= ---- */

static void name_both(const char *from, const char *rest, int merged_into) {
    dnx_layer_type both = *dnx_type_find("shortcut", NULL);
    both.name = "both";
    both.only_named_inputs = true;
    char text[1000];
    snprintf(text, sizeof text, NET "%s[both]\nfrom=%s\n%s",
             CONV(4, "relu") CONV(4, "relu") CONV(4, "relu"), from, rest);
    dnx_cfg *cfg = NULL;
    dnx_net *net = NULL;
    dnx_err err = {0};
    const dnx_build how = {.threads = 1, .types = (const dnx_layer_type *[]){&both, NULL}};
    if (!dnx_cfg_parse(text, strlen(text), "both", &cfg, &err))
        dnx_net_build(cfg, &how, &net, &err);
    check_part(net && net->plan.of[3].merged_into == merged_into, from, err.text, merged_into, 0);
    dnx_net_free(net);
    dnx_cfg_free(cfg);
}

static void check_named(void) {
    name_both("2,0", "", 2);
    name_both("0,2", "", -1);
    name_both("0,1", "[route]\nlayers=-1,2\n", -1);
}

static void check_set(void) {
    for (size_t k = 0; k < sizeof samples / sizeof *samples; k++)
        for (int threads = 1; threads <= 3; threads++) compare(&samples[k], threads);
    for (size_t k = 0; k < sizeof before / sizeof *before; k++)
        for (int threads = 1; threads <= 3; threads++) predict(&before[k], threads);
}

int main(void) {
    check_named();
    in_each_set(check_set);
    return summary();
}
