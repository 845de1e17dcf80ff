/* norm.c - batch norm of C channels: folding, the statistics of a batch, gradients. */
#include "common/norm.h"

#include <math.h>

dnx_status dnx_norm_make(dnx_norm *m, dnx_node *n, bool of_input, bool has_bn, dnx_err *err) {
    const struct {
        const char *name;
        dnx_role role;
        float **value, **grad;
    } list[] = {{of_input ? "shifts" : "biases", DNX_BIASES, &m->shifts, &m->d_shifts},
                {"scales", DNX_SCALES, &m->scales, &m->d_scales},
                {"mean", DNX_MEAN, &m->mean, NULL},
                {"variance", DNX_VARIANCE, &m->variance, NULL}};
    float **more[] = {&m->scale, &m->shift, &m->batch_mean, &m->inv_std, &m->p, &m->q, &m->r};
    const size_t c = (size_t)m->c;
    dnx_status st = DNX_OK;
    for (int i = 0; !st && i < (has_bn ? 4 : 1); i++) {
        const dnx_param p = {list[i].name, c, .role = of_input ? DNX_OTHER : list[i].role};
        st = dnx_new_param(n, list[i].value, list[i].grad, p, err);
    }
    for (int i = 0; !st && i < (has_bn && n->trains ? 7 : 2); i++) st = dnx_new(n, more[i], c, err);
    for (size_t i = 0; !st && has_bn && i < c; i++) m->scales[i] = m->variance[i] = 1;
    return st;
}

void dnx_norm_fold(const dnx_norm *m) {
    for (int i = 0; i < m->c; i++) {
        m->scale[i] = (float)(m->scales[i] / sqrt(m->variance[i] + DNX_NORM_EPS));
        m->shift[i] = m->shifts[i] - m->mean[i] * m->scale[i];
    }
}

void dnx_norm_batch(const dnx_norm *m, const double *sums, double rows) {
    for (int i = 0; i < m->c; i++) {
        double mu = sums[i] / rows, v = sums[m->c + i] / rows - mu * mu;
        if (v < 0) v = 0;
        m->batch_mean[i] = (float)mu;
        m->inv_std[i] = (float)(1 / sqrt(v + DNX_NORM_EPS));
        m->mean[i] = DNX_NORM_MOMENTUM * m->mean[i] + (1 - DNX_NORM_MOMENTUM) * (float)mu;
        m->variance[i] = DNX_NORM_MOMENTUM * m->variance[i] + (1 - DNX_NORM_MOMENTUM) * (float)v;
        m->scale[i] = m->scales[i] * m->inv_std[i];
        m->shift[i] = m->shifts[i] - m->batch_mean[i] * m->scale[i];
    }
}

void dnx_norm_back(const dnx_norm *m, const double *sums, double rows) {
    for (int i = 0; i < m->c; i++) {
        double is = m->inv_std[i], mu = m->batch_mean[i], g = m->scales[i], s0 = sums[i];
        double dg = is * (sums[m->c + i] - mu * s0);
        m->d_shifts[i] += (float)s0;
        m->d_scales[i] += (float)dg;
        double c0 = s0 / rows, c1 = dg / rows;
        m->p[i] = (float)(g * is);
        m->q[i] = (float)(-g * is * is * c1);
        m->r[i] = (float)(-g * is * (c0 - mu * is * c1));
    }
}

void dnx_norm_gather(double *sums, size_t len, int threads) {
    for (int t = 1; t < threads; t++)
        for (size_t i = 0; i < len; i++) sums[i] += sums[(size_t)t * len + i];
}
