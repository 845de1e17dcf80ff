/* cosines.h - cosines of features and class vectors on a GPU, and the gradients through both
 * normalisations: common/face/cosines.h with all classes of a pass at once.
 *
 * x: B x D; w: the class vectors, rows of D; a block: B x ld, of which the first N columns count.
 * The sums over many classes are taken in parts, in one order. */
#ifndef DNX_CUDA_COSINES_H
#define DNX_CUDA_COSINES_H
#include "cuda/layer.h"

typedef struct {
    int N, D;               /* classes of a pass, at most; numbers of a vector */
    int ld, groups;         /* ld = groups x classes of a part >= N */
    bool by_length;         /* the features keep their length */
    float *unit_w, *w_inv;  /* ld x D, ld; rows from N on are 0 */
    float *unit_x, *x_inv;  /* B x D, B */
    float *d_x;             /* B x groups x D; NULL without gradients */
    float *d_w;             /* parts x ld x D */
} dnx_gpu_cosines;

/* Sets all but by_length. DNX_EMEM. */
dnx_status dnx_gpu_cosines_make(dnx_gpu_layer *l, dnx_gpu_cosines *c, int N, int D, bool has_back,
                                dnx_err *err);
/* unit_w from w: its rows rows[i], i < N (-1: no class), or with NULL rows i. */
void dnx_gpu_cosines_classes(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *w, const int *rows);
/* block = the cosines of `batch` features with those classes. Rounding may carry one past 1. */
void dnx_gpu_cosines_forward(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *x, int batch,
                             float *block);
/* d: descent directions of the block. Adds to d_w (NULL: not) at the rows of w, and
 * stores or adds dx (NULL: neither). */
void dnx_gpu_cosines_back(dnx_gpu_layer *l, dnx_gpu_cosines *c, const float *d, int batch,
                          const int *rows, float *d_w, float *dx, bool adds);
#endif
