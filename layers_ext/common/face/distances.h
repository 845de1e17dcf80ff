/* distances.h - distances between the features of a batch after scaling to unit length, and the
 * gradients of the features.
 *
 *   f_i = x_i / |x_i|,   d_ij = |f_i - f_j|^2, or |f_i - f_j| with is_plain
 *
 * x: B x D. Zero features stay 0 and have no gradient. */
#ifndef DNX_DISTANCES_H
#define DNX_DISTANCES_H
#include "layer/classifier.h"

typedef struct {
    size_t D;
    bool is_plain; /* d_ij is the distance, not its square */
    float *f;      /* B x D */
    double *inv;   /* B: 1/|x|, 0 for a zero feature */
    double *d;     /* B x B */
    double *g;     /* B x B, set by the caller: g_ij + g_ji is the derivative of the loss by d_ij */
} dnx_distances;

/* Allocates the arrays for the features of input 0. Fails with DNX_EMEM. */
dnx_status dnx_distances_make(dnx_distances *s, dnx_node *n, dnx_err *err);
/* Computes f, inv and d from the input p->x[0], and sets g to 0. */
void dnx_distances_forward(dnx_distances *s, const dnx_pass *p);
/* Stores the descent directions of x in dx, or adds them if p->dx_adds[0]. Without truth the
 * directions are 0. dx may be NULL. */
void dnx_distances_back(const dnx_distances *s, const dnx_node *n, dnx_pass *p);

/* dnx_is_same(): i and j are two images of one class. dnx_is_other(): i and j have different
 * classes. Both return false when one of the classes is unknown. */
static inline bool dnx_is_same(const dnx_pass *p, int i, int j) {
    return i != j && p->truth[i] >= 0 && p->truth[i] == p->truth[j];
}
static inline bool dnx_is_other(const dnx_pass *p, int i, int j) {
    return p->truth[i] >= 0 && p->truth[j] >= 0 && p->truth[i] != p->truth[j];
}
/* Returns how many images have a class. */
int dnx_known(const dnx_pass *p);
/* Sets y[b] to 1 when the nearest other image has the class of image b, else to 0. */
void dnx_mark_nearest(const dnx_distances *s, dnx_pass *p);

/* The member dnx_classifier.classes of a loss that allows any number of classes. Returns 2^30. */
int dnx_any_classes(const dnx_node *n);
#endif
