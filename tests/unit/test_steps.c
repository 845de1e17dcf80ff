/* test_steps.c - twenty updates of a small network like MobileFaceNet give PyTorch's losses. */
#include "lib/check.h"
#include "kernels/kernels.h"

#define STEPS 20
#define BATCH 6

static const char text[] =
    "[net]\nbatch=6\nheight=20\nwidth=18\nchannels=3\nseed=5\n"
    "[convolutional]\nfilters=19\nsize=3\nstride=2\npad=1\nbatch_normalize=1\nactivation=prelu\n"
    "[depthwise]\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n"
    "[convolutional]\nfilters=38\nbatch_normalize=1\nactivation=prelu\n"
    "[depthwise]\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n"
    "[convolutional]\nfilters=19\nbatch_normalize=1\nactivation=linear\n"
    "[shortcut]\nfrom=-4\nactivation=linear\n"
    "[convolutional]\nfilters=24\nsize=3\npad=1\ngroups=1\nbatch_normalize=1\nactivation=relu\n"
    "[global_depthwise]\nbatch_normalize=1\n"
    "[convolutional]\nfilters=4\nactivation=linear\n"
    "[softmax]\n";

/* PyTorch's losses, printed by tests/oracle/make_steps.py */
static const double golden[STEPS] = {13.97809,   1.924632,   0.3956625,  0.1736479,  0.109503,
                                     0.08148319, 0.06514184, 0.05475607, 0.04762961, 0.04230084,
                                     0.03838187, 0.03527584, 0.0327238,  0.03058404, 0.02877843,
                                     0.02725456, 0.0259366,  0.02475947, 0.02371606, 0.02278885};

typedef struct {
    double loss[STEPS];
    int set_is_right;
} result;

static void train(const char *set, int threads, result *out) {
    setenv("DNX_ISA", set, 1);
    out->set_is_right = !strcmp(dnx_kernels()->name, set);
    dnx_net *net = make_net(text, "steps.cfg", true, 0, threads);
    size_t size = dnx_size(net->in) * BATCH;
    float *x = dnx_alloc(size), truth[BATCH];
    dnx_rng r;
    dnx_rng_seed(&r, 9, 9);
    for (size_t i = 0; i < size; i++) x[i] = dnx_rng_normal(&r);
    for (int b = 0; b < BATCH; b++) truth[b] = (float)(b % 4);
    for (int s = 0; s < STEPS; s++) {
        double loss;
        for (int i = 0; i < net->n; i++)
            dnx_net_forward_layer(net, i, x, BATCH, DNX_TRAINING, truth, &loss);
        out->loss[s] = loss;
        dnx_net_backward_begin(net);
        for (int i = net->n - 1; i >= 0; i--) {
            dnx_net_backward_layer(net, i, x, BATCH, truth);
            dnx_net_update_layer(net, i, BATCH, .02f, .9f, 4e-5f);
        }
    }
    dnx_free(x);
    dnx_net_free(net);
}

/* With stopbackward=1 in layer 2, only later layers learn. */
static bool stops_there(void) {
    static const char cut[] = "[net]\nbatch=2\nheight=6\nwidth=6\nchannels=2\n"
                              "[convolutional]\nfilters=3\nsize=3\n[activation]\nactivation=relu\n"
                              "[convolutional]\nfilters=4\nstopbackward=1\n"
                              "[connected]\noutput=3\nactivation=linear\n[softmax]\n";
    dnx_net *net = make_net(cut, "cut.cfg", true, 0, 1);
    dnx_param p[DNX_MAX_PARAMS];
    float x[2 * 6 * 6 * 2], truth[2] = {0, 2}, kept[2], learns = 0;
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = (float)(i % 7) - 3;
    for (int i = 0; i < 2; i++) {
        dnx_net_params(net, 2 * i, p);
        kept[i] = p[1].value[0];
    }
    dnx_net_params(net, 3, p);
    learns = p[0].value[0];
    for (int i = 0; i < net->n; i++) dnx_net_forward_layer(net, i, x, 2, DNX_TRAINING, truth, NULL);
    dnx_net_backward_begin(net);
    for (int i = net->n - 1; i >= 0; i--) {
        dnx_net_backward_layer(net, i, x, 2, truth);
        dnx_net_update_layer(net, i, 2, .1f, .9f, .1f);
    }
    bool ok = p[0].value[0] != learns;
    for (int i = 0; i < 2; i++) {
        dnx_net_params(net, 2 * i, p);
        ok = ok && p[1].value[0] == kept[i];
    }
    dnx_net_free(net);
    return ok;
}

/* Trains in a child process, because a process chooses its kernels only once. */
static int run(const char *set, int threads, result *out) {
    int ends[2];
    if (pipe(ends)) return 1;
    pid_t child = fork();
    if (child == 0) {
        train(set, threads, out);
        _exit(write(ends[1], out, sizeof *out) != sizeof *out);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], out, sizeof *out);
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    return status != 0 || got != (ssize_t)sizeof *out;
}

static double distance(const result *a, const result *b) {
    double worst = 0;
    for (int s = 0; s < STEPS; s++)
        worst = worse(worst, fabs(a->loss[s] - b->loss[s]) / fabs(a->loss[0]));
    return worst;
}

int main(void) {
    static const char *const sets[] = {"avx2", "avx512"};
    result plain = {0}, other = {0};
    check(!run("plain", 1, &plain), "does not run");
    check(plain.loss[STEPS - 1] < .5 * plain.loss[0], "loss %g becomes only %g", plain.loss[0],
          plain.loss[STEPS - 1]);
    for (int s = 0; s < STEPS; s++)
        check(fabs(plain.loss[s] / golden[s] - 1) < 1e-3, "loss %d: %.7g, PyTorch has %.7g", s,
              plain.loss[s], golden[s]);
    for (int i = 0; i < 2; i++) {
        if (!dnx_kernels_named(sets[i])) {
            skip(sets[i], NEVER_HERE);
            continue;
        }
        check(!run(sets[i], 1, &other) && other.set_is_right, "%s does not run", sets[i]);
        check(distance(&plain, &other) < 1e-3, "%s differs by %g", sets[i],
              distance(&plain, &other));
    }
    check(!run("plain", 1, &other) && distance(&plain, &other) == 0, "not the same bits again");
    check(!run("plain", 3, &other) && distance(&plain, &other) < 1e-3, "3 threads differ by %g",
          distance(&plain, &other));
    check(stops_there(), "stopbackward=1 does not keep the weights before it");
    return summary();
}
