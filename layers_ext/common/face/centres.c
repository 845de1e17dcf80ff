/* centres.c - see centres.h. A batch has few images, so that one thread does all. */
#include "common/face/centres.h"

#include <math.h>

#include "kernels/kernels.h"

#define LEAST 1e-6
#define TINY 1e-30 /* smallest squared length for a division */

dnx_status dnx_centres_make(dnx_centres *c, dnx_node *n, dnx_err *err) {
    if (!n->trains) return DNX_OK;
    c->images = dnx_new_array(n, (size_t)n->batch, sizeof *c->images, err);
    return c->images ? dnx_new(n, &c->share, (size_t)n->batch, err) : DNX_EMEM;
}

void dnx_centres_unmake(dnx_centres *c) {
    dnx_free(c->images);
    dnx_free(c->share);
}

/* NaN stays NaN. */
static double limited(double v) { return v < LEAST ? LEAST : v > 1 ? 1 : v; }

static double inverse_norm(const float *v, size_t D) {
    double sq = dnx_kernels()->dot(v, v, D);
    return sq > TINY || isnan(sq) ? 1 / sqrt(sq) : 0;
}

static double cosine(const float *a, const float *b, double b_inv, size_t D) {
    return dnx_kernels()->dot(a, b, D) * inverse_norm(a, D) * b_inv;
}

static double alpha(const dnx_centres *c, const float *x, const float *w, const float *t,
                    double t_inv, size_t D) {
    if (c->alpha == DNX_ALPHA_FIXED) return c->fixed;
    double a = cosine(x, t, t_inv, D);
    return limited(c->alpha == DNX_ALPHA_CENTRE ? a * limited(cosine(w, t, t_inv, D)) : a);
}

/* Moves w, the centre of class y, whose first image is b. */
static void move(dnx_centres *c, const dnx_pass *p, int b, const float *x, const float *t, size_t D,
                 float *w) {
    const float y = p->truth[b];
    double keep = 0;
    int n = 0;
    for (; b < p->batch; b++) {
        if (p->truth[b] != y) continue;
        const float *target = t + (size_t)b * D;
        double inv = inverse_norm(target, D);
        if (inv == 0) continue;
        double a = alpha(c, x + (size_t)b * D, w, target, inv, D);
        keep += a;
        c->share[n] = (float)((1 - a) * inv);
        c->images[n++] = b;
    }
    for (size_t k = 0; k < D && n; k++) {
        double sum = keep * (double)w[k];
        for (int i = 0; i < n; i++)
            sum += (double)c->share[i] * (double)t[(size_t)c->images[i] * D + k];
        w[k] = (float)(sum / n);
    }
}

void dnx_centres_follow(dnx_centres *c, const dnx_pass *p, const float *x, const float *t, int N,
                        size_t D, float *w) {
    for (int b = 0; b < p->batch; b++) {
        bool is_first = p->truth[b] >= 0 && p->truth[b] < (float)N;
        for (int i = 0; i < b && is_first; i++) is_first = p->truth[i] != p->truth[b];
        if (is_first) move(c, p, b, x, t, D, w + (size_t)p->truth[b] * D);
    }
}
