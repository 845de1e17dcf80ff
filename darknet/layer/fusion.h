/* fusion.h - optional: a layer does part of a neighbour's work while the data is in the cache.
 * Results are the same with and without; only passes over memory are saved. A type that sets
 * .fusion may set any of the functions below; NULL means no. */
#ifndef DNX_FUSION_H
#define DNX_FUSION_H
#include "dnx.h"

struct dnx_norm_act; /* layers_ext/common/norm_act.h: batch norm or bias, then an activation */

typedef struct dnx_fusion {
    /* True when forward() adds dnx_residual(p) to y before it stores y, in prediction and in
     * training. */
    bool (*adds_residual)(const dnx_node *n);
    /* The layer is y = x[0] + x[1] and nothing else, so that the layer before can add x[1]. */
    bool (*is_plain_sum)(const dnx_node *n);
    /* Training: from now on forward() stores the values before batch norm and activation, z, into
     * *z instead of y. Only the next layer reads them, and it applies the returned norm and
     * activation. NULL: with these options the layer does not defer. */
    struct dnx_norm_act *(*defer)(dnx_node *n, float **z);
    /* Training: the layer applies dnx_deferred(p) to x[0] while it reads it. x[0] is z of the layer
     * before; dnx_norm_act_rows() computes the real input. */
    bool (*applies_deferred)(const dnx_node *n);
    /* Predicting: the layer is y = act(norm(x[0])) and nothing else. If only one layer reads y,
     * this reader may read x[0] instead and apply the returned norm and activation. forward() is
     * then not called. */
    struct dnx_norm_act *(*hand_on)(dnx_node *n);
    /* Predicting: from now on the layer applies dnx_deferred(p) to x[0] while it reads it. Its
     * padding stays 0. It may increase n->scratch. false: with these options it cannot. */
    bool (*take_on)(dnx_node *n);
} dnx_fusion;

/* Work of neighbours that this layer does in this pass. */
typedef struct dnx_fused {
    const float *residual;         /* a tensor of y's shape, added to y; NULL: nothing is added */
    struct dnx_norm_act *deferred; /* of the layer before; NULL: x[0] is an ordinary input */
} dnx_fused;

static inline const float *dnx_residual(const dnx_pass *p) {
    return p->fused ? p->fused->residual : NULL;
}
static inline struct dnx_norm_act *dnx_deferred(const dnx_pass *p) {
    return p->fused ? p->fused->deferred : NULL;
}
#endif
