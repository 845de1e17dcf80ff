/* cosines.h - cosines of features and class vectors on a GPU, and the gradients through both
 * normalisations. It is common/face/cosines.h, but with all classes of a pass at once.
 *
 * x: B x D; w: the class vectors, rows of D; block: B x ld, of which the first N columns are used.
 * A sum over many classes is computed in parts, which are added in a fixed order. */
#ifndef DNX_CUDA_COSINES_H
#define DNX_CUDA_COSINES_H
#include "cuda/layer.h"

typedef struct {
    int N, D;              /* the most classes of a pass; the size of a vector */
    int ld, groups;        /* ld >= N, a multiple of groups: a group is a part of the sum */
    bool by_length;        /* the features are not scaled to length 1: the block holds cosines
                            * times their length */
    const float *along;    /* with by_length: B, how much of x dx loses; NULL: nothing */
    float *unit_w, *w_inv; /* ld x D, ld; row N and later rows are 0 */
    float *unit_x, *x_inv; /* B x D, B */
    float *d_x;            /* B x groups x D; NULL when no gradients are computed */
    float *d_w;            /* parts x ld x D */
} dnx_gpu_cosines;

/* Allocates the members and sets all of them except by_length and along. DNX_EMEM. */
dnx_status dnx_gpu_cosines_make(dnx_gpu_layer *l, dnx_gpu_cosines *c, int N, int D, bool has_back,
                                dnx_err *err);
/* Computes unit_w and w_inv from w. Class i is row rows[i] of w, or row i when rows is NULL. With
 * rows[i] = -1 there is no class i. */
void dnx_gpu_cosines_classes(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *w, const int *rows);
/* block = the cosines of `batch` features with those classes. Rounding may give values slightly
 * beyond 1. */
void dnx_gpu_cosines_forward(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *x, int batch,
                             float *block);
/* d: descent directions of the block. Adds the gradient of the class vectors to d_w, at the rows
 * that `rows` names, and stores or adds dx. Both d_w and dx may be NULL. */
void dnx_gpu_cosines_back(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *d, int batch,
                          const int *rows, float *d_w, float *dx, bool adds);
#endif
