/* products.h - a convolution in groups as products of matrices. The windows of a block of output
 * pixels are gathered into rows of K = size*size*C/groups floats. The block stays in the cache; all
 * windows together would take up to size*size times the memory of the input. */
#ifndef DNX_PRODUCTS_H
#define DNX_PRODUCTS_H
#include "common/conv/filters.h"
#include "common/conv/patches.h"
#include "common/norm_act.h"

#define DNX_PRODUCT_BLOCK 84 /* pixels at a time; mm() computes 4, 6 or 14 at once */

typedef struct {
    dnx_patches at;
    int groups, K, N;    /* each group has N filters of K floats */
    bool reads_in_place; /* windows are rows of x: nothing is gathered */
    /* True when training with no more output pixels in a batch than filters. Then the threads
     * divide the filters instead of the pixels. Needs groups = 1. */
    bool has_few_rows;
    float *w, *d_w;  /* groups*N filters, each C/groups x size x size */
    float *wk;       /* groups x N x K, filters as rows; NULL when predicting or with 1x1 filters */
    float *packed;   /* for each group, a K x N matrix that pack() has packed */
    float *packed_t; /* for each group, the transposed matrix, N x K, packed to compute dx */
    float *d_wk;  /* threads x groups x N x K: gradients; NULL with has_few_rows, or predicting */
    float *block; /* threads x DNX_PRODUCT_BLOCK x K: windows; NULL if not needed, or predicting */
} dnx_products;

/* Returns the number of floats in the blocks of all threads. */
size_t dnx_products_block(const dnx_products *s, const dnx_node *n);
/* Allocates the arrays from wk on, and sets n->scratch. Before this call, set the members above w
 * and declare the parameter w. needs_block: true when windows must be gathered, or when rows must
 * get a deferred batch norm. Fails with DNX_EMEM. */
dnx_status dnx_products_make(dnx_products *s, dnx_node *n, bool needs_block, dnx_err *err);
/* Packs w. When predicting, scales filter f by scale[f]. scale may be NULL. Fails with DNX_EMEM. */
dnx_status dnx_products_prepare(dnx_products *s, dnx_node *n, const float *scale, dnx_err *err);
/* Both passes include the batch norm and activation of `norm`. */
void dnx_products_forward(dnx_products *s, dnx_node *n, dnx_pass *p, dnx_norm_act *norm);
void dnx_products_backward(dnx_products *s, dnx_node *n, dnx_pass *p, dnx_norm_act *norm);
#endif
