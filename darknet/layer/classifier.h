/* classifier.h - optional: layers that tell classes apart, and losses that imitate a teacher. A
 * type sets .classifier; ordinary layers do not. */
#ifndef DNX_CLASSIFIER_H
#define DNX_CLASSIFIER_H
#include "dnx.h"

/* What a loss of distillation imitates. */
typedef enum {
    DNX_NO_TARGET, /* the type is no loss of distillation */
    DNX_FEATURE,   /* an output of a layer of the teacher */
    DNX_LOGITS     /* the logits of the teacher's classifier */
} dnx_wanted;

/* What the numbers of a layer's output are. */
typedef enum {
    DNX_VALUES,  /* a value for each class: class k stands at dnx_class_place(out, k) */
    DNX_IS_RIGHT /* one number for each image: 1 when its class is the most likely */
} dnx_output;

typedef struct dnx_classifier {
    dnx_wanted wants;
    dnx_output output;
    /* How many classes it tells apart. NULL: it knows none. */
    int (*classes)(const dnx_node *n);
    /* A classifier whose logits never lie in memory all at once. Both or none:
     * z[b][j - lo] = the logit, without margin, of class j in lo..hi-1 for features x (B x D). */
    void (*logits)(dnx_node *n, const float *x, int batch, int lo, int hi, float *z);
    /* dz: descent directions of those logits. Adds to the gradients of the parameters and to dx,
     * which may be NULL. Only after logits() of the same x. */
    void (*logits_back)(dnx_node *n, const float *x, int batch, int lo, int hi, const float *dz,
                        float *dx);
} dnx_classifier;

/* Of a loss with a teacher, in n->distillation. Its input 0 is the layer that `layers_key` names,
 * or the last one before it that fits. p->target is the teacher's output: batch x target floats. */
typedef struct dnx_distillation {
    dnx_shape target;      /* {0}: the network has no teacher, which is allowed when it predicts */
    dnx_node *head;        /* DNX_LOGITS: turns in[0] into logits; NULL: in[0] is the logits */
    dnx_node *target_head; /* the same for p->target; its parameters never change */
} dnx_distillation;

/* Where class k stands in an output of that shape: classes count in libdarknet's order C, H, W. */
static inline size_t dnx_class_place(dnx_shape s, size_t k) {
    size_t pixels = (size_t)s.h * (size_t)s.w;
    return k % pixels * (size_t)s.c + k / pixels;
}
/* The teacher that a loss imitates, or DNX_NO_TARGET. */
static inline dnx_wanted dnx_wants(const dnx_layer_type *t) {
    return t->classifier ? t->classifier->wants : DNX_NO_TARGET;
}
/* True when the layer makes logits by logits(). */
static inline bool dnx_has_logits(const dnx_layer_type *t) {
    return t->classifier && t->classifier->logits;
}
/* A loss that learns from the classes of images. */
static inline bool dnx_learns_classes(const dnx_layer_type *t) {
    return t->is_loss && dnx_wants(t) == DNX_NO_TARGET;
}
#endif
