/* leading.h - finds the leading classes: the few classes that have most of the probability.
 *
 *   q_j = sum over the images b of softmax(z_b)_j;  n = the fewest classes, in falling order of q,
 *   that hold `share` of the sum of q
 *
 * The leading classes of an image are the n classes with its largest logits; its label is always
 * one of them. Classes with equal logits lead together. */
#ifndef DNX_LEADING_H
#define DNX_LEADING_H
#include "dnx.h"

typedef struct {
    float share; /* 0: all classes are leading classes */
    int N;
    float *z;     /* B x N: the caller stores the logits; choose() overwrites them */
    double *norm; /* B: log sum_j e^{z_j} */
    double *mass; /* N: q */
    int *label;   /* B: the caller stores each image's class, -1 if unknown */
    float *least; /* B: the smallest leading logit; NULL when all classes lead */
} dnx_leading;

/* Allocates if n->trains and share > 0; else all classes lead. Fails with DNX_EMEM. */
dnx_status dnx_leading_make(dnx_leading *g, dnx_node *n, int N, float share, dnx_err *err);
/* Computes `least` from z and label for the first `batch` images. */
void dnx_leading_choose(dnx_leading *g, struct dnx_pool *pool, int batch);
/* Returns true when class j is a leading class of image b. z: the logit of class j. */
static inline bool dnx_leads(const dnx_leading *g, long b, int j, float z) {
    return !g->least || z >= g->least[b] || g->label[b] == j;
}
#endif
