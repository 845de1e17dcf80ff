/* test_resize.c - a resized network equals a network that was built at the new size. A refused size
 * changes nothing. */
#include "lib/check.h"

#define NET "[net]\nbatch=2\nheight=%d\nwidth=%d\nchannels=3\n"
#define STEM "[convolutional]\nfilters=8\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n"
#define POOL "[maxpool]\nsize=3\nstride=2\npadding=1\n"
#define CONV "[convolutional]\nactivation=linear\n"
#define BLOCK                                                                                      \
    "[depthwise]\npad=1\nbatch_normalize=1\nactivation=prelu\n" CONV "filters=8\n"                 \
    "[shortcut]\nfrom=-3\nactivation=linear\n"
#define BRANCHES CONV "filters=4\nsize=3\nstride=2\ngroups=2\n[route]\nlayers=-2\n[avgpool]\n"
#define WINOGRAD CONV "filters=64\nsize=3\npad=1\n" CONV "filters=64\nsize=3\n" CONV "filters=6\n"

enum { MOST = 2 * 40 * 40 * 64 };
static float x[MOST], a[MOST], b[MOST];

static dnx_net *net_of(const char *layers, int h, int w) {
    char text[2000];
    int n = snprintf(text, sizeof text, NET, h, w);
    snprintf(text + n, sizeof text - (size_t)n, "%s", layers);
    return make_net(text, "t.cfg", false, 2, 2);
}

static void agrees(const char *name, const char *layers) {
    dnx_net *net = net_of(layers, 13, 16), *built = net_of(layers, 21, 18);
    dnx_err err = {0};
    scatter(net, 3, .5f);
    scatter(built, 3, .5f);
    size_t size = 2 * dnx_size(net->nodes[net->n - 1].out);
    dnx_net_run(net, x, 2, net->n - 1, a);
    check(!dnx_net_resize(net, 21, 18, &err), "%s: %s", name, err.text);
    size_t large = 2 * dnx_size(built->nodes[built->n - 1].out);
    check(dnx_size(net->nodes[net->n - 1].out) * 2 == large, "%s: shape", name);
    dnx_net_run(net, x, 2, net->n - 1, a + MOST / 2);
    dnx_net_run(built, x, 2, built->n - 1, b);
    check(!memcmp(a + MOST / 2, b, sizeof *a * large), "%s: other outputs", name);
    check(!memcmp(dnx_net_predict(net, x, 2), b, sizeof *a * large), "%s: predict", name);
    check(!dnx_net_resize(net, 13, 16, &err), "%s: back: %s", name, err.text);
    dnx_net_run(net, x, 2, net->n - 1, b);
    check(!memcmp(a, b, sizeof *a * size), "%s: there and back", name);
    dnx_net_free(net);
    dnx_net_free(built);
}

static void refuses(const char *name, const char *layers, int h, int w, const char *want) {
    dnx_net *net = net_of(layers, 13, 16);
    dnx_err err = {0};
    size_t size = 2 * dnx_size(net->nodes[net->n - 1].out);
    scatter(net, 3, .5f);
    dnx_net_run(net, x, 2, net->n - 1, a);
    check(dnx_net_resize(net, h, w, &err) == DNX_ESHAPE, "%s: not refused", name);
    check(!strcmp(err.text, want), "%s: '%s'", name, err.text);
    check(net->in.h == 13 && net->in.w == 16, "%s: another size", name);
    dnx_net_run(net, x, 2, net->n - 1, b);
    check(!memcmp(a, b, sizeof *a * size), "%s: other outputs", name);
    dnx_net_free(net);
}

static void trains(void) {
    dnx_net *net = make_net("[net]\nbatch=2\nheight=8\nwidth=8\nchannels=3\n" STEM "[softmax]\n",
                            "t.cfg", true, 2, 1);
    dnx_err err = {0};
    check(dnx_net_resize(net, 9, 9, &err) == DNX_EOPTION, "a network that trains is resized");
    check(!strcmp(err.text, "t.cfg:1: a network that trains keeps its size"), "'%s'", err.text);
    dnx_net_free(net);
}

/* After a resize, [kd_probability] must still use the classifier of its own network. */
static void keeps_head(void) {
    dnx_net *net = net_of(STEM "[avgpool]\n[margin_softmax]\nclasses=3\n"
                               "[kd_probability]\nteacher=t.cfg\nweights=t.weights\n",
                          13, 16);
    dnx_err err = {0};
    check(!dnx_net_resize(net, 21, 18, &err), "kd_probability: %s", err.text);
    check(net->nodes[3].distillation->head == &net->nodes[2], "the head is of the old network");
    dnx_net_free(net);
}

int main(void) {
    dnx_rng r;
    dnx_rng_seed(&r, 1, 1);
    for (int i = 0; i < MOST; i++) x[i] = 2 * dnx_rng_uniform(&r) - 1;
    agrees("pool", STEM POOL STEM);
    agrees("residual", STEM BLOCK BLOCK);
    agrees("branches", STEM BRANCHES);
    agrees("winograd", WINOGRAD);
    refuses("connected", STEM "[connected]\noutput=3\n", 12, 16,
            "t.cfg:12: [connected] has weights for an input of 13 x 16 x 8: none of 12 x 16");
    refuses("too small", STEM "[convolutional]\nfilters=2\nsize=5\n", 3, 16,
            "t.cfg:12: [convolutional] size=5: the padded input is only 3 x 16");
    trains();
    keeps_head();
    return summary();
}
