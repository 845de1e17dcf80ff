/* products.h - a convolution in groups as products of matrices, for [convolutional].
 *
 * The windows of a block of output pixels are gathered into rows of K = size*size*C/groups floats
 * and multiplied by the packed filters. The block stays in the cache, so there is no copy of the
 * input that is size*size times larger. A 1x1 convolution of stride 1 reads its input in place. */
#ifndef DNX_PRODUCTS_H
#define DNX_PRODUCTS_H
#include "common/conv/filters.h"
#include "common/conv/patches.h"
#include "common/norm_act.h"

#define DNX_PRODUCT_BLOCK 84 /* pixels at a time: a multiple of the rows of a register tile */

typedef struct {
    dnx_patches at;
    int groups, K, N; /* each group has N filters of K floats */
    bool reads_in_place;
    bool
        has_few_rows; /* training, one group, read in place, and no more pixels than filters: in the
                        * backward pass threads share the filters, not the pixels */
    float *w, *d_w;   /* N x C/groups x size x size, file order */
    float *wk;        /* groups x N x K in the order of the rows; NULL if w has this order */
    float *packed;    /* groups x packed panels of K x N */
    float *packed_t;  /* groups x packed panels of N x K, for dx */
    float *d_wk;      /* threads x groups x N x K; NULL with has_few_rows */
    float *block;     /* threads x DNX_PRODUCT_BLOCK x K. NULL without needs_block, and when
                        * predicting: then the block is in scratch */
} dnx_products;

/* Returns the number of floats in the blocks of all threads. */
size_t dnx_products_block(const dnx_products *s, const dnx_node *n);
/* Allocates everything that the products need, and sets n->scratch. Before this call, set the
 * members in front of `w`, and declare w. needs_block: true when windows are gathered, or when a
 * deferred batch norm is applied to rows. Fails with DNX_EMEM. */
dnx_status dnx_products_make(dnx_products *s, dnx_node *n, bool needs_block, dnx_err *err);
/* Packs w. When predicting, scales filter f by scale[f], if not NULL. Fails with DNX_EMEM. */
dnx_status dnx_products_prepare(dnx_products *s, dnx_node *n, const float *scale, dnx_err *err);
/* Forward and backward pass: the products, then the batch norm and activation of `norm`. */
void dnx_products_forward(dnx_products *s, dnx_node *n, dnx_pass *p, dnx_norm_act *norm);
void dnx_products_backward(dnx_products *s, dnx_node *n, dnx_pass *p, dnx_norm_act *norm);
#endif
