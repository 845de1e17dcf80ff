/* [triplet]: pulls the features of an image nearer to its own class than to others, by a margin.
 *
 *   L = M/T sum over T triplets of max(0, d_ap - d_an + margin)
 *
 * In a triplet, a and p are two images of one class, and n is an image of another class. d is the
 * squared distance of two features after scaling to unit length; distance=plain takes the
 * root. M is the number of images whose class is known. A batch without a triplet has the loss 0.
 * mining= chooses the triplets of a batch:
 *   hard      one for each image a that has p and n: the farthest p and the nearest n
 *             (Hermans 2017, equation 5)
 *   semihard  for each pair (a, p) a random n with d_ap < d_an < d_ap + margin, if any
 *             (Schroff 2015, section 3.2)
 *   all       all triplets whose term is above 0
 *
 * x (output of the layer `from`, the features): B x D, D = H W C. y: B x 1: 1 if the nearest other
 * image of the batch has the image's class, else 0. No weights. */
#include <math.h>
#include <string.h>

#include "common/face/distances.h"
#include "layer/classifier.h"

enum { HARD, SEMIHARD, ALL };

typedef struct {
    dnx_list from;
    float margin;
    int mining, distance;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "the features; negative counts back"),
    DNX_OPT_FLOAT(opts, margin, .3, 0, 4, "by which other classes must be farther"),
    DNX_OPT_WORD(opts, mining, HARD, "hard|semihard|all", "which triplets of a batch count"),
    DNX_OPT_WORD(opts, distance, 0, "squared|plain", "of the features of unit length"),
    DNX_OPT_END(opts),
};

typedef struct {
    dnx_distances distances;
    long used; /* T, the number of triplets of this batch */
    double sum;
} state;

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    if (n->n_in != 1)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[triplet] from: must name one layer");
    n->out = (dnx_shape){1, 1, 1};
    s->distances.is_plain = o->distance;
    return dnx_distances_make(&s->distances, n, err);
}

/* Counts the triplet (a, pos, neg); with mining=all, only if its term is above 0. A term above 0 is
 * added to `sum`, and its derivatives by d are added to g, both without the factor M/T. */
static void use(dnx_node *n, const dnx_pass *p, int a, int pos, int neg) {
    state *s = n->state;
    const opts *o = n->opts;
    size_t B = (size_t)p->batch, row = (size_t)a * B;
    const double *d = s->distances.d;
    double term = d[row + (size_t)pos] - d[row + (size_t)neg] + (double)o->margin;
    if (o->mining == ALL && term <= 0) return;
    s->used++;
    if (term <= 0) return;
    s->sum += term;
    s->distances.g[row + (size_t)pos] += 1;
    s->distances.g[row + (size_t)neg] -= 1;
}

static void use_hardest(dnx_node *n, const dnx_pass *p, int a) {
    const double *d = ((state *)n->state)->distances.d + (size_t)a * (size_t)p->batch;
    int pos = -1, neg = -1;
    for (int j = 0; j < p->batch; j++) {
        bool is_nan = isnan(d[j]);
        if (dnx_is_same(p, a, j) && (pos < 0 || d[j] > d[pos] || is_nan)) pos = j;
        if (dnx_is_other(p, a, j) && (neg < 0 || d[j] < d[neg] || is_nan)) neg = j;
    }
    if (pos >= 0 && neg >= 0) use(n, p, a, pos, neg);
}

/* Draws a semi-hard n for the pair (a, pos) by Knuth's reservoir sampling, and calls use() for the
 * triplet. */
static void use_semihard(dnx_node *n, const dnx_pass *p, int a, int pos, dnx_rng *r) {
    const opts *o = n->opts;
    const double *d = ((state *)n->state)->distances.d + (size_t)a * (size_t)p->batch;
    int chosen = -1, found = 0;
    for (int j = 0; j < p->batch; j++) {
        if (!dnx_is_other(p, a, j)) continue;
        if (!(d[j] <= d[pos]) && !(d[j] >= d[pos] + (double)o->margin) &&
            dnx_rng_next(r) % (uint64_t)++found == 0)
            chosen = j;
    }
    if (chosen >= 0) use(n, p, a, pos, chosen);
}

static void use_all(dnx_node *n, const dnx_pass *p, int a, int pos) {
    for (int j = 0; j < p->batch; j++)
        if (dnx_is_other(p, a, j)) use(n, p, a, pos, j);
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_rng r;
    p->loss = 0;
    s->used = 0;
    memset(p->y, 0, sizeof(float) * (size_t)p->batch);
    if (!p->truth) return;
    dnx_distances_forward(&s->distances, p);
    dnx_mark_nearest(&s->distances, p);
    dnx_rng_seed(&r, n->seed + p->seen * 0x9e3779b97f4a7c15u, (uint64_t)n->index << 32);
    s->sum = 0;
    for (int a = 0; a < p->batch; a++) {
        if (o->mining == HARD) use_hardest(n, p, a);
        for (int j = 0; j < p->batch && o->mining != HARD; j++) {
            if (!dnx_is_same(p, a, j)) continue;
            if (o->mining == SEMIHARD) use_semihard(n, p, a, j, &r);
            else use_all(n, p, a, j);
        }
    }
    if (!s->used) return;
    double factor = dnx_known(p) / (double)s->used;
    p->loss = factor * s->sum;
    for (size_t i = 0; i < (size_t)p->batch * (size_t)p->batch; i++) s->distances.g[i] *= factor;
}

static void backward(dnx_node *n, dnx_pass *p) {
    dnx_distances_back(&((state *)n->state)->distances, n, p);
}

static long used(const dnx_node *n) { return ((const state *)n->state)->used; }

static const dnx_classifier classifier = {
    .output = DNX_IS_RIGHT, .classes = dnx_any_classes, .needs_pairs = true, .used = used};

const dnx_layer_type dnx_triplet = {
    .name = "triplet",
    .summary = "metric loss over triplets of images",
    .is_loss = true,
    .layers_key = "from",
    .only_named_inputs = true,
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .classifier = &classifier,
};
