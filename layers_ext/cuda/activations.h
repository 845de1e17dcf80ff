/* activations.h - the activation functions that a GPU computes, as kernels/activations.h defines
 * them. An activation that is not in this table runs on the processor, with the layer that has it.
 *
 * Columns: enum without DNX_, act(u), its derivative at u. The expressions may use `slope` and the
 * functions of act.h. For NaN act(u) is NaN. */
#ifndef DNX_CUDA_ACTIVATIONS_H
#define DNX_CUDA_ACTIVATIONS_H

#define DNX_CUDA_ACTIVATIONS(X)                                                               \
    X(LINEAR, u, 1)                                                                           \
    X(RELU, u > 0 ? u : u * 0, u > 0)                                                         \
    X(LEAKY, u > 0 ? u : .1f * u, u > 0 ? 1 : .1f)                                            \
    X(PRELU, u > 0 ? u : slope * u, u > 0 ? 1 : slope)                                        \
    X(RELU6, cut(u), u > 0 && u < 6)                                                          \
    X(LOGISTIC, sigmoid(u), sigmoid_grad(u))                                                  \
    X(TANH, tanh_of(u), 1 - square(tanh_of(u)))                                               \
    X(ELU, u >= 0 ? u : exp_of(u) - 1, u >= 0 ? 1 : exp_of(u))                                \
    X(SELU, u >= 0 ? 1.0507f * u : 1.0507f * 1.6732f * (exp_of(u) - 1),                       \
      u >= 0 ? 1.0507f : 1.0507f * 1.6732f * exp_of(u))                                       \
    X(LOGGY, 2 * sigmoid(u) - 1, 2 * sigmoid_grad(u))                                         \
    X(RELIE, u > 0 ? u : .01f * u, u > 0 ? 1 : .01f)                                          \
    X(RAMP, u * (u > 0) + .1f * u, (u > 0) + .1f)                                             \
    X(PLSE, u < -4 ? .01f * (u + 4) : u > 4 ? .01f * (u - 4) + 1 : .125f * u + .5f,           \
      u < -4 || u > 4 ? .01f : .125f)                                                         \
    X(STAIR, stair(u), is_odd(floor_of(u)) && floor_of(u) != u)                               \
    X(HARDTAN, u < -1 ? -1 : u > 1 ? 1 : u, u > -1 && u < 1)                                  \
    X(LHTAN, u < 0 ? .001f * u : u > 1 ? .001f * (u - 1) + 1 : u, u > 0 && u < 1 ? 1 : .001f) \
    X(SWISH, u * sigmoid(u), sigmoid(u) + u * sigmoid_grad(u))                                \
    X(MISH, u * tanh_of(softplus(u)),                                                         \
      tanh_of(softplus(u)) + u * (1 - square(tanh_of(softplus(u)))) * sigmoid(u))             \
    X(HSWISH, u * cut(u + 3) / 6, u <= -3 ? 0 : u >= 3 ? 1 : (2 * u + 3) / 6)                 \
    X(HSIGMOID, cut(u + 3) / 6, u > -3 && u < 3 ? 1 / 6.f : 0)                                \
    X(HARD_MISH, u <= -2 ? 0 : u > 0 ? u : u * (u / 2 + 1), u <= -2 ? 0 : u > 0 ? 1 : u + 1)
#endif
