/* depthwise.cu - depthwise convolutions: first kernels for windows of any size, then faster kernels
 * with tiles for small windows. There are C channels and N filters. Filter n reads channel
 * n / (N / C). */
#include "cuda/act.h"

KERNEL(depthwise) {
    const long count = (long)a.at.batch * a.at.oh * a.at.ow * a.at.N;
    const int each = a.at.N / a.at.C;
    for (long i = INDEX; i < count; i += STEP) {
        const int n = (int)(i % a.at.N), c = n / each;
        const int x0 = (int)(i / a.at.N % a.at.ow) * a.at.stride - a.at.pad;
        const int y0 = (int)(i / a.at.N / a.at.ow % a.at.oh) * a.at.stride - a.at.pad;
        const long b = i / a.at.N / a.at.ow / a.at.oh;
        const float *w = a.w + (long)n * a.at.kh * a.at.kw;
        float sum = 0;
        for (int ky = 0; ky < a.at.kh; ky++)
            for (int kx = 0; kx < a.at.kw; kx++) {
                const int y = y0 + ky, x = x0 + kx;
                if (y < 0 || y >= a.at.h || x < 0 || x >= a.at.w) continue;
                const float from = a.x[((b * a.at.h + y) * a.at.w + x) * a.at.C + c];
                sum += w[ky * a.at.kw + kx] * loaded(&a.of_x, from, c);
            }
        a.y[i] = a.scale
                     ? activate(sum * a.scale[n] + a.shift[n], a.act, a.slopes ? a.slopes[n] : 0)
                     : sum;
    }
}

KERNEL(depthwise_dx) {
    const long count = (long)a.at.batch * a.at.h * a.at.w * a.at.C;
    const int each = a.at.N / a.at.C, taps = a.at.kh * a.at.kw;
    for (long i = INDEX; i < count; i += STEP) {
        const int c = (int)(i % a.at.C), x = (int)(i / a.at.C % a.at.w);
        const int y = (int)(i / a.at.C / a.at.w % a.at.h);
        const long b = i / a.at.C / a.at.w / a.at.h;
        float sum = 0;
        for (int ky = 0; ky < a.at.kh; ky++)
            for (int kx = 0; kx < a.at.kw; kx++) {
                const int oy = y + a.at.pad - ky, ox = x + a.at.pad - kx;
                if (oy < 0 || ox < 0 || oy % a.at.stride || ox % a.at.stride) continue;
                if (oy / a.at.stride >= a.at.oh || ox / a.at.stride >= a.at.ow) continue;
                const float *w = a.w + (long)c * each * taps + ky * a.at.kw + kx;
                const float *dz = a.dz +
                                  ((b * a.at.oh + oy / a.at.stride) * a.at.ow + ox / a.at.stride) *
                                      a.at.N +
                                  c * each;
                for (int k = 0; k < each; k++) sum += w[k * taps] * dz[k];
            }
        a.dx[i] = sum + (a.adds ? a.dx[i] : 0);
    }
}

/* Each pixel and channel of the input has one weight. A thread reads one weight, and computes this
 * pixel and channel of dx in several images. */
KERNEL(depthwise_dx_whole) {
    const int taps = a.at.h * a.at.w;
    const long i = INDEX, count = (long)taps * a.at.C;
    if (i >= count) return;
    const int c = (int)(i % a.at.C);
    const float f = a.w[(long)c * taps + i / a.at.C];
    for (long b = BLOCK_Y; b < a.at.batch; b += BLOCKS_Y) {
        float *dx = a.dx + b * count + i;
        *dx = f * a.dz[b * a.at.C + c] + (a.adds ? *dx : 0);
    }
}

/* A block sums the gradient of one tap of 32 filters over a slab of output pixels,
 * 8 pixels at a time. */
KERNEL(depthwise_dw) {
    SHARED float sums[DNX_CUDA_ROWS][DNX_CUDA_COLUMNS];
    const int lane = THREAD % DNX_CUDA_COLUMNS, part = THREAD / DNX_CUDA_COLUMNS, N = a.at.N;
    const int n = BLOCK_X * DNX_CUDA_COLUMNS + lane, c = n / (N / a.at.C);
    const int ky = BLOCK_Y / a.at.kw, kx = BLOCK_Y % a.at.kw;
    const long rows = (long)a.at.batch * a.at.oh * a.at.ow, each = DNX_CUDA_SLAB(rows);
    const long lo = BLOCK_Z * each, hi = lo + each < rows ? lo + each : rows;
    float sum = 0;
    for (long r = lo + part; r < hi && n < N; r += DNX_CUDA_ROWS) {
        const int y = (int)(r / a.at.ow % a.at.oh) * a.at.stride - a.at.pad + ky;
        const int x = (int)(r % a.at.ow) * a.at.stride - a.at.pad + kx;
        const long b = r / a.at.ow / a.at.oh;
        if (y < 0 || y >= a.at.h || x < 0 || x >= a.at.w) continue;
        const float from = a.x[((b * a.at.h + y) * a.at.w + x) * a.at.C + c];
        sum += a.dz[r * N + n] * loaded(&a.of_x, from, c);
    }
    sums[part][lane] = sum;
    SYNC();
    if (part || n >= N) return;
    for (int k = 1; k < DNX_CUDA_ROWS; k++) sum += sums[k][lane];
    a.parts[((long)BLOCK_Z * a.at.kh * a.at.kw + BLOCK_Y) * N + n] = sum;
}

/* A block computes 32 numbers of dw, which are sums over slabs. Each of its 8 warps adds every 8th
 * slab. A warp loads 8 slabs before it adds them, so that the loads run at the same time. */
KERNEL(depthwise_dw_sum) {
    enum { ROWS = DNX_CUDA_ROWS, AHEAD = 8 };
    SHARED float sums[ROWS][DNX_CUDA_COLUMNS];
    const int lane = THREAD % DNX_CUDA_COLUMNS, part = THREAD / DNX_CUDA_COLUMNS;
    const long count = (long)a.N * a.taps, i = (long)BLOCK_X * DNX_CUDA_COLUMNS + lane;
    float sum = 0;
    for (int first = part; i < count && first < a.slabs; first += ROWS * AHEAD) {
        float v[AHEAD];
        UNROLL for (int k = 0; k < AHEAD; k++) {
            const int s = first + k * ROWS;
            v[k] = s < a.slabs ? a.parts[s * count + i] : 0;
        }
        UNROLL for (int k = 0; k < AHEAD; k++) sum += v[k];
    }
    sums[part][lane] = sum;
    SYNC();
    if (part || i >= count) return;
    for (int k = 1; k < ROWS; k++) sum += sums[k][lane];
    a.dw[i % a.N * a.taps + i / a.N] += sum;
}

/* Below, a block computes tiles of 8 x 8 pixels and 32 channels, with a warp for each row. */
enum { SIDE = DNX_CUDA_SIDE, LANES = DNX_CUDA_COLUMNS };

/* The first pixel of a tile, and the index of its image. */
struct corner {
    int y, x;
    long image;
};
DEVICE long tiles_of(int batch, int h, int w) {
    return (long)batch * ((h + SIDE - 1) / SIDE) * ((w + SIDE - 1) / SIDE);
}
DEVICE struct corner corner_of(long tile, int h, int w) {
    const int down = (h + SIDE - 1) / SIDE, across = (w + SIDE - 1) / SIDE;
    struct corner at;
    at.image = tile / (down * across);
    const int k = (int)(tile - at.image * (down * across));
    at.y = k / across * SIDE;
    at.x = k % across * SIDE;
    return at;
}

/* Copies 32 channels of rows x columns pixels of an image to `to`. The image is h x w x C; the
 * first copied pixel is (y0, x0). Pixels outside the image become 0. Applies a deferred batch norm
 * and activation, unless `of` is NULL. */
DEVICE void copy_tile(const float *from, const struct dnx_cuda_deferred *of, int h, int w, int C,
                      int y0, int x0, int rows, int columns, float *to) {
    const int lane = THREAD % LANES, c = BLOCK_Y * LANES + lane;
    for (int pass = 0; pass < (of && of->scale ? 2 : 1); pass++) {
        for (int y = THREAD / LANES; y < rows; y += SIDE)
            for (int x = 0; x < columns; x++) {
                const bool is_in = c < C && y0 + y >= 0 && y0 + y < h && x0 + x >= 0 && x0 + x < w;
                float *at = to + (y * columns + x) * LANES + lane;
                if (!pass) copy_one(at, is_in ? from + ((long)(y0 + y) * w + x0 + x) * C + c : 0);
                else if (is_in) *at = loaded(of, *at, c);
            }
        END_COPIES();
        WAIT_COPIES(0);
    }
    SYNC();
}

/* Copies to `tile` the input pixels of the output tile with corner k. Returns the address in `tile`
 * of this thread's first window. */
DEVICE const float *copy_windows(const struct dnx_cuda_window *at, const float *x,
                                 const struct dnx_cuda_deferred *of_x, struct corner k, int columns,
                                 float *tile) {
    copy_tile(x + k.image * at->h * at->w * at->C, of_x, at->h, at->w, at->C,
              k.y * at->stride - at->pad, k.x * at->stride - at->pad,
              (SIDE - 1) * at->stride + at->kh, columns, tile);
    return tile + THREAD / LANES * at->stride * columns * LANES + THREAD % LANES;
}

KERNEL(depthwise_tiles) {
    SHARED float tile[DNX_CUDA_WINDOWS];
    SHARED double sums[2][SIDE][LANES];
    const struct dnx_cuda_window *at = &a.at;
    const int lane = THREAD % LANES, row = THREAD / LANES, c = BLOCK_Y * LANES + lane;
    const int columns = (SIDE - 1) * at->stride + at->kw, step = at->stride * LANES;
    const float *w = a.w + (long)(c < at->C ? c : 0) * at->kh * at->kw;
    double s0 = 0, s1 = 0;
    for (long t = BLOCK_X; t < tiles_of(at->batch, at->oh, at->ow); t += BLOCKS_X) {
        const struct corner k = corner_of(t, at->oh, at->ow);
        const float *x = copy_windows(at, a.x, &a.of_x, k, columns, tile);
        float sum[SIDE] = {0, 0, 0, 0, 0, 0, 0, 0};
        for (int ky = 0; ky < at->kh; ky++)
            for (int kx = 0; kx < at->kw; kx++) {
                const float f = w[ky * at->kw + kx], *from = x + (ky * columns + kx) * LANES;
                UNROLL for (int i = 0; i < SIDE; i++) sum[i] += f * from[i * step];
            }
        float *y = a.y + ((k.image * at->oh + k.y + row) * at->ow + k.x) * at->C + c;
        UNROLL for (int i = 0; i < SIDE; i++) {
            if (c >= at->C || k.y + row >= at->oh || k.x + i >= at->ow) continue;
            y[(long)i * at->C] = a.scale ? call_activate(sum[i] * a.scale[c] + a.shift[c], a.act,
                                                         a.slopes ? a.slopes[c] : 0)
                                         : sum[i];
            s0 += (double)sum[i];
            s1 += (double)sum[i] * (double)sum[i];
        }
        SYNC();
    }
    if (!a.parts) return;
    sums[0][row][lane] = s0;
    sums[1][row][lane] = s1;
    SYNC();
    if (row > 1 || c >= at->C) return;
    double sum = 0;
    for (int k = 0; k < SIDE; k++) sum += sums[row][k][lane];
    a.parts[((long)BLOCK_X * 3 + row) * at->C + c] = sum;
}

/* Returns p / stride rounded down, also for a negative p. */
DEVICE int down(int p, int stride) { return p >= 0 ? p / stride : -((stride - 1 - p) / stride); }

KERNEL(depthwise_dx_tiles) {
    SHARED float tile[DNX_CUDA_WINDOWS];
    const struct dnx_cuda_window *at = &a.at;
    const int lane = THREAD % LANES, row = THREAD / LANES, c = BLOCK_Y * LANES + lane;
    const int s = at->stride, rows = (SIDE + at->kh + s - 3) / s + 1;
    const int columns = (SIDE + at->kw + s - 3) / s + 1;
    const struct corner k = corner_of(BLOCK_X, at->h, at->w);
    const int y0 = down(k.y + at->pad - at->kh + 1, s), x0 = down(k.x + at->pad - at->kw + 1, s);
    copy_tile(a.dz + k.image * at->oh * at->ow * at->C, 0, at->oh, at->ow, at->C, y0, x0, rows,
              columns, tile);
    const float *w = a.w + (long)(c < at->C ? c : 0) * at->kh * at->kw;
    float sum[SIDE] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int ky = 0; ky < at->kh; ky++) {
        const int y = k.y + row + at->pad - ky - y0 * s;
        if (s > 1 && y % s) continue;
        const float *from = tile + (s > 1 ? y / s : y) * columns * LANES + lane;
        for (int kx = 0; kx < at->kw; kx++) {
            const float f = w[ky * at->kw + kx];
            UNROLL for (int i = 0; i < SIDE; i++) {
                const int x = k.x + i + at->pad - kx - x0 * s;
                if (s == 1) sum[i] += f * from[x * LANES];
                else if (x % s == 0) sum[i] += f * from[x / s * LANES];
            }
        }
    }
    float *dx = a.dx + ((k.image * at->h + k.y + row) * at->w + k.x) * at->C + c;
    UNROLL for (int i = 0; i < SIDE; i++) if (c < at->C && k.y + row < at->h && k.x + i < at->w)
        dx[(long)i * at->C] = sum[i] + (a.adds ? dx[(long)i * at->C] : 0);
}

KERNEL(depthwise_dw_tiles) {
    SHARED float tile[DNX_CUDA_WINDOWS + DNX_CUDA_SUMS];
    const struct dnx_cuda_window *at = &a.at;
    const int lane = THREAD % LANES, row = THREAD / LANES, c = BLOCK_Y * LANES + lane;
    const int columns = (SIDE - 1) * at->stride + at->kw, step = at->stride * LANES;
    const int taps = at->kh * at->kw;
    /* `tile` has the pixels first, then the sums: 8 rows x taps x 32 channels. */
    float *all = tile + ((SIDE - 1) * at->stride + at->kh) * columns * LANES;
    float *sums = all + row * taps * LANES + lane;
    for (int k = 0; k < taps; k++) sums[k * LANES] = 0;
    for (long t = BLOCK_X; t < tiles_of(at->batch, at->oh, at->ow); t += BLOCKS_X) {
        const struct corner k = corner_of(t, at->oh, at->ow);
        const float *x = copy_windows(at, a.x, &a.of_x, k, columns, tile);
        const float *dz = a.dz + ((k.image * at->oh + k.y + row) * at->ow + k.x) * at->C + c;
        float d[SIDE];
        UNROLL for (int i = 0; i < SIDE; i++)
            d[i] = c < at->C && k.y + row < at->oh && k.x + i < at->ow ? dz[(long)i * at->C] : 0;
        for (int ky = 0; ky < at->kh; ky++)
            for (int kx = 0; kx < at->kw; kx++) {
                const float *from = x + (ky * columns + kx) * LANES;
                float sum = 0;
                UNROLL for (int i = 0; i < SIDE; i++) sum += d[i] * from[i * step];
                sums[(ky * at->kw + kx) * LANES] += sum;
            }
        SYNC();
    }
    for (int k = row; k < taps && c < at->C; k += SIDE) {
        float sum = 0;
        for (int r = 0; r < SIDE; r++) sum += all[(r * taps + k) * LANES + lane];
        a.parts[((long)BLOCK_X * taps + k) * at->C + c] = sum;
    }
}
