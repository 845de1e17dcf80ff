/* block.h - sums and maxima over threads. All threads of a block must call block_sum(), block_max()
 * and row_sum() together. The order of the additions is fixed, so two runs give the same bits. */
#ifndef DNX_CUDA_BLOCK_H
#define DNX_CUDA_BLOCK_H
#include "cuda/target.h"

/* Returns the sum of v over all threads of the block. */
DEVICE double block_sum(double v) {
    SHARED double part[DNX_CUDA_THREADS];
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

/* Returns the largest v of all threads of the block. v must not be NaN. */
DEVICE double block_max(double v) {
    SHARED double part[DNX_CUDA_THREADS];
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

/* The threads of a block form 8 rows of 32. Returns the sum of v over this thread's row. */
DEVICE double row_sum(double v) {
    SHARED double part[DNX_CUDA_THREADS];
    const int first = THREAD / DNX_CUDA_COLUMNS * DNX_CUDA_COLUMNS;
    part[THREAD] = v;
    SYNC();
    double sum = 0;
    for (int k = 0; k < DNX_CUDA_COLUMNS; k++) sum += part[first + k];
    SYNC();
    return sum;
}

/* Limits a cosine to -1..1, because rounding can give slightly more. NaN stays NaN. */
DEVICE float limit(float c) { return c > 1 ? 1 : c < -1 ? -1 : c; }

/* Returns 1/|x|; 0 when |x| is at most 1e-15. square: |x|^2. */
DEVICE double inverse_of(double square) {
    return square > 1e-30 || square != square ? 1 / SQRT(square) : 0;
}
#endif
