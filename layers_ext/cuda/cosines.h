/* cosines.h - cosines of features and class vectors on a GPU, and the gradients of both.
 * common/face/cosines.h has the formulas; this version computes all classes of a pass at once.
 *
 * x: the features, B x D; w: the class vectors, one row of D for each class; block: the cosines,
 * B x ld, of which the first N columns are used. A sum over more than 512 classes is computed in
 * parts. They are added in a fixed order, so two runs give the same bits. */
#ifndef DNX_CUDA_COSINES_H
#define DNX_CUDA_COSINES_H
#include "cuda/layer.h"

typedef struct {
    int N, D;              /* N: the most classes in a pass; D: the size of a vector */
    int ld, groups;        /* ld: columns of block; groups: parts of a sum over classes */
    bool by_length;        /* features keep their length: block holds cosines times |x| */
    const float *along;    /* B: with by_length, subtract along[b] x_b from dx_b; may be NULL */
    float *unit_w, *w_inv; /* unit_w: w/|w|, ld x D; w_inv: 1/|w|, ld; 0 from row N on */
    float *unit_x, *x_inv; /* B x D and B: x/|x| and 1/|x|; with by_length x and 1 */
    float *d_x;            /* B x groups x D: parts of dx; NULL without has_back */
    float *d_w;            /* dnx_gpu_matrix_parts() x ld x D: parts of d_w; may be NULL */
} dnx_gpu_cosines;

/* Allocates the arrays and sets all members except by_length and along. The arrays are freed with
 * the layer. With has_back the gradients can be computed, too. DNX_EMEM. */
dnx_status dnx_gpu_cosines_make(dnx_gpu_layer *l, dnx_gpu_cosines *c, int N, int D, bool has_back,
                                dnx_err *err);
/* Computes unit_w and w_inv from w. Class i is row rows[i] of w, or row i when rows is NULL. When
 * rows[i] is -1, row i of unit_w is 0. */
void dnx_gpu_cosines_classes(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *w, const int *rows);
/* Stores in block the cosines of `batch` features x with the classes of the last
 * dnx_gpu_cosines_classes(). Because of rounding, a cosine may be slightly beyond -1 or 1. */
void dnx_gpu_cosines_forward(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *x, int batch,
                             float *block);
/* Computes gradients from d, the descent directions of block, B x ld. Adds that of class i to row
 * rows[i] of d_w, or to row i when rows is NULL. Stores that of the features in dx, B x D; with
 * `adds` adds to dx. d_w and dx may be NULL. */
void dnx_gpu_cosines_back(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *d, int batch,
                          const int *rows, float *d_w, float *dx, bool adds);
#endif
