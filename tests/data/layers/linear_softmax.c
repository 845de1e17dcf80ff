/* [linear_softmax]: a linear classifier and the cross-entropy of its probabilities.
 *
 *   z_j = w_j.x,   y = softmax(z),   loss = sum_b -log y[b, class of b],   dz = onehot - y
 *
 * x: B x D (D = H W C), y: B x N (N classes). Without a label, or with the label -1, loss and
 * gradient are 0. Weights file: weights N x D. */
#include <math.h>

#include "layer/classifier.h"

typedef struct {
    int classes;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, classes, 2, 1, 1000000, "number of classes; auto: as the data file says"),
    DNX_OPT_END(opts),
};

typedef struct {
    float *w, *d_w; /* N x D */
} state;

static int classes(const dnx_node *n) { return ((const opts *)n->opts)->classes; }

static dnx_status make(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    const size_t D = dnx_size(n->in[0]), count = (size_t)classes(n) * D;
    n->out = (dnx_shape){1, 1, classes(n)};
    n->scratch = (size_t)n->batch * (size_t)classes(n);
    const dnx_param w = {"weights", count, 1, classes(n), DNX_WEIGHTS};
    dnx_status st = dnx_new_param(n, &s->w, &s->d_w, w, err);
    dnx_rng g;
    dnx_rng_seed(&g, n->seed, (uint64_t)n->index);
    for (size_t i = 0; !st && i < count; i++) s->w[i] = dnx_rng_normal(&g) / sqrtf((float)D);
    return st;
}

/* Stores the logits of classes lo to hi - 1. x: batch x D, z: batch x (hi - lo). */
static void logits(dnx_node *n, const float *x, int batch, int lo, int hi, float *z) {
    const size_t D = dnx_size(n->in[0]);
    for (size_t b = 0; b < (size_t)batch; b++)
        for (size_t j = (size_t)lo; j < (size_t)hi; j++, z++) {
            *z = 0;
            for (size_t i = 0; i < D; i++) *z += ((state *)n->state)->w[j * D + i] * x[b * D + i];
        }
}

static void logits_back(dnx_node *n, const float *x, int batch, int lo, int hi, const float *dz,
                        float *dx) {
    const state *s = n->state;
    const size_t D = dnx_size(n->in[0]);
    for (size_t b = 0; b < (size_t)batch; b++)
        for (size_t j = (size_t)lo; j < (size_t)hi; j++, dz++)
            for (size_t i = 0; i < D; i++) {
                s->d_w[j * D + i] += *dz * x[b * D + i];
                if (dx) dx[b * D + i] += *dz * s->w[j * D + i];
            }
}

static void forward(dnx_node *n, dnx_pass *p) {
    const int N = classes(n);
    logits(n, p->x[0], p->batch, 0, N, p->y);
    p->loss = 0;
    for (int b = 0; b < p->batch; b++) {
        float *y = p->y + (size_t)b * (size_t)N, largest = y[0], sum = 0;
        for (int j = 1; j < N; j++) largest = y[j] > largest ? y[j] : largest;
        for (int j = 0; j < N; j++) sum += expf(y[j] - largest);
        const float norm = largest + logf(sum);
        if (dnx_has_class(p, b, N)) p->loss += (double)(norm - y[(int)p->truth[b]]);
        for (int j = 0; j < N; j++) y[j] = expf(y[j] - norm);
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    const int N = classes(n);
    float *dz = p->scratch;
    for (int b = 0; b < p->batch; b++)
        for (int j = 0; j < N; j++, dz++)
            *dz = !dnx_has_class(p, b, N) ? 0 : (j == (int)p->truth[b]) - p->y[dz - p->scratch];
    dnx_clear_dx(n, p, 0);
    logits_back(n, p->x[0], p->batch, 0, N, p->scratch, p->dx[0]);
}

static const dnx_classifier classifier = {
    .output = DNX_VALUES, .classes = classes, .logits = logits, .logits_back = logits_back};
const dnx_layer_type dnx_linear_softmax = {
    .name = "linear_softmax",
    .summary = "a linear classifier and its cross-entropy",
    .is_loss = true,
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .classifier = &classifier,
};
