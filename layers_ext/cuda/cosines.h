/* cosines.h - cosines of features and class vectors on a GPU, and the gradients of both.
 * common/face/cosines.h has the formulas. x: the features, B x D; w: the class vectors, rows of D;
 * block: the cosines, B x ld, of which the first N columns are used. */
#ifndef DNX_CUDA_COSINES_H
#define DNX_CUDA_COSINES_H
#include "cuda/layer.h"

typedef struct {
    int N, D;              /* N: most classes of a pass; D: floats of a feature */
    int ld, groups;        /* ld: columns of block; groups: parts of each sum over classes */
    bool by_length;        /* block holds cosines times |x| */
    const float *along;    /* B numbers or NULL: along of common/face/cosines.h */
    float *unit_w, *w_inv; /* unit_w, ld x D: w/|w|; w_inv, ld: 1/|w|; both 0 from row N on */
    float *unit_x, *x_inv; /* unit_x, B x D: x/|x|; x_inv, B: 1/|x|; with by_length: x and 1 */
    float *d_x;            /* parts of dx: B x groups x D; NULL without has_back */
    /* parts of d_w: dnx_gpu_matrix_parts() x ld x D; NULL without has_back */
    float *d_w;
} dnx_gpu_cosines;

/* Sets c, except by_length and along. The layer frees the arrays. Errors: DNX_EMEM, DNX_EIO. */
dnx_status dnx_gpu_cosines_make(dnx_gpu_layer *l, dnx_gpu_cosines *c, int N, int D, bool has_back,
                                dnx_err *err);
/* Computes unit_w and w_inv. The vector of class i is row rows[i] of w, or row i when rows is NULL.
 * When rows[i] is -1, row i of unit_w is 0. */
void dnx_gpu_cosines_classes(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *w, const int *rows);
/* Stores in block the cosines of x with the classes of the last dnx_gpu_cosines_classes(). Rounding
 * may move them out of -1..1. */
void dnx_gpu_cosines_forward(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *x, int batch,
                             float *block);
/* d, B x ld: the descent directions of the cosines in block. Adds the descent direction of class i
 * to row rows[i] of d_w, or to row i when rows is NULL. Stores the descent directions of x in dx
 * or, with `adds`, adds them. d_w and dx may be NULL. */
void dnx_gpu_cosines_back(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *d, int batch,
                          const int *rows, float *d_w, float *dx, bool adds);
#endif
