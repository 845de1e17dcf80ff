/* host_common.h - helpers for tests that run networks in libdarknet. Include it after darknet.h. */
#ifndef HOST_COMMON_H
#define HOST_COMMON_H
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <unistd.h>

#include "host/layers.h"
#include "net/net.h"

static inline float uniform(float lo, float hi) {
    static dnx_rng r;
    if (!r.s[0]) dnx_rng_seed(&r, 11, 0);
    return lo + (hi - lo) * dnx_rng_uniform(&r);
}

static inline void fill(float *v, int n, float lo, float hi) {
    for (int i = 0; v && i < n; i++) v[i] = uniform(lo, hi);
}

/* Sets biases, the parameters of batch norm, and the weights of [local] to random numbers. */
static inline void randomise_layer(layer *l) {
    layer *const parts[] = {l->input_layer, l->self_layer, l->output_layer, l->wz, l->wr, l->wh,
                            l->uz,          l->ur,         l->uh,           l->wi, l->wf, l->wo,
                            l->wg,          l->ui,         l->uf,           l->uo, l->ug};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i]) randomise_layer(parts[i]);
    if (l->type == LOCAL) {
        fill(l->biases, l->outputs, -.1f, .1f);
        fill(l->weights, l->outputs * l->size * l->size * l->c, -.5f, .5f);
    }
    if (l->type != CONVOLUTIONAL && l->type != CONNECTED) return;
    int n = l->type == CONNECTED ? l->outputs : l->n;
    fill(l->biases, n, -.1f, .1f);
    if (!l->batch_normalize) return;
    fill(l->scales, n, .8f, 1.2f);
    fill(l->rolling_mean, n, -.1f, .1f);
    fill(l->rolling_variance, n, .5f, 1.5f);
}

/* Reads the cfg `path` by libdarknet, sets random weights, and saves them as the file `weights`.
 * The caller frees the network by free_host(). */
static inline network *parse_host(char *path, char *weights) {
    srand(5);
    network *net = parse_network_cfg(path);
    for (int i = 0; i < net->n; i++) randomise_layer(&net->layers[i]);
    *net->seen = 0;
    save_weights(net, weights);
    return net;
}

static inline void free_rest(layer *l) {
    layer *const parts[] = {l->input_layer, l->self_layer, l->output_layer, l->wz, l->wr, l->wh,
                            l->uz,          l->ur,         l->uh,           l->wi, l->wf, l->wo,
                            l->wg,          l->ui,         l->uf,           l->uo, l->ug};
    float *const buffers[] = {l->prev_state_cpu, l->prev_cell_cpu, l->cell_cpu,  l->f_cpu,
                              l->i_cpu,          l->g_cpu,         l->o_cpu,     l->c_cpu,
                              l->temp_cpu,       l->temp2_cpu,     l->temp3_cpu, l->dc_cpu,
                              l->dh_cpu};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!parts[i]) continue;
        if (parts[i]->output == l->output)
            parts[i]->output = parts[i]->delta = NULL; /* l shares these buffers and frees them */
        free_layer(*parts[i]);
        free(parts[i]);
    }
    for (size_t i = 0; l->type == LSTM && i < sizeof buffers / sizeof *buffers; i++)
        free(buffers[i]);
    if (l->type == SOFTMAX || l->type == LOGXENT) free(l->loss);
    if (l->type == YOLO) free(l->mask);
}

/* Frees a network of libdarknet, and the memory that free_network() leaks: see H16 in
 * tests/host/test_host_facts.c. */
static inline void free_host(network *net) {
    for (int i = 0; i < net->n; i++) free_rest(&net->layers[i]);
    free(net->seen);
    free(net->t);
    free(net->cost);
    free(net->workspace);
    free(net->steps);
    free(net->scales);
    free_network(net);
}

static inline dnx_net *build(const char *path, bool trains, int batch, dnx_err *err) {
    dnx_cfg *cfg = NULL;
    dnx_net *net = NULL;
    if (!dnx_cfg_read(path, &cfg, err)) {
        const dnx_build how = {.trains = trains, .batch = batch, .types = dnx_host_types};
        dnx_net_build(cfg, &how, &net, err);
    }
    dnx_cfg_free(cfg);
    return net;
}

/* Copies `in`, B x H x W x C, to `out`, B x C x H x W. B: batch; s: the shape H x W x C. */
static inline void to_planes(const float *in, int batch, dnx_shape s, float *out) {
    int pixels = s.h * s.w;
    for (int b = 0; b < batch; b++)
        for (int p = 0; p < pixels; p++)
            for (int c = 0; c < s.c; c++)
                out[(b * s.c + c) * pixels + p] = in[(b * pixels + p) * s.c + c];
}

/* Returns the largest |a - b|, divided by the largest |a|; NaN when a or b contains NaN. */
static inline double difference(const float *a, const float *b, size_t n) {
    double worst = 0, largest = 1e-30;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst)) worst = d;
        if (isnan(d)) return d;
        if (fabs((double)a[i]) > largest) largest = fabs((double)a[i]);
    }
    return worst / largest;
}

/* Sends stderr to /dev/null. Returns the argument for restore_stderr(). */
static inline int silence_stderr(void) {
    int err = dup(2), null = open("/dev/null", O_WRONLY);
    dup2(null, 2);
    close(null);
    return err;
}

static inline void restore_stderr(int err) {
    dup2(err, 2);
    close(err);
}
#endif
