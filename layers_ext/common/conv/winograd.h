/* winograd.h - Winograd's minimal filtering F(m x m, 3 x 3) for 3x3 convolutions with stride 1 of a
 * network that predicts: (m+2)^2 multiplications give m*m outputs, instead of 9 m*m.
 * Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308.
 *
 *   Y = A^T [ sum_c (G g_c G^T) . (B^T d_c B) ] A        (eq. 12)
 *
 * The dot multiplies element by element. For channel c, g_c is the 3x3 filter and d_c an input
 * tile, a x a with a = m + 2. A, B and G are constant matrices. Tiles are m pixels apart. For each
 * of the a*a elements, the sum over c is a product of two matrices: tiles x C times C x N. */
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
    int tiles;      /* tiles computed together */
    int columns;    /* filters computed together */
    float *filters; /* a packed Cg x Ng matrix for each of the a*a elements and each group */
} dnx_winograd;

/* Returns the side m of the output tiles, 2 or 4, for a convolution with `filters` filters. Returns
 * 0 when Winograd is not possible or not faster. */
int dnx_winograd_side(const dnx_patches *at, int filters);
/* Only for a network that predicts. Sets s->m to dnx_winograd_side(). If m is not 0, also sets the
 * other members and n->scratch, and allocates s->filters. Fails with DNX_EMEM. */
dnx_status dnx_winograd_make(dnx_winograd *s, dnx_node *n, const dnx_patches *at, int filters,
                             dnx_err *err);
/* Transforms and packs w, N x Cg x 3 x 3. Multiplies filter f by scale[f], unless scale is NULL. */
void dnx_winograd_prepare(dnx_winograd *s, dnx_node *n, const float *w, const float *scale);
/* Computes Y and, unless norm is NULL, applies batch norm and activation. Stores the result in
 * p->y. */
void dnx_winograd_forward(const dnx_winograd *s, dnx_node *n, dnx_pass *p,
                          const dnx_norm_act *norm);
#endif
