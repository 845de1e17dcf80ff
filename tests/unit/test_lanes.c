/* test_lanes.c - lanes (threads that predict images alone) give the same bits as one thread. */
#include "kernels/pool.h"
#include "lib/check.h"

#define B 13

static const char text[] =
    "[net]\nbatch=13\nheight=24\nwidth=20\nchannels=3\nseed=5\n"
    "[convolutional]\nfilters=16\nsize=3\npad=1\nbatch_normalize=1\nactivation=leaky\n"
    "[convolutional]\nfilters=16\nsize=3\npad=1\nactivation=relu\n" /* Winograd */
    "[maxpool]\nsize=2\nstride=2\n"
    "[convolutional]\nfilters=24\nsize=3\nstride=2\npad=1\nactivation=elu\n" /* im2col */
    "[convolutional]\nfilters=24\nsize=3\npad=1\ngroups=6\nactivation=linear\n"
    "[depthwise]\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n"
    "[low_rank]\nfilters=24\nrank=5\nsize=3\npad=1\nactivation=linear\n"
    "[shortcut]\nfrom=-3\nactivation=relu\n"
    "[convolutional]\nfilters=24\nactivation=linear\n"
    "[shortcut]\nfrom=-2\nactivation=linear\n" /* merged into the convolution */
    "[low_rank]\nfilters=24\nrank=6\nsize=1\nactivation=linear\n"
    "[batchnorm]\n[activation]\nactivation=prelu\n[upsample]\nstride=2\n"
    "[route]\nlayers=-1,2\n[dropout]\nprobability=.5\n[l2norm]\n"
    "[convolutional]\nfilters=10\nactivation=linear\n[avgpool]\n"
    "[connected]\noutput=7\nactivation=linear\n[softmax]\n";

static const char last_is_loss[] =
    "[net]\nbatch=13\nheight=8\nwidth=8\nchannels=3\nseed=5\n"
    "[convolutional]\nfilters=8\nsize=3\nactivation=relu\n[global_depthwise]\n"
    "[margin_softmax]\nclasses=5\n";

static float *images(const dnx_net *net) {
    size_t n = dnx_size(net->in) * B;
    float *x = dnx_alloc(n);
    dnx_rng r;
    dnx_rng_seed(&r, 3, 3);
    for (size_t i = 0; i < n; i++) x[i] = dnx_rng_normal(&r);
    return x;
}

static dnx_net *ready(const char *cfg, int batch, int threads) {
    dnx_net *net = make_net(cfg, "lanes.cfg", false, batch, threads);
    scatter(net, 7, .4f);
    return net;
}

static void test_bits(int threads, int batch) {
    dnx_net *one = ready(text, B, 1), *all = ready(text, batch, threads);
    float *x = images(one);
    size_t D = dnx_size(one->nodes[one->n - 1].out);
    check(one->plan.lanes == 1 && all->plan.lanes == (batch >= threads ? threads : 1),
          "%d threads, batch %d: %d lanes", threads, batch, all->plan.lanes);
    for (int count = 1; count <= batch; count += 3) {
        const float *want = dnx_net_predict(one, x, count), *got = dnx_net_predict(all, x, count);
        check(!memcmp(want, got, sizeof *got * D * (size_t)count),
              "%d threads, %d images: other bits than one thread's", threads, count);
    }
    double laps[3 * 32] = {0}, sum = 0;
    if (all->plan.lanes == 3) all->plan.laps = laps;
    dnx_net_predict(all, x, batch);
    for (int i = 0; i < 3 * 32; i++) sum += laps[i];
    check((sum > 0) == (all->plan.lanes == 3), "the layers took %g s", sum);
    dnx_free(x);
    dnx_net_free(one);
    dnx_net_free(all);
}

static void test_layers(void) {
    dnx_net *net = ready(text, 1, 1), *all = ready(text, B, 3);
    float *x = images(net);
    size_t D = dnx_size(net->nodes[net->n - 1].out);
    for (int i = 0; i < net->n; i++)
        dnx_net_forward_layer(net, i, x, 1, DNX_PREDICTING, NULL, NULL);
    check(!memcmp(net->plan.of[net->n - 1].y, dnx_net_predict(all, x, 3), sizeof(float) * D),
          "layer by layer: other bits");
    dnx_free(x);
    dnx_net_free(net);
    dnx_net_free(all);
}

static void test_taps(void) {
    dnx_net *one = ready(text, B, 1), *all = ready(text, B, 3);
    float *x = images(one);
    static const int layers[] = {16, 3, 8};
    float *out[2][3];
    for (int k = 0; k < 2; k++) {
        dnx_tap taps[3];
        for (int i = 0; i < 3; i++) {
            out[k][i] = dnx_alloc(dnx_size(one->nodes[layers[i]].out) * B);
            taps[i] = (dnx_tap){layers[i], out[k][i]};
        }
        dnx_net_run_taps(k ? all : one, x, B, taps, 3);
    }
    for (int i = 0; i < 3; i++) {
        size_t n = dnx_size(one->nodes[layers[i]].out) * B;
        check(!memcmp(out[0][i], out[1][i], sizeof(float) * n), "layer %d: other bits", layers[i]);
        check(apart(out[0][i], out[0][i] + n / B, n / B) > 0, "layer %d: equal images", layers[i]);
        dnx_free(out[0][i]);
        dnx_free(out[1][i]);
    }
    dnx_free(x);
    dnx_net_free(one);
    dnx_net_free(all);
}

/* Only reentrant layers run in lanes (threads that predict images alone). Here a pass up to layer 1
 * uses lanes. The loss is not reentrant, so a pass up to the loss runs without lanes, on one part
 * of the batch after the other. */
static void test_loss(void) {
    dnx_net *one = ready(last_is_loss, B, 1), *all = ready(last_is_loss, B, 2);
    float *x = images(one), a[B * 8], b[B * 8];
    check(all->plan.lanes == 2, "%d lanes", all->plan.lanes);
    for (int last = 1; last < 3; last++) {
        size_t n = dnx_size(one->nodes[last].out) * B;
        memset(a, 0, sizeof a);
        memset(b, 1, sizeof b);
        dnx_net_run(one, x, B, last, a);
        dnx_net_run(all, x, B, last, b);
        check(!memcmp(a, b, sizeof *a * n), "layer %d: other bits", last);
    }
    dnx_free(x);
    dnx_net_free(one);
    dnx_net_free(all);
}

int main(void) {
    test_bits(3, B);
    test_bits(2, B);
    test_bits(8, 9);
    test_bits(8, 5); /* fewer images than threads: no lanes */
    test_layers();
    test_taps();
    test_loss();
    return summary();
}
