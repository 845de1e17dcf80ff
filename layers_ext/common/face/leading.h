/* leading.h - which classes lead: the few that hold most of the probability.
 *
 *   q_j = sum over the images b of softmax(z_b)_j;  n = the fewest classes, in falling order of q,
 *   that hold `share` of the sum of q
 *
 * For each image the n classes of its own largest logits lead, its label always among them. Classes
 * with equal logits lead together. */
#ifndef DNX_LEADING_H
#define DNX_LEADING_H
#include "dnx.h"

typedef struct {
    float share; /* 0, or a layer that predicts: all classes lead, and there is no memory */
    int N;
    float *z;      /* B x N: the caller stores the logits here; choose() changes their order */
    double *norm;  /* B: log sum_j e^{z_j} */
    double *mass;  /* N: q */
    int *label;    /* B: the caller stores the label's class here; -1: it is not known */
    float *least;  /* B: the smallest logit of a class that leads; NULL: all lead */
} dnx_leading;

/* n->batch images, N classes; n->trains. DNX_EMEM. */
dnx_status dnx_leading_make(dnx_leading *g, dnx_node *n, int N, float share, dnx_err *err);
void dnx_leading_unmake(dnx_leading *g);
/* Sets least from z and label of `batch` images. */
void dnx_leading_choose(dnx_leading *g, struct dnx_pool *pool, int batch);
/* Whether class j, with logit z, leads for image b. */
static inline bool dnx_leads(const dnx_leading *g, long b, int j, float z) {
    return !g->least || z >= g->least[b] || g->label[b] == j;
}
#endif
