/* leading.h - finds the leading classes: the few classes that have most of the probability.
 *
 * z_b are the logits of image b. The total probability that the batch gives to class j is
 *
 *   q_j = sum over the images b of softmax(z_b)_j
 *
 * n is the smallest number of classes that together have `share` of the sum of all q. The leading
 * classes of an image are the n classes with its largest logits. The image's label is always one of
 * them. Classes whose logit equals the n-th largest lead, too. */
#ifndef DNX_LEADING_H
#define DNX_LEADING_H
#include "dnx.h"

typedef struct {
    float share; /* share of q that the leading classes have; 0: all classes lead */
    int N;
    float *z;     /* B x N: the caller stores the logits; dnx_leading_choose() overwrites them */
    double *norm; /* B: for each image, log sum_j e^{z_j} */
    double *mass; /* N: q */
    int *label;   /* B: the caller stores each image's class, -1 if unknown */
    /* B: the n-th largest logit of each image, where the label's logit counts as infinite. NULL
     * when all classes lead */
    float *least;
} dnx_leading;

/* Allocates the arrays if n->trains and share > 0; else all classes lead. Fails with DNX_EMEM. */
dnx_status dnx_leading_make(dnx_leading *g, dnx_node *n, int N, float share, dnx_err *err);
/* Computes `least` from z and label for the first `batch` images. */
void dnx_leading_choose(dnx_leading *g, struct dnx_pool *pool, int batch);
/* Returns true when class j is a leading class of image b. z: the logit of class j. */
static inline bool dnx_leads(const dnx_leading *g, long b, int j, float z) {
    return !g->least || z >= g->least[b] || g->label[b] == j;
}
#endif
