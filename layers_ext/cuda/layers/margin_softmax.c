/* The half of [margin_softmax] on a GPU. The processor keeps scale=length, mining, and the options
 * that take class vectors or margins from a teacher. In a network that predicts, the layer computes
 * nothing. The processor draws the sample of classes and finds the class of each image in it
 * before the pass. */
#include "common/face/class_sample.h"
#include "common/face/margin.h"
#include "cuda/cosines.h"

extern const dnx_layer_type dnx_margin_softmax;

typedef struct {
    dnx_gpu_cosines cosines;
    dnx_margin margin;
    dnx_class_sample sample;     /* on the processor */
    int *host_label;             /* B */
    float *block, *label, *rows; /* B x ld; as many ints: B, and the sample's (NULL: all classes) */
    float *row, *now;            /* B x 4 doubles; a struct dnx_cuda_margin */
    bool is_idle;                /* without truth */
} state;

static bool can(const dnx_node *n) {
    return dnx_gpu_option(n, "scale", 0) == 0 && dnx_gpu_option(n, "mining", 0) == 0 &&
           dnx_gpu_option(n, "centres", 0) == 0 && dnx_gpu_option(n, "margins", 0) == 0;
}

static dnx_margin margin_of(const dnx_node *n) {
    const int kind = dnx_gpu_option(n, "margin", 0);
    const float m = dnx_gpu_number(n, "m", 0), t = dnx_gpu_number(n, "t", 0);
    return (dnx_margin){.kind = kind, .is_easy = dnx_gpu_option(n, "easy_margin", 0),
                        .is_ste = dnx_gpu_option(n, "gradient", 0),
                        .m = (double)(m < 0 ? dnx_margin_forms[kind].m : m),
                        .m1 = (double)dnx_gpu_number(n, "m1", 1),
                        .m2 = (double)dnx_gpu_number(n, "m2", 0),
                        .m3 = (double)dnx_gpu_number(n, "m3", 0),
                        .t = (double)(t < 0 ? dnx_margin_forms[kind].t : t),
                        .smoothing = (double)dnx_gpu_number(n, "label_smoothing", 0)};
}

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    dnx_node *n = l->node;
    const size_t B = (size_t)n->batch;
    float *losses = NULL;
    if (!n->trains) return DNX_OK;
    s->margin = margin_of(n);
    dnx_status st = dnx_class_sample_make(&s->sample, n, dnx_gpu_option(n, "classes", 1),
                                          dnx_gpu_number(n, "sample", 1), err);
    if (!st) st = dnx_gpu_cosines_make(l, &s->cosines, s->sample.most, (int)dnx_size(n->in[0]),
                                       true, err);
    if (!st) st = dnx_gpu_new(l, &s->block, B * (size_t)s->cosines.ld, err);
    if (!st) st = dnx_gpu_new(l, &s->label, B, err);
    if (!st && s->sample.rows) st = dnx_gpu_new(l, &s->rows, (size_t)s->sample.most, err);
    if (!st) st = dnx_gpu_new(l, &s->row, 8 * B, err);
    if (!st) st = dnx_gpu_new(l, &s->now, sizeof(struct dnx_cuda_margin) / sizeof(float), err);
    if (!st) st = dnx_gpu_new(l, &losses, 2 * B, err);
    l->losses = (double *)(void *)losses;
    if (!st && !(s->host_label = dnx_new_array(n, B, sizeof *s->host_label, err))) st = DNX_EMEM;
    return st;
}

static void unmake(dnx_gpu_layer *l) {
    state *s = l->state;
    dnx_class_sample_unmake(&s->sample);
    dnx_free(s->host_label);
}

/* The column of each image's class, or what margin.cu says of others. */
static void bring_labels(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    for (int b = 0; b < p->batch; b++) {
        const float y = p->truth[b];
        s->host_label[b] = y == -1 ? -1 : y >= 0 && y < (float)s->sample.classes
                           ? dnx_class_sample_place(&s->sample, (int)y) : -2;
    }
    dnx_device_put(l->device, s->label, s->host_label, sizeof(int) * (size_t)p->batch);
}

static void bring(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    const dnx_node *n = l->node;
    dnx_margin *g = &s->margin;
    s->is_idle = !n->trains || !p->truth;
    if (s->is_idle) return;
    dnx_margin_rise(g, true, p->update, dnx_gpu_option(n, "warmup", 0),
                    (double)dnx_gpu_number(n, "s", 1), (double)dnx_gpu_number(n, "s_start", 0),
                    (double)dnx_gpu_number(n, "ramp_end", 1));
    dnx_class_sample_draw(&s->sample, n, p);
    for (int i = s->sample.n; i < s->sample.most; i++) s->sample.rows[i] = -1;
    bring_labels(l, p);
    const struct dnx_cuda_margin now = {
        .s = g->s, .m = g->m, .m1 = g->m1, .m2 = g->m2, .m3 = g->m3, .smoothing = g->smoothing,
        .ramp = g->ramp, .t = dnx_margin_emphasis(g), .kind = g->kind, .n = s->sample.n,
        .is_easy = g->is_easy, .is_ste = g->is_ste};
    dnx_device_put(l->device, s->now, &now, sizeof now);
    if (s->rows)
        dnx_device_put(l->device, s->rows, s->sample.rows, sizeof(int) * (size_t)s->sample.most);
}

static const int *rows_of(const state *s) { return (const int *)(const void *)s->rows; }
static const int *label_of(const state *s) { return (const int *)(const void *)s->label; }
static const struct dnx_cuda_margin *now_of(const state *s) {
    return (const struct dnx_cuda_margin *)(const void *)s->now;
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    if (s->is_idle) {
        dnx_device_clear(l->device, p->y, sizeof(float) * (size_t)p->batch);
        if (l->losses)
            dnx_device_clear(l->device, l->losses, sizeof(double) * (size_t)p->batch);
        return;
    }
    dnx_gpu_cosines_classes(l, &s->cosines, l->value[0], rows_of(s));
    dnx_gpu_cosines_forward(l, &s->cosines, p->x[0], p->batch, s->block);
    struct margin_loss_args a = {.now = now_of(s), .cosines = s->block, .label = label_of(s),
                                 .row = (double *)(void *)s->row, .losses = l->losses, .y = p->y,
                                 .ld = s->cosines.ld};
    dnx_device_launch(l->device, DNX_CUDA_margin_loss, p->batch, 1, 1, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    if (s->is_idle) {
        if (p->dx[0] && !p->dx_adds[0])
            dnx_device_clear(l->device, p->dx[0],
                             sizeof(float) * dnx_size(l->node->in[0]) * (size_t)p->batch);
        return;
    }
    struct margin_slopes_args a = {.now = now_of(s), .cosines = s->block, .label = label_of(s),
                                   .row = (const double *)(const void *)s->row,
                                   .batch = p->batch, .ld = s->cosines.ld};
    dnx_device_each(l->device, DNX_CUDA_margin_slopes, (long)p->batch * a.ld, &a);
    dnx_gpu_cosines_back(l, &s->cosines, s->block, 1, p->batch, rows_of(s), l->grad[0], p->dx[0],
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
