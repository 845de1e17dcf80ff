/* classifier.h - optional: layers that classify, and losses that imitate a teacher. */
#ifndef DNX_CLASSIFIER_H
#define DNX_CLASSIFIER_H
#include "dnx.h"

/* The output of the teacher that a loss of distillation imitates. */
typedef enum {
    DNX_NO_TARGET, /* the type is not a loss of distillation */
    DNX_FEATURE,   /* the output of a layer of the teacher */
    DNX_LOGITS,    /* the logits of the teacher's classifier */
    DNX_VECTORS    /* the weights of the teacher's classifier, a vector for each class */
} dnx_target_kind;

/* The meaning of the numbers of a layer's output. */
typedef enum {
    DNX_VALUES,   /* a value for each class; class k is at index dnx_class_place(out, k) */
    DNX_IS_RIGHT, /* one number for each image: 1 when the layer recognised its class, else 0 */
    DNX_NO_ANSWER /* the numbers do not say which class an image has */
} dnx_output;

typedef struct dnx_classifier {
    dnx_target_kind target;
    dnx_output output;
    bool needs_labels; /* the loss of distillation also learns from the classes of images */
    bool needs_shape;  /* parameters of the loss depend on the shape of the teacher's output */
    bool needs_pairs;  /* the loss learns nothing when all images of a pass differ in their class */
    /* For a loss that learns from labels and can also use a teacher: returns which output of the
     * teacher the layer n uses. The loss must also work in a pass without that output, when
     * p->target is NULL. All other types leave this member NULL. */
    dnx_target_kind (*takes)(const dnx_node *n);
    /* Returns the number of triplets or pairs that the last forward() used. NULL in a type that
     * does not count them. */
    long (*used)(const dnx_node *n);
    /* Returns the number of classes. NULL when the type has no classes. */
    int (*classes)(const dnx_node *n);
    /* For a classifier that never holds all logits in memory: writes the logits of the classes lo
     * <= j < hi, without margin, to z: batch x (hi - lo). x: features, batch x D, where D is the
     * size of in[0]. A type sets both logits and logits_back, or neither. */
    void (*logits)(dnx_node *n, const float *x, int batch, int lo, int hi, float *z);
    /* dz: minus the derivative of the loss by the logits that logits() has computed from the same
     * x. Adds to the gradients of the parameters and to dx (batch x D), which may be NULL. */
    void (*logits_back)(dnx_node *n, const float *x, int batch, int lo, int hi, const float *dz,
                        float *dx);
    /* Returns the class vectors, classes(n) x *length floats, and sets *length. NULL in a type
     * without class vectors. */
    const float *(*vectors)(const dnx_node *n, size_t *length);
} dnx_classifier;

/* Every loss with a teacher has this struct as n->distillation. Input 0 of a loss of distillation
 * is the layer that the option `layers_key` names, or the last suitable layer before the loss. In a
 * pass, p->target is the teacher's output, batch x dnx_size(target) floats. Without a teacher
 * p->target is NULL, and a loss of distillation sets loss and dx to 0, and y to finite numbers. */
typedef struct dnx_distillation {
    dnx_shape target; /* shape of the teacher's output; {0} when it is unknown */
    /* For DNX_LOGITS: the student's classifier, which turns in[0] into logits. NULL when in[0]
     * contains logits already. */
    dnx_node *head;
    /* For DNX_LOGITS: the teacher's classifier, which turns p->target into logits. NULL when
     * p->target contains logits already. If the loss trains, the weights of this classifier are
     * loaded between make() and prepare() of the loss.
     *
     * For DNX_VECTORS: the teacher's classifier, which has the class vectors. If the loss trains,
     * its weights are loaded before make() of the loss. */
    dnx_node *target_head;
} dnx_distillation;

/* Returns the index of class k in an output of shape s. libdarknet numbers classes in the order C,
 * H, W; our tensors are H, W, C. */
static inline size_t dnx_class_place(dnx_shape s, size_t k) {
    size_t pixels = (size_t)s.h * (size_t)s.w;
    return k % pixels * (size_t)s.c + k / pixels;
}
/* True when image b has a label in 0..classes-1. */
static inline bool dnx_has_class(const dnx_pass *p, int b, int classes) {
    return p->truth && p->truth[b] >= 0 && p->truth[b] < (float)classes;
}
/* Returns which output of a teacher the type imitates. */
static inline dnx_target_kind dnx_target_of(const dnx_layer_type *t) {
    return t->classifier ? t->classifier->target : DNX_NO_TARGET;
}
/* True when a layer of this type can have a teacher. */
static inline bool dnx_may_have_teacher(const dnx_layer_type *t) {
    return dnx_target_of(t) != DNX_NO_TARGET || (t->classifier && t->classifier->takes);
}
/* Returns which output of a teacher the loss n uses, or DNX_NO_TARGET. */
static inline dnx_target_kind dnx_takes(const dnx_node *n) {
    const dnx_classifier *c = n->type->classifier;
    return c && c->takes ? c->takes(n) : dnx_target_of(n->type);
}
/* True when the target needs the teacher's classifier. */
static inline bool dnx_is_of_head(dnx_target_kind k) { return k == DNX_LOGITS || k == DNX_VECTORS; }
/* True when the type has the function logits(). */
static inline bool dnx_has_logits(const dnx_layer_type *t) {
    return t->classifier && t->classifier->logits;
}
/* True when the output of the type may say which class an image has. */
static inline bool dnx_answers(const dnx_layer_type *t) {
    return !t->classifier || t->classifier->output != DNX_NO_ANSWER;
}
/* True when the type counts the triplets or pairs that its loss used. */
static inline bool dnx_counts_used(const dnx_layer_type *t) {
    return t->classifier && t->classifier->used;
}
/* True for a loss that learns from labels and works without a teacher, although it may use one.
 * False for losses of distillation. */
static inline bool dnx_learns_classes(const dnx_layer_type *t) {
    return t->is_loss && dnx_target_of(t) == DNX_NO_TARGET;
}
#endif
