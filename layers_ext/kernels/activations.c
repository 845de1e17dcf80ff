/* activations.c - the activation functions on the processor, in double as in libdarknet. For large
 * u libdarknet's tanh is NaN; this tanh is 1. */
#include "kernels/activations.h"

#include <math.h>

typedef double number;
#define INLINE static inline
#define C(x) x
INLINE number exp_of(number u) { return exp(u); }
INLINE number tanh_of(number u) { return tanh(u); }
INLINE number floor_of(number u) { return floor(u); }
/* ln(1 + e^u) */
INLINE number softplus(number u) { return u > 0 ? u + log1p(exp(-u)) : log1p(exp(u)); }
#include "kernels/activations.inc.h"

#define FUNCTIONS(upper, lower, is_vector, f, grad)                                                \
    static float f_##lower(number u, number slope) { return (void)slope, (float)(f); }             \
    static float d_##lower(number u, number slope) { return (void)u, (void)slope, (float)(grad); }
DNX_ALL_ACTIVATIONS(FUNCTIONS)

typedef struct {
    float (*f)(number u, number slope), (*d)(number u, number slope);
    bool is_vector;
} activation;

#define ROW(upper, lower, is_vector, f, grad) {f_##lower, d_##lower, is_vector},
static const activation table[] = {DNX_ALL_ACTIVATIONS(ROW)};

float dnx_activate(float u, dnx_act act, float slope) {
    return table[act].f((double)u, (double)slope);
}

float dnx_activate_grad(float u, dnx_act act, float slope) {
    return table[act].d((double)u, (double)slope);
}

bool dnx_act_is_cheap(dnx_act act) { return table[act].is_vector; }
