/* kd_probability.c - the GPU version of [kd_probability]. The logits of student and teacher for all
 * images of a batch and all classes are in the GPU's memory. Products are in the layer's precision,
 * sums in double. */
#include "cuda/cosines.h"
#include "cuda/loss.h"

extern const dnx_layer_type dnx_margin_softmax;

typedef struct {
    int N;
    bool has_groups;
    dnx_gpu_cosines student, teacher;
    float *zs, *zt; /* cosines, B x ld; NULL without a head */
    float *target;
    double *sums; /* B x 11 */
    struct dnx_cuda_probability *now;
    /* with groups */
    dnx_gpu_labels label;
    float *least;        /* B */
    double *norm, *mass; /* norm: B; mass: N */
    int *count;
} state;

static bool can(const dnx_node *n) {
    const dnx_distillation *d = n->distillation;
    if (!dnx_size(d->target)) return true;
    const dnx_node *t = d->target_head;
    return (!d->head || d->head->type == &dnx_margin_softmax) &&
           (!t || t->type->classifier->vectors);
}

static dnx_status make_teacher(dnx_gpu_layer *l, const dnx_node *head, dnx_err *err) {
    state *s = l->state;
    size_t length;
    float *w = NULL;
    const float *vectors = head->type->classifier->vectors(head, &length);
    const size_t floats = (size_t)s->N * length;
    dnx_status st = dnx_gpu_cosines_make(l, &s->teacher, s->N, (int)length, false, err);
    if (!st) st = dnx_gpu_new(l, &s->zt, (size_t)l->node->batch * (size_t)s->teacher.ld, err);
    if (!st) st = dnx_gpu_new(l, &w, floats, err);
    if (st) return st;
    s->teacher.by_length = dnx_gpu_option(head, "scale", 0) != 0;
    dnx_device_put(l->device, w, vectors, sizeof(float) * floats);
    dnx_gpu_cosines_classes(l, &s->teacher, w, NULL);
    return DNX_OK;
}

static dnx_status make_groups(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    dnx_node *n = l->node;
    const size_t B = (size_t)n->batch;
    dnx_status st = dnx_gpu_new_labels(l, &s->label, err);
    if (!st) st = dnx_gpu_new(l, &s->least, B, err);
    if (!st) st = dnx_gpu_new_bytes(l, &s->norm, sizeof *s->norm * B, err);
    if (!st) st = dnx_gpu_new_bytes(l, &s->mass, sizeof *s->mass * (size_t)s->N, err);
    if (!st) st = dnx_gpu_new_bytes(l, &s->count, sizeof *s->count, err);
    return st;
}

static dnx_status make(dnx_gpu_layer *l, dnx_err *err) {
    state *s = l->state;
    const dnx_node *n = l->node;
    const dnx_distillation *d = n->distillation;
    const size_t B = (size_t)n->batch;
    if (!n->trains || !dnx_size(d->target)) return DNX_OK;
    s->N = d->head ? d->head->type->classifier->classes(d->head) : (int)dnx_size(n->in[0]);
    s->has_groups = dnx_gpu_number(n, "group", 0) > 0;
    dnx_status st = dnx_gpu_new(l, &s->target, B * dnx_size(d->target), err);
    if (!st) st = dnx_gpu_new_bytes(l, &s->sums, 11 * sizeof *s->sums * B, err);
    if (!st) st = dnx_gpu_new_bytes(l, &s->now, sizeof *s->now, err);
    if (!st) st = dnx_gpu_new_losses(l, err);
    if (!st && d->head) {
        st = dnx_gpu_cosines_make(l, &s->student, s->N, (int)dnx_size(n->in[0]), true, err);
        s->student.by_length = dnx_gpu_option(d->head, "scale", 0) != 0;
        if (!st) st = dnx_gpu_new(l, &s->zs, B * (size_t)s->student.ld, err);
    }
    if (!st && d->target_head) st = make_teacher(l, d->target_head, err);
    if (!st && s->has_groups) st = make_groups(l, err);
    return st;
}

static void bring(dnx_gpu_layer *l, const dnx_pass *p) {
    state *s = l->state;
    const dnx_node *n = l->node, *head = n->distillation->head;
    const dnx_node *t = n->distillation->target_head;
    const int warmup = dnx_gpu_option(n, "warmup", 0);
    const double weight = (double)dnx_gpu_number(n, "weight", 1);
    if (!dnx_gpu_bring_target(l, p, s->target)) return;
    const bool rises = p->update < (uint64_t)warmup;
    const struct dnx_cuda_probability now = {
        .weight = weight * (rises ? (double)p->update / warmup : 1),
        .scale = head && !s->student.by_length ? (float)dnx_gpu_margin(head, p->update).s : 1,
        .scale_of_teacher = t && !s->teacher.by_length ? dnx_gpu_number(t, "s", 1) : 1};
    dnx_device_put(l->device, s->now, &now, sizeof now);
    if (s->has_groups)
        dnx_gpu_bring_classes(l, &s->label, p, head ? (dnx_shape){1, 1, s->N} : n->in[0]);
}

static struct probability_args args_of(const dnx_gpu_layer *l, const dnx_pass *p) {
    const state *s = l->state;
    const dnx_node *n = l->node;
    return (struct probability_args){.student = {.z = s->zs ? s->zs : p->x[0],
                                                 .is_cosine = s->zs != NULL,
                                                 .by_length = s->student.by_length,
                                                 .ld = s->zs ? s->student.ld : s->N},
                                     .teacher = {.z = s->zt ? s->zt : s->target,
                                                 .is_cosine = s->zt != NULL,
                                                 .by_length = s->teacher.by_length,
                                                 .ld = s->zt ? s->teacher.ld : s->N},
                                     .now = s->now,
                                     .temperature = (double)dnx_gpu_number(n, "temperature", 1),
                                     .between = (double)dnx_gpu_number(n, "group_between", 1),
                                     .within = (double)dnx_gpu_number(n, "group_within", 1),
                                     .has_groups = s->has_groups,
                                     .by_student = dnx_gpu_option(n, "group_by", 0) == 0,
                                     .least = s->least,
                                     .label = s->label.device,
                                     .sums = s->sums,
                                     .losses = l->losses,
                                     .y = p->y,
                                     .N = s->N,
                                     .batch = p->batch};
}

static void find_leading(dnx_gpu_layer *l, const struct probability_args *of) {
    state *s = l->state;
    struct leading_args a = {.side = of->by_student ? of->student : of->teacher,
                             .scale = of->by_student ? &of->now->scale : &of->now->scale_of_teacher,
                             .share = (double)dnx_gpu_number(l->node, "group", 1),
                             .label = of->label,
                             .norm = s->norm,
                             .mass = s->mass,
                             .count = s->count,
                             .least = s->least,
                             .N = s->N,
                             .batch = of->batch};
    dnx_device_launch(l->device, DNX_CUDA_leading_norm, a.batch, 1, 1, &a);
    dnx_device_each(l->device, DNX_CUDA_leading_mass, a.N, &a);
    dnx_device_launch(l->device, DNX_CUDA_leading_count, 1, 1, 1, &a);
    dnx_device_launch(l->device, DNX_CUDA_leading_least, a.batch, 1, 1, &a);
}

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    if (s->zs) {
        dnx_gpu_cosines_classes(l, &s->student, l->head->value[0], NULL);
        dnx_gpu_cosines_forward(l, &s->student, p->x[0], p->batch, s->zs);
    }
    if (s->zt) dnx_gpu_cosines_forward(l, &s->teacher, s->target, p->batch, s->zt);
    struct probability_args a = args_of(l, p);
    if (s->has_groups) find_leading(l, &a);
    dnx_device_launch(l->device, DNX_CUDA_probability_loss, p->batch, 1, 1, &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    state *s = l->state;
    struct probability_args a = args_of(l, p);
    a.dz = s->zs ? s->zs : p->dx[0];
    a.ld = s->zs ? s->student.ld : s->N;
    a.adds = !s->zs && p->dx_adds[0];
    if (a.dz) dnx_device_each(l->device, DNX_CUDA_probability_slopes, (long)p->batch * a.ld, &a);
    if (s->zs)
        dnx_gpu_cosines_back(l, &s->student, s->zs, p->batch, NULL, l->head->grad[0], p->dx[0],
                             p->dx_adds[0]);
}

const dnx_gpu_type dnx_gpu_kd_probability = {
    .state_size = sizeof(state),
    .can = can,
    .make = make,
    .bring = bring,
    .forward = forward,
    .backward = backward,
};
