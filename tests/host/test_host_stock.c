/* test_host_stock.c - the stock classifiers in /usr/share/darknet/cfg give the same numbers in
 * libdarknet and in our code.
 *
 * Outputs are compared layer by layer, because a saturated softmax at the end would hide
 * differences of earlier layers. When an output differs, both last outputs are compared with a
 * plain pass in double precision: libdarknet's may differ from it, ours may not.
 *
 *   test_host_stock                 compares the small networks
 *   test_host_stock -all            compares all networks in minutes (tests/slow/test_stock.sh) */
#include <darknet.h>
#include <string.h>

#include "host/loop.h"
#include "lib/host_common.h"
#include "lib/tap.h"
#include "host/layers.h"
#include "net/weights.h"

#define STOCK "/usr/share/darknet/cfg/"
#define NEAR 1e-3

static char dir[] = "/tmp/dnx_stock_XXXXXX";
static char cfg_path[64], host_path[64];

/* ---- a forward pass in double precision, with libdarknet's structs and weights ---- */

static void activate_all(const layer *l, double *y) {
    for (int i = 0; i < l->outputs; i++) switch (l->activation) {
        case LEAKY: y[i] = y[i] > 0 ? y[i] : .1 * y[i]; break;
        case RELU: y[i] = y[i] > 0 ? y[i] : 0; break;
        case LOGISTIC: y[i] = 1 / (1 + exp(-y[i])); break;
        default: break;
        }
}

/* Applies batch norm with running statistics, or adds the biases. As in our code, eps is added to
 * the variance inside the root; libdarknet adds its eps to the root. */
static void normalise(const layer *l, int channels, int pixels, double *y) {
    for (int c = 0; c < channels; c++) {
        double scale = 1, shift = (double)l->biases[c];
        if (l->batch_normalize) {
            scale = (double)l->scales[c] / sqrt((double)l->rolling_variance[c] + 1e-5);
            shift -= scale * (double)l->rolling_mean[c];
        }
        for (int i = 0; i < pixels; i++) y[c * pixels + i] = y[c * pixels + i] * scale + shift;
    }
}

/* Multiplies the input plane `in` by w, the filter's weight in row ky and column kx, and adds the
 * products to the output plane `out`. */
static void add_tap(const layer *l, const double *in, double w, int ky, int kx, double *out) {
    for (int y = 0; y < l->out_h; y++) {
        int iy = y * l->stride + ky - l->pad;
        if (iy < 0 || iy >= l->h) continue;
        for (int x = 0; x < l->out_w; x++) {
            int ix = x * l->stride + kx - l->pad;
            if (ix >= 0 && ix < l->w) out[y * l->out_w + x] += w * in[iy * l->w + ix];
        }
    }
}

static void convolve(const layer *l, const double *x, double *y) {
    int K = l->size, per = l->c / l->groups, filters = l->n / l->groups;
    int pixels = l->out_h * l->out_w;
    for (int n = 0; n < l->n; n++)
        for (int c = 0; c < per; c++)
            for (int k = 0; k < K * K; k++)
                add_tap(l, x + (size_t)(n / filters * per + c) * (size_t)(l->h * l->w),
                        (double)l->weights[((size_t)n * (size_t)per + (size_t)c) * (size_t)(K * K) +
                                           (size_t)k],
                        k / K, k % K, y + (size_t)n * (size_t)pixels);
    normalise(l, l->n, pixels, y);
    activate_all(l, y);
}

static void connect(const layer *l, const double *x, double *y) {
    for (int n = 0; n < l->outputs; n++)
        for (int i = 0; i < l->inputs; i++)
            y[n] += (double)l->weights[(size_t)n * (size_t)l->inputs + (size_t)i] * x[i];
    normalise(l, l->outputs, 1, y);
    activate_all(l, y);
}

static void pool_largest(const layer *l, const double *x, double *y) {
    for (int c = 0; c < l->out_c; c++)
        for (int i = 0; i < l->out_h * l->out_w; i++) {
            double most = -HUGE_VAL;
            for (int k = 0; k < l->size * l->size; k++) {
                int iy = i / l->out_w * l->stride + k / l->size - l->pad / 2;
                int ix = i % l->out_w * l->stride + k % l->size - l->pad / 2;
                if (iy < 0 || iy >= l->h || ix < 0 || ix >= l->w) continue;
                most = fmax(most, x[(c * l->h + iy) * l->w + ix]);
            }
            y[c * l->out_h * l->out_w + i] = most;
        }
}

/* Adds a shortcut's other input to y. Of a larger map it adds only each step-th row and column. It
 * adds a smaller map to each gap-th row and column of y. */
static void add_other(const layer *l, const double *other, double *y) {
    int step = l->w > l->out_w ? l->w / l->out_w : 1, gap = l->out_w > l->w ? l->out_w / l->w : 1;
    for (int c = 0; c < l->c && c < l->out_c; c++)
        for (int i = 0; i * gap < l->out_h && i * step < l->h; i++)
            for (int k = 0; k * gap < l->out_w && k * step < l->w; k++)
                y[(c * l->out_h + i * gap) * l->out_w + k * gap] +=
                    other[(c * l->h + i * step) * l->w + k * step];
}

static void soften(const layer *l, const double *x, double *y) {
    double most = -HUGE_VAL, sum = 0;
    for (int i = 0; i < l->outputs; i++) most = fmax(most, x[i]);
    for (int i = 0; i < l->outputs; i++) sum += y[i] = exp(x[i] - most);
    for (int i = 0; i < l->outputs; i++) y[i] /= sum;
}

/* Computes layer i from its input x into out[i]. Returns false for an unknown layer type. */
static bool naive_layer(const network *net, int i, const double *x, double *const *out) {
    const layer *l = &net->layers[i];
    double *y = out[i];
    size_t at = 0;
    switch (l->type) {
    case CONVOLUTIONAL: convolve(l, x, y); return true;
    case CONNECTED: connect(l, x, y); return true;
    case MAXPOOL: pool_largest(l, x, y); return true;
    case SOFTMAX: soften(l, x, y); return true;
    case DROPOUT:
    case COST: memcpy(y, x, sizeof *y * (size_t)l->outputs); return true;
    case AVGPOOL:
        for (int c = 0; c < l->c; c++)
            for (int k = 0; k < l->h * l->w; k++) y[c] += x[c * l->h * l->w + k] / (l->h * l->w);
        return true;
    case CROP:
        for (int c = 0; c < l->c; c++)
            for (int k = 0; k < l->out_h * l->out_w; k++) {
                int iy = k / l->out_w + (l->h - l->out_h) / 2;
                int ix = k % l->out_w + (l->w - l->out_w) / 2;
                double v = x[(c * l->h + iy) * l->w + ix];
                y[c * l->out_h * l->out_w + k] = l->noadjust ? v : 2 * v - 1;
            }
        return true;
    case SHORTCUT:
        memcpy(y, x, sizeof *y * (size_t)l->outputs);
        add_other(l, out[l->index], y);
        activate_all(l, y);
        return true;
    case ROUTE:
        for (int k = 0; k < l->n; at += (size_t)l->input_sizes[k++])
            memcpy(y + at, out[l->input_layers[k]], sizeof *y * (size_t)l->input_sizes[k]);
        return true;
    default: return false;
    }
}

/* Runs the network on an image, C x H x W. Returns the output of the last layer, which the caller
 * frees, or NULL after a failure. */
static double *naive(const network *net, const float *planes) {
    double **out = calloc((size_t)net->n, sizeof *out), *last = NULL;
    double *x = malloc(sizeof *x * (size_t)net->inputs);
    bool ok = out && x;
    for (int i = 0; ok && i < net->inputs; i++) x[i] = (double)planes[i];
    for (int i = 0; ok && i < net->n; i++) {
        out[i] = calloc((size_t)net->layers[i].outputs, sizeof **out);
        ok = out[i] && naive_layer(net, i, i ? out[i - 1] : x, out);
    }
    for (int i = 0; out && i < net->n; i++)
        if (ok && i == net->n - 1) last = out[i];
        else free(out[i]);
    free(out);
    free(x);
    return last;
}

/* ---- libdarknet's network ---- */

/* Copies a cfg to cfg_path with batch=1 and subdivisions=1: with the batch of the stock cfg
 * libdarknet would need gigabytes. */
static bool copy_for_host(const char *from) {
    char line[1024];
    FILE *in = fopen(from, "r"), *out = in ? fopen(cfg_path, "w") : NULL;
    while (in && out && fgets(line, sizeof line, in))
        if (!strncmp(line, "batch=", 6) || !strncmp(line, "subdivisions=", 13))
            fprintf(out, "%.*s=1\n", (int)strcspn(line, "="), line);
        else fputs(line, out);
    bool ok = in && out;
    if (in) fclose(in);
    if (out && fclose(out)) ok = false;
    return ok;
}

/* Sets the running statistics of batch norm close to the statistics of a random image, and saves
 * the weights. Our eps is 1e-5 inside the root, libdarknet's 1e-6 outside of it. With variances of
 * at least .05 the two differ little. */
static void calibrate(network *net) {
    float *planes = malloc(sizeof *planes * (size_t)net->inputs);
    if (!planes) return;
    fill(planes, net->inputs, 0, 1);
    float *input = net->input, *truth = net->truth;
    net->input = planes;
    net->truth = NULL;
    net->train = 1;
    forward_network(net);
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (l->type != CONVOLUTIONAL || !l->batch_normalize || l->out_h * l->out_w < 4) continue;
        for (int k = 0; k < l->n; k++) {
            float deviation = sqrtf(l->variance[k]);
            l->rolling_mean[k] = l->mean[k] + deviation * uniform(-.1f, .1f);
            l->rolling_variance[k] = l->variance[k] * uniform(.8f, 1.25f) + .05f;
        }
    }
    net->train = 0;
    net->input = input;
    net->truth = truth;
    save_weights(net, host_path);
    free(planes);
}

/* ---- comparing ---- */

/* Compares the outputs of all layers. Returns the largest difference, relative to the largest value
 * of its layer, or HUGE_VAL when a layer has another size. Sets *at to the layer of the returned
 * difference, or to -1 without any. Copies our last output, C x H x W, to last. */
static double compare(network *host, dnx_net *ours, const float *x, int *at, float *last) {
    double largest = 0;
    *at = -1;
    for (int i = 0; i < ours->n; i++) {
        const dnx_node *n = &ours->nodes[i];
        size_t size = dnx_size(n->out);
        float *planes = malloc(size * sizeof *planes);
        if (!planes || (size_t)host->layers[i].outputs != size) {
            free(planes);
            *at = i;
            return HUGE_VAL;
        }
        dnx_net_forward_layer(ours, i, x, 1, DNX_PREDICTING, NULL, NULL);
        to_planes(ours->plan.of[i].y, 1, n->out, planes);
        /* Our layer has already added the shortcut that follows; the host's layer has not. */
        bool is_sum = ours->plan.of[i].residual_of >= 0;
        bool is_cost = host->layers[i].type == COST; /* it has no output without labels */
        double d = is_sum || is_cost ? 0 : difference(host->layers[i].output, planes, size);
        if (!(d <= largest)) {
            largest = d;
            *at = i;
        }
        if (i == ours->n - 1) memcpy(last, planes, size * sizeof *last);
        free(planes);
    }
    return largest;
}

static double distance(const double *a, const float *b, int n) {
    double worst = 0, most = 1e-30;
    for (int i = 0; i < n; i++) {
        double d = fabs(a[i] - (double)b[i]);
        if (!(d <= worst)) worst = d;
        most = fmax(most, fabs(a[i]));
    }
    return worst / most;
}

static void verdict(const char *name, network *host, dnx_net *ours, const float *x,
                    const float *planes) {
    int at = -1, outputs = host->layers[host->n - 1].outputs;
    float *last = calloc((size_t)outputs, sizeof *last);
    double worst = last ? compare(host, ours, x, &at, last) : HUGE_VAL;
    bool ok = worst <= NEAR;
    const char *type = last && at >= 0 ? ours->nodes[at].type->name : "-";
    if (!ok && last) {
        double *right = naive(host, planes);
        double mine = right ? distance(right, last, outputs) : HUGE_VAL;
        double theirs = right ? distance(right, host->layers[host->n - 1].output, outputs) : 0;
        ok = mine <= NEAR && theirs > NEAR;
        printf("# %s layer %d [%s] differs; from double precision: host %.2g, ours %.2g: %s\n",
               name, at, type, theirs, mine, ok ? "the host is wrong" : "WRONG");
        free(right);
    }
    free(last);
    check(ok, "differs by %.3g", worst);
}

static void stock(const char *name) {
    char path[256];
    dnx_err err = {0};
    snprintf(path, sizeof path, STOCK "%s.cfg", name);
    if (!copy_for_host(path)) {
        check(false, "cannot read %s, which comes with the host (make deps)", path);
        return;
    }
    dnx_net *ours = build(path, false, 1, &err);
    network *host = ours ? parse_host(cfg_path, host_path) : NULL;
    size_t size = ours ? dnx_size(ours->in) : 0;
    float *x = malloc(size * sizeof *x + 1), *planes = malloc(size * sizeof *x + 1);
    bool ok = ours && x && planes && host->n == ours->n && (size_t)host->inputs == size;
    if (ok) calibrate(host);
    ok = ok && !dnx_weights_load(ours, host_path, &err) && !dnx_net_prepare(ours, &err);
    if (ok) {
        fill(x, (int)size, 0, 1);
        to_planes(x, 1, ours->in, planes);
        network_predict(host, planes);
        verdict(name, host, ours, x, planes);
    } else {
        check(false, "%s", err.text);
    }
    free(x);
    free(planes);
    if (host) free_host(host);
    dnx_net_free(ours);
}

int main(int argc, char **argv) {
    static const char *const names[] = {
        "cifar",      "tiny",     "darknet",  "darknet19", "resnet18",    "alexnet", "darknet53",
        "extraction", "resnet34", "resnet50", "resnext50", "densenet201", "vgg-16",  "strided"};
    bool is_all = argc > 1 && !strcmp(argv[1], "-all");
    if (!mkdtemp(dir)) return 1;
    snprintf(cfg_path, sizeof cfg_path, "%s/a.cfg", dir);
    snprintf(host_path, sizeof host_path, "%s/host.weights", dir);
    int err = silence_stderr();
    for (size_t i = 0; i < (is_all ? sizeof names / sizeof *names : 5); i++) {
        group("%s", names[i]);
        stock(names[i]);
    }
    unlink(cfg_path);
    unlink(host_path);
    rmdir(dir);
    restore_stderr(err);
    return tap_summary();
}
