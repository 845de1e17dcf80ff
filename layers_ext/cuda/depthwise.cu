/* depthwise.cu - convolutions with one filter for each channel. */
#include "cuda/act.h"

KERNEL(depthwise) {
    const long count = (long)a.at.batch * a.at.oh * a.at.ow * a.at.C;
    for (long i = INDEX; i < count; i += STEP) {
        const int c = (int)(i % a.at.C), x0 = (int)(i / a.at.C % a.at.ow) * a.at.stride - a.at.pad;
        const int y0 = (int)(i / a.at.C / a.at.ow % a.at.oh) * a.at.stride - a.at.pad;
        const long b = i / a.at.C / a.at.ow / a.at.oh;
        const float *w = a.w + (long)c * a.at.kh * a.at.kw;
        float sum = 0;
        for (int ky = 0; ky < a.at.kh; ky++)
            for (int kx = 0; kx < a.at.kw; kx++) {
                const int y = y0 + ky, x = x0 + kx;
                if (y >= 0 && y < a.at.h && x >= 0 && x < a.at.w)
                    sum += w[ky * a.at.kw + kx] * a.x[((b * a.at.h + y) * a.at.w + x) * a.at.C + c];
            }
        a.y[i] = a.scale ? activate(sum * a.scale[c] + a.shift[c], a.act,
                                    a.slopes ? a.slopes[c] : 0) : sum;
    }
}

KERNEL(depthwise_dx) {
    const long count = (long)a.at.batch * a.at.h * a.at.w * a.at.C;
    for (long i = INDEX; i < count; i += STEP) {
        const int c = (int)(i % a.at.C), x = (int)(i / a.at.C % a.at.w);
        const int y = (int)(i / a.at.C / a.at.w % a.at.h);
        const long b = i / a.at.C / a.at.w / a.at.h;
        const float *w = a.w + (long)c * a.at.kh * a.at.kw;
        float sum = 0;
        for (int ky = 0; ky < a.at.kh; ky++)
            for (int kx = 0; kx < a.at.kw; kx++) {
                const int oy = y + a.at.pad - ky, ox = x + a.at.pad - kx;
                if (oy < 0 || ox < 0 || oy % a.at.stride || ox % a.at.stride) continue;
                if (oy / a.at.stride >= a.at.oh || ox / a.at.stride >= a.at.ow) continue;
                sum += w[ky * a.at.kw + kx] *
                       a.dz[((b * a.at.oh + oy / a.at.stride) * a.at.ow + ox / a.at.stride) * a.at.C + c];
            }
        a.dx[i] = sum + (a.adds ? a.dx[i] : 0);
    }
}

/* The 256 threads of a block take 32 channels x 8 rows at a time. At the end the first 32 threads
 * add the 8 partial sums of each channel. */
KERNEL(depthwise_dw) {
    SHARED float sums[DNX_CUDA_ROWS][DNX_CUDA_COLUMNS];
    const int lane = THREAD % DNX_CUDA_COLUMNS, part = THREAD / DNX_CUDA_COLUMNS;
    const int c = BLOCK_X * DNX_CUDA_COLUMNS + lane, ky = BLOCK_Y / a.at.kw, kx = BLOCK_Y % a.at.kw;
    const long rows = (long)a.at.batch * a.at.oh * a.at.ow, each = DNX_CUDA_SLAB(rows);
    const long lo = BLOCK_Z * each, hi = lo + each < rows ? lo + each : rows;
    float sum = 0;
    for (long r = lo + part; r < hi && c < a.at.C; r += DNX_CUDA_ROWS) {
        const int y = (int)(r / a.at.ow % a.at.oh) * a.at.stride - a.at.pad + ky;
        const int x = (int)(r % a.at.ow) * a.at.stride - a.at.pad + kx;
        const long b = r / a.at.ow / a.at.oh;
        if (y >= 0 && y < a.at.h && x >= 0 && x < a.at.w)
            sum += a.dz[r * a.at.C + c] * a.x[((b * a.at.h + y) * a.at.w + x) * a.at.C + c];
    }
    sums[part][lane] = sum;
    SYNC();
    if (part || c >= a.at.C) return;
    for (int k = 1; k < DNX_CUDA_ROWS; k++) sum += sums[k][lane];
    a.parts[((long)BLOCK_Z * a.at.kh * a.at.kw + BLOCK_Y) * a.at.C + c] = sum;
}

KERNEL(depthwise_dw_sum) {
    const long count = (long)a.C * a.taps;
    for (long i = INDEX; i < count; i += STEP) {
        float sum = 0;
        for (int s = 0; s < a.slabs; s++)
            sum += a.parts[s * count + i % a.taps * a.C + i / a.taps];
        a.dw[i] += sum;
    }
}
