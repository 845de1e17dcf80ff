/* elements.cu - sums and copies: one thread computes one number of the output. */
#include "cuda/act.h"

KERNEL(sum) {
    for (long i = INDEX; i < a.count; i += STEP)
        a.y[i] = activate(a.alpha * a.x[i] + a.beta * a.f[i], a.act, 0);
}

KERNEL(scaled) {
    for (long i = INDEX; i < a.count; i += STEP) {
        float d = a.factor * a.from[i];
        if (a.x) d *= activate_grad(a.alpha * a.x[i] + a.beta * a.f[i], a.act, 0);
        a.to[i] = d + (a.adds ? a.to[i] : 0);
    }
}

KERNEL(channels) {
    const long count = a.rows * a.c;
    for (long i = INDEX; i < count; i += STEP) {
        const long row = i / a.c, c = i % a.c;
        float *to = a.to + row * a.to_c + a.to_at + c;
        *to = a.from[row * a.from_c + a.from_at + c] + (a.adds ? *to : 0);
    }
}

KERNEL(fill) {
    for (long i = INDEX; i < a.count; i += STEP) a.to[i] = a.value;
}
