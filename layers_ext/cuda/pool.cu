/* pool.cu - maxpool and avgpool. */
#include "cuda/target.h"

/* The pixels [y0, y1) x [x0, x1) of the window of an output. x[plane] is pixel (0, 0) of the
 * output's image, in the output's channel. */
struct bounds {
    int y0, y1, x0, x1;
    long plane;
};
DEVICE struct bounds bounds_of(const struct dnx_cuda_window *at, long i) {
    struct bounds b;
    b.x0 = (int)(i / at->C % at->ow) * at->stride - at->pad;
    b.y0 = (int)(i / at->C / at->ow % at->oh) * at->stride - at->pad;
    b.y1 = b.y0 + at->kh < at->h ? b.y0 + at->kh : at->h;
    b.x1 = b.x0 + at->kw < at->w ? b.x0 + at->kw : at->w;
    if (b.y0 < 0) b.y0 = 0;
    if (b.x0 < 0) b.x0 = 0;
    b.plane = i / at->C / at->ow / at->oh * at->h * at->w * at->C + i % at->C;
    return b;
}
DEVICE long outputs_of(const struct dnx_cuda_window *at) {
    return (long)at->batch * at->oh * at->ow * at->C;
}
DEVICE long inputs_of(const struct dnx_cuda_window *at) {
    return (long)at->batch * at->h * at->w * at->C;
}

KERNEL(maxpool) {
    const struct dnx_cuda_window *at = &a.at;
    for (long i = INDEX; i < outputs_of(at); i += STEP) {
        const struct bounds w = bounds_of(at, i);
        const float *x = a.from + w.plane;
        int best = w.y0 * at->w + w.x0;
        float top = x[(long)best * at->C];
        for (int y = w.y0; y < w.y1; y++)
            for (int k = w.x0; k < w.x1; k++) {
                const float v = x[((long)y * at->w + k) * at->C];
                if (v > top || v != v) { /* the last NaN of a window is the result */
                    top = v;
                    best = y * at->w + k;
                }
            }
        a.to[i] = top;
        if (a.winner) a.winner[i] = best;
    }
}

/* Returns how many pixels a window has; with is_of_image, how many of them are in the image. */
DEVICE int area_of(const struct dnx_cuda_window *at, const struct bounds *w, bool is_of_image) {
    return is_of_image ? (w->y1 - w->y0) * (w->x1 - w->x0) : at->kh * at->kw;
}

KERNEL(avgpool) {
    const struct dnx_cuda_window *at = &a.at;
    for (long i = INDEX; i < outputs_of(at); i += STEP) {
        const struct bounds w = bounds_of(at, i);
        double sum = 0;
        for (int y = w.y0; y < w.y1; y++)
            for (int k = w.x0; k < w.x1; k++)
                sum += (double)a.from[w.plane + ((long)y * at->w + k) * at->C];
        sum = a.is_mean ? sum / area_of(at, &w, a.is_of_image) : sum * (double)a.factor;
        a.to[i] = (float)sum + (a.adds ? a.to[i] : 0);
    }
}

/* Return the first and the last output of a row whose windows contain pixel p of the input row. */
DEVICE int first_reader(int p, int pad, int size, int stride) {
    const int first = p + pad - size + 1;
    return first <= 0 ? 0 : (first + stride - 1) / stride;
}
DEVICE int last_reader(int p, int pad, int stride, int outputs) {
    const int last = (p + pad) / stride;
    return last < outputs ? last : outputs - 1;
}

/* Returns the sum of dy over the outputs whose windows contain input i. When winner is not NULL,
 * the sum is only over the outputs whose maximum is input i. With is_of_image, each dy is divided
 * by the number of pixels that its window has in the image. */
DEVICE float sum_of_readers(const struct dnx_cuda_window *at, const float *dy, const int *winner,
                            bool is_of_image, long i) {
    const int c = (int)(i % at->C), x = (int)(i / at->C % at->w);
    const int y = (int)(i / at->C / at->w % at->h);
    const long b = i / at->C / at->w / at->h;
    float sum = 0;
    for (int oy = first_reader(y, at->pad, at->kh, at->stride);
         oy <= last_reader(y, at->pad, at->stride, at->oh); oy++)
        for (int ox = first_reader(x, at->pad, at->kw, at->stride);
             ox <= last_reader(x, at->pad, at->stride, at->ow); ox++) {
            const long o = ((b * at->oh + oy) * at->ow + ox) * at->C + c;
            if (winner && winner[o] != y * at->w + x) continue;
            const struct bounds w = bounds_of(at, o);
            sum += is_of_image ? dy[o] / (float)area_of(at, &w, true) : dy[o];
        }
    return sum;
}

KERNEL(maxpool_back) {
    for (long i = INDEX; i < inputs_of(&a.at); i += STEP)
        a.to[i] = sum_of_readers(&a.at, a.from, a.winner, false, i) + (a.adds ? a.to[i] : 0);
}

KERNEL(avgpool_back) {
    const bool of_image = a.is_mean && a.is_of_image;
    const float share = of_image ? 1 : a.is_mean ? 1.f / (float)(a.at.kh * a.at.kw) : a.factor;
    for (long i = INDEX; i < inputs_of(&a.at); i += STEP)
        a.to[i] = share * sum_of_readers(&a.at, a.from, 0, of_image, i) + (a.adds ? a.to[i] : 0);
}
