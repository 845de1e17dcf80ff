/* measure.c CFG BATCH PRECISION step|predict [cpu] - measures the milliseconds of a pass on GPU 0.
 * It needs only the driver, not libdarknet. It prints one line: the median, smallest and largest
 * time of 20 passes, after 5 passes that are not measured. With `cpu` the processor computes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gpu/place.h"
#include "kernels/kernels.h"

enum { WARM = 5, RUNS = 20 };

static int by_size(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void step(dnx_net *net, const float *x, const float *truth) {
    for (int i = 0; i < net->n; i++)
        dnx_net_forward_layer(net, i, x, net->batch, DNX_TRAINING, truth, NULL);
    dnx_net_backward_begin(net);
    for (int i = net->n - 1; i >= 0; i--) dnx_net_backward_layer(net, i, x, net->batch, truth);
    dnx_net_update_begin(net, net->batch);
    for (int i = 0; i < net->n; i++) dnx_net_update_layer(net, i, net->batch, 1e-6f, .9f, 4e-5f);
}

static int fail(const dnx_err *err) {
    fprintf(stderr, "%s\n", err->text);
    return 1;
}

int main(int argc, char **argv) {
    static const char *const words[] = {"float32", "tf32", "bfloat16"};
    dnx_err err = {0};
    dnx_cfg *cfg;
    dnx_net *net;
    dnx_build how = {0};
    int precision = 0;
    if (argc < 5) return fprintf(stderr, "measure CFG BATCH PRECISION step|predict [cpu]\n"), 2;
    while (precision < 2 && strcmp(argv[3], words[precision])) precision++;
    how.batch = atoi(argv[2]);
    how.trains = !strcmp(argv[4], "step");
    if (argc == 5 && dnx_gpu_open(0, (dnx_precision)precision, NULL, &how.placement, &err))
        return fail(&err);
    if (dnx_cfg_read(argv[1], &cfg, &err)) return fail(&err);
    if (dnx_net_build(cfg, &how, &net, &err)) return fail(&err);
    const size_t size = dnx_size(net->in), last = (size_t)dnx_net_embedding(net);
    bool is_of_net[2];
    float *x[2], *truth = dnx_alloc((size_t)net->batch);
    for (int k = 0; k < 2; k++)
        x[k] = dnx_net_new_images(net, size * (size_t)net->batch, &is_of_net[k]);
    float *out = dnx_alloc(dnx_size(net->nodes[last].out) * (size_t)net->batch);
    double times[RUNS];
    dnx_rng r;
    dnx_rng_seed(&r, 1, 0);
    for (size_t i = 0; i < size * (size_t)net->batch; i++) x[0][i] = x[1][i] = dnx_rng_normal(&r);
    dnx_flush_denormals();
    for (int k = -WARM; k < RUNS; k++) {
        const double start = dnx_now();
        const float *now = x[k & 1], *next = x[!(k & 1)];
        if (how.trains) dnx_net_images(net, now, next); /* as training does */
        if (how.trains) step(net, now, truth);
        else dnx_net_run(net, now, net->batch, (int)last, out);
        if (dnx_net_status(net, &err)) return fail(&err);
        if (k >= 0) times[k] = dnx_now() - start;
    }
    qsort(times, RUNS, sizeof *times, by_size);
    printf("%s batch %d %s %s: %.3f ms (%.3f to %.3f)\n", argv[1], net->batch, argv[4],
           argc == 5 ? words[precision] : "on the processor", times[RUNS / 2] * 1e3, times[0] * 1e3,
           times[RUNS - 1] * 1e3);
    for (int k = 0; k < 2; k++) dnx_net_free_images(net, x[k], is_of_net[k]);
    dnx_net_free(net);
    dnx_gpu_close();
    dnx_free(truth);
    dnx_free(out);
    dnx_cfg_free(cfg);
    return 0;
}
