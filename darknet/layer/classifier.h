/* classifier.h - optional: layers that classify, and losses that imitate a teacher. A type sets
 * .classifier; ordinary layers do not. */
#ifndef DNX_CLASSIFIER_H
#define DNX_CLASSIFIER_H
#include "dnx.h"

/* The output of the teacher that a loss of distillation imitates. */
typedef enum {
    DNX_NO_TARGET, /* the type is not a loss of distillation */
    DNX_FEATURE,   /* an output of a layer of the teacher */
    DNX_LOGITS,    /* the logits of the teacher's classifier */
    DNX_VECTORS    /* the class vectors of the teacher's classifier; the teacher never runs */
} dnx_target_kind;

/* The meaning of the numbers of a layer's output. */
typedef enum {
    DNX_VALUES,   /* a value for each class; class k is at index dnx_class_place(out, k) */
    DNX_IS_RIGHT, /* one number for each image: 1 when its class is the most likely */
    DNX_NO_ANSWER /* the numbers do not say which class an image has */
} dnx_output;

typedef struct dnx_classifier {
    dnx_target_kind target;
    dnx_output output;
    bool needs_labels; /* the loss of distillation also learns from the classes of images */
    bool needs_shape;  /* its parameters depend on the shape of the teacher's output */
    bool needs_pairs;  /* learns nothing from a sub-batch without two images of a class */
    /* For a loss over classes: returns which outputs of a teacher it uses, besides the labels, with
     * its options. Its inputs are found like those of ordinary layers. It has a teacher only when
     * the network trains, and even then p->target may be NULL. takes is NULL in a type that never
     * has a teacher. */
    dnx_target_kind (*takes)(const dnx_node *n);
    /* The number of triplets or pairs that the last forward() used. NULL when they are not
     * counted. */
    long (*used)(const dnx_node *n);
    /* The number of classes. NULL when the type has no classes. */
    int (*classes)(const dnx_node *n);
    /* For a classifier that never holds all logits in memory: z[b][j - lo] = the logit, without
     * margin, of class j for lo <= j < hi and features x, B x D. A type sets both logits and
     * logits_back, or neither. */
    void (*logits)(dnx_node *n, const float *x, int batch, int lo, int hi, float *z);
    /* dz: descent directions of these logits. Adds to the gradients of the parameters and to dx,
     * which may be NULL. Call it only after logits() with the same x. */
    void (*logits_back)(dnx_node *n, const float *x, int batch, int lo, int hi, const float *dz,
                        float *dx);
    /* The class vectors of a trained classifier: classes(n) x *length floats. NULL without them. */
    const float *(*vectors)(const dnx_node *n, size_t *length);
} dnx_classifier;

/* n->distillation of a loss with a teacher. Input 0 of a loss of distillation is the layer that
 * `layers_key` names, or the last suitable layer before it. p->target is the teacher's output:
 * batch x target floats. It is NULL without a teacher, as in `darknet classifier raw`: then a
 * loss of distillation has the loss 0 and stores 0 in dx, and its y is finite. */
typedef struct dnx_distillation {
    dnx_shape target;      /* {0} when there is no teacher, which is allowed in prediction */
    dnx_node *head;        /* for DNX_LOGITS: turns in[0] into logits, or NULL if in[0] has them */
    dnx_node *target_head; /* the teacher's classifier, also for DNX_VECTORS: turns p->target into
                            * logits. Its parameters are loaded before make() and never change */
} dnx_distillation;

/* Index of class k in an output of that shape. Classes are numbered in libdarknet's order C, H,
 * W. */
static inline size_t dnx_class_place(dnx_shape s, size_t k) {
    size_t pixels = (size_t)s.h * (size_t)s.w;
    return k % pixels * (size_t)s.c + k / pixels;
}
/* True when image b has a label that is one of this number of classes. */
static inline bool dnx_has_class(const dnx_pass *p, int b, int classes) {
    return p->truth && p->truth[b] >= 0 && p->truth[b] < (float)classes;
}
/* Returns which output of its teacher a loss imitates, or DNX_NO_TARGET. */
static inline dnx_target_kind dnx_target_of(const dnx_layer_type *t) {
    return t->classifier ? t->classifier->target : DNX_NO_TARGET;
}
/* True when the section may name a teacher. */
static inline bool dnx_may_have_teacher(const dnx_layer_type *t) {
    return dnx_target_of(t) != DNX_NO_TARGET || (t->classifier && t->classifier->takes);
}
/* Returns which output of its teacher this layer uses, or DNX_NO_TARGET. Call it after the options
 * are parsed. */
static inline dnx_target_kind dnx_takes(const dnx_node *n) {
    const dnx_classifier *c = n->type->classifier;
    return c && c->takes ? c->takes(n) : dnx_target_of(n->type);
}
/* True when the teacher's classifier computes this output. */
static inline bool dnx_is_of_head(dnx_target_kind k) { return k == DNX_LOGITS || k == DNX_VECTORS; }
/* True when the type computes logits with logits(). */
static inline bool dnx_has_logits(const dnx_layer_type *t) {
    return t->classifier && t->classifier->logits;
}
/* True when the output tells which class an image has. */
static inline bool dnx_answers(const dnx_layer_type *t) {
    return !t->classifier || t->classifier->output != DNX_NO_ANSWER;
}
/* True for a loss that counts the triplets or pairs that it uses. */
static inline bool dnx_counts_used(const dnx_layer_type *t) {
    return t->classifier && t->classifier->used;
}
/* True for a loss that learns from the classes of images. */
static inline bool dnx_learns_classes(const dnx_layer_type *t) {
    return t->is_loss && dnx_target_of(t) == DNX_NO_TARGET;
}
#endif
