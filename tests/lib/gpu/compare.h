/* compare.h - compares a network on a GPU with the same network on the processor. */
#ifndef GPU_COMPARE_H
#define GPU_COMPARE_H
#include "gpu/placed.h"

#include "lib/check.h"
#include "net/weights.h"
#include "train/teachers.h"

enum { BATCH = 3 };
static const dnx_placement *gpu;

typedef struct {
    const char *name, *text;
    int h, w, c, there; /* h x w x c: the input; there: layers that must run on the GPU */
    double tolerance;   /* largest relative difference; 0 means 1e-5 */
    int deferring;      /* layers whose batch norm the next layer applies; 0: not checked */
    const float *truth; /* BATCH labels; NULL: the labels 1, 3, -1 (unknown) */
} net_case;

/* The layer type [here] computes y = 2x. It has no version for the GPU. */
static dnx_status make_here(dnx_node *n, dnx_err *err) {
    (void)err;
    n->out = n->in[0];
    return DNX_OK;
}

static void forward_here(dnx_node *n, dnx_pass *p) {
    for (size_t i = 0; i < dnx_size(n->out) * (size_t)p->batch; i++) p->y[i] = 2 * p->x[0][i];
}

static void backward_here(dnx_node *n, dnx_pass *p) {
    for (size_t i = 0; p->dx[0] && i < dnx_size(n->out) * (size_t)p->batch; i++)
        p->dx[0][i] = 2 * p->dy[i] + (p->dx_adds[0] ? p->dx[0][i] : 0);
}

static const dnx_layer_type here_type = {
    .name = "here", .make = make_here, .forward = forward_here, .backward = backward_here};
static const dnx_layer_type *const more_types[] = {&here_type, NULL};

static dnx_net *build(const net_case *c, bool trains, const dnx_placement *placed) {
    char text[2048];
    dnx_cfg *cfg;
    dnx_err err = {0};
    dnx_net *net = NULL;
    snprintf(text, sizeof text, "[net]\nbatch=%d\nheight=%d\nwidth=%d\nchannels=%d\nseed=5\n%s%s",
             BATCH, c->h, c->w, c->c, !strcmp(c->name, "clipped") ? "clip_norm=.01\n" : "",
             c->text);
    if (dnx_cfg_parse(text, strlen(text), path("net.cfg"), &cfg, &err)) must(false, err.text);
    const dnx_build how = {.trains = trains,
                           .threads = 1,
                           .types = more_types,
                           .placement = placed,
                           .teachers = &dnx_cfg_teachers};
    if (dnx_net_build(cfg, &how, &net, &err)) must(false, err.text);
    dnx_cfg_free(cfg);
    scatter(net, 3, .2f);
    if (dnx_net_prepare(net, &err)) must(false, err.text);
    return net;
}

static void step(dnx_net *net, const float *x, const float *truth, double *loss) {
    *loss = 0;
    dnx_teachers_run(net, x, NULL, NULL);
    for (int i = 0; i < net->n; i++) {
        double of_layer = 0;
        dnx_net_forward_layer(net, i, x, BATCH, DNX_TRAINING, truth, &of_layer);
        *loss += of_layer;
    }
    dnx_net_backward_begin(net);
    for (int i = net->n - 1; i >= 0; i--) dnx_net_backward_layer(net, i, x, BATCH, truth);
    dnx_net_update_begin(net, BATCH);
    for (int i = 0; i < net->n; i++) dnx_net_update_layer(net, i, BATCH, .05f, .9f, 5e-4f);
    net->seen += BATCH;
}

static void fill(float *x, size_t n, uint64_t seed) {
    dnx_rng r;
    dnx_rng_seed(&r, seed, 0);
    for (size_t i = 0; i < n; i++) x[i] = dnx_rng_normal(&r);
}

static double most_apart;

static double off(const float *a, const float *b, size_t n) {
    double worst = 0, largest = 1e-3;
    for (size_t i = 0; i < n; i++) {
        worst = worse(worst, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)a[i]));
    }
    return worst / largest;
}

static void check_near(const char *name, const char *what, int layer, double d, double tolerance) {
    check(d <= tolerance, "%s: %s of layer %d differ by %.3g", name, what, layer, d);
    if (tolerance <= 1e-5) most_apart = worse(most_apart, d);
}

static void compare_params(const char *name, dnx_net *a, dnx_net *b, double tolerance) {
    dnx_param p[DNX_MAX_PARAMS], q[DNX_MAX_PARAMS];
    for (int i = 0; i < a->n; i++) {
        int n = dnx_net_params(a, i, p);
        dnx_net_params(b, i, q);
        for (int k = 0; k < n; k++) {
            check_near(name, p[k].name, i, off(p[k].value, q[k].value, p[k].count), tolerance);
        }
    }
    check_near(name, "momentum", a->n,
               off(a->sgd.momentum, b->sgd.momentum, a->sgd.of[a->n].momentum_at), tolerance);
}

/* Trains three updates on the processor and on the GPU, where `placed` puts the layers. Compares
 * losses, parameters and outputs. tolerance: the largest relative difference. */
static void check_case(const net_case *c, const dnx_placement *placed, double tolerance) {
    static const float usual[] = {1, 3, -1};
    const float *truth = c->truth ? c->truth : usual;
    dnx_net *here = build(c, true, NULL), *there = build(c, true, placed);
    dnx_net *predicts = build(c, false, placed);
    const size_t size = dnx_size(here->in);
    const int last = dnx_net_embedding(here);
    const size_t outputs = dnx_size(here->nodes[last].out);
    float *x = dnx_alloc(BATCH * size), *y = dnx_alloc(BATCH * outputs);
    float *z = dnx_alloc(BATCH * outputs);
    dnx_err err = {0};
    int count = 0, deferring = 0;
    for (int i = 0; i < there->n; i++) count += placed->is_elsewhere(there, i);
    for (int i = 0; i < there->n; i++) deferring += dnx_placed_of(there)->layers[i].l.defers;
    check(!c->deferring || deferring == c->deferring, "%s: %d layers defer", c->name, deferring);
    check(count == c->there, "%s: %d layers run on the device, not %d", c->name, count, c->there);
    for (int k = 0; k < 3; k++) {
        double a, b;
        fill(x, BATCH * size, (uint64_t)k + 1);
        step(here, x, truth, &a);
        step(there, x, truth, &b);
        check(fabs(a - b) <= tolerance * (1 + a), "%s: loss %.9g there, %.9g here", c->name, b, a);
    }
    check(!dnx_net_status(there, &err), "%s: %s", c->name, err.text);
    compare_params(c->name, here, there, tolerance);
    dnx_net_run(here, x, 2, last, y);
    dnx_net_run(there, x, 2, last, z);
    check_near(c->name, "outputs", last, off(y, z, 2 * outputs), tolerance);
    dnx_net *plain = build(c, false, NULL);
    dnx_net_run(plain, x, BATCH, last, y);
    dnx_net_run(predicts, x, BATCH, last, z);
    check_near(c->name, "predictions", last, off(y, z, BATCH * outputs), tolerance);
    dnx_net *nets[] = {here, there, predicts, plain};
    for (int k = 0; k < 4; k++) dnx_net_free(nets[k]);
    dnx_free(x);
    dnx_free(y);
    dnx_free(z);
}
#endif
