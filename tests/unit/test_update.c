/* test_update.c - weight exclusivity, compared with a naive sum, and clipping by norm. */
#include "lib/check.h"

/* Returns E = sum |w_i| . |w_j| / (M - 1) over i != j, for M filters of D weights. grad: dE/dw. */
static double naive(const float *w, size_t M, size_t D, double *grad) {
    double e = 0;
    memset(grad, 0, sizeof *grad * M * D);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < M; j++)
            for (size_t p = 0; p < D && i != j; p++) {
                double a = (double)w[i * D + p], b = (double)w[j * D + p];
                e += fabs(a) * fabs(b) / (double)(M - 1);
                grad[i * D + p] += 2 * fabs(b) * (a > 0 ? 1 : a < 0 ? -1 : 0) / (double)(M - 1);
            }
    return e;
}

static void check_exclusivity(void) {
    static const char text[] =
        "[net]\nbatch=4\nheight=3\nwidth=3\nchannels=70\nexclusivity=.3\nseed=9\n"
        "[convolutional]\nfilters=37\nsize=3\nbatch_normalize=1\nactivation=prelu\n"
        "[depthwise]\nsize=1\n"
        "[convolutional]\nfilters=12\nexclusivity=2\n"
        "[convolutional]\nfilters=5\nexclusivity=0\n[convolutional]\nfilters=1\n"
        "[connected]\noutput=6\nactivation=linear\n[softmax]\n";
    static const double lambda[] = {.3, 0, 2, 0, 0, .3, 0};
    static double grad[37 * 630];
    dnx_net *net = make_net(text, "exclusive.cfg", true, 0, 2);
    dnx_param list[DNX_MAX_PARAMS];
    scatter(net, 4, .5f);
    dnx_net_params(net, 0, list);
    for (int k = 0; k < 4; k++) /* For a weight of 0, the gradient of |w| must be 0. */
        if (!strcmp(list[k].name, "weights")) list[k].value[3] = 0;
    double sum = 0;
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            if (lambda[i] > 0 && !strcmp(list[k].name, "weights"))
                sum += naive(list[k].value, (size_t)net->nodes[i].out.c,
                             list[k].count / (size_t)net->nodes[i].out.c, grad);
    dnx_net_update_begin(net, 4);
    for (int i = 0; i < net->n; i++) {
        const float *v = net->sgd.momentum + net->sgd.of[i].momentum_at;
        double worst = 0, largest = 1e-30;
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) {
            bool has = lambda[i] > 0 && !strcmp(list[k].name, "weights");
            if (!has) memset(grad, 0, sizeof grad);
            else
                naive(list[k].value, (size_t)net->nodes[i].out.c,
                      list[k].count / (size_t)net->nodes[i].out.c, grad);
            /* With momentum and decay 0, the update stores the gradient in v. */
            if (!k) dnx_net_update_layer(net, i, 4, 0, 0, 0);
            if (!list[k].is_trained) continue;
            for (size_t j = 0; j < list[k].count; j++, v++) {
                worst = worse(worst, fabs((double)*v + 4 * lambda[i] * grad[j]));
                largest = fmax(largest, 4 * lambda[i] * fabs(grad[j]));
            }
        }
        check(worst <= 1e-6 * largest, "layer %d's gradient is wrong by %g of %g", i, worst,
              largest);
    }
    check(fabs(net->sgd.exclusivity - sum) <= 1e-6 * sum && sum > 1, "exclusivity %.9g, not %.9g",
          net->sgd.exclusivity, sum);
    dnx_net_free(net);
    /* With equal magnitudes E = sum w^2, so exclusivity=.25 is like a decay of .5 at any width. */
    for (int filters = 2; filters <= 64; filters *= 32) {
        char small[300];
        snprintf(small, sizeof small,
                 "[net]\nbatch=3\nheight=1\nwidth=1\nchannels=8\nexclusivity=.25\n"
                 "[convolutional]\nfilters=%d\nactivation=linear\n[softmax]\n",
                 filters);
        net = make_net(small, "equal.cfg", true, 0, 2);
        int k = dnx_net_params(net, 0, list) - 1;
        for (size_t j = 0; j < list[k].count; j++) list[k].value[j] = j & 1 ? -.5f : .5f;
        dnx_net_update_begin(net, 3);
        dnx_net_update_layer(net, 0, 3, .1f, 0, 0);
        check(fabs(net->sgd.exclusivity - .25 * 8 * filters) < 1e-5, "equal magnitudes: %g",
              net->sgd.exclusivity);
        check(fabs((double)list[k].value[1] + .5 * (1 - .1 * 2 * .25)) < 1e-6,
              "not like weight decay: %g", (double)list[k].value[1]);
        dnx_net_free(net);
    }
}

static void check_clipping(void) {
    static const char text[] = "[net]\nbatch=2\nheight=2\nwidth=2\nchannels=3\nclip_norm=%s\n"
                               "[convolutional]\nfilters=4\n[connected]\noutput=3\n[softmax]\n";
    static const char *const limits[] = {"0.5", "1e6"};
    for (int c = 0; c < 2; c++) {
        char cfg[300];
        snprintf(cfg, sizeof cfg, text, limits[c]);
        dnx_net *net = make_net(cfg, "clip.cfg", true, 0, 2);
        dnx_param list[DNX_MAX_PARAMS];
        double sum = 0;
        for (int i = 0; i < net->n; i++)
            for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
                for (size_t j = 0; j < list[k].count; j++) {
                    list[k].grad[j] = (float)(j % 7) - 3;
                    sum += (double)list[k].grad[j] * (double)list[k].grad[j];
                }
        double norm = sqrt(sum) / 2, clip = c ? 1 : .5 / norm;
        dnx_net_update_begin(net, 2);
        check(fabs(net->sgd.norm - norm) < 1e-6 * norm, "norm %g, not %g", net->sgd.norm, norm);
        for (int i = 0; i < net->n; i++) dnx_net_update_layer(net, i, 2, 0, 0, 0);
        const float *v = net->sgd.momentum;
        double worst = 0;
        for (int i = 0; i < net->n; i++)
            for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
                for (size_t j = 0; j < list[k].count; j++, v++) {
                    worst = worse(worst, fabs((double)*v - clip * ((double)(j % 7) - 3)));
                    worst = worse(worst, fabs((double)list[k].grad[j]));
                }
        check(worst < 1e-6, "clip_norm=%s: a gradient is off by %g", limits[c], worst);
        dnx_net_free(net);
    }
}

/* has_exclusivity is true only when exclusivity is above 0 for a layer that is not frozen. */
static void check_who_has_exclusivity(void) {
    static const char text[] = "[net]\nbatch=2\nheight=2\nwidth=2\nchannels=3\nexclusivity=%s\n"
                               "[convolutional]\nfilters=4\n%s\n"
                               "[connected]\noutput=3\n%s\n[softmax]\n";
    static const struct {
        const char *of_net, *first, *second;
        bool has;
    } rows[] = {{".1", "", "", true},
                {"0", "", "", false},
                {"0", "exclusivity=.1", "", true},
                {".1", "stopbackward=1", "", true},
                {"0", "exclusivity=.1\nstopbackward=1", "", false},
                {".1", "stopbackward=1", "exclusivity=0", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char cfg[400];
        snprintf(cfg, sizeof cfg, text, rows[i].of_net, rows[i].first, rows[i].second);
        dnx_net *net = make_net(cfg, "has.cfg", true, 0, 1);
        check(net->sgd.has_exclusivity == rows[i].has, "row %zu: has_exclusivity is %d", i,
              net->sgd.has_exclusivity);
        dnx_net_free(net);
    }
}

int main(void) {
    check_exclusivity();
    check_who_has_exclusivity();
    check_clipping();
    return summary();
}
