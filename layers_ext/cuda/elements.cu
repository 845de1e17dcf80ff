/* elements.cu - sums, products and copies. */
#include "cuda/act.h"

/* Returns the index of the element of f that is added to y[i]; -1 when nothing is added. */
DEVICE long f_of_y(const struct dnx_cuda_overlap *at, long i) {
    if (at->is_all) return i;
    const int c = (int)(i % at->C), x = (int)(i / at->C % at->X),
              y = (int)(i / at->C / at->X % at->Y);
    const long b = i / at->C / at->X / at->Y;
    if (c >= at->c || x % at->sample || y % at->sample) return -1;
    if (x / at->sample >= at->w || y / at->sample >= at->h) return -1;
    return ((b * at->FY + y / at->sample * at->stride) * at->FX + x / at->sample * at->stride) *
               at->FC +
           c;
}

/* Returns the index of the element of y to which f[i] is added; -1 when f[i] is not used. */
DEVICE long y_of_f(const struct dnx_cuda_overlap *at, long i) {
    if (at->is_all) return i;
    const int c = (int)(i % at->FC), x = (int)(i / at->FC % at->FX);
    const int y = (int)(i / at->FC / at->FX % at->FY);
    const long b = i / at->FC / at->FX / at->FY;
    if (c >= at->c || x % at->stride || y % at->stride) return -1;
    if (x / at->stride >= at->w || y / at->stride >= at->h) return -1;
    return ((b * at->Y + y / at->stride * at->sample) * at->X + x / at->stride * at->sample) *
               at->C +
           c;
}

/* The deferred batch norm and activation of four channels of a tensor. */
struct four_loaded {
    float4 scale, shift, slopes;
};
DEVICE struct four_loaded norms_of_four(const struct dnx_cuda_deferred *d, int c) {
    struct four_loaded of;
    of.scale = four_of(d->scale, c, 1);
    of.shift = four_of(d->scale ? d->shift : 0, c, 0);
    of.slopes = four_of(d->scale ? d->slopes : 0, c, 0);
    return of;
}
DEVICE float4 with_four(const struct dnx_cuda_deferred *d, const struct four_loaded *of,
                        const float *from) {
    float4 u = load_four(from, true);
    if (!d->scale) return u;
    u = u * of->scale + of->shift;
    if (d->act != DNX_LINEAR) UNROLL
        for (int i = 0; i < 4; i++) u[i] = activate(u[i], d->act, of->slopes[i]);
    return u;
}

KERNEL(sum) {
    if (a.fours) {
        EACH_ROW_OF_FOURS(row, c, a.count / a.at.C, a.at.C) {
            const struct four_loaded of_x = norms_of_four(&a.of_x, c),
                                     of_f = norms_of_four(&a.of_f, c);
            for (; row < a.count / a.at.C; row += row_step) {
                const long i = row * a.at.C + c;
                float4 u = a.alpha * with_four(&a.of_x, &of_x, a.x + i) +
                           a.beta * with_four(&a.of_f, &of_f, a.f + i);
                UNROLL for (int k = 0; k < 4; k++) u[k] = activate(u[k], a.act, 0);
                store_four(a.y + i, u, true);
            }
        }
        return;
    }
    EACH_ELEMENT(i, row, c, a.count, a.at.C) {
        const long k = f_of_y(&a.at, i);
        float u = loaded(&a.of_x, a.x[i], c);
        if (k >= 0) u = a.alpha * u + a.beta * loaded(&a.of_f, a.f[k], c);
        a.y[i] = activate(u, a.act, 0);
    }
}

KERNEL(sum_back) {
    if (a.fours) {
        for (long i = 4 * INDEX; i < a.count; i += 4 * STEP) {
            float4 d = (a.is_f ? a.beta : a.alpha) * load_four(a.dy + i, true);
            if (a.adds) d += load_four(a.to + i, true);
            store_four(a.to + i, d, true);
        }
        return;
    }
    for (long i = INDEX; i < a.count; i += STEP) {
        const long at = a.is_f ? y_of_f(&a.at, i) : i;
        const long k = at < 0 ? -1 : f_of_y(&a.at, at);
        float d = 0;
        if (at >= 0) d = (a.is_f ? a.beta : k < 0 ? 1 : a.alpha) * a.dy[at];
        if (at >= 0 && a.act != DNX_LINEAR) {
            const float u = k < 0 ? a.x[at] : a.alpha * a.x[at] + a.beta * a.f[k];
            d *= activate_grad(u, a.act, 0);
        }
        a.to[i] = d + (a.adds ? a.to[i] : 0);
    }
}

KERNEL(scaled) {
    for (long i = INDEX; i < a.count; i += STEP)
        a.to[i] = a.factor * a.from[i] + (a.adds ? a.to[i] : 0);
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

DEVICE float factor_of(const struct times_map_args *a, long i, long row, int c) {
    return a->b[a->by == DNX_CUDA_EACH      ? i
                : a->by == DNX_CUDA_CHANNEL ? i / a->image * a->C + c
                                            : row];
}

KERNEL(times_map) {
    EACH_ELEMENT(i, row, c, a.count, a.C) {
        const float u = a.a[i] * factor_of(&a, i, row, c);
        a.to[i] = activate(u, a.act, 0) + (a.adds ? a.to[i] : 0);
    }
}

KERNEL(map_slopes) {
    EACH_ELEMENT(i, row, c, a.count, a.C) {
        a.to[i] = a.dy[i] * activate_grad(a.a[i] * factor_of(&a, i, row, c), a.act, 0);
    }
}

/* A block sums 32 channels of an image, 8 pixels at a time. */
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
