/* distances.h - distances between the features of a batch, after each was scaled to unit length,
 * and the way back. Metric losses share it.
 *
 *   f_i = x_i / |x_i|,   d_ij = |f_i - f_j|^2, or its root
 *
 * x: B x D. Zero features stay 0 and have no gradient. */
#ifndef DNX_DISTANCES_H
#define DNX_DISTANCES_H
#include "layer/classifier.h"

typedef struct {
    size_t D;
    bool is_plain; /* d is the root; false: the square */
    float *f;      /* B x D */
    double *inv;   /* B: 1/|x|, 0 of a zero feature */
    double *d;     /* B x B */
    double *g;     /* B x B: the caller sets g_ij to the derivative of the loss by d_ij; the pairs
                    * (i,j) and (j,i) add up */
} dnx_distances;

/* Of input 0 of n. */
dnx_status dnx_distances_make(dnx_distances *s, dnx_node *n, bool is_plain, dnx_err *err);
void dnx_distances_unmake(dnx_distances *s);
/* Fills f and d, and sets g to 0. */
void dnx_distances_forward(dnx_distances *s, const dnx_pass *p);
/* Descent directions of x into p->dx[0], which may be NULL; 0 without truth. */
void dnx_distances_back(const dnx_distances *s, dnx_pass *p);

/* Whether images i and j, two of them, have the same class, or another. Unknown: neither. */
static inline bool dnx_is_same(const dnx_pass *p, int i, int j) {
    return i != j && p->truth[i] >= 0 && p->truth[i] == p->truth[j];
}
static inline bool dnx_is_other(const dnx_pass *p, int i, int j) {
    return p->truth[i] >= 0 && p->truth[j] >= 0 && p->truth[i] != p->truth[j];
}
/* How many images have a class. */
int dnx_known(const dnx_pass *p);
/* y[b]: 1 where the nearest other image of the batch has the class of image b. */
void dnx_mark_nearest(const dnx_distances *s, dnx_pass *p);

/* .classes of a loss over pairs of images: any number. */
int dnx_any_classes(const dnx_node *n);
#endif
