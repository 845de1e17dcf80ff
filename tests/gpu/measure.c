/* measure.c - measures passes of a network on GPU 0. It needs only the driver, not libdarknet.
 *
 *   measure CFG BATCH PRECISION step|predict|same [cpu]
 *
 * step, predict: runs 20 passes; the pass of a step is forward, backward and update. Prints the
 * median, least and largest time in ms, and how many kernels, lists of kernels (cuda/queue.h) and
 * CUDA graphs one pass starts. With `cpu` the processor computes.
 * same: trains twice on the GPU and once on the processor. The exit status is 1 when the parameters
 * of the two GPU runs are not the same bits, or when they are not near those of the processor. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gpu/place.h"
#include "kernels/kernels.h"

enum { WARM = 6, RUNS = 20, UPDATES = 20 };
static const char *const words[] = {"float32", "tf32", "bfloat16"};

static int by_size(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static int fail(const dnx_err *err) {
    fprintf(stderr, "%s\n", err->text);
    return 1;
}

static void step(dnx_net *net, const float *x, const float *truth, float rate) {
    for (int i = 0; i < net->n; i++)
        dnx_net_forward_layer(net, i, x, net->batch, DNX_TRAINING, truth, NULL);
    dnx_net_backward_begin(net);
    for (int i = net->n - 1; i >= 0; i--) dnx_net_backward_layer(net, i, x, net->batch, truth);
    dnx_net_update_begin(net, net->batch);
    for (int i = 0; i < net->n; i++) dnx_net_update_layer(net, i, net->batch, rate, .9f, 4e-5f);
}

static void fill(float *x, size_t n, uint64_t seed) {
    dnx_rng r;
    dnx_rng_seed(&r, seed, 0);
    for (size_t i = 0; i < n; i++) x[i] = dnx_rng_normal(&r);
}

/* ---- milliseconds ---- */

static int measure(dnx_net *net, const char *name, const char *where) {
    const size_t size = dnx_size(net->in), last = (size_t)dnx_net_embedding(net);
    bool is_of_net[2];
    float *x[2], *truth = dnx_alloc((size_t)net->batch);
    for (int k = 0; k < 2; k++) {
        x[k] = dnx_net_new_images(net, size * (size_t)net->batch, &is_of_net[k]);
        fill(x[k], size * (size_t)net->batch, 1);
    }
    float *out = dnx_alloc(dnx_size(net->nodes[last].out) * (size_t)net->batch);
    double times[RUNS];
    dnx_err err = {0};
    dnx_work work = {0};
    for (int k = -WARM; k < RUNS; k++) {
        const double start = dnx_now();
        const float *now = x[k & 1], *next = x[!(k & 1)];
        const dnx_work before = dnx_gpu_work();
        /* As in training, the next images are copied during the step. */
        if (net->trains) dnx_net_images(net, now, next);
        if (net->trains) step(net, now, truth, 1e-6f);
        else dnx_net_run(net, now, net->batch, (int)last, out);
        if (dnx_net_status(net, &err)) return fail(&err);
        if (k >= 0) times[k] = dnx_now() - start;
        work = dnx_gpu_work();
        work = (dnx_work){work.lists - before.lists, work.graphs - before.graphs,
                          work.kernels - before.kernels};
    }
    qsort(times, RUNS, sizeof *times, by_size);
    printf("%s batch %d %s %s: %.3f ms (%.3f to %.3f), %ld kernels in %ld lists, %ld graphs\n",
           name, net->batch, net->trains ? "step" : "predict", where, times[RUNS / 2] * 1e3,
           times[0] * 1e3, times[RUNS - 1] * 1e3, work.kernels, work.lists, work.graphs);
    for (int k = 0; k < 2; k++) dnx_net_free_images(net, x[k], is_of_net[k]);
    dnx_free(truth);
    dnx_free(out);
    return 0;
}

/* ---- same ---- */

/* Returns the trained parameters, *count floats, which the caller frees; NULL after an error. */
static float *train(const dnx_cfg *cfg, const dnx_build *how, size_t *count, dnx_err *err) {
    dnx_net *net;
    dnx_param list[DNX_MAX_PARAMS];
    if (dnx_net_build(cfg, how, &net, err)) return NULL;
    const size_t images = dnx_size(net->in) * (size_t)net->batch;
    float *x = dnx_alloc(images), *truth = dnx_alloc((size_t)net->batch), *all = NULL;
    for (int b = 0; b < net->batch; b++) truth[b] = (float)(b % 3);
    for (int k = 0; k < UPDATES; k++) {
        fill(x, images, (uint64_t)k + 1);
        step(net, x, truth, 1e-3f);
        net->seen += (uint64_t)net->batch;
    }
    dnx_status st = dnx_net_status(net, err);
    *count = 0;
    for (int i = 0; i < net->n && !st; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) {
            all = realloc(all, sizeof *all * (*count + list[k].count));
            memcpy(all + *count, list[k].value, sizeof *all * list[k].count);
            *count += list[k].count;
        }
    dnx_free(x);
    dnx_free(truth);
    dnx_net_free(net);
    return all;
}

static int same(const dnx_cfg *cfg, const dnx_build *how, const char *where) {
    const dnx_build here = {.trains = true, .batch = how->batch};
    float *all[3] = {NULL};
    size_t count = 0;
    dnx_err err = {0};
    double apart = 0, largest = 0;
    for (int k = 0; k < 3; k++)
        if (!(all[k] = train(cfg, k < 2 ? how : &here, &count, &err))) return fail(&err);
    for (size_t i = 0; i < count; i++) {
        const double d = fabs((double)all[0][i] - (double)all[2][i]);
        if (!(d <= apart)) apart = d;
        largest = fmax(largest, fabs((double)all[2][i]));
    }
    const bool is_same = !memcmp(all[0], all[1], sizeof(float) * count);
    printf("%d updates, %s: two runs give %s, %.2g from the processor\n", UPDATES, where,
           is_same ? "the same bits" : "DIFFERENT BITS", apart / largest);
    for (int k = 0; k < 3; k++) free(all[k]);
    return !is_same || !(apart <= (strcmp(where, words[0]) ? .1 : 1e-4) * largest);
}

int main(int argc, char **argv) {
    dnx_err err = {0};
    dnx_cfg *cfg;
    dnx_net *net;
    dnx_build how = {0};
    int precision = 0, status = 1;
    if (argc < 5) return fprintf(stderr, "measure CFG BATCH PRECISION step|predict|same\n"), 2;
    while (precision < 2 && strcmp(argv[3], words[precision])) precision++;
    how.batch = atoi(argv[2]);
    how.trains = strcmp(argv[4], "predict") != 0;
    if (argc == 5 && dnx_gpu_open(0, (dnx_precision)precision, NULL, &how.placement, &err))
        return fail(&err);
    if (dnx_cfg_read(argv[1], &cfg, &err)) return fail(&err);
    dnx_flush_denormals();
    if (!strcmp(argv[4], "same")) status = same(cfg, &how, words[precision]);
    else if (dnx_net_build(cfg, &how, &net, &err)) return fail(&err);
    else {
        status = measure(net, argv[1], argc == 5 ? words[precision] : "on the processor");
        dnx_net_free(net);
    }
    dnx_gpu_close();
    dnx_cfg_free(cfg);
    return status;
}
