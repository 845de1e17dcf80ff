/* test_winograd.c - 3x3 convolutions that predict by Winograd's transforms against the direct
 * products of a training network, with several numbers of threads, in each kernel set; and which
 * shapes take which transform. Loops in double are in test_layers.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/winograd.h"
#include "net.h"

static int passed, failed;
static const char *isa = "any";

static bool check(bool ok, const char *name, const char *what, double got, double want) {
    if (ok) passed++;
    else {
        failed++;
        printf("%s: %s: %s (%.9g, expected %.9g)\n", isa, name, what, got, want);
    }
    return ok;
}

typedef struct {
    int B, H, W, C, N, pad;
    const char *more;
    int m; /* expected; 0: no transform */
} shape;

static const shape shapes[] = {
    {1, 56, 56, 32, 64, 1, "batch_normalize=1\nactivation=leaky\n", 4},
    {3, 14, 15, 64, 64, 1, "batch_normalize=1\nactivation=prelu\n", 4},
    {2, 9, 31, 8, 9, 0, "activation=linear\n", 4},
    {1, 7, 7, 96, 100, 1, "activation=relu6\n", 4},
    {1, 16, 16, 256, 512, 1, "batch_normalize=1\nactivation=relu\n", 2},
    {2, 7, 7, 300, 300, 1, "activation=swish\n", 2},
    {1, 5, 19, 64, 1000, 2, "activation=leaky\n", 2},
    {1, 2, 2, 512, 512, 1, "activation=linear\n", 0},
    {1, 56, 56, 3, 64, 1, "activation=linear\n", 0},
    {1, 1, 99, 64, 64, 1, "activation=linear\n", 0},
};

static void randomise(dnx_net *net) {
    dnx_param list[DNX_MAX_PARAMS];
    dnx_rng g;
    dnx_rng_seed(&g, 4, 4);
    for (int k = 0, n = dnx_net_params(net, 0, list); k < n; k++)
        for (size_t i = 0; i < list[k].count; i++)
            list[k].value[i] += .4f * (dnx_rng_uniform(&g) - (list[k].is_trained ? .5f : 0)) *
                                (strcmp(list[k].name, "weights") ? 1 : .1f);
    dnx_net_prepare(net, NULL);
}

/* The outputs of x, or NULL. */
static float *outputs(const shape *s, const char *name, bool trains, int threads, const float *x) {
    char text[256];
    dnx_cfg *cfg = NULL;
    dnx_net *net = NULL;
    dnx_err err = {0};
    float *y = NULL;
    snprintf(text, sizeof text,
             "[net]\nheight=%d\nwidth=%d\nchannels=%d\n[convolutional]\nfilters=%d\nsize=3\n"
             "padding=%d\n%s", s->H, s->W, s->C, s->N, s->pad, s->more);
    if (!dnx_cfg_parse(text, strlen(text), "test", &cfg, &err))
        dnx_net_build(cfg, trains, s->B, threads, &net, &err);
    dnx_cfg_free(cfg);
    if (check(net != NULL, name, err.text, 0, 0)) {
        randomise(net);
        y = dnx_alloc((size_t)s->B * dnx_size(net->nodes[0].out));
        dnx_net_run(net, x, s->B, 0, y);
    }
    dnx_net_free(net);
    return y;
}

static void check_shape(const shape *s) {
    char name[64];
    snprintf(name, sizeof name, "%dx%dx%dx%d -> %d, padding %d", s->B, s->H, s->W, s->C, s->N,
             s->pad);
    dnx_shape in = {s->H, s->W, s->C}, out = {s->H + 2 * s->pad - 2, s->W + 2 * s->pad - 2, s->N};
    size_t count = (size_t)s->B * dnx_size(in), results = (size_t)s->B * dnx_size(out);
    check(dnx_winograd_side(in, out) == s->m, name, "side", dnx_winograd_side(in, out), s->m);
    if (!s->m) return;
    float *x = dnx_alloc(count);
    dnx_rng g;
    dnx_rng_seed(&g, 7, (uint64_t)s->C);
    for (size_t i = 0; i < count; i++) x[i] = dnx_rng_normal(&g);
    float *direct = outputs(s, name, true, 2, x), *one = outputs(s, name, false, 1, x);
    double worst = 0, largest = 0;
    for (size_t i = 0; direct && one && i < results; i++) {
        double e = fabs((double)direct[i] - (double)one[i]);
        if (!(e <= worst)) worst = e;
        largest = fmax(largest, fabs((double)direct[i]));
    }
    check(largest > 1 && worst < 5e-6 * largest, name, "differs from the direct products",
          worst / largest, 0);
    if (direct && one) /* or the transforms were not in use */
        check(memcmp(direct, one, sizeof(float) * results) != 0, name, "is the same path", 0, 1);
    const int threads[] = {2, 3, 7};
    for (int i = 0; i < 3; i++) {
        float *y = outputs(s, name, false, threads[i], x);
        if (y && one)
            check(!memcmp(y, one, sizeof(float) * results), name, "threads change the result",
                  threads[i], 1);
        dnx_free(y);
    }
    if (getenv("VERBOSE")) printf("%s %s: %.2g of the largest\n", isa, name, worst / largest);
    dnx_free(x), dnx_free(direct), dnx_free(one);
}

/* One process per kernel set: dnx_kernels() chooses once. */
int main(void) {
    const char *names[] = {"plain", "avx2", "avx512"};
    int skipped = 0;
    for (int i = 0; i < 3; i++) {
        int fd[2], status = 0, counts[2] = {0, 1};
        if (!dnx_kernels_named(names[i])) {
            skipped++;
            continue;
        }
        if (pipe(fd)) return 1;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            isa = names[i];
            setenv("DNX_ISA", isa, 1);
            passed = failed = 0;
            check(!strcmp(dnx_kernels()->name, isa), "kernels", "DNX_ISA is not obeyed", 0, 0);
            for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) check_shape(&shapes[k]);
            int mine[2] = {passed, failed};
            bool is_written = write(fd[1], mine, sizeof mine) == (ssize_t)sizeof mine;
            fflush(stdout);
            _exit(failed || !is_written);
        }
        close(fd[1]);
        if (child < 0 || read(fd[0], counts, sizeof counts) != (ssize_t)sizeof counts) {
            printf("%s: the child ended early\n", names[i]);
            counts[0] = 0, counts[1] = 1;
        }
        close(fd[0]);
        if (child > 0) waitpid(child, &status, 0);
        if (status && !counts[1]) counts[1] = 1;
        passed += counts[0], failed += counts[1];
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed != 0;
}
