/* margin_softmax.c - the GPU version of [margin_softmax]. Layers with scale=length, with mining,
 * with class vectors that follow a teacher, or with a teacher's margins run on the processor. In a
 * network that predicts, the layer computes nothing. Before a pass, the processor draws the sample
 * of classes and finds the class of each image in it. */
#include "common/face/centres.h"
#include "common/face/class_sample.h"
#include "cuda/cosines.h"
#include "cuda/loss.h"

extern const dnx_layer_type dnx_margin_softmax;

typedef struct {
    dnx_gpu_cosines cosines;
    dnx_class_sample sample; /* on the processor */
    int *host_label;         /* B */
    float *block;            /* B x ld */
    float *label, *rows;     /* ints: B; the sample's classes, NULL when all are used */
    float *row, *now;        /* B x 4 doubles; a struct dnx_cuda_margin */
    bool is_idle;            /* the pass has no labels */
} state;

static bool can(const dnx_node *n) {
    return dnx_gpu_option(n, "scale", 0) == 0 && dnx_gpu_option(n, "mining", 0) == 0 &&
           dnx_gpu_option(n, "centres", 0) != DNX_CENTRES_TEACHER &&
           dnx_gpu_option(n, "margins", 0) == 0;
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
    if (!st) st = dnx_gpu_new(l, &s->label, B, err);
    if (!st && s->sample.rows) st = dnx_gpu_new(l, &s->rows, (size_t)s->sample.most, err);
    if (!st) st = dnx_gpu_new(l, &s->row, 8 * B, err);
    if (!st) st = dnx_gpu_new(l, &s->now, sizeof(struct dnx_cuda_margin) / sizeof(float), err);
    if (!st) st = dnx_gpu_new_losses(l, err);
    if (!st && !(s->host_label = dnx_new_array(n, B, sizeof *s->host_label, err))) st = DNX_EMEM;
    return st;
}

static void unmake(dnx_gpu_layer *l) {
    state *s = l->state;
    dnx_class_sample_unmake(&s->sample);
    dnx_free(s->host_label);
}

/* Copies the column of each image's class: -1 when the class is unknown, -2 when the network has no
 * such class. */
static void bring_labels(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    for (int b = 0; b < p->batch; b++) {
        const float y = p->truth[b];
        s->host_label[b] = y == -1 ? -1
                           : y >= 0 && y < (float)s->sample.classes
                               ? dnx_class_sample_place(&s->sample, (int)y)
                               : -2;
    }
    dnx_device_put(l->device, s->label, s->host_label, sizeof(int) * (size_t)p->batch);
}

static void bring(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    const dnx_node *n = l->node;
    s->is_idle = !n->trains || !p->truth;
    if (s->is_idle) return;
    dnx_class_sample_draw(&s->sample, n, p);
    for (int i = s->sample.n; i < s->sample.most; i++) s->sample.rows[i] = -1;
    bring_labels(l, p);
    const dnx_margin g = dnx_gpu_margin(n, p->update);
    const struct dnx_cuda_margin now = {.s = g.s,
                                        .m = g.m,
                                        .m1 = g.m1,
                                        .m2 = g.m2,
                                        .m3 = g.m3,
                                        .smoothing = g.smoothing,
                                        .ramp = g.ramp,
                                        .t = dnx_margin_emphasis(&g),
                                        .kind = g.kind,
                                        .n = s->sample.n,
                                        .is_easy = g.is_easy,
                                        .is_ste = g.is_ste};
    dnx_device_put(l->device, s->now, &now, sizeof now);
    if (s->rows)
        dnx_device_put(l->device, s->rows, s->sample.rows, sizeof(int) * (size_t)s->sample.most);
}

static const int *rows_of(const state *s) { return s->rows ? dnx_gpu_ints(s->rows) : NULL; }
static const struct dnx_cuda_margin *now_of(const state *s) {
    return (const struct dnx_cuda_margin *)(const void *)s->now;
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    if (s->is_idle) {
        dnx_gpu_idle_forward(l, p);
        return;
    }
    dnx_gpu_cosines_classes(l, &s->cosines, l->value[0], rows_of(s));
    dnx_gpu_cosines_forward(l, &s->cosines, p->x[0], p->batch, s->block);
    struct margin_loss_args a = {.now = now_of(s),
                                 .cosines = s->block,
                                 .label = dnx_gpu_ints(s->label),
                                 .row = dnx_gpu_doubles(s->row),
                                 .losses = l->losses,
                                 .y = p->y,
                                 .ld = s->cosines.ld};
    dnx_device_launch(l->device, DNX_CUDA_margin_loss, p->batch, 1, 1, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    if (s->is_idle) {
        dnx_gpu_idle_backward(l, p);
        return;
    }
    struct margin_slopes_args a = {.now = now_of(s),
                                   .cosines = s->block,
                                   .label = dnx_gpu_ints(s->label),
                                   .row = dnx_gpu_doubles(s->row),
                                   .batch = p->batch,
                                   .ld = s->cosines.ld};
    dnx_device_each(l->device, DNX_CUDA_margin_slopes, (long)p->batch * a.ld, &a);
    dnx_gpu_cosines_back(l, &s->cosines, s->block, p->batch, rows_of(s), l->grad[0], p->dx[0],
                         p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_margin_softmax = {
    .type = &dnx_margin_softmax,
    .state_size = sizeof(state),
    .can = can,
    .make = make,
    .unmake = unmake,
    .bring = bring,
    .forward = forward,
    .backward = backward,
};
