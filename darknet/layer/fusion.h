/* fusion.h - optional: a layer does part of a neighbour's work while the data is in the cache.
 * Results are the same with and without; only passes over memory are saved. A type that sets
 * .fusion may set any of the functions below, and leaves the others NULL. */
#ifndef DNX_FUSION_H
#define DNX_FUSION_H
#include "dnx.h"

struct dnx_norm_act; /* layers_ext/common/norm_act.h: batch norm or bias, then an activation */

typedef struct dnx_fusion {
    /* True when forward() adds dnx_residual(p) to y before it stores y, in prediction and in
     * training. */
    bool (*adds_residual)(const dnx_node *n);
    /* True when the layer is y = x[0] + x[1] and nothing else: the layer before can add x[1]. */
    bool (*is_plain_sum)(const dnx_node *n);
    /* Training: from now on forward() stores z, the values before batch norm and activation, into
     * *z instead of y. Only the next layer reads them, and it applies the returned norm and
     * activation. Returns NULL when the layer cannot defer with its options. */
    struct dnx_norm_act *(*defer)(dnx_node *n, float **z);
    /* Training: true when the layer applies dnx_deferred(p) to x[0] while it reads it. x[0] is then
     * z of the layer before; dnx_norm_act_rows() computes the real input. */
    bool (*applies_deferred)(const dnx_node *n);
    /* Predicting: returns the norm and activation of a layer that is y = act(norm(x[0])) and
     * nothing else. If only one layer reads y, this reader may read x[0] instead and apply them.
     * forward() is then not called. */
    struct dnx_norm_act *(*hand_on)(dnx_node *n);
    /* Predicting: from now on the layer applies dnx_deferred(p) to x[0] while it reads it. Its
     * padding stays 0. It may increase n->scratch. Returns false when its options do not allow
     * it. */
    bool (*take_on)(dnx_node *n);
} dnx_fusion;

/* Work of neighbours that this layer does in this pass. */
typedef struct dnx_fused {
    const float *residual;         /* a tensor of y's shape that is added to y; may be NULL */
    struct dnx_norm_act *deferred; /* of the layer before; NULL when x[0] is an ordinary input */
} dnx_fused;

static inline const float *dnx_residual(const dnx_pass *p) {
    return p->fused ? p->fused->residual : NULL;
}
static inline struct dnx_norm_act *dnx_deferred(const dnx_pass *p) {
    return p->fused ? p->fused->deferred : NULL;
}
#endif
