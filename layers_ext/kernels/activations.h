/* activations.h - the activation functions. README.md of this folder lists what a new one needs.
 *
 * Columns: enum, word in a cfg, is_vector. The vector kernels compute functions that are a line on
 * each side of 0, possibly cut at 6. All others are computed number by number. */
#ifndef DNX_ACTIVATIONS_H
#define DNX_ACTIVATIONS_H
#include <stdbool.h>

/* The first line is separate because it is the default, and no '|' precedes its word. */
#define DNX_FIRST_ACTIVATION(X) X(LINEAR, linear, true)
#define DNX_MORE_ACTIVATIONS(X)    \
    X(RELU, relu, true)            \
    X(LEAKY, leaky, true)          \
    X(PRELU, prelu, true)          \
    X(RELU6, relu6, true)          \
    X(LOGISTIC, logistic, false)   \
    X(TANH, tanh, false)           \
    X(ELU, elu, false)             \
    X(SELU, selu, false)           \
    X(LOGGY, loggy, false)         \
    X(RELIE, relie, false)         \
    X(RAMP, ramp, false)           \
    X(PLSE, plse, false)           \
    X(STAIR, stair, false)         \
    X(HARDTAN, hardtan, false)     \
    X(LHTAN, lhtan, false)         \
    X(SWISH, swish, false)         \
    X(MISH, mish, false)           \
    X(HSWISH, hswish, false)       \
    X(HSIGMOID, hsigmoid, false)   \
    X(HARD_MISH, hard_mish, false)

#define DNX_ACT_ENUM(upper, lower, is_vector) DNX_##upper,
#define DNX_ACT_WORD(upper, lower, is_vector) "|" #lower
typedef enum {
    DNX_FIRST_ACTIVATION(DNX_ACT_ENUM) DNX_MORE_ACTIVATIONS(DNX_ACT_ENUM) DNX_ACTIVATIONS
} dnx_act;
#define DNX_ACT_WORDS "linear" DNX_MORE_ACTIVATIONS(DNX_ACT_WORD)

/* act(u), and the derivative act'(u). slope is used by PRELU where u <= 0. Functions that
 * libdarknet has, too, are defined as there; activations.c names the exceptions. */
float dnx_activate(float u, dnx_act act, float slope);
float dnx_activate_grad(float u, dnx_act act, float slope);
/* True when the vector kernels compute it. Computing it twice then costs little. */
bool dnx_act_is_cheap(dnx_act act);
#endif
