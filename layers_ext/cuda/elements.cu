/* elements.cu - sums, copies and pools: one thread computes one number of the
 * output. */
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

/* The window of an output in the image: pixels [y0, y1) x [x0, x1). */
struct bounds {
    int y0, y1, x0, x1;
};
DEVICE struct bounds bounds_of(const struct dnx_cuda_window *at, int oy, int ox) {
    struct bounds b;
    b.y0 = oy * at->stride - at->pad;
    b.x0 = ox * at->stride - at->pad;
    b.y1 = b.y0 + at->kh < at->h ? b.y0 + at->kh : at->h;
    b.x1 = b.x0 + at->kw < at->w ? b.x0 + at->kw : at->w;
    if (b.y0 < 0) b.y0 = 0;
    if (b.x0 < 0) b.x0 = 0;
    return b;
}

KERNEL(maxpool) {
    const struct dnx_cuda_window *at = &a.at;
    const long count = (long)at->batch * at->oh * at->ow * at->C;
    for (long i = INDEX; i < count; i += STEP) {
        const int c = (int)(i % at->C);
        const struct bounds w = bounds_of(at, (int)(i / at->C / at->ow % at->oh),
                                          (int)(i / at->C % at->ow));
        const float *x = a.x + i / at->C / at->ow / at->oh * at->h * at->w * at->C + c;
        int best = w.y0 * at->w + w.x0;
        float top = x[(long)best * at->C];
        for (int y = w.y0; y < w.y1; y++)
            for (int k = w.x0; k < w.x1; k++) {
                const float v = x[((long)y * at->w + k) * at->C];
                if (top == top && !(v <= top)) { /* the first NaN wins over all numbers */
                    top = v;
                    best = y * at->w + k;
                }
            }
        a.y[i] = top;
        if (a.winner) a.winner[i] = best;
    }
}

/* Pixel p of an input row lies in the windows of outputs first_reader() to last_reader(). */
DEVICE int first_reader(int p, int pad, int size, int stride) {
    const int first = p + pad - size + 1;
    return first <= 0 ? 0 : (first + stride - 1) / stride;
}
DEVICE int last_reader(int p, int pad, int stride, int outputs) {
    const int last = (p + pad) / stride;
    return last < outputs ? last : outputs - 1;
}

KERNEL(maxpool_back) {
    const struct dnx_cuda_window *at = &a.at;
    const long count = (long)at->batch * at->h * at->w * at->C;
    for (long i = INDEX; i < count; i += STEP) {
        const int c = (int)(i % at->C), x = (int)(i / at->C % at->w);
        const int y = (int)(i / at->C / at->w % at->h);
        const long b = i / at->C / at->w / at->h;
        float sum = 0;
        for (int oy = first_reader(y, at->pad, at->kh, at->stride);
             oy <= last_reader(y, at->pad, at->stride, at->oh); oy++)
            for (int ox = first_reader(x, at->pad, at->kw, at->stride);
                 ox <= last_reader(x, at->pad, at->stride, at->ow); ox++) {
                const long o = ((b * at->oh + oy) * at->ow + ox) * at->C + c;
                if (a.winner[o] == y * at->w + x) sum += a.dy[o];
            }
        a.dx[i] = sum + (a.adds ? a.dx[i] : 0);
    }
}

/* The sum is divided by the full size of the window, also where the window overlaps the border. */
KERNEL(avgpool) {
    const struct dnx_cuda_window *at = &a.at;
    const long count = (long)at->batch * at->oh * at->ow * at->C;
    for (long i = INDEX; i < count; i += STEP) {
        const int c = (int)(i % at->C);
        const struct bounds w = bounds_of(at, (int)(i / at->C / at->ow % at->oh),
                                          (int)(i / at->C % at->ow));
        const float *x = a.x + i / at->C / at->ow / at->oh * at->h * at->w * at->C + c;
        double sum = 0;
        for (int y = w.y0; y < w.y1; y++)
            for (int k = w.x0; k < w.x1; k++) sum += (double)x[((long)y * at->w + k) * at->C];
        a.y[i] = (float)(sum / (at->kh * at->kw));
    }
}

KERNEL(avgpool_back) {
    const struct dnx_cuda_window *at = &a.at;
    const long count = (long)at->batch * at->h * at->w * at->C;
    const float share = 1.f / (float)(at->kh * at->kw);
    for (long i = INDEX; i < count; i += STEP) {
        const int c = (int)(i % at->C), x = (int)(i / at->C % at->w);
        const int y = (int)(i / at->C / at->w % at->h);
        const long b = i / at->C / at->w / at->h;
        float sum = 0;
        for (int oy = first_reader(y, at->pad, at->kh, at->stride);
             oy <= last_reader(y, at->pad, at->stride, at->oh); oy++)
            for (int ox = first_reader(x, at->pad, at->kw, at->stride);
                 ox <= last_reader(x, at->pad, at->stride, at->ow); ox++)
                sum += a.dy[((b * at->oh + oy) * at->ow + ox) * at->C + c];
        a.dx[i] = share * sum + (a.adds ? a.dx[i] : 0);
    }
}

KERNEL(fill) {
    for (long i = INDEX; i < a.count; i += STEP) a.to[i] = a.value;
}
