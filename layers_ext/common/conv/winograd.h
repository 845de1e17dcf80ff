/* winograd.h - Winograd's minimal filtering F(m x m, 3 x 3) for 3x3 convolutions with stride 1 of a
 * network that predicts: (m+2)^2 multiplications give m*m outputs, instead of 9 m*m.
 * Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308.
 *
 *   Y = A^T [ sum_c (G g_c G^T) * (B^T d_c B) ] A      (eq. 12; * by elements)
 *
 * For channel c, g_c is the 3x3 filter and d_c an input tile, a x a with a = m + 2; A, B and G are
 * constant. Tiles are m pixels apart. The sums are a*a products of matrices, tiles x C by C x N. */
#ifndef DNX_WINOGRAD_H
#define DNX_WINOGRAD_H
#include "common/conv/patches.h"
#include "common/norm_act.h"

typedef struct {
    int m, N; /* m x m outputs of a tile, m = 2 or 4; N filters */
    int groups;
    int Cg, Ng; /* channels and filters of a group */
    dnx_shape out;
    dnx_patches at; /* the tiles: windows of the input */
    int tiles;      /* computed together */
    int columns;    /* filters computed together */
    float *filters; /* a packed Cg x Ng matrix for each of the a*a elements and each group */
} dnx_winograd;

/* Returns m for `filters` filters; 0 when Winograd is not possible or not faster. */
int dnx_winograd_side(const dnx_patches *at, int filters);
/* When predicting: sets s->m; unless m is 0, sets all of s and n->scratch. Fails with DNX_EMEM. */
dnx_status dnx_winograd_make(dnx_winograd *s, dnx_node *n, const dnx_patches *at, int filters,
                             dnx_err *err);
/* Transforms and packs w, N x Cg x 3 x 3. Multiplies filter f by scale[f], unless scale is NULL. */
void dnx_winograd_prepare(dnx_winograd *s, dnx_node *n, const float *w, const float *scale);
/* Stores Y in p->y, after batch norm and activation unless norm is NULL. */
void dnx_winograd_forward(const dnx_winograd *s, dnx_node *n, dnx_pass *p,
                          const dnx_norm_act *norm);
#endif
