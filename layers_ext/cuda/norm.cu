/* norm.cu - batch norm (or a bias) and the activation. common/norm_act.h has the formulas. */
#include "cuda/act.h"

/* A block sums 32 channels over a slab, 8 rows at a time. Each thread reads four rows before it
 * adds them, so that the loads run at the same time. */
KERNEL(norm_sums) {
    enum { AT_ONCE = 4 };
    SHARED double sums[3][DNX_CUDA_ROWS][DNX_CUDA_COLUMNS];
    const int lane = THREAD % DNX_CUDA_COLUMNS, part = THREAD / DNX_CUDA_COLUMNS;
    const int c = BLOCK_X * DNX_CUDA_COLUMNS + lane;
    const long each = DNX_CUDA_SLAB(a.rows), lo = BLOCK_Y * each;
    const long hi = lo + each < a.rows ? lo + each : a.rows;
    const bool is_in = c < a.C;
    const float scale = is_in && a.scale ? a.scale[c] : 1,
                shift = is_in && a.scale ? a.shift[c] : 0;
    const float slope = is_in && a.slopes ? a.slopes[c] : 0;
    double s0 = 0, s1 = 0, s2 = 0;
    for (long r = lo + part; r < hi && is_in; r += AT_ONCE * DNX_CUDA_ROWS) {
        float z[AT_ONCE], dy[AT_ONCE], d0 = 0, d1 = 0, d2 = 0;
        UNROLL for (int k = 0; k < AT_ONCE; k++) {
            const long row = r + k * DNX_CUDA_ROWS;
            z[k] = row < hi ? a.z[row * a.C + c] : 0;
            dy[k] = row < hi && a.dy ? a.dy[row * a.C + c] : 0;
        }
        UNROLL for (int k = 0; k < AT_ONCE; k++) {
            if (!a.dy) { /* double: float32 sums would lose the variance if the mean is large */
                s0 += (double)z[k];
                s1 += (double)z[k] * (double)z[k];
                continue;
            }
            const float u = z[k] * scale + shift, du = dy[k] * activate_grad(u, a.act, slope);
            d0 += du;
            d1 += du * z[k];
            d2 += a.slopes && !(u > 0) ? dy[k] * u : 0;
        }
        if (!a.dy) continue;
        s0 += (double)d0;
        s1 += (double)d1;
        s2 += (double)d2;
    }
    sums[0][part][lane] = s0;
    sums[1][part][lane] = s1;
    sums[2][part][lane] = s2;
    SYNC();
    if (part || c >= a.C) return;
    for (int k = 0; k < 3; k++) {
        double sum = 0;
        for (int p = 0; p < DNX_CUDA_ROWS; p++) sum += sums[k][p][lane];
        a.parts[((long)BLOCK_Y * 3 + k) * a.C + c] = sum;
    }
}

/* Adds up the slabs of `parts`, for the first n of the three sums of each channel. Sets *c to the
 * channel of this thread. Several threads have the same channel; only one of them returns true and
 * gets the sums. */
DEVICE bool add_slabs(const double *parts, int slabs, int C, int n, int *c, double sums[3]) {
    SHARED double part[3][DNX_CUDA_ROWS][DNX_CUDA_COLUMNS];
    const int lane = THREAD % DNX_CUDA_COLUMNS, row = THREAD / DNX_CUDA_COLUMNS;
    *c = BLOCK_X * DNX_CUDA_COLUMNS + lane;
    for (int k = 0; k < n; k++) {
        double sum[4] = {0, 0, 0, 0}; /* four sums, so that four loads run at the same time */
        for (int s = row; s < slabs && *c < C; s += 4 * DNX_CUDA_ROWS)
            UNROLL for (int i = 0; i < 4; i++) {
                const int slab = s + i * DNX_CUDA_ROWS;
                sum[i] += slab < slabs ? parts[((long)slab * 3 + k) * C + *c] : 0;
            }
        part[k][row][lane] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
    SYNC();
    if (row || *c >= C) return false;
    for (int k = 0; k < n; k++) {
        sums[k] = 0;
        for (int r = 0; r < DNX_CUDA_ROWS; r++) sums[k] += part[k][r][lane];
    }
    return true;
}

KERNEL(norm_statistics) {
    double s[3];
    int c;
    if (!add_slabs(a.parts, a.slabs, a.C, 2, &c, s)) return;
    const double m = s[0] / (double)a.rows;
    double v = s[1] / (double)a.rows - m * m;
    if (v < 0) v = 0;
    a.batch_mean[c] = (float)m;
    a.inv_std[c] = (float)(1 / SQRT(v + (double)a.eps));
    a.mean[c] = a.momentum * a.mean[c] + (1 - a.momentum) * (float)m;
    a.variance[c] = a.momentum * a.variance[c] + (1 - a.momentum) * (float)v;
    a.scale[c] = a.scales[c] * a.inv_std[c];
    a.shift[c] = (a.biases ? a.biases[c] : 0) - a.batch_mean[c] * a.scale[c];
}

KERNEL(norm_back) {
    double s[3];
    int c;
    if (!add_slabs(a.parts, a.slabs, a.C, 3, &c, s)) return;
    if (a.d_biases) a.d_biases[c] += (float)s[0];
    if (a.d_slopes) a.d_slopes[c] += (float)s[2];
    if (!a.p) return;
    const double is = (double)a.inv_std[c], mu = (double)a.batch_mean[c], g = (double)a.scales[c];
    const double dg = is * (s[1] - mu * s[0]);
    if (a.d_scales) a.d_scales[c] += (float)dg;
    const double c0 = s[0] / (double)a.rows, c1 = dg / (double)a.rows;
    a.p[c] = (float)(g * is);
    a.q[c] = (float)(-g * is * is * c1);
    a.r[c] = (float)(-g * is * (c0 - mu * is * c1));
}

KERNEL(norm_fold) {
    for (long c = INDEX; c < a.C; c += STEP) {
        const float bias = a.biases ? a.biases[c] : 0;
        a.scale[c] =
            a.mean ? (float)((double)a.scales[c] / SQRT((double)a.variance[c] + (double)a.eps)) : 1;
        a.shift[c] = bias - (a.mean ? a.mean[c] * a.scale[c] : 0);
    }
}

KERNEL(norm_apply) {
    if (!a.fours) {
        EACH_ELEMENT(i, row, c, a.rows * a.C, a.C) {
            a.to[i] = activate(scaled_at(a.scale, a.shift, a.z[i], c), a.act,
                               a.slopes ? a.slopes[c] : 0);
        }
        return;
    }
    EACH_ROW_OF_FOURS(row, c, a.rows, a.C) {
        const float4 scale = four_of(a.scale, c, 1), shift = four_of(a.shift, c, 0),
                     slopes = four_of(a.slopes, c, 0);
        for (; row < a.rows; row += row_step) {
            float4 y = load_four(a.z + row * a.C + c, true) * scale + shift;
            UNROLL for (int i = 0; i < 4; i++) y[i] = activate(y[i], a.act, slopes[i]);
            store_four(a.to + row * a.C + c, y, true);
        }
    }
}

KERNEL(norm_dz) {
    if (!a.fours) {
        EACH_ELEMENT(i, row, c, a.rows * a.C, a.C) {
            const float u = scaled_at(a.scale, a.shift, a.z[i], c);
            float d = a.dy[i] * activate_grad(u, a.act, a.slopes ? a.slopes[c] : 0);
            if (a.p) d = d * a.p[c] + a.z[i] * a.q[c] + a.r[c];
            a.to[i] = d + (a.adds ? a.to[i] : 0);
        }
        return;
    }
    EACH_ROW_OF_FOURS(row, c, a.rows, a.C) {
        const float4 scale = four_of(a.scale, c, 1), shift = four_of(a.shift, c, 0),
                     slopes = four_of(a.slopes, c, 0);
        const float4 p = four_of(a.p, c, 1), q = four_of(a.p ? a.q : 0, c, 0),
                     r = four_of(a.p ? a.r : 0, c, 0);
        for (; row < a.rows; row += row_step) {
            const long i = row * a.C + c;
            const float4 z = load_four(a.z + i, true), u = z * scale + shift;
            float4 d = load_four(a.dy + i, true);
            UNROLL for (int k = 0; k < 4; k++) d[k] *= activate_grad(u[k], a.act, slopes[k]);
            if (a.p) d = d * p + z * q + r;
            if (a.adds) d += load_four(a.to + i, true);
            store_four(a.to + i, d, true);
        }
    }
}
