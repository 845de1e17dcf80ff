/* test_average.c - compares the average of ema= in [net] with a naive average in double. */
#include "lib/check.h"
#include "net/average.h"

enum { STEPS = 25, BATCH = 4, MOST = 20000 };

#define TEXT(ema)                                                                                  \
    "[net]\nbatch=4\nheight=6\nwidth=6\nchannels=3\nseed=5\n" ema                                  \
    "[convolutional]\nfilters=7\nsize=3\nbatch_normalize=1\nactivation=prelu\n"                    \
    "[connected]\noutput=3\nactivation=linear\n[softmax]\n"

static size_t gather(dnx_net *net, float *out) {
    dnx_param list[DNX_MAX_PARAMS];
    size_t at = 0;
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) {
            memcpy(out + at, list[k].value, sizeof(float) * list[k].count);
            at += list[k].count;
        }
    return at;
}

static void step(dnx_net *net, dnx_rng *r) {
    float x[BATCH * 6 * 6 * 3], truth[BATCH];
    double loss;
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = dnx_rng_normal(r);
    for (int b = 0; b < BATCH; b++) truth[b] = (float)(b % 3);
    for (int i = 0; i < net->n; i++)
        dnx_net_forward_layer(net, i, x, BATCH, DNX_TRAINING, truth, &loss);
    dnx_net_backward_begin(net);
    for (int i = net->n - 1; i >= 0; i--) dnx_net_backward_layer(net, i, x, BATCH, truth);
    dnx_net_update_begin(net, BATCH);
    for (int i = 0; i < net->n; i++) dnx_net_update_layer(net, i, BATCH, .1f, .9f, 1e-4f);
}

static void equals_naive(double ema, const char *text) {
    static float w[MOST], a[MOST];
    static double naive[MOST];
    dnx_net *net = make_net(text, "average.cfg", true, 0, 1);
    dnx_rng r;
    dnx_rng_seed(&r, 3, 3);
    must(!dnx_average_begin(net, NULL), "no memory");
    size_t n = gather(net, w);
    for (size_t j = 0; j < n; j++) naive[j] = (double)w[j];
    double worst = 0, moved = 0;
    for (int t = 1; t <= STEPS; t++) {
        step(net, &r);
        dnx_average_update(net, (uint64_t)t);
        gather(net, w);
        double d = fmin(ema, (1. + t) / (10. + t));
        for (size_t j = 0; j < n; j++) {
            naive[j] = d * naive[j] + (1 - d) * (double)w[j];
            worst = worse(worst, fabs(naive[j] - (double)net->sgd.average[j]));
            moved = fmax(moved, fabs(naive[j] - (double)w[j]));
        }
    }
    check(worst < 1e-5 && moved > 1e-3, "ema %g: off by %g, from the weights by %g", ema, worst,
          moved);
    memcpy(a, net->sgd.average, sizeof *a * n);
    static float now[MOST];
    dnx_average_swap(net);
    gather(net, now);
    check(!memcmp(now, a, sizeof *a * n) && !memcmp(net->sgd.average, w, sizeof *w * n),
          "exchanged");
    dnx_average_swap(net);
    gather(net, now);
    check(!memcmp(now, w, sizeof *w * n) && !memcmp(net->sgd.average, a, sizeof *a * n),
          "and put back");
    dnx_net_free(net);
}

static void absent(void) {
    static float before[MOST], after[MOST];
    dnx_net *net = make_net(TEXT(""), "none.cfg", true, 0, 1);
    check(!dnx_average_begin(net, NULL) && !net->sgd.average, "without ema= there is none");
    size_t n = gather(net, before);
    dnx_average_update(net, 1);
    dnx_average_swap(net);
    gather(net, after);
    check(!memcmp(before, after, sizeof *before * n), "and nothing happens");
    dnx_net_free(net);
}

int main(void) {
    equals_naive(.9, TEXT("ema=.9\n"));
    equals_naive(.5, TEXT("ema=.5\n"));
    equals_naive(.999, TEXT("ema=.999\n"));
    absent();
    return summary();
}
