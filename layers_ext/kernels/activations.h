/* activations.h - the activation functions: a new function is one line of this table.
 *
 * Columns: enum without DNX_; word in a cfg; is_vector; act(u); the derivative act'(u). The
 * expressions are compiled in double for the processor, in float for a GPU. They may use u, slope
 * (of prelu), the functions of activations.inc.h, and C(.1) for a constant with a decimal point.
 * act(NaN) must be NaN. is_vector: kernels.inc.h computes the function in vectors. */
#ifndef DNX_ACTIVATIONS_H
#define DNX_ACTIVATIONS_H
#include <stdbool.h>

// clang-format off
/* The first activation has its own macro, because DNX_ACT_WORDS puts a '|' before the others. */
#define DNX_FIRST_ACTIVATION(X) X(LINEAR, linear, true, u, 1)
#define DNX_MORE_ACTIVATIONS(X)                                                                    \
    X(RELU, relu, true, u > 0 ? u : u * 0, u > 0)                                                  \
    X(LEAKY, leaky, true, u > 0 ? u : C(.1) * u, u > 0 ? 1 : C(.1))                                \
    X(PRELU, prelu, true, u > 0 ? u : slope * u, u > 0 ? 1 : slope)                                \
    X(RELU6, relu6, true, cut(u), u > 0 && u < 6)                                                  \
    X(LOGISTIC, logistic, false, sigmoid(u), sigmoid_grad(u))                                      \
    X(TANH, tanh, false, tanh_of(u), 1 - square(tanh_of(u)))                                       \
    X(ELU, elu, false, u >= 0 ? u : exp_of(u) - 1, u >= 0 ? 1 : exp_of(u))                         \
    X(SELU, selu, false, u >= 0 ? C(1.0507) * u : C(1.0507) * C(1.6732) * (exp_of(u) - 1),         \
      u >= 0 ? C(1.0507) : C(1.0507) * C(1.6732) * exp_of(u))                                      \
    X(LOGGY, loggy, false, 2 * sigmoid(u) - 1, 2 * sigmoid_grad(u))                                \
    X(RELIE, relie, false, u > 0 ? u : C(.01) * u, u > 0 ? 1 : C(.01))                             \
    X(RAMP, ramp, false, u * (u > 0) + C(.1) * u, (u > 0) + C(.1))                                 \
    X(PLSE, plse, false,                                                                           \
      u < -4 ? C(.01) * (u + 4) : u > 4 ? C(.01) * (u - 4) + 1 : C(.125) * u + C(.5),              \
      u < -4 || u > 4 ? C(.01) : C(.125))                                                          \
    X(STAIR, stair, false, stair(u), is_odd(floor_of(u)) && floor_of(u) != u)                      \
    X(HARDTAN, hardtan, false, u < -1 ? -1 : u > 1 ? 1 : u, u > -1 && u < 1)                       \
    X(LHTAN, lhtan, false, u < 0 ? C(.001) * u : u > 1 ? C(.001) * (u - 1) + 1 : u,                \
      u > 0 && u < 1 ? 1 : C(.001))                                                                \
    X(SWISH, swish, false, u * sigmoid(u), swish_grad(u))                                          \
    X(MISH, mish, false, u * tanh_of(softplus(u)), mish_grad(u))                                   \
    X(HSWISH, hswish, false, u * cut(u + 3) / 6, u <= -3 ? 0 : u >= 3 ? 1 : (2 * u + 3) / 6)       \
    X(HSIGMOID, hsigmoid, false, cut(u + 3) / 6, u > -3 && u < 3 ? 1 / C(6.) : 0)                  \
    X(HARD_MISH, hard_mish, false, u <= -2 ? 0 : u > 0 ? u : u * (u / 2 + 1),                      \
      u <= -2 ? 0 : u > 0 ? 1 : u + 1)
// clang-format on
#define DNX_ALL_ACTIVATIONS(X) DNX_FIRST_ACTIVATION(X) DNX_MORE_ACTIVATIONS(X)

#define DNX_ACT_ENUM(upper, lower, is_vector, f, grad) DNX_##upper,
#define DNX_ACT_WORD(upper, lower, is_vector, f, grad) "|" #lower
typedef enum { DNX_ALL_ACTIVATIONS(DNX_ACT_ENUM) DNX_ACTIVATIONS } dnx_act;
#define DNX_ACT_WORDS "linear" DNX_MORE_ACTIVATIONS(DNX_ACT_WORD)

/* Return act(u) and the derivative act'(u). Only PRELU uses slope. */
float dnx_activate(float u, dnx_act act, float slope);
float dnx_activate_grad(float u, dnx_act act, float slope);
/* Returns is_vector of act. If true, act is cheap enough to be computed again in backward(). */
bool dnx_act_is_cheap(dnx_act act);
#endif
