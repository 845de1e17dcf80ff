/* [center_loss]: pulls the features of an image to the centre of its class. Use it together with a
 * loss that separates the classes.
 *
 *   L = sum_b weight/2 |x_b - c_k|^2,   k = the class of image b, c_k = the centre of class k
 *
 * The centres are trained by the gradient of L. The paper moves each centre by a mean of x_b - c_k,
 * with a separate learning rate. Here learning_rate= in this section sets the rate of the centres.
 *
 * x (output of the layer `from`): B x D, D = H W C. y: B x 1, the loss of each image. An image
 * without a class (truth -1) has loss 0. Any other truth outside 0..N-1 makes the loss NaN. Weights
 * file: centres N x D, initially 0, N = classes. Wen et al. 2016, "A discriminative feature
 * learning approach", equation 2. */
#include <math.h>

#include "layer/classifier.h"

typedef struct {
    dnx_list from;
    int classes;
    float weight;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "the features; negative counts back"),
    DNX_OPT_INT(opts, classes, 0, 1, 100000000, "number of classes"),
    DNX_OPT_FLOAT(opts, weight, .003, 0, 1e6, "factor of the loss"),
    DNX_OPT_END(opts),
};

typedef struct {
    float *centres, *d_centres; /* N x D */
} state;

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    if (n->n_in != 1)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[center_loss] from: must name one layer");
    if (o->classes < 1)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[center_loss] classes must be given");
    size_t count = (size_t)o->classes * dnx_size(n->in[0]);
    n->out = (dnx_shape){1, 1, 1};
    return dnx_new_param(n, &s->centres, &s->d_centres, (dnx_param){"centres", count}, err);
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    const state *s = n->state;
    size_t D = dnx_size(n->in[0]);
    p->loss = 0;
    for (int b = 0; b < p->batch; b++) {
        p->y[b] = 0;
        if (!p->truth || p->truth[b] == -1) continue;
        const float *x = p->x[0] + (size_t)b * D;
        const float *c = dnx_has_class(p, b, o->classes) ? s->centres + (size_t)p->truth[b] * D
                                                         : NULL;
        double sq = c ? 0 : NAN;
        for (size_t k = 0; c && k < D; k++) {
            double e = (double)x[k] - (double)c[k];
            sq += e * e;
        }
        p->y[b] = (float)((double)o->weight / 2 * sq);
        p->loss += (double)o->weight / 2 * sq;
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    state *s = n->state;
    size_t D = dnx_size(n->in[0]);
    dnx_clear_dx(n, p, 0);
    for (int b = 0; p->truth && b < p->batch; b++) {
        if (!dnx_has_class(p, b, o->classes)) continue;
        const float *x = p->x[0] + (size_t)b * D, *c = s->centres + (size_t)p->truth[b] * D;
        float *d = s->d_centres + (size_t)p->truth[b] * D, *dx = p->dx[0];
        for (size_t k = 0; k < D; k++) {
            float e = o->weight * (x[k] - c[k]);
            d[k] += e;
            if (dx) dx[(size_t)b * D + k] -= e;
        }
    }
}

static int classes(const dnx_node *n) { return ((const opts *)n->opts)->classes; }

static const dnx_classifier classifier = {.output = DNX_NO_ANSWER, .classes = classes};

const dnx_layer_type dnx_center_loss = {
    .name = "center_loss",
    .summary = "distance of the features from the centre of their class",
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
