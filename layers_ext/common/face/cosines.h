/* cosines.h - cosines of features and class weights, and gradients through both normalisations.
 *
 *   c_bj = x_b.w_j / (|x_b| |w_j|),  g = -dL/dc,  x^ = x/|x|,  w^ = w/|w|
 *   d_w_j = (I - w^_j w^_j^T) / |w_j| sum_b g_bj x^_b,  the descent direction of w_j
 *   d_x_b: the same formula with x and w exchanged
 *
 * With by_length the features keep their length: c_bj = x_b.w_j / |w_j|, x_b replaces x^_b in d_w,
 * and d_x_b = sum_j g_bj w^_j - along_b x_b. The caller sets along_b = dL/d|x_b| / |x_b|, with the
 * derivative taken at constant c_bj.
 *
 * A zero vector has cosines and gradients 0, except that a zero x_b has a gradient with by_length.
 * The result does not depend on the number of threads. */
#ifndef DNX_COSINES_H
#define DNX_COSINES_H
#include "dnx.h"

typedef struct {
    struct dnx_pool *pool;
    bool by_length;
    const float *along; /* B: along_b of the formula above; NULL means 0 */
    size_t D;
    float *w, *d_w;       /* N x D; d_w is NULL unless w is trained */
    float *unit, *d_unit; /* B x D: x^ and the gradient of x^; NULL when predicting */
    float *w_inv;         /* N: 1/|w| in the last forward pass, 0 if w = 0 */
    float *scratch;       /* `share` floats for each thread */
    size_t share;
} dnx_cosines;

/* Allocates the arrays of c. Declares the parameter w, N x D; its initial values are normal with
 * standard deviation .01. Fails with DNX_EMEM. */
dnx_status dnx_cosines_make(dnx_cosines *c, dnx_node *n, int N, bool is_trained, dnx_err *err);

/* The classes rows[lo..hi-1], each at most once; when rows is NULL, classes lo..hi-1. */
typedef struct {
    const int *rows;
    int lo, hi;
} dnx_classes;

/* For x, batch x D, and lo <= i < hi: out[b*(hi - lo) + i - lo] = scale c_bj. j is rows[i], or i
 * when rows is NULL. */
void dnx_cosines_forward(dnx_cosines *c, const float *x, int batch, dnx_classes of, float scale,
                         float *out);
/* Call it after dnx_cosines_forward() with the same x, batch and classes. d: the descent directions
 * of the cosines, laid out like `out`. Adds to d_w. Stores dx or, with `adds`, adds to dx. dx may
 * be NULL. */
void dnx_cosines_back(dnx_cosines *c, const float *x, int batch, dnx_classes of, float scale,
                      const float *d, float *dx, bool adds);
#endif
