/* tool_gradients net.cfg weights x.f32 dy.f32 out.f32 BATCH: runs a forward and a backward pass in
 * training mode. x.f32: BATCH images, H x W x C; dy.f32: the gradient of the last output. Writes
 * the gradients of all trained parameters to out.f32, in the order of a weights file. */
#include <stdio.h>
#include <stdlib.h>

#include "net/net.h"
#include "net/weights.h"

static float *read_floats(const char *path, size_t n) {
    float *x = dnx_alloc(n);
    FILE *f = fopen(path, "rb");
    if (!x || !f || fread(x, sizeof *x, n, f) != n) {
        fprintf(stderr, "%s: cannot read %zu floats\n", path, n);
        exit(1);
    }
    fclose(f);
    return x;
}

int main(int argc, char **argv) {
    dnx_err err = {0};
    dnx_cfg *cfg;
    dnx_net *net;
    if (argc != 7) return 2;
    int batch = atoi(argv[6]);
    const dnx_build how = {.trains = true, .batch = batch, .threads = 2};
    if (dnx_cfg_read(argv[1], &cfg, &err) || dnx_net_build(cfg, &how, &net, &err) ||
        dnx_weights_load(net, argv[2], &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    dnx_cfg_free(cfg);
    size_t outputs = dnx_size(net->nodes[net->n - 1].out) * (size_t)batch;
    float *x = read_floats(argv[3], dnx_size(net->in) * (size_t)batch);
    float *dy = read_floats(argv[4], outputs);
    for (int i = 0; i < net->n; i++)
        dnx_net_forward_layer(net, i, x, batch, DNX_TRAINING, NULL, NULL);
    dnx_net_backward_begin(net);
    for (size_t i = 0; i < outputs; i++) net->plan.of[net->n - 1].dy[i] = dy[i];
    for (int i = net->n - 1; i >= 0; i--) dnx_net_backward_layer(net, i, x, batch, NULL);
    FILE *f = fopen(argv[5], "wb");
    if (!f) return 1;
    for (int i = 0; i < net->n; i++) {
        dnx_param list[DNX_MAX_PARAMS];
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            if (list[k].is_trained) fwrite(list[k].grad, sizeof(float), list[k].count, f);
    }
    dnx_free(x);
    dnx_free(dy);
    dnx_net_free(net);
    return fclose(f) != 0;
}
