/* fusion.h - optional: a layer does part of a neighbour's work. Each function may be NULL. */
#ifndef DNX_FUSION_H
#define DNX_FUSION_H
#include "dnx.h"

struct dnx_norm_act; /* layers_ext/common/norm_act.h: batch norm or bias, then an activation */

typedef struct dnx_fusion {
    /* True when forward() adds dnx_residual(p) to y before it stores y, also in training. */
    bool (*adds_residual)(const dnx_node *n);
    /* True when the layer is y = x[0] + x[1] and nothing else. */
    bool (*is_plain_sum)(const dnx_node *n);
    /* In training: sets *z to an array of the layer, and makes forward() store the values before
     * batch norm and activation there instead of in y. Returns the norm and activation, which the
     * next layer applies, or NULL when the layer cannot defer them. */
    struct dnx_norm_act *(*defer)(dnx_node *n, float **z);
    /* In training: true when the layer can read z of defer() as x[0]. It then computes its real
     * input from z and dnx_deferred(p) by dnx_norm_act_rows(). */
    bool (*applies_deferred)(const dnx_node *n);
    /* When predicting: returns the norm and activation of a layer that is y = act(norm(x[0])) and
     * nothing else. If take_on() makes the next layer apply both, forward() of this layer is not
     * called. */
    struct dnx_norm_act *(*hand_on)(dnx_node *n);
    /* When predicting: makes the layer apply dnx_deferred(p) to x[0], but not to the zeros of its
     * padding. May increase n->scratch. Returns false when the options do not allow it. */
    bool (*take_on)(dnx_node *n);
} dnx_fusion;

/* Work of neighbours that this layer does in this pass. */
typedef struct dnx_fused {
    const float *residual;         /* a tensor of y's shape that is added to y; may be NULL */
    struct dnx_norm_act *deferred; /* norm and activation for x[0]; NULL for an ordinary input */
} dnx_fused;

/* Return the members of p->fused, or NULL when the layer does no work of a neighbour. */
static inline const float *dnx_residual(const dnx_pass *p) {
    return p->fused ? p->fused->residual : NULL;
}
static inline struct dnx_norm_act *dnx_deferred(const dnx_pass *p) {
    return p->fused ? p->fused->deferred : NULL;
}
#endif
