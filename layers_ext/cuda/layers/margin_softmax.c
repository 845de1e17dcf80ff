/* margin_softmax.c - the GPU version of [margin_softmax]. The processor draws the sample of
 * classes. In a network that predicts, the layer computes nothing. */
#include "common/face/centres.h"
#include "common/face/class_sample.h"
#include "common/face/mining.h"
#include "cuda/cosines.h"
#include "cuda/loss.h"

typedef struct {
    dnx_gpu_cosines cosines;
    dnx_class_sample sample; /* the sampled classes, in the processor's memory */
    dnx_gpu_labels label;
    float *block; /* B x ld: the cosines; backward() replaces them by their gradients */
    int *rows;    /* class of each column (-1: unused); NULL when all classes are used */
    double *row;  /* B x 5: see margin_args */
    struct dnx_cuda_margin *now;
    double *length, *m_of, *factor; /* B numbers each; NULL when the options do not need them */
    float *along;                   /* B; NULL when length is NULL */
    float *target, *share;          /* target: B x D; share: B; NULL when not needed */
    bool has_target;                /* this pass trains and has the teacher's features */
} state;

static dnx_status make_options(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    const dnx_node *n = l->node;
    const size_t B = (size_t)n->batch;
    const bool by_length = dnx_gpu_option(n, "scale", 0) != 0;
    const bool has_margins = dnx_gpu_option(n, "margins", 0) != 0;
    const bool is_led = has_margins || dnx_gpu_option(n, "centres", 0) == DNX_CENTRES_TEACHER;
    dnx_status st = DNX_OK;
    s->cosines.by_length = by_length;
    if (by_length) st = dnx_gpu_new_bytes(l, &s->length, sizeof *s->length * B, err);
    if (!st && by_length) st = dnx_gpu_new(l, &s->along, B, err);
    s->cosines.along = s->along;
    if (!st && (by_length || dnx_gpu_option(n, "mining", 0)))
        st = dnx_gpu_new_bytes(l, &s->factor, sizeof *s->factor * B, err);
    if (!st && has_margins) st = dnx_gpu_new_bytes(l, &s->m_of, sizeof *s->m_of * B, err);
    if (!st && is_led) st = dnx_gpu_new(l, &s->share, B, err);
    if (!st && is_led) st = dnx_gpu_new(l, &s->target, B * (size_t)s->cosines.D, err);
    return st;
}

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    dnx_node *n = l->node;
    const size_t B = (size_t)n->batch;
    if (!n->trains) return DNX_OK;
    dnx_status st = dnx_class_sample_make(&s->sample, n, dnx_gpu_option(n, "classes", 1),
                                          dnx_gpu_number(n, "sample", 1), err);
    if (!st)
        st = dnx_gpu_cosines_make(l, &s->cosines, s->sample.most, (int)dnx_size(n->in[0]), true,
                                  err);
    if (!st) st = dnx_gpu_new(l, &s->block, B * (size_t)s->cosines.ld, err);
    if (!st) st = dnx_gpu_new_labels(l, &s->label, err);
    if (!st && s->sample.rows)
        st = dnx_gpu_new_bytes(l, &s->rows, sizeof *s->rows * (size_t)s->sample.most, err);
    if (!st) st = dnx_gpu_new_bytes(l, &s->row, 5 * sizeof *s->row * B, err);
    if (!st) st = dnx_gpu_new_bytes(l, &s->now, sizeof *s->now, err);
    if (!st) st = dnx_gpu_new_losses(l, err);
    if (!st) st = make_options(l, err);
    return st;
}

/* Copies the labels to the device. An image's label is the column of its class among the cosines;
 * -1 when the class is unknown, -2 when the truth is no class of the layer. */
static void bring_labels(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    for (int b = 0; b < p->batch; b++) {
        const float y = p->truth[b];
        s->label.host[b] = y == -1 ? -1
                           : y >= 0 && y < (float)s->sample.classes
                               ? dnx_class_sample_place(&s->sample, (int)y)
                               : -2;
    }
    dnx_gpu_put_labels(l, &s->label, p->batch);
}

static void bring(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    const dnx_node *n = l->node;
    l->is_idle = !n->trains || !p->truth;
    if (l->is_idle) return;
    dnx_class_sample_draw(&s->sample, n, p);
    for (int i = s->sample.n; i < s->sample.most; i++) s->sample.rows[i] = -1;
    bring_labels(l, p);
    struct dnx_cuda_margin now = {dnx_gpu_margin(n, p->update), s->sample.n};
    now.g.t = (double)dnx_margin_emphasis(&now.g);
    dnx_device_put(l->device, s->now, &now, sizeof now);
    if (s->rows)
        dnx_device_put(l->device, s->rows, s->sample.rows, sizeof(int) * (size_t)s->sample.most);
    s->has_target = s->target && p->target && p->is_training;
    if (s->has_target) dnx_gpu_bring_target(l, p, s->target);
}

static struct margin_args args_of(const dnx_gpu_layer *l, const dnx_pass *p) {
    const state *s = l->state;
    const int mining = dnx_gpu_option(l->node, "mining", 0);
    return (struct margin_args){.now = s->now,
                                .of = {.length = s->length, .m = s->has_target ? s->m_of : NULL},
                                .cosines = s->block,
                                .x = p->x[0],
                                .label = s->label.device,
                                .row = s->row,
                                .losses = l->losses,
                                .factor = s->factor,
                                .y = p->y,
                                .along = s->along,
                                .focus = (double)dnx_gpu_number(l->node, "focus", 0),
                                .keep = (double)dnx_gpu_number(l->node, "keep", 1),
                                .batch = p->batch,
                                .ld = s->cosines.ld,
                                .size = s->cosines.D,
                                .is_hard = mining == DNX_MINING_HARD,
                                .is_focal = mining == DNX_MINING_FOCAL};
}

static void follow_teacher(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    const dnx_node *n = l->node;
    const dnx_margin g = dnx_gpu_margin(n, p->update);
    const int alpha = dnx_gpu_option(n, "alpha", 0);
    struct centres_args a = {.w = l->value[0],
                             .x = p->x[0],
                             .t = s->target,
                             .label = s->label.device,
                             .rows = s->rows,
                             .share = s->share,
                             .m_of = s->m_of,
                             .fixed = (double)dnx_gpu_number(n, "alpha_fixed", 0),
                             .m = g.m,
                             .least = (double)dnx_gpu_number(n, "m_least", 0),
                             .batch = p->batch,
                             .D = s->cosines.D,
                             .is_fixed = alpha == DNX_ALPHA_FIXED,
                             .by_centre = alpha == DNX_ALPHA_CENTRE};
    if (dnx_gpu_option(n, "centres", 0) == DNX_CENTRES_TEACHER)
        dnx_device_launch(l->device, DNX_CUDA_centres_follow, p->batch, 1, 1, &a);
    if (!s->m_of) return;
    dnx_gpu_rows(l, DNX_CUDA_centres_near, p->batch, &a);
    dnx_device_launch(l->device, DNX_CUDA_centres_margins, 1, 1, 1, &a);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    if (s->has_target) follow_teacher(l, p);
    dnx_gpu_cosines_classes(l, &s->cosines, l->value[0], s->rows);
    dnx_gpu_cosines_forward(l, &s->cosines, p->x[0], p->batch, s->block);
    const struct margin_args a = args_of(l, p);
    dnx_device_launch(l->device, DNX_CUDA_margin_loss, p->batch, 1, 1, &a);
    if (a.factor) dnx_device_launch(l->device, DNX_CUDA_margin_images, 1, 1, 1, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    const struct margin_args a = args_of(l, p);
    dnx_device_each(l->device, DNX_CUDA_margin_slopes, (long)p->batch * a.ld, &a);
    dnx_gpu_cosines_back(l, &s->cosines, s->block, p->batch, s->rows, l->grad[0], p->dx[0],
                         p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_margin_softmax = {
    .state_size = sizeof(state),
    .make = make,
    .bring = bring,
    .forward = forward,
    .backward = backward,
};
