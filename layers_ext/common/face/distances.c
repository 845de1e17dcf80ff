/* distances.c - see distances.h. One thread does the work, because a batch has few images. */
#include "common/face/distances.h"

#include <math.h>
#include <string.h>

#define TINY 1e-24 /* a feature with a smaller squared length counts as 0 */

dnx_status dnx_distances_make(dnx_distances *s, dnx_node *n, dnx_err *err) {
    size_t B = (size_t)n->batch;
    s->D = dnx_size(n->in[0]);
    dnx_status st = dnx_new(n, &s->f, B * s->D, err);
    if (!st) s->inv = dnx_new_array(n, B, sizeof *s->inv, err);
    if (s->inv) s->d = dnx_new_array(n, B * B, sizeof *s->d, err);
    if (s->d) s->g = dnx_new_array(n, B * B, sizeof *s->g, err);
    return s->g ? DNX_OK : DNX_EMEM;
}

void dnx_distances_forward(dnx_distances *s, const dnx_pass *p) {
    size_t B = (size_t)p->batch, D = s->D;
    for (size_t b = 0; b < B; b++) {
        const float *x = p->x[0] + b * D;
        double sq = 0;
        for (size_t k = 0; k < D; k++) sq += (double)x[k] * (double)x[k];
        s->inv[b] = sq < TINY ? 0 : 1 / sqrt(sq); /* NaN stays NaN */
        for (size_t k = 0; k < D; k++) s->f[b * D + k] = (float)((double)x[k] * s->inv[b]);
    }
    for (size_t i = 0; i < B; i++)
        for (size_t j = i; j < B; j++) {
            double sq = 0;
            for (size_t k = 0; k < D; k++) {
                double e = (double)s->f[i * D + k] - (double)s->f[j * D + k];
                sq += e * e;
            }
            s->d[i * B + j] = s->d[j * B + i] = s->is_plain ? sqrt(sq) : sq;
        }
    memset(s->g, 0, sizeof *s->g * B * B);
}

void dnx_distances_back(const dnx_distances *s, const dnx_node *n, dnx_pass *p) {
    size_t B = (size_t)p->batch, D = s->D;
    dnx_clear_dx(n, p, 0);
    if (!p->dx[0] || !p->truth) return;
    for (size_t i = 0; i < B; i++) {
        const float *f = s->f + i * D;
        float *dx = p->dx[0] + i * D;
        for (size_t j = 0; j < B; j++) {
            double g = s->g[i * B + j] + s->g[j * B + i], d = s->d[i * B + j];
            if (g == 0 || i == j) continue;
            double factor = s->is_plain ? (d > 0 ? g / d : 0) : 2 * g;
            /* v = factor (f_i - f_j) is the derivative of the loss by f_i. This pair adds
             * -(v - f_i <f_i, v>) / |x_i| to dx. */
            double along = 0;
            const float *other = s->f + j * D;
            for (size_t k = 0; k < D; k++)
                along += (double)f[k] * ((double)f[k] - (double)other[k]);
            for (size_t k = 0; k < D; k++)
                dx[k] -= (float)(factor * s->inv[i] *
                                 ((double)f[k] - (double)other[k] - along * (double)f[k]));
        }
    }
}

int dnx_known(const dnx_pass *p) {
    int known = 0;
    for (int b = 0; b < p->batch; b++) known += p->truth[b] >= 0;
    return known;
}

void dnx_mark_nearest(const dnx_distances *s, dnx_pass *p) {
    for (int i = 0; i < p->batch; i++) {
        int nearest = -1;
        const double *d = s->d + (size_t)i * (size_t)p->batch;
        for (int j = 0; j < p->batch; j++)
            if (j != i && (nearest < 0 || d[j] < d[nearest])) nearest = j;
        p->y[i] = nearest >= 0 && dnx_is_same(p, i, nearest);
    }
}

int dnx_any_classes(const dnx_node *n) {
    (void)n;
    return 1 << 30;
}
