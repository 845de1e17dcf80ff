/* [dropout]: when training, sets each number to 0 with the chance `probability` and divides all
 * others by 1 - probability. When predicting, y = x. x, y: B x H x W x C. No weights.
 * Srivastava et al. 2014, section 10. */
#include <string.h>

#include "common/dropped.h"

typedef struct {
    float probability;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_FLOAT(opts, probability, .5, 0, .99, "share of the numbers that are set to 0"),
    DNX_OPT_END(opts),
};

typedef struct {
    bool is_dropping;    /* the last forward pass was a training pass */
    unsigned char *keep; /* batch x H x W x C: 1 where a number is kept, else 0 */
} state;

static dnx_status make(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    n->out = n->in[0];
    if (!n->trains) return DNX_OK;
    s->keep = dnx_new_array(n, (size_t)n->batch * dnx_size(n->out), sizeof *s->keep, err);
    return s->keep ? DNX_OK : DNX_EMEM;
}

static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const opts *o = n->opts;
    state *s = n->state;
    size_t size = dnx_size(n->out);
    float scale = 1 / (1 - o->probability);
    for (size_t b = (size_t)lo; b < (size_t)hi; b++) {
        const float *x = p->x[0] + b * size;
        float *y = p->y + b * size;
        unsigned char *keep = s->keep + b * size;
        dnx_dropout_keep(n, p, o->probability, b, keep);
        for (size_t i = 0; i < size; i++) y[i] = keep[i] ? x[i] * scale : 0;
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    if (n->trains) s->is_dropping = p->is_training;
    if (!s->is_dropping) {
        memcpy(p->y, p->x[0], sizeof *p->y * (size_t)p->batch * dnx_size(n->out));
        return;
    }
    dnx_each_row(n, p, p->batch, forward_rows);
}

static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const opts *o = n->opts;
    const state *s = n->state;
    float scale = s->is_dropping ? 1 / (1 - o->probability) : 1;
    for (size_t i = (size_t)lo; i < (size_t)hi; i++) {
        float d = s->is_dropping && !s->keep[i] ? 0 : p->dy[i] * scale;
        p->dx[0][i] = p->dx_adds[0] ? p->dx[0][i] + d : d;
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    if (p->dx[0]) dnx_each_row(n, p, (long)p->batch * (long)dnx_size(n->out), backward_rows);
}

const dnx_layer_type dnx_dropout = {
    .name = "dropout",
    .summary = "sets random numbers to 0 while training",
    .is_reentrant = true,
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
};
