/* block.h - sums and maxima over the threads of a block, and the largest cosines. All threads call
 * these functions, and all get the result. The order of a sum depends only on the number of
 * threads. */
#ifndef DNX_CUDA_BLOCK_H
#define DNX_CUDA_BLOCK_H
#include "cuda/target.h"

enum { BLOCK_THREADS = 256 };

DEVICE double block_sum(double v) {
    SHARED double part[BLOCK_THREADS];
    part[THREAD] = v;
    SYNC();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (THREAD < half) part[THREAD] += part[THREAD + half];
        SYNC();
    }
    const double sum = part[0];
    SYNC();
    return sum;
}

/* NaN is ignored. */
DEVICE double block_max(double v) {
    SHARED double part[BLOCK_THREADS];
    part[THREAD] = v;
    SYNC();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (THREAD < half && part[THREAD + half] > part[THREAD]) part[THREAD] = part[THREAD + half];
        SYNC();
    }
    const double most = part[0];
    SYNC();
    return most;
}

/* The sum over the 32 threads of this thread's row: a block holds 8 rows. */
DEVICE double row_sum(double v) {
    SHARED double part[BLOCK_THREADS];
    const int first = THREAD / DNX_CUDA_COLUMNS * DNX_CUDA_COLUMNS;
    part[THREAD] = v;
    SYNC();
    double sum = 0;
    for (int k = 0; k < DNX_CUDA_COLUMNS; k++) sum += part[first + k];
    SYNC();
    return sum;
}

/* Rounding can give a cosine slightly beyond -1 or 1: returns the limit then. NaN stays. */
DEVICE float limit(float c) { return c > 1 ? 1 : c < -1 ? -1 : c; }

/* 1/|x|, from the square of |x|. Returns 0 when |x| is below 1e-15. */
DEVICE float inverse_of(double square) {
    return square > 1e-30 || square != square ? (float)(1 / SQRT(square)) : 0;
}
#endif
