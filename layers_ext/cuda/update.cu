/* update.cu - a step of SGD with momentum and weight decay for all trained tensors, in one launch.
 * Learning rates are in memory, not among the kernel's arguments. So the launch is the same in
 * every step, and a CUDA graph can repeat it. */
#include "cuda/target.h"

KERNEL(descend) {
    const struct dnx_cuda_descent d = a.descents[BLOCK_Y];
    float *w = a.w + d.at, *g = a.g + d.at, *v = a.v + d.at;
    for (long i = INDEX; i < d.count; i += STEP) {
        const float step = g[i] - d.decay * w[i];
        v[i] = d.momentum * v[i] + step;
        w[i] += d.rate * (d.nesterov ? step + d.momentum * v[i] : v[i]);
        g[i] = 0;
    }
}
