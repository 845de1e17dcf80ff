/* softmax.cu - softmax, its cross-entropy and gradient; one block for each row. */
#include "cuda/block.h"
#include "cuda/real.h"

KERNEL(softmax) {
    const float *x = a.x + BLOCK_X * a.size;
    float *y = a.y + BLOCK_X * a.size;
    double most = -real_infinity(), sum = 0;
    for (long k = THREAD; k < a.size; k += THREADS)
        if ((double)x[k] > most) most = (double)x[k];
    most = block_max(most);
    for (long k = THREAD; k < a.size; k += THREADS) {
        const double e = real_exp(((double)x[k] - most) / a.temperature);
        y[k] = (float)e;
        sum += e;
    }
    sum = block_sum(sum);
    for (long k = THREAD; k < a.size; k += THREADS) y[k] = (float)((double)y[k] / sum);
    if (THREAD || !a.label) return;
    const int k = a.label[BLOCK_X];
    a.losses[BLOCK_X] = k < 0 ? 0 : real_log(sum) - ((double)x[k] - most) / a.temperature;
}

KERNEL(softmax_back) {
    const float *y = a.y + BLOCK_X * a.size, *dy = a.dy ? a.dy + BLOCK_X * a.size : 0;
    const int label = a.label ? a.label[BLOCK_X] : -1;
    double along = 0;
    for (long k = THREAD; k < a.size && dy; k += THREADS) along += (double)y[k] * (double)dy[k];
    along = block_sum(along);
    for (long k = THREAD; k < a.size; k += THREADS) {
        double d = dy ? (double)y[k] * ((double)dy[k] - along) : 0;
        if (label >= 0) d += (k == label) - (double)y[k];
        float *dx = a.dx + BLOCK_X * a.size + k;
        *dx = (float)(d / a.temperature) + (a.adds ? *dx : 0);
    }
}
