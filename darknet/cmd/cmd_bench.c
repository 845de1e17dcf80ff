/* darknet bench: how long each layer takes, and how near it comes to the machine. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "train/teachers.h"

typedef struct {
    const char *cfg, *weights;
    int batch, threads, runs;
    bool trains, json;
} bench_args;

static const dnx_arg table[] = {
    DNX_PLACE(bench_args, cfg, "net.cfg", "the network"),
    DNX_PLACE_MAYBE(bench_args, weights, "weights", "its weights; default random ones"),
    DNX_ARG_INT(bench_args, batch, "-batch", "N", 1, 1, 65536, "images at a time"),
    DNX_ARG_THREADS(bench_args),
    DNX_ARG_INT(bench_args, runs, "-runs", "N", 20, 1, 100000,
                "passes to time, after three that are not"),
    DNX_ARG_FLAG(bench_args, trains, "-train",
                 "time whole training steps: forward, backward and update"),
    DNX_ARG_FLAG(bench_args, json, "-json", "print one line of JSON, without the layers"),
    DNX_ARG_END};

static int run(const void *args);

const dnx_verb dnx_cmd_bench = {
    "bench", "time a network layer by layer: milliseconds and GFLOP/s, medians", table,
    sizeof(bench_args), run};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, compare);
    return v[n / 2];
}

/* Adds the time since *t to the lap. */
static void lap(double *t, double *of) {
    double now = dnx_now();
    *of += now - *t;
    *t = now;
}

/* One pass (a whole training step with trains); laps[i] gets the seconds of layer i. The
 * gradient's norm, with clip_norm, counts to layer 0: it is taken before all updates. */
static void pass(dnx_net *net, const float *x, const float *truth, double *laps) {
    double t = dnx_now();
    for (int i = 0; i < net->n; i++) laps[i] = 0;
    for (int b = 0; b < net->batch; b += net->chunk) {
        int count = net->batch - b < net->chunk ? net->batch - b : net->chunk;
        const float *images = x + (size_t)b * dnx_size(net->in);
        for (int i = 0; i < net->n; i++) {
            dnx_net_forward_layer(net, i, images, count, net->trains, truth + b, NULL);
            lap(&t, &laps[i]);
        }
    }
    if (!net->trains) return;
    dnx_net_backward_begin(net);
    for (int i = net->n - 1; i >= 0; i--) {
        dnx_net_backward_layer(net, i, x, net->batch, truth);
        lap(&t, &laps[i]);
    }
    dnx_net_update_begin(net, net->batch);
    for (int i = 0; i < net->n; i++) {
        dnx_net_update_layer(net, i, net->batch, 1e-6f, .9f, 4e-5f);
        lap(&t, &laps[i]);
    }
}

static int measure(dnx_net *net, int runs, bool json) {
    int n = net->n, failed = 1;
    double *laps = calloc((size_t)n * (size_t)runs, sizeof *laps), *sums = calloc((size_t)runs, 8);
    double *column = calloc((size_t)runs, sizeof *column);
    float *x = dnx_alloc(dnx_size(net->in) * (size_t)net->batch);
    float *truth = dnx_alloc((size_t)net->batch);
    dnx_rng r;
    if (!laps || !sums || !column || !x || !truth) {
        fprintf(stderr, "darknet: no memory\n");
        goto end;
    }
    dnx_flush_denormals();
    dnx_rng_seed(&r, 1, 0);
    for (size_t i = 0; i < dnx_size(net->in) * (size_t)net->batch; i++) x[i] = dnx_rng_normal(&r);
    if (net->trains) dnx_teachers_run(net, x, NULL, NULL);
    for (int i = 0; i < 3; i++) pass(net, x, truth, laps);
    for (int k = 0; k < runs; k++) {
        pass(net, x, truth, laps + (size_t)k * (size_t)n);
        for (int i = 0; i < n; i++) sums[k] += laps[(size_t)k * (size_t)n + (size_t)i];
    }
    double total = median(sums, runs) * 1e3 / net->batch, macs = 0, factor = net->trains ? 6 : 2;
    if (!json) printf("layer  section            ms/image  GFLOP/s\n");
    for (int i = 0; i < n; i++) {
        const dnx_node *node = &net->nodes[i];
        double m = node->type->macs ? node->type->macs(node) : 0;
        for (int k = 0; k < runs; k++) column[k] = laps[(size_t)k * (size_t)n + (size_t)i];
        double ms = median(column, runs) * 1e3 / net->batch;
        if (!json) printf("%5d  %-17s %9.4f %8.1f\n", i, node->type->name, ms,
                          ms > 0 ? factor * m * 1e-6 / ms : 0);
        macs += m;
    }
    if (json)
        printf("{\"ms_per_image\": %.6f, \"fastest\": %.6f, \"runs\": %d, \"batch\": %d, "
               "\"threads\": %d, \"kernels\": \"%s\"}\n",
               total, sums[0] * 1e3 / net->batch, runs, net->batch, dnx_pool_threads(net->pool),
               dnx_kernels()->name);
    else
        printf("\n%s, batch %d, %d threads, %s kernels, median of %d: %.3f ms an image, %.1f "
               "GFLOP/s\n",
               net->trains ? "training step" : "forward", net->batch, dnx_pool_threads(net->pool),
               dnx_kernels()->name, runs, total, factor * macs * 1e-6 / total);
    if (!json && net->trains && net->targets)
        printf("The teachers ran once before: their time is not in it, as with a full cache.\n");
    failed = 0;
end:
    free(laps);
    free(sums);
    free(column);
    dnx_free(x);
    dnx_free(truth);
    return failed;
}

static int run(const void *args) {
    const bench_args *a = args;
    dnx_err err = {0};
    dnx_net *net;
    if (a->trains ? dnx_open(a->cfg, a->weights, true, a->batch, a->threads, &net, &err)
                  : dnx_open_to_run(a->cfg, a->weights, a->batch, a->threads, &net, &err))
        return dnx_report(&err);
    int status = measure(net, a->runs, a->json);
    dnx_net_free(net);
    return status;
}
