/* test_host_agree.c - predicting and training give the same numbers in libdarknet and in our code.
 * Outputs are compared layer by layer, because a saturated softmax at the end would hide
 * differences of earlier layers. */
#include <darknet.h>

#include "host/loop.h"
#include "lib/host_common.h"
#include "lib/tap.h"
#include "net/weights.h"

static char dir[] = "/tmp/dnx_agree_XXXXXX";
static char cfg_path[64], host_path[64], our_path[64];

/* ---- predicting ---- */

/* Compares each layer right after it has run. Our layers share memory, so a later layer may
 * overwrite an earlier layer's output. */
static bool same_layers(const char *name, network *host, dnx_net *ours, const float *x) {
    for (int i = 0; i < ours->n; i++) {
        const dnx_node *n = &ours->nodes[i];
        const layer *l = &host->layers[i];
        size_t size = dnx_size(n->out);
        dnx_net_forward_layer(ours, i, x, 1, DNX_PREDICTING, NULL, NULL);
        if ((size_t)l->outputs != size) {
            printf("# %s: layer %d [%s]: %zu outputs, the host's %d\n", name, i, n->type->name,
                   size, l->outputs);
            return false;
        }
        if (l->type == COST) continue; /* the host's cost has no output without labels */
        /* Our layer has already added the shortcut that follows; the host's layer has not. */
        if (ours->plan.of[i].residual_of >= 0) continue;
        float *planes = malloc(size * sizeof *planes);
        if (!planes) return false;
        to_planes(ours->plan.of[i].y, 1, n->out, planes);
        double worst = difference(l->output, planes, size);
        free(planes);
        if (worst < 1e-4) continue;
        printf("# %s: layer %d [%s] %d x %d x %d: differs by %.3g of the largest\n", name, i,
               n->type->name, n->out.h, n->out.w, n->out.c, worst);
        return false;
    }
    return true;
}

static void predict(const char *name) {
    dnx_err err = {0};
    dnx_net *ours = build(cfg_path, false, 1, &err);
    if (!ours) {
        check(false, "%s", err.text);
        return;
    }
    network *host = parse_host(cfg_path, host_path);
    size_t size = dnx_size(ours->in);
    float *x = malloc(size * sizeof *x), *planes = malloc(size * sizeof *x);
    bool ok = x && planes && host->n == ours->n && (size_t)host->inputs == size;
    if (!ok) printf("# %s: the host has %d layers, here %d\n", name, host->n, ours->n);
    if (ok && (dnx_weights_load(ours, host_path, &err) || dnx_net_prepare(ours, &err))) {
        printf("# %s: %s\n", name, err.text);
        ok = false;
    }
    if (ok) {
        fill(x, (int)size, 0, 1);
        to_planes(x, 1, ours->in, planes);
        network_predict(host, planes);
        ok = same_layers(name, host, ours, x);
    }
    free(x);
    free(planes);
    free_host(host);
    dnx_net_free(ours);
    check(ok, "%s: differs", name);
}

static bool write_cfg(const char *text) {
    FILE *f = fopen(cfg_path, "w");
    if (!f) return false;
    bool ok = fputs(text, f) >= 0;
    return fclose(f) == 0 && ok;
}

#define NET(w, c) "[net]\nbatch=1\nheight=" #w "\nwidth=" #w "\nchannels=" #c "\n"
#define CONV(n, options) "[convolutional]\nfilters=" #n "\n" options "\n"
#define BN3(n) CONV(n, "batch_normalize=1\nsize=3\npad=1\nactivation=leaky")
#define LINEAR3(n) CONV(n, "size=3\npad=1\nactivation=linear")
#define POOL "[maxpool]\nsize=2\nstride=2\n"

#define HEAD "[connected]\noutput=5\nactivation=linear\n[softmax]\n"

// clang-format off
static const struct {
    const char *name, *cfg;
} small[] = {
    {"classifier", NET(16, 3) BN3(10) POOL BN3(17) CONV(7, "size=1\nactivation=linear")
                   "[avgpool]\n[softmax]\n"},
    {"odd sizes",
     "[net]\nbatch=1\nheight=13\nwidth=9\nchannels=3\n" BN3(5)
                  "[maxpool]\nsize=3\nstride=2\n"
                  CONV(6, "size=5\nstride=2\npad=1\nactivation=relu")
                  "[maxpool]\nsize=2\nstride=1\n"},
    {"padding", NET(11, 2) CONV(5, "size=3\npadding=2\nstride=3\nactivation=logistic")
                CONV(3, "size=2\nactivation=tanh") "[maxpool]\nsize=3\nstride=2\npadding=1\n"},
    {"groups=2", NET(9, 4) CONV(6, "batch_normalize=1\nsize=3\npad=1\ngroups=2\nactivation=leaky")
                 CONV(8, "size=1\ngroups=2\nactivation=linear")},
    {"groups=channels", NET(9, 6) CONV(6, "batch_normalize=1\nsize=3\npad=1\ngroups=6\n"
                                          "activation=leaky")
                        CONV(6, "size=3\nstride=2\npad=1\ngroups=6\nactivation=linear")},
    {"connected", NET(6, 3) LINEAR3(4) "[connected]\noutput=11\nactivation=leaky\n"
                  "[connected]\noutput=5\nbatch_normalize=1\nactivation=linear\n[softmax]\n"},
    {"route", NET(8, 3) BN3(4) BN3(5) "[route]\nlayers=-1,-2\n" BN3(6) "[route]\nlayers=0\n" BN3(3)
              "[route]\nlayers=-1,1,3\n"},
    {"shortcut", NET(8, 3) BN3(6) BN3(4) LINEAR3(6) "[shortcut]\nfrom=-3\nactivation=linear\n"
                 BN3(4) LINEAR3(6) "[shortcut]\nfrom=-3\nactivation=leaky\n" BN3(5)},
    {"shortcut of other shape", NET(8, 3) BN3(6) BN3(9)
                                CONV(4, "size=3\nstride=2\npad=1\nactivation=linear")
                                "[shortcut]\nfrom=-3\nactivation=leaky\n"},
    {"upsample", NET(6, 3) BN3(5) "[upsample]\nstride=2\n" BN3(4)},
    {"dropout", NET(6, 3) BN3(5) "[dropout]\nprobability=.5\n" BN3(4)},
    {"local", NET(7, 3) BN3(4) "[local]\nfilters=5\nsize=3\npad=1\nstride=2\nactivation=leaky\n"
              "[local]\nfilters=3\nsize=2\nactivation=tanh\n" HEAD},
    {"crop", "[net]\nbatch=1\nheight=9\nwidth=12\nchannels=3\n"
             "[crop]\ncrop_height=6\ncrop_width=7\nflip=1\nangle=0\nsaturation=1\nexposure=1\n"
             BN3(4) "[crop]\ncrop_height=5\ncrop_width=4\nnoadjust=1\n" BN3(3)},
    {"reorg", NET(8, 3) BN3(8) "[reorg]\nstride=2\n" BN3(8) "[reorg]\nstride=2\nreverse=1\n"
              BN3(3)},
    {"reorg flatten", NET(6, 3) BN3(4) "[reorg]\nstride=2\nflatten=1\n" HEAD},
    {"reorg flatten reverse", NET(4, 3) BN3(4) "[reorg]\nreverse=1\nflatten=1\n" HEAD},
    {"reorg extra", NET(4, 3) BN3(4) "[reorg]\nextra=7\n" HEAD},
    {"lrn", NET(8, 3) BN3(9) "[normalization]\nalpha=.1\nkappa=2\n" BN3(4)
            "[lrn]\nsize=3\nalpha=.05\n" BN3(3)},
    {"rnn", NET(4, 3) BN3(4) "[rnn]\noutput=9\n"
            "[rnn]\noutput=6\nactivation=leaky\nbatch_normalize=1\nshortcut=1\n" HEAD},
    {"gru", NET(4, 3) BN3(4) "[gru]\noutput=9\n[gru]\noutput=6\ntanh=1\nbatch_normalize=1\n" HEAD},
    {"lstm", NET(4, 3) BN3(4) "[lstm]\noutput=9\n[lstm]\noutput=6\nbatch_normalize=1\n" HEAD},
    {"logistic", NET(4, 3) BN3(4) "[connected]\noutput=5\nactivation=linear\n[logistic]\n"},
    {"yolo", NET(6, 3) BN3(14) "[yolo]\nmask=0,2\nnum=3\nclasses=2\nanchors=1,2,3,4,5,6\n"
             "[route]\nlayers=-2\n" BN3(7) "[yolo]\nclasses=2\nmax=30\nrandom=1\n"},
    {"region", NET(6, 3) BN3(16) "[region]\nnum=2\nclasses=3\nsoftmax=1\nanchors=1,2,3,4\n"},
    {"region logistic", NET(5, 3) BN3(10) "[region]\nnum=1\nclasses=5\nbias_match=1\n"},
    {"region background", NET(5, 3) BN3(10) "[region]\nclasses=5\nsoftmax=1\nbackground=1\n"},
    {"detection", NET(6, 3) BN3(4) "[connected]\noutput=45\nactivation=linear\n"
                  "[detection]\nside=3\nnum=2\ncoords=1\nclasses=1\nsoftmax=1\n"},
    {"cost", NET(4, 3) BN3(4) "[connected]\noutput=5\nactivation=linear\n[softmax]\n[cost]\n"},
};
// clang-format on

/* ---- training ---- */

#define TRAIN                                                                                      \
    "[net]\nbatch=8\nsubdivisions=2\nheight=8\nwidth=8\nchannels=3\nlearning_rate=.1\n"            \
    "momentum=.9\ndecay=.01\nburn_in=2\npower=1\npolicy=steps\nsteps=3,4\nscales=.5,.1\n"
#define COSTS(type) "[connected]\noutput=5\nactivation=logistic\n[cost]\ntype=" type "\nscale=.7\n"
enum { IMAGES = 4, CLASSES = 5, STEPS_RUN = 5, PIXELS = 8 * 8 * 3 };

// clang-format off
static const struct {
    const char *name, *cfg;
    double tolerance;
} trained[] = {
    {"train plain", TRAIN CONV(6, "size=3\npad=1\nactivation=leaky") POOL HEAD, 1e-4},
    {"train groups", TRAIN CONV(6, "size=3\npad=1\nactivation=leaky")
                     CONV(4, "size=3\nstride=2\npad=1\ngroups=2\nactivation=logistic")
                     CONV(5, "size=1\nactivation=linear") "[avgpool]\n[softmax]\n", 1e-4},
    {"train shortcut 3x3", TRAIN LINEAR3(4) CONV(4, "size=3\npad=1\nactivation=leaky") LINEAR3(4)
                           "[shortcut]\nfrom=-3\nactivation=linear\n" HEAD, 1e-4},
    /* libdarknet's [local] asks for a workspace that is four times too small: the number of floats
     * as bytes. All layers share the largest workspace, and the convolution needs a larger one. */
    {"train local", TRAIN LINEAR3(4)
                    "[local]\nfilters=4\nsize=3\npad=1\nstride=2\nactivation=tanh\n"
                    "[local]\nfilters=3\nsize=2\nactivation=leaky\n" HEAD, 1e-4},
    /* The crop is as large as the input: a smaller crop would be at a random place. */
    {"train crop", TRAIN "[crop]\ncrop_height=8\ncrop_width=8\n" LINEAR3(4) HEAD, 1e-4},
    {"train reorg", TRAIN CONV(8, "size=3\npad=1\nactivation=leaky") "[reorg]\nstride=2\n"
                    LINEAR3(8) "[reorg]\nstride=2\nreverse=1\n" HEAD, 1e-4},
    {"train cost", TRAIN LINEAR3(4) COSTS("sse"), 1e-4},
    {"train masked", TRAIN LINEAR3(4) COSTS("masked"), 1e-4},
    {"train L1", TRAIN LINEAR3(4) COSTS("L1"), 1e-4},
    /* libdarknet's gradient has the wrong sign when an error is above 1. Logistic outputs keep all
     * errors below 1. */
    {"train smooth", TRAIN LINEAR3(4) COSTS("smooth"), 1e-4},
    {"train route", TRAIN LINEAR3(4) CONV(4, "size=3\npad=1\nactivation=leaky")
                    "[route]\nlayers=-1,0\n" LINEAR3(3) HEAD, 1e-4},
    /* The tolerance is wide: for the variance libdarknet divides by n - 1, our code by n. */
    {"train batch norm", TRAIN BN3(6) POOL HEAD, 3e-2},
};
// clang-format on

static bool near(const char *name, const char *what, double host, double ours, double tolerance) {
    if (fabs(host - ours) <= tolerance * fmax(fabs(host), 1e-6)) return true;
    printf("# %s: %s: host %.9g, ours %.9g\n", name, what, host, ours);
    return false;
}

static bool same_steps(const char *name, network *host, const dnx_net *ours, dnx_host *h,
                       double tolerance) {
    const dnx_shape shape = {8, 8, 3};
    float x[IMAGES * PIXELS], truth[IMAGES];
    bool ok = true;
    for (int i = 0; i < STEPS_RUN * host->subdivisions && ok; i++) {
        fill(x, IMAGES * PIXELS, 0, 1);
        to_planes(x, IMAGES, shape, host->input);
        memset(host->truth, 0, IMAGES * CLASSES * sizeof(float));
        for (int b = 0; b < IMAGES; b++) {
            int k = (i + 3 * b) % CLASSES;
            truth[b] = (float)k;
            host->truth[b * CLASSES + k] = 1;
        }
        ok = near(name, "rate", get_current_rate(host), dnx_host_rate(h), 0);
        double loss = train_network_datum(host) / IMAGES, mine = dnx_host_train(h, x, truth);
        ok = near(name, "loss", loss, mine, tolerance) && ok;
        ok = near(name, "seen", (double)*host->seen, (double)ours->seen, 0) && ok;
    }
    return ok;
}

static float *floats_of(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    float *v = malloc(1 << 20);
    *n = 0;
    if (f && v && !fseek(f, 20, SEEK_SET)) *n = fread(v, sizeof *v, (1 << 20) / sizeof *v, f);
    if (f) fclose(f);
    return v;
}

/* Compares both weights files, relative to the largest number of each tensor. */
static bool same_weights(const char *name, network *host, dnx_net *ours, double tolerance) {
    dnx_err err = {0};
    size_t n = 0, m = 0, at = 0;
    save_weights(host, host_path);
    bool ok = !dnx_weights_save(ours, our_path, &err);
    float *a = floats_of(host_path, &n), *b = floats_of(our_path, &m);
    if (!ok || n != m || n == 0) {
        printf("# %s: %zu floats, the host's %zu %s\n", name, m, n, err.text);
        ok = false;
    }
    for (int i = 0; ok && i < ours->n; i++) {
        dnx_param list[DNX_MAX_PARAMS];
        int count = dnx_net_params(ours, i, list);
        for (int k = 0; k < count; at += list[k].count, k++) {
            double d = difference(a + at, b + at, list[k].count);
            if (d <= tolerance) continue;
            printf("# %s: layer %d [%s] %s: differ by %.3g of the largest\n", name, i,
                   ours->nodes[i].type->name, list[k].name, d);
            ok = false;
        }
    }
    free(a);
    free(b);
    return ok;
}

static void train(const char *name, const char *cfg, double tolerance) {
    dnx_err err = {0};
    dnx_host *h = NULL;
    bool ok = check(write_cfg(cfg), "%s: %s", cfg_path, strerror(errno));
    dnx_net *ours = ok ? build(cfg_path, true, 0, &err) : NULL;
    network *host = parse_host(cfg_path, host_path);
    ok = ours && !dnx_weights_load(ours, host_path, &err) && !dnx_net_prepare(ours, &err) &&
         !dnx_host_open(ours, &h, &err);
    if (!ok) printf("# %s: %s\n", name, err.text);
    if (ok) ok = same_steps(name, host, ours, h, tolerance);
    if (ok) ok = same_weights(name, host, ours, tolerance);
    dnx_host_close(h);
    dnx_net_free(ours);
    free_host(host);
    check(ok, "%s: differs", name);
}

int main(void) {
    if (!mkdtemp(dir)) return 1;
    snprintf(cfg_path, sizeof cfg_path, "%s/a.cfg", dir);
    snprintf(host_path, sizeof host_path, "%s/host.weights", dir);
    snprintf(our_path, sizeof our_path, "%s/our.weights", dir);
    int err = silence_stderr();
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        group("%s", small[i].name);
        if (check(write_cfg(small[i].cfg), "%s: %s", cfg_path, strerror(errno)))
            predict(small[i].name);
    }
    for (size_t i = 0; i < sizeof trained / sizeof *trained; i++) {
        group("training: %s", trained[i].name);
        train(trained[i].name, trained[i].cfg, trained[i].tolerance);
    }
    unlink(cfg_path);
    unlink(host_path);
    unlink(our_path);
    rmdir(dir);
    restore_stderr(err);
    return tap_summary();
}
