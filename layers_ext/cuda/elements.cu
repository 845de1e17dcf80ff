/* elements.cu - sums, products and copies: one thread computes one number of the output. */
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
    EACH_ELEMENT(i, row, c, a.rows * a.c, a.c) {
        float *to = a.to + row * a.to_c + a.to_at + c;
        *to = a.from[row * a.from_c + a.from_at + c] + (a.adds ? *to : 0);
    }
}

KERNEL(fill) {
    for (long i = INDEX; i < a.count; i += STEP) a.to[i] = a.value;
}

KERNEL(times_map) {
    const int C = a.image ? a.C : 1;
    EACH_ELEMENT(i, row, c, a.count, C) {
        const long k = a.image ? i / a.image * C + c : i;
        a.to[i] = a.a[i] * a.b[k] + (a.adds ? a.to[i] : 0);
    }
}

/* The 256 threads of a block take 32 channels x 8 pixels at a time. */
KERNEL(scale_sums) {
    SHARED double sums[DNX_CUDA_ROWS][DNX_CUDA_COLUMNS];
    const int lane = THREAD % DNX_CUDA_COLUMNS, part = THREAD / DNX_CUDA_COLUMNS;
    const int c = BLOCK_Y * DNX_CUDA_COLUMNS + lane;
    double sum = 0;
    for (long p = part; p < a.pixels && c < a.C; p += DNX_CUDA_ROWS) {
        const long i = (BLOCK_X * a.pixels + p) * a.C + c;
        sum += (double)a.a[i] * (double)a.f[i];
    }
    sums[part][lane] = sum;
    SYNC();
    if (part || c >= a.C) return;
    for (int k = 1; k < DNX_CUDA_ROWS; k++) sum += sums[k][lane];
    float *to = a.to + (long)BLOCK_X * a.C + c;
    *to = (float)sum + (a.adds ? *to : 0);
}

KERNEL(shuffle) {
    EACH_ELEMENT(i, row, c, a.rows * a.C, a.C) {
        const int g = c % a.groups, k = c / a.groups;
        a.to[i] = a.from[i - c + g * (a.C / a.groups) + k] + (a.adds ? a.to[i] : 0);
    }
}
