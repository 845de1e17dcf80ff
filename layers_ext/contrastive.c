/* [contrastive]: pulls features of one class together and pushes features of two classes apart.
 *
 *   L = M (1/P sum 1/2 d_ij^2 + 1/N sum 1/2 max(0, margin - d_ij)^2)
 *
 * The first sum is over the P pairs (i, j) of the same class in the batch, the second over the N
 * pairs of different classes with d_ij < margin. d_ij is the distance between the features of
 * images i and j, after scaling to unit length. M is the number of images with a known class. A sum
 * without pairs is 0.
 *
 * x (output of the layer `from`, the features): B x D, D = H W C. y: B x 1: 1 if the nearest other
 * image of the batch has the image's class, else 0. No weights. Hadsell et al. 2006, equation 4,
 * but here each sum is divided by its number of pairs. */
#include <string.h>

#include "common/face/distances.h"
#include "layer/classifier.h"

typedef struct {
    dnx_list from;
    float margin;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "the features; negative counts back"),
    DNX_OPT_FLOAT(opts, margin, 1, 0, 2, "distance from which two classes are far enough"),
    DNX_OPT_END(opts),
};

typedef struct {
    dnx_distances distances;
    long count[2]; /* the numbers of pairs P and N of this batch */
} state;

static dnx_status make(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    if (n->n_in != 1)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[contrastive] from: must name one layer");
    n->out = (dnx_shape){1, 1, 1};
    s->distances.is_plain = true;
    return dnx_distances_make(&s->distances, n, err);
}

static void forward(dnx_node *n, dnx_pass *p) {
    double margin = (double)((const opts *)n->opts)->margin, sum[2] = {0}, known;
    dnx_distances *s = &((state *)n->state)->distances;
    long *count = ((state *)n->state)->count;
    count[0] = count[1] = 0;
    p->loss = 0;
    memset(p->y, 0, sizeof(float) * (size_t)p->batch);
    if (!p->truth) return;
    dnx_distances_forward(s, p);
    dnx_mark_nearest(s, p);
    known = dnx_known(p);
    for (int pass = 0; pass < 2; pass++) /* pass 0 counts and sums, pass 1 sets derivatives */
        for (int i = 0; i < p->batch; i++)
            for (int j = i + 1; j < p->batch; j++) {
                size_t at = (size_t)i * (size_t)p->batch + (size_t)j;
                bool is_other = dnx_is_other(p, i, j);
                double e = is_other ? s->d[at] - margin : s->d[at];
                if ((!is_other && !dnx_is_same(p, i, j)) || (is_other && e >= 0)) continue;
                if (pass) s->g[at] = known * e / (double)count[is_other];
                else count[is_other]++, sum[is_other] += e * e / 2;
            }
    for (int k = 0; k < 2; k++)
        if (count[k]) p->loss += known * sum[k] / (double)count[k];
}

static void backward(dnx_node *n, dnx_pass *p) {
    dnx_distances_back(&((state *)n->state)->distances, n, p);
}

static long used(const dnx_node *n) {
    const state *s = n->state;
    return s->count[0] + s->count[1];
}

static const dnx_classifier classifier = {
    .output = DNX_IS_RIGHT, .classes = dnx_any_classes, .needs_pairs = true, .used = used};

const dnx_layer_type dnx_contrastive = {
    .name = "contrastive",
    .summary = "metric loss over pairs of images",
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
