/* activations.c - the activation functions f_NAME and their derivatives d_NAME, number by number.
 * Most are computed in double from a float, as in libdarknet. */
#include "kernels/activations.h"

#include <math.h>

#define F(name) static float f_##name(float x, double u, float slope)
#define D(name) static float d_##name(float x, double u, float slope)
#define UNUSED (void)x, (void)u, (void)slope

static double sigmoid(double u) { return 1 / (1 + exp(-u)); }
static double cut(double u) { return u < 0 ? 0 : u > 6 ? 6 : u; } /* min(max(u, 0), 6) */
/* ln(1 + e^u) without overflow */
static double softplus(double u) { return u > 0 ? u + log1p(exp(-u)) : log1p(exp(u)); }

F(linear) { UNUSED; return x; }
D(linear) { UNUSED; return 1; }
F(relu) { UNUSED; return x * (x > 0); }
D(relu) { UNUSED; return x > 0; }
F(leaky) { UNUSED; return (float)(u > 0 ? u : .1 * u); }
D(leaky) { UNUSED; return x > 0 ? 1 : .1f; }
F(prelu) { UNUSED; return x > 0 ? x : x * slope; }
D(prelu) { UNUSED; return x > 0 ? 1 : slope; }
F(relu6) { UNUSED; return (float)cut(u); }
D(relu6) { UNUSED; return x > 0 && x < 6; }
F(logistic) { UNUSED; return (float)sigmoid(u); }
D(logistic) { UNUSED; double s = sigmoid(u); return (float)(s * (1 - s)); }
F(tanh) { UNUSED; return (float)tanh(u); } /* libdarknet's quotient is NaN for large u */
D(tanh) { UNUSED; double t = tanh(u); return (float)(1 - t * t); }
F(elu) { UNUSED; return (float)(u >= 0 ? u : exp(u) - 1); }
D(elu) { UNUSED; return (float)(u >= 0 ? 1 : exp(u)); }
F(selu) { UNUSED; return (float)(u >= 0 ? 1.0507 * u : 1.0507 * 1.6732 * (exp(u) - 1)); }
D(selu) { UNUSED; return (float)(u >= 0 ? 1.0507 : 1.0507 * 1.6732 * exp(u)); }
F(loggy) { UNUSED; return (float)(2 * sigmoid(u) - 1); }
D(loggy) { UNUSED; double s = sigmoid(u); return (float)(2 * s * (1 - s)); }
F(relie) { UNUSED; return (float)(u > 0 ? u : .01 * u); }
D(relie) { UNUSED; return x > 0 ? 1 : .01f; }
F(ramp) { UNUSED; return (float)(u * (u > 0) + .1 * u); }
D(ramp) { UNUSED; return (x > 0) + .1f; }
F(plse) {
    UNUSED;
    return (float)(u < -4 ? .01 * (u + 4) : u > 4 ? .01 * (u - 4) + 1 : .125 * u + .5);
}
/* libdarknet gives other derivatives: it compares the output, not the input, with -4 and 4. */
D(plse) { UNUSED; return x < -4 || x > 4 ? .01f : .125f; }
F(stair) {
    UNUSED;
    double n = floor(u), half = floor(u / 2);
    return (float)(fmod(n, 2) == 0 ? half : u - n + half);
}
/* libdarknet gives 1 on the flat steps, too. */
D(stair) { UNUSED; return floor(u) != u && fmod(floor(u), 2) != 0; }
F(hardtan) { UNUSED; return x < -1 ? -1 : x > 1 ? 1 : x; }
D(hardtan) { UNUSED; return x > -1 && x < 1; }
F(lhtan) { UNUSED; return (float)(u < 0 ? .001 * u : u > 1 ? .001 * (u - 1) + 1 : u); }
D(lhtan) { UNUSED; return x > 0 && x < 1 ? 1 : .001f; }
F(swish) { UNUSED; return (float)(u * sigmoid(u)); }
D(swish) { UNUSED; double s = sigmoid(u); return (float)(s + u * s * (1 - s)); }
F(mish) { UNUSED; return (float)(u * tanh(softplus(u))); }
D(mish) {
    UNUSED;
    double t = tanh(softplus(u));
    return (float)(t + u * (1 - t * t) * sigmoid(u));
}
F(hswish) { UNUSED; return (float)(u * cut(u + 3) / 6); }
D(hswish) { UNUSED; return (float)(u <= -3 ? 0 : u >= 3 ? 1 : (2 * u + 3) / 6); }
F(hsigmoid) { UNUSED; return (float)(cut(u + 3) / 6); }
D(hsigmoid) { UNUSED; return (float)(u > -3 && u < 3 ? 1. / 6 : 0); }
F(hard_mish) { UNUSED; return (float)(u <= -2 ? 0 : u > 0 ? u : u * (u / 2 + 1)); }
D(hard_mish) { UNUSED; return (float)(u <= -2 ? 0 : u > 0 ? 1 : u + 1); }

typedef struct {
    float (*f)(float x, double u, float slope), (*d)(float x, double u, float slope);
    bool is_vector;
} activation;

#define ROW(upper, lower, is_vector) {f_##lower, d_##lower, is_vector},
static const activation table[] = {DNX_FIRST_ACTIVATION(ROW) DNX_MORE_ACTIVATIONS(ROW)};

float dnx_activate(float u, dnx_act act, float slope) {
    return table[act].f(u, (double)u, slope);
}

float dnx_activate_grad(float u, dnx_act act, float slope) {
    return table[act].d(u, (double)u, slope);
}

bool dnx_act_is_cheap(dnx_act act) { return table[act].is_vector; }
