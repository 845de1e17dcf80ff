/* [difference]: distillation of features by their mean absolute difference.
 *
 *   loss = weight sum_b 1/N sum_i |x_i - t_i|,  dx_i = weight/N sign(t_i - x_i)
 *
 * x (the student's layer `from`) and t (the teacher's `layer`): B x H x W x C, N = H W C; y: B x 1,
 * the loss of each image. No weights. */
#include <math.h>

#include "layer/classifier.h"

typedef struct {
    dnx_list from;
    float weight;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "the student's layer; default: the last that is not a loss"),
    DNX_OPT_FLOAT(opts, weight, 1, 0, 1e6, "factor of the loss"),
    DNX_OPT_END(opts),
};

static dnx_status make(dnx_node *n, dnx_err *err) {
    dnx_shape x = n->in[0], t = n->distillation->target; /* t is {0} without a teacher */
    if (t.c && (t.h != x.h || t.w != x.w || t.c != x.c))
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[difference] from: %d x %d x %d does not fit the teacher's %d x %d x %d",
                        x.h, x.w, x.c, t.h, t.w, t.c);
    n->out = (dnx_shape){1, 1, 1};
    return DNX_OK;
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    size_t size = dnx_size(n->in[0]);
    p->loss = 0;
    for (size_t b = 0; b < (size_t)p->batch; b++) {
        double sum = 0;
        for (size_t i = b * size; p->target && i < (b + 1) * size; i++)
            sum += fabs((double)p->x[0][i] - (double)p->target[i]);
        p->y[b] = (float)((double)o->weight * sum / (double)size);
        p->loss += (double)p->y[b];
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    size_t size = dnx_size(n->in[0]), count = (size_t)p->batch * size;
    float *dx = p->dx[0], step = o->weight / (float)size;
    for (size_t i = 0; dx && i < count; i++) {
        float apart = p->target ? p->target[i] - p->x[0][i] : 0;
        float d = apart > 0 ? step : apart < 0 ? -step : 0;
        dx[i] = p->dx_adds[0] ? dx[i] + d : d;
    }
}

static const dnx_classifier classifier = {.target = DNX_FEATURE};
const dnx_layer_type dnx_difference = {
    .name = "difference",
    .summary = "mean absolute difference from a teacher's features",
    .is_loss = true,
    .layers_key = "from",
    .options = options,
    .make = make,
    .forward = forward,
    .backward = backward,
    .classifier = &classifier,
};
