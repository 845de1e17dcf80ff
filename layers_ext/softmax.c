/* [softmax]: probabilities, and the cross entropy of the true class.
 *
 *   y[i] = exp(x[i]/T) / sum_k exp(x[k]/T),   loss = sum_b -log y[b, class of b]
 *   dx = (onehot - y) / T: minus the derivative of the loss,   T = temperature
 *
 * x, y: B x H x W x C; an image has N = H*W*C numbers. With groups=G, each of G parts of N/G
 * numbers has its own softmax. Classes are numbered in libdarknet's order C, H, W. No weights. If a
 * later layer gives a gradient dy, y (dy - <y, dy>) / T is added to dx. With noloss=1 or without
 * truth, dx has only this term. libdarknet leaves out 1/T, and adds dy to dx unchanged. */
#include <math.h>
#include <string.h>

#include "layer/classifier.h"

typedef struct {
    int groups, noloss, spatial;
    float temperature;
    char *tree;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, groups, 1, 1, 1 << 24, "parts that are normalised separately"),
    DNX_OPT_FLOAT(opts, temperature, 1, 1e-6, 1e6, "the inputs are divided by it"),
    DNX_OPT_INT(opts, noloss, 0, 0, 1, "1: probabilities only"),
    DNX_OPT_INT(opts, spatial, 0, 0, 0, "only 0: libdarknet's CPU code ignores it"),
    DNX_OPT_STRING(opts, tree, NULL, "not supported"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    size_t size = dnx_size(n->in[0]);
    if (o->tree)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[softmax] tree=%.60s: only Darknet's own command has trees", o->tree);
    if (size % (size_t)o->groups)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[softmax] groups=%d: does not divide %zu inputs",
                        o->groups, size);
    if (o->groups > 1 && (n->in[0].h > 1 || n->in[0].w > 1))
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[softmax] groups=%d: the input must be 1 x 1, not %d x %d", o->groups,
                        n->in[0].h, n->in[0].w);
    if (o->groups > 1 && n->trains && !o->noloss)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[softmax] groups=%d: an image has one class, so groups need noloss=1",
                        o->groups);
    n->out = n->in[0];
    n->scratch = 2 * (size_t)n->batch; /* a double for each image */
    return DNX_OK;
}

static bool has_loss(const dnx_node *n, const dnx_pass *p) {
    const opts *o = n->opts;
    return p->truth && !o->noloss && o->groups == 1;
}

/* Returns the index of image b's class among its N numbers, or -1 when the class is unknown. */
static long class_at(const dnx_node *n, const dnx_pass *p, long b) {
    float t = p->truth[b];
    if (!(t >= 0 && (double)t < (double)dnx_size(n->out))) return -1;
    return (long)dnx_class_place(n->out, (size_t)t);
}

/* The losses of the images, one double each, are in p->scratch. */
static double *losses_of(const dnx_pass *p) { return (double *)(void *)p->scratch; }

/* y = softmax(x/temperature) of n numbers. Sets *largest to m, the largest x, and returns
 * log(sum of exp((x - m)/temperature)). Subtracting m keeps y finite: exp(89) overflows float32. */
static double normalise(const float *x, size_t n, double temperature, float *y, double *largest) {
    double m = -HUGE_VAL, sum = 0;
    for (size_t i = 0; i < n; i++) m = (double)x[i] > m ? (double)x[i] : m;
    for (size_t i = 0; i < n; i++) {
        double e = exp(((double)x[i] - m) / temperature);
        y[i] = (float)e;
        sum += e;
    }
    for (size_t i = 0; i < n; i++) y[i] = (float)((double)y[i] / sum);
    *largest = m;
    return log(sum);
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const opts *o = n->opts;
    size_t size = dnx_size(n->out), part = size / (size_t)o->groups;
    double T = (double)o->temperature, log_sum = 0, m = 0;
    for (long b = lo; b < hi; b++) {
        const float *x = p->x[0] + (size_t)b * size;
        float *y = p->y + (size_t)b * size;
        for (size_t g = 0; g < size; g += part) log_sum = normalise(x + g, part, T, y + g, &m);
        if (!has_loss(n, p)) continue;
        long k = class_at(n, p, b);
        losses_of(p)[b] = k < 0 ? 0 : log_sum - ((double)x[k] - m) / T;
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    dnx_each_row(n, p, p->batch, forward_rows);
    p->loss = 0;
    for (int b = 0; has_loss(n, p) && b < p->batch; b++) p->loss += losses_of(p)[b];
}

static void loss_back(const dnx_node *n, const dnx_pass *p, long b, const float *y, float *dx) {
    const opts *o = n->opts;
    size_t size = dnx_size(n->out);
    long k = class_at(n, p, b);
    for (size_t i = 0; i < size; i++) {
        float d = k < 0 ? 0 : (((long)i == k ? 1 : 0) - y[i]) / o->temperature;
        dx[i] = p->dx_adds[0] ? dx[i] + d : d;
    }
}

static void plain_back(const dnx_node *n, const float *y, const float *dy, size_t count, bool adds,
                       float *dx) {
    const opts *o = n->opts;
    double along = 0;
    for (size_t i = 0; i < count; i++) along += (double)y[i] * (double)dy[i];
    for (size_t i = 0; i < count; i++) {
        float d = (float)((double)y[i] * ((double)dy[i] - along) / (double)o->temperature);
        dx[i] = adds ? dx[i] + d : d;
    }
}

static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const opts *o = n->opts;
    size_t size = dnx_size(n->out), part = size / (size_t)o->groups;
    for (long b = lo; b < hi; b++) {
        size_t at = (size_t)b * size;
        const float *y = p->y, *dy = p->dy;
        float *dx = p->dx[0];
        bool adds = p->dx_adds[0];
        if (has_loss(n, p)) {
            loss_back(n, p, b, y + at, dx + at);
            adds = true;
        } else if (!dy && !adds) memset(dx + at, 0, sizeof *dx * size);
        for (size_t g = at; dy && g < at + size; g += part)
            plain_back(n, y + g, dy + g, part, adds, dx + g);
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    if (p->dx[0]) dnx_each_row(n, p, p->batch, backward_rows);
}

static int classes(const dnx_node *n) { return (int)dnx_size(n->out); }

static const dnx_classifier classifier = {.output = DNX_VALUES, .classes = classes};

const dnx_layer_type dnx_softmax = {
    .name = "softmax",
    .aliases = "soft",
    .summary = "probabilities and the cross entropy of the class",
    .is_loss = true,
    .is_reentrant = true,
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
    .classifier = &classifier,
};
