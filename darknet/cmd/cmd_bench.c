/* darknet bench: measures and prints the time and the GFLOP/s of each layer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/bench.h"
#include "cmd/cmd.h"
#include "gpu/place.h"
#include "kernels/kernels.h"
#include "layer/view.h"
#include "train/teachers.h"

typedef struct {
    const char *cfg, *weights, *data;
    int batch, threads, runs, busy;
    bool trains, json;
} bench_args;

static const dnx_arg table[] = {
    DNX_PLACE(bench_args, cfg, "net.cfg", "the network"),
    DNX_PLACE_MAYBE(bench_args, weights, "weights", "its weights; default random ones"),
    DNX_ARG_INT(bench_args, batch, "-batch", "N", 1, 1, 65536, "images at a time"),
    DNX_ARG_THREADS(bench_args),
    DNX_ARG_INT(bench_args, runs, "-runs", "N", 20, 1, 100000,
                "passes to time, after three untimed ones, on a GPU six"),
    DNX_ARG_FLAG(bench_args, trains, "-train",
                 "time whole training steps: forward, backward and update"),
    DNX_ARG_TEXT(bench_args, data, "-data", "FILE",
                 "a .data file, for the number of classes of a cfg with classes=auto"),
    DNX_ARG_INT(bench_args, busy, "-busy", "N", 0, 1, 1000,
                "compare one thread with all of -threads, alone and beside N busy processes"),
    DNX_ARG_FLAG(bench_args, json, "-json", "print one line of JSON, without the layers"),
    DNX_ARG_END,
};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

dnx_timing dnx_timing_of(double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, compare);
    return (dnx_timing){v[n / 2], (v[3 * n / 4] - v[n / 4]) / v[n / 2]};
}

bool dnx_bench_open(dnx_bench *b, dnx_net *net) {
    size_t batch = (size_t)net->batch, size = dnx_size(net->in) * batch;
    *b = (dnx_bench){.net = net, .last = net->n - 1};
    for (int i = net->n - 1; i > 0; i--)
        if (net->nodes[i].type->is_loss && !net->nodes[i].type->is_reentrant) b->last = i - 1;
    b->x = dnx_alloc(size);
    b->truth = dnx_alloc(batch);
    b->out = dnx_alloc(dnx_size(net->nodes[b->last].out) * batch);
    b->lanes = calloc((size_t)net->plan.lanes * (size_t)net->n, sizeof *b->lanes);
    if (!b->x || !b->truth || !b->out || !b->lanes) return false;
    dnx_rng r;
    dnx_rng_seed(&r, 1, 0);
    for (size_t i = 0; i < size; i++) b->x[i] = dnx_rng_normal(&r);
    dnx_flush_denormals();
    if (net->trains) dnx_teachers_run(net, b->x, NULL, NULL);
    return true;
}

void dnx_bench_close(dnx_bench *b) {
    dnx_free(b->x);
    dnx_free(b->truth);
    dnx_free(b->out);
    free(b->lanes);
}

/* Adds the seconds since *t to laps[i], unless laps is NULL, and sets *t to now. */
static void lap(dnx_net *net, double *t, double *laps, int i) {
    if (!laps) return;
    dnx_net_status(net, NULL); /* waits for the GPU */
    double now = dnx_now();
    laps[i] += now - *t;
    *t = now;
}

static void predict(dnx_bench *b, double *laps) {
    dnx_net *net = b->net;
    size_t n = (size_t)net->n;
    memset(b->lanes, 0, (size_t)net->plan.lanes * n * sizeof *b->lanes);
    net->plan.laps = laps ? b->lanes : NULL;
    dnx_net_run(net, b->x, net->batch, b->last, b->out);
    net->plan.laps = NULL;
    for (size_t i = 0; laps && i < (size_t)net->plan.lanes * n; i++)
        laps[i % n] += b->lanes[i] / net->plan.lanes;
}

/* Runs a training step. The time for the gradient's norm, which clip_norm= of [net] needs, is added
 * to layer 0. */
static void step(dnx_bench *b, double *laps) {
    dnx_net *net = b->net;
    double t = dnx_now();
    for (int i = 0; i < net->n; i++) {
        dnx_net_forward_layer(net, i, b->x, net->batch, DNX_TRAINING, b->truth, NULL);
        lap(net, &t, laps, i);
    }
    dnx_net_backward_begin(net);
    for (int i = net->n - 1; i >= 0; i--) {
        dnx_net_backward_layer(net, i, b->x, net->batch, b->truth);
        lap(net, &t, laps, i);
    }
    dnx_net_update_begin(net, net->batch);
    for (int i = 0; i < net->n; i++) {
        dnx_net_update_layer(net, i, net->batch, 1e-6f, .9f, 4e-5f);
        lap(net, &t, laps, i);
    }
}

double dnx_bench_pass(dnx_bench *b, double *laps) {
    double start = dnx_now();
    for (int i = 0; laps && i < b->net->n; i++) laps[i] = 0;
    if (b->net->trains) step(b, laps);
    else predict(b, laps);
    dnx_net_status(b->net, NULL);
    return dnx_now() - start;
}

/* Returns the text of the last column for layer i: two spaces and then the device, the algorithm or
 * both. Returns "" when neither is known. */
static const char *algorithm_of(const dnx_net *net, int i, char text[64]) {
    const dnx_node *n = &net->nodes[i];
    const dnx_description *d = n->type->description;
    if (net->placement && net->placement->is_elsewhere(net, i)) return "  GPU";
    const char *name = d && d->algorithm ? d->algorithm(n) : "";
    snprintf(text, 64, "  %s%s%s", net->placement ? "processor" : "",
             net->placement && *name ? ", " : "", name);
    return net->placement || *name ? text : "";
}

/* Returns the floating-point operations for an image. A training step computes three products where
 * a prediction computes one. */
static double flops(const dnx_net *net, double macs) { return (net->trains ? 6 : 2) * macs; }

/* Prints the layers, and returns the multiply-adds of an image. laps: runs x net->n seconds.
 * column: scratch for `runs` numbers. */
static double print_layers(const dnx_net *net, const double *laps, double *column, int runs) {
    double macs = 0;
    char text[64];
    printf("layer  section            ms/image  GFLOP/s  algorithm\n");
    for (int i = 0; i < net->n; i++) {
        const dnx_node *node = &net->nodes[i];
        double m = dnx_macs(node);
        for (int k = 0; k < runs; k++) column[k] = laps[(size_t)k * (size_t)net->n + (size_t)i];
        double ms = dnx_timing_of(column, runs).median * 1e3 / net->batch;
        printf("%5d  %-17s %9.4f %8.1f%s\n", i, node->type->name, ms,
               ms > 0 ? flops(net, m) * 1e-6 / ms : 0, algorithm_of(net, i, text));
        macs += m;
    }
    return macs;
}

/* Runs passes that are not timed. A GPU needs more of them, because its first passes capture CUDA
 * graphs. Returns how many kernels the last pass started on the GPU, in how many lists, and how
 * many of the lists were CUDA graphs. */
static dnx_work warm_up(dnx_bench *b) {
    dnx_work before = {0}, after = {0};
    for (int i = b->net->placement ? 6 : 3; i > 0; i--) {
        before = dnx_gpu_work();
        dnx_bench_pass(b, NULL);
        after = dnx_gpu_work();
    }
    return (dnx_work){after.lists - before.lists, after.graphs - before.graphs,
                      after.kernels - before.kernels};
}

static void print_json(const dnx_net *net, dnx_timing time, double fastest, int runs) {
    printf("{\"ms_per_image\": %.6f, \"fastest\": %.6f, \"spread\": %.4f, "
           "\"steady\": %s, \"runs\": %d, \"batch\": %d, \"threads\": %d, "
           "\"kernels\": \"%s\"}\n",
           time.median * 1e3 / net->batch, fastest * 1e3 / net->batch, time.spread,
           time.spread > DNX_STEADY ? "false" : "true", runs, net->batch, net->threads,
           dnx_kernels()->name);
}

static void print_sum(const dnx_net *net, dnx_timing time, double macs, int runs, dnx_work work) {
    const double ms = time.median * 1e3 / net->batch;
    printf("\n%s, batch %d, %d threads, %s kernels, median of %d: %.3f ms an image, %.1f "
           "GFLOP/s%s\n",
           net->trains ? "training step" : "forward", net->batch, net->threads, dnx_kernels()->name,
           runs, ms, flops(net, macs) * 1e-6 / ms, time.spread > DNX_STEADY ? ", not steady" : "");
    if (net->placement)
        printf("%s starts %ld kernels on the GPU, in %ld list%s, of which %ld as a CUDA graph\n",
               net->trains ? "A training step" : "A pass", work.kernels, work.lists,
               work.lists == 1 ? "" : "s", work.graphs);
    if (time.spread > DNX_STEADY)
        printf("Half of the passes differ by %.0f %%: other work ran beside this.\n",
               100 * time.spread);
    if (net->trains && net->teachers)
        printf("The teachers ran once before: their time is not in it, as with a full cache.\n");
}

static dnx_status measure(dnx_net *net, int runs, bool json, dnx_err *err) {
    dnx_bench b;
    size_t n = (size_t)net->n;
    double *laps = calloc(n * (size_t)runs, sizeof *laps);
    double *sums = calloc((size_t)runs, sizeof *sums);
    double *column = calloc((size_t)runs, sizeof *column);
    bool ok = dnx_bench_open(&b, net) && laps && sums && column;
    const dnx_work work = ok ? warm_up(&b) : (dnx_work){0};
    for (int k = 0; ok && k < runs; k++) sums[k] = dnx_bench_pass(&b, laps + (size_t)k * n);
    dnx_status st = ok ? dnx_net_status(net, err) : dnx_no_memory(net->file, err);
    if (!st) {
        dnx_timing time = dnx_timing_of(sums, runs);
        if (json) print_json(net, time, sums[0], runs);
        else print_sum(net, time, print_layers(net, laps, column, runs), runs, work);
    }
    free(laps);
    free(sums);
    free(column);
    dnx_bench_close(&b);
    return st;
}

static dnx_status open_net(const bench_args *a, int threads, dnx_net **net, dnx_err *err) {
    const dnx_opening o = {a->cfg,  a->weights, a->trains ? 0 : 1, a->batch,
                           threads, a->trains,  .to_run = true,    .data = a->data};
    return a->trains ? dnx_open(&o, net, err) : dnx_open_features(&o, net, err);
}

static int run(const void *args, dnx_err *err) {
    const bench_args *a = args;
    dnx_net *net, *one = NULL;
    if (open_net(a, a->threads, &net, err)) return 1;
    dnx_status st = a->busy ? open_net(a, 1, &one, err) : DNX_OK;
    if (!st && a->busy) st = dnx_bench_busy(one, net, a->busy, a->runs, a->json, err);
    else if (!st) st = measure(net, a->runs, a->json, err);
    dnx_net_free(one);
    dnx_net_free(net);
    return st != DNX_OK;
}

const dnx_verb dnx_cmd_bench = {"bench",
                                "time a network layer by layer: milliseconds and GFLOP/s, medians",
                                table, sizeof(bench_args), run};
