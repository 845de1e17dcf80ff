/* test_host_agree.c - the same cfg, weights and image give the same numbers in libdarknet and here.
 * Every layer's output is compared, as a saturated softmax would hide all that comes before it;
 * then a few steps of training. The host runs with batch 1: it is slow. */
#include <darknet.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <unistd.h>

#include "host.h"
#include "weights.h"

#define STOCK "/usr/share/darknet/cfg/"

static int passed, failed, skipped;
static char dir[] = "/tmp/dnx_agree_XXXXXX";
static char cfg_path[64], host_path[64], our_path[64];

static float uniform(float lo, float hi)
{
    static dnx_rng r;
    if (!r.s[0]) dnx_rng_seed(&r, 11, 0);
    return lo + (hi - lo) * dnx_rng_uniform(&r);
}

static void fill(float *v, int n, float lo, float hi)
{
    for (int i = 0; v && i < n; i++) v[i] = uniform(lo, hi);
}

/* A weights file of the host with biases and running statistics that matter. */
static void randomise(network *net)
{
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (l->type != CONVOLUTIONAL && l->type != CONNECTED) continue;
        int n = l->type == CONNECTED ? l->outputs : l->n;
        fill(l->biases, n, -.1f, .1f);
        if (!l->batch_normalize) continue;
        fill(l->scales, n, .8f, 1.2f);
        fill(l->rolling_mean, n, -.1f, .1f);
        fill(l->rolling_variance, n, .5f, 1.5f);
    }
}

static network *parse_host(char *path)
{
    srand(5);
    network *net = parse_network_cfg(path);
    randomise(net);
    *net->seen = 0;
    save_weights(net, host_path);
    return net;
}

/* free_network leaks these (H16), and a softmax's loss. */
static void free_host(network *net)
{
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].type == SOFTMAX) free(net->layers[i].loss);
    free(net->seen);
    free(net->t);
    free(net->cost);
    free(net->workspace);
    free(net->steps);
    free(net->scales);
    free_network(net);
}

static dnx_net *build(const char *path, bool trains, int batch, dnx_err *err)
{
    dnx_cfg *cfg = NULL;
    dnx_net *net = NULL;
    if (!dnx_cfg_read(path, &cfg, err)) dnx_net_build(cfg, trains, batch, 0, &net, err);
    dnx_cfg_free(cfg);
    return net;
}

/* out: B x C x H x W from in: B x H x W x C. */
static void to_planes(const float *in, int batch, dnx_shape s, float *out)
{
    int pixels = s.h * s.w;
    for (int b = 0; b < batch; b++)
        for (int p = 0; p < pixels; p++)
            for (int c = 0; c < s.c; c++)
                out[(b * s.c + c) * pixels + p] = in[(b * pixels + p) * s.c + c];
}

/* Largest difference, as a share of the largest value of a; NaN when there is one. */
static double difference(const float *a, const float *b, size_t n)
{
    double worst = 0, largest = 1e-30;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst)) worst = d;
        if (isnan(d)) return d;
        if (fabs((double)a[i]) > largest) largest = fabs((double)a[i]);
    }
    return worst / largest;
}

/* ---- predicting ---- */

/* Runs ours layer by layer (outputs share memory) beside the host's finished pass. */
static bool same_layers(const char *name, network *host, dnx_net *ours, const float *x)
{
    for (int i = 0; i < ours->n; i++) {
        const dnx_node *n = &ours->nodes[i];
        const layer *l = &host->layers[i];
        size_t size = dnx_size(n->out);
        dnx_net_forward_layer(ours, i, x, 1, false, NULL, NULL);
        if ((size_t)l->outputs != size) {
            printf("test_host_agree: %s: layer %d [%s]: %zu outputs, the host's %d\n", name, i,
                   n->type->name, size, l->outputs);
            return false;
        }
        if (ours->links[i].residual_of >= 0) continue; /* already the sum: the next layer's turn */
        float *planes = malloc(size * sizeof *planes);
        if (!planes) return false;
        to_planes(ours->links[i].y, 1, n->out, planes);
        double worst = difference(l->output, planes, size);
        free(planes);
        if (worst < 1e-3) continue;
        printf("test_host_agree: %s: layer %d [%s] %d x %d x %d: differs by %.3g of the largest\n",
               name, i, n->type->name, n->out.h, n->out.w, n->out.c, worst);
        return false;
    }
    return true;
}

/* our_cfg and host_cfg may differ in batch only. */
static void predict(const char *name, const char *our_cfg, char *host_cfg, bool may_skip)
{
    dnx_err err = {0};
    dnx_net *ours = build(our_cfg, false, 1, &err);
    if (!ours) {
        bool lacks = may_skip && strstr(err.text, "no such section");
        printf("test_host_agree: %s %s: %s\n", name, lacks ? "skipped" : "failed", err.text);
        if (lacks) skipped++;
        else failed++;
        return;
    }
    network *host = parse_host(host_cfg);
    size_t size = dnx_size(ours->in);
    float *x = malloc(size * sizeof *x), *planes = malloc(size * sizeof *x);
    bool ok = x && planes && host->n == ours->n && (size_t)host->inputs == size;
    if (!ok)
        printf("test_host_agree: %s: the host has %d layers, here %d\n", name, host->n, ours->n);
    if (ok && (dnx_weights_load(ours, host_path, &err) || dnx_net_prepare(ours, &err))) {
        printf("test_host_agree: %s: %s\n", name, err.text);
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
    if (ok) passed++;
    else failed++;
}

static bool write_cfg(const char *text)
{
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
};

/* The host's copy of a stock cfg: batch and subdivisions 1, or it asks for gigabytes. */
static bool copy_for_host(const char *from)
{
    char line[1024];
    FILE *in = fopen(from, "r"), *out = fopen(cfg_path, "w");
    while (in && out && fgets(line, sizeof line, in))
        if (!strncmp(line, "batch=", 6) || !strncmp(line, "subdivisions=", 13))
            fprintf(out, "%.*s=1\n", (int)strcspn(line, "="), line);
        else fputs(line, out);
    bool ok = in && out;
    if (in) fclose(in);
    if (out && fclose(out)) ok = false;
    return ok;
}

static void stock(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, STOCK "%s.cfg", name);
    if (!copy_for_host(path)) {
        printf("test_host_agree: %s skipped: cannot read %s\n", name, path);
        skipped++;
        return;
    }
    predict(name, path, cfg_path, true);
}

/* ---- training ---- */

#define TRAIN \
    "[net]\nbatch=8\nsubdivisions=2\nheight=8\nwidth=8\nchannels=3\nlearning_rate=.1\n" \
    "momentum=.9\ndecay=.01\nburn_in=2\npower=1\npolicy=steps\nsteps=3,4\nscales=.5,.1\n"
#define HEAD "[connected]\noutput=5\nactivation=linear\n[softmax]\n"
enum { IMAGES = 4, CLASSES = 5, STEPS_RUN = 5, PIXELS = 8 * 8 * 3 };

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
    {"train route", TRAIN LINEAR3(4) CONV(4, "size=3\npad=1\nactivation=leaky")
                    "[route]\nlayers=-1,0\n" LINEAR3(3) HEAD, 1e-4},
    /* The host normalises by the variance over n-1, ours over n, and its backward is not the
     * derivative of its forward (H7); 256 values a channel here: 0.2 % each step. */
    {"train batch norm", TRAIN BN3(6) POOL HEAD, 3e-2},
};

static bool near(const char *name, const char *what, double host, double ours, double tolerance)
{
    if (fabs(host - ours) <= tolerance * fmax(fabs(host), 1e-6)) return true;
    printf("test_host_agree: %s: %s: host %.9g, ours %.9g\n", name, what, host, ours);
    return false;
}

/* Sub-batches through both loops; compares rates, counters and losses. */
static bool same_steps(const char *name, network *host, dnx_host *h, double tolerance)
{
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
        ok = near(name, "seen", (double)*host->seen, (double)dnx_host_seen(h), 0) && ok;
    }
    return ok;
}

static float *floats_of(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    float *v = malloc(1 << 20);
    *n = 0;
    if (f && v && !fseek(f, 20, SEEK_SET)) *n = fread(v, sizeof *v, (1 << 20) / sizeof *v, f);
    if (f) fclose(f);
    return v;
}

/* Both files, parameter by parameter: each relative to its tensor's largest. */
static bool same_weights(const char *name, network *host, dnx_net *ours, double tolerance)
{
    dnx_err err = {0};
    size_t n = 0, m = 0, at = 0;
    save_weights(host, host_path);
    bool ok = !dnx_weights_save(ours, our_path, &err);
    float *a = floats_of(host_path, &n), *b = floats_of(our_path, &m);
    if (!ok || n != m || n == 0) {
        printf("test_host_agree: %s: %zu floats, the host's %zu %s\n", name, m, n, err.text);
        ok = false;
    }
    for (int i = 0; ok && i < ours->n; i++) {
        dnx_param list[DNX_MAX_PARAMS];
        int count = dnx_net_params(ours, i, list);
        for (int k = 0; k < count; at += list[k].count, k++) {
            double d = difference(a + at, b + at, list[k].count);
            if (d <= tolerance) continue;
            printf("test_host_agree: %s: layer %d [%s] %s: differ by %.3g of the largest\n",
                   name, i, ours->nodes[i].type->name, list[k].name, d);
            ok = false;
        }
    }
    free(a);
    free(b);
    return ok;
}

static void train(const char *name, const char *cfg, double tolerance)
{
    dnx_err err = {0};
    dnx_host *h = NULL;
    bool ok = write_cfg(cfg);
    dnx_net *ours = ok ? build(cfg_path, true, 0, &err) : NULL;
    network *host = parse_host(cfg_path);
    ok = ours && !dnx_weights_load(ours, host_path, &err) && !dnx_net_prepare(ours, &err) &&
         !dnx_host_open(ours, &h, &err);
    if (!ok) printf("test_host_agree: %s: %s\n", name, err.text);
    if (ok) ok = same_steps(name, host, h, tolerance);
    if (ok) ok = same_weights(name, host, ours, tolerance);
    dnx_host_close(h);
    dnx_net_free(ours);
    free_host(host);
    if (ok) passed++;
    else failed++;
}

static void refuse(const char *cfg, const char *text)
{
    dnx_err err = {0};
    dnx_host *h = NULL;
    dnx_net *net = write_cfg(cfg) ? build(cfg_path, true, 1, &err) : NULL;
    bool ok = net && dnx_host_open(net, &h, &err) && !h && strstr(err.text, text);
    if (!ok) printf("test_host_agree: not refused with '%s': %s\n", text, err.text);
    dnx_host_close(h);
    dnx_net_free(net);
    if (ok) passed++;
    else failed++;
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    snprintf(cfg_path, sizeof cfg_path, "%s/a.cfg", dir);
    snprintf(host_path, sizeof host_path, "%s/host.weights", dir);
    snprintf(our_path, sizeof our_path, "%s/our.weights", dir);
    int err = dup(2), null = open("/dev/null", O_WRONLY);
    dup2(null, 2); /* the host reports every layer and file */
    close(null);
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        if (write_cfg(small[i].cfg)) predict(small[i].name, cfg_path, cfg_path, false);
    for (size_t i = 0; i < sizeof trained / sizeof *trained; i++)
        train(trained[i].name, trained[i].cfg, trained[i].tolerance);
    refuse(NET(4, 2) BN3(3),
           ":6: [convolutional] is the last layer: a network that trains must end in a loss");
    refuse(NET(4, 2) "policy=poly\n" HEAD, "a.cfg: [net] policy=poly: needs max_batches=");
    const char *const cfgs[] = {"cifar", "tiny", "darknet", "darknet19", "resnet18"};
    for (size_t i = 0; i < sizeof cfgs / sizeof *cfgs; i++) stock(cfgs[i]);
    unlink(cfg_path);
    unlink(host_path);
    unlink(our_path);
    rmdir(dir);
    dup2(err, 2);
    close(err);
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed != 0;
}
