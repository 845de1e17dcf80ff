/* rate.c - the learning rate policies. */
#include "net/rate.h"

#include <math.h>

/* Makes the random numbers of the rate differ from those of layers and images. */
#define STREAM 0x72617465ull

static float times(const dnx_net_opts *o, double factor) {
    return (float)((double)o->learning_rate * factor);
}

static double power_of(float base, const dnx_net_opts *o) {
    return pow((double)base, (double)o->power);
}

static float by_steps(const dnx_net_opts *o, uint64_t number) {
    float rate = o->learning_rate;
    for (int i = 0; i < o->steps.n && (uint64_t)(int)o->steps.v[i] <= number; i++)
        rate *= o->scales.v[i];
    return rate;
}

static float by_chance(const dnx_net_opts *o, uint64_t number) {
    dnx_rng r;
    dnx_rng_seed(&r, (uint64_t)o->seed ^ STREAM << 32, number);
    return times(o, power_of(dnx_rng_uniform(&r), o));
}

static float by_cosine(const dnx_net_opts *o, uint64_t number) {
    if (number >= (uint64_t)o->max_batches) return 0;
    const double done = (double)(number - (uint64_t)o->burn_in) / (o->max_batches - o->burn_in);
    return times(o, (1 + cos(M_PI * done)) / 2);
}

bool dnx_rate_ends(const dnx_net_opts *o) {
    return o->policy == DNX_POLY || o->policy == DNX_COSINE;
}

float dnx_rate(const dnx_net_opts *o, uint64_t number) {
    const float n = (float)number;
    if (number < (uint64_t)o->burn_in) return times(o, power_of(n / (float)o->burn_in, o));
    switch (o->policy) {
    case DNX_STEP: return times(o, pow((double)o->scale, (double)(number / (uint64_t)o->step)));
    case DNX_EXP: return times(o, pow((double)o->gamma, (double)number));
    case DNX_POLY:
        if (number >= (uint64_t)o->max_batches) return 0;
        return times(o, power_of(1 - n / (float)o->max_batches, o));
    case DNX_STEPS: return by_steps(o, number);
    case DNX_SIGMOID:
        return times(o, 1 / (1 + exp((double)(o->gamma * (float)((double)number - o->step)))));
    case DNX_RANDOM: return by_chance(o, number);
    case DNX_COSINE: return by_cosine(o, number);
    default: return o->learning_rate;
    }
}
