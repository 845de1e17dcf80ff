/* margin.c - the loss of a row of cosines, and its gradient. */
#include "common/face/margin.h"

#include <math.h>
#include <string.h>

#define NEAR_ONE 1e-7 /* f' divides by sin th, so f' is computed with |c| <= 1 - NEAR_ONE */
#define PI 3.14159265358979323846

const dnx_margin_form dnx_margin_forms[] = {
    [DNX_MARGIN_NONE] = {0, .2f},
    [DNX_MARGIN_SPHEREFACE] = {4, .2f},
    [DNX_MARGIN_AM] = {.35f, .2f, .takes_m = true},
    [DNX_MARGIN_ARCFACE] = {.5f, .2f, .adds_angle = true},
    [DNX_MARGIN_COMBINED] = {0, .2f},
    [DNX_MARGIN_MV_AM] = {.35f, .2f, .takes_m = true, .emphasises = true},
    [DNX_MARGIN_MV_ARC] = {.35f, .2f, .adds_angle = true, .emphasises = true},
    [DNX_MARGIN_SV_AM] = {.35f, 1.2f, .takes_m = true, .emphasises = true, .is_sv = true},
    [DNX_MARGIN_SV_ARC] = {.35f, 1.2f, .adds_angle = true, .emphasises = true, .is_sv = true},
    [DNX_MARGIN_D_SOFTMAX] = {.9f, .2f}};

dnx_status dnx_margin_check(const dnx_margin *g, const dnx_node *n, dnx_err *err) {
    const dnx_margin_form *form = &dnx_margin_forms[g->kind];
    if (form->is_sv && g->t < 1)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] t=%g: must be at least 1 for sv margins (1: no extra weight)",
                        n->type->name, g->t);
    if (form->adds_angle && g->m >= 3.14159)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] m=%g: is added to an angle in radians, so it must be below pi",
                        n->type->name, g->m);
    if (g->kind == DNX_MARGIN_SPHEREFACE && (g->m < 1 || g->m != floor(g->m)))
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] m=%g: sphereface multiplies by a whole number from 1", n->type->name,
                        g->m);
    if (g->kind == DNX_MARGIN_D_SOFTMAX && g->smoothing > 0)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] label_smoothing=%g: d-softmax has no use for it", n->type->name,
                        g->smoothing);
    return DNX_OK;
}

void dnx_margin_rise(dnx_margin *g, bool warms, uint64_t update, int warmup, double s,
                     double s_start, double ramp_end) {
    const bool rises = warms && update < (uint64_t)warmup;
    const double risen = rises ? (double)update / warmup : 1, start = s_start > 0 ? s_start : s;
    g->ramp = risen * ramp_end;
    g->s = start + (s - start) * risen;
}

/* Returns f(c) of margin.h, and sets *slope to f'(c). */
static double target_cosine(const dnx_margin *g, double c, double *slope) {
    double m = g->m * g->ramp, r = g->ramp;
    double at = fmax(-1 + NEAR_ONE, fmin(1 - NEAR_ONE, c)), sine = sqrt(1 - at * at), th = acos(c);
    *slope = 1;
    if (g->is_easy && c <= 0 && g->kind != DNX_MARGIN_SPHEREFACE && g->kind != DNX_MARGIN_COMBINED)
        return c;
    switch (g->kind) {
    case DNX_MARGIN_AM:
    case DNX_MARGIN_MV_AM:
    case DNX_MARGIN_SV_AM: return c - m;
    case DNX_MARGIN_ARCFACE:
    case DNX_MARGIN_MV_ARC:
    case DNX_MARGIN_SV_ARC:
        if (c <= -cos(m)) return c - m * sin(m);
        *slope = sin(acos(at) + m) / sine;
        return cos(th + m);
    case DNX_MARGIN_COMBINED: {
        double m1 = 1 + (g->m1 - 1) * r, m2 = g->m2 * r;
        *slope = m1 * sin(m1 * acos(at) + m2) / sine;
        return cos(m1 * th + m2) - g->m3 * r;
    }
    case DNX_MARGIN_SPHEREFACE: {
        double k = fmin(floor(th * g->m / PI), g->m - 1.), sign = fmod(k, 2) > 0 ? -1 : 1;
        *slope = 1 - r + r * sign * g->m * sin(g->m * acos(at)) / sine;
        return (1 - r) * c + r * (sign * cos(g->m * th) - 2 * k);
    }
    default: return c;
    }
}

float dnx_margin_emphasis(const dnx_margin *g) {
    return (float)(dnx_margin_forms[g->kind].is_sv ? g->t - 1 : g->t);
}

/* Returns the cosine above which a wrong class is emphasised. 2 means never: no cosine is
 * larger. */
static float threshold(const dnx_margin *g, double f) {
    return dnx_margin_forms[g->kind].emphasises ? (float)f : 2;
}

/* Returns the logit of a class that is not the image's own. hard: the result of threshold(). */
static float logit(float s, float t, float c, float hard) {
    return s * (c > hard ? (1 + t) * c + t : c);
}

/* Returns the logit z of the image's own class. With a large scale s, rounds z to float like
 * the other logits, so that z - peak is exact. */
static double target_of(const dnx_margin *g, double f) {
    double z = g->s * f;
    return g->s > 1e4 ? (double)(float)z : z;
}

/* In d-softmax, the softmax has the logit 0 in place of the logit of the true class. Its e^0 is the
 * 1 in log(1 + sum e^{s c_k}) of margin.h. */
void dnx_margin_loss(const dnx_margin *g, const float *c, int N, int y, dnx_margin_row *r) {
    bool is_d = g->kind == DNX_MARGIN_D_SOFTMAX;
    double slope, f = target_cosine(g, c[y], &slope), sum = 0, mean = 0;
    double target = is_d ? 0 : target_of(g, f), e = g->smoothing;
    float hard = threshold(g, f), best = -2, peak = (float)target;
    float s = (float)g->s, t = dnx_margin_emphasis(g);
    for (int k = 0; k < N; k++) {
        float z = logit(s, t, c[k], hard);
        if (k == y) continue;
        if (c[k] > best) best = c[k];
        if (z > peak) peak = z;
        mean += z;
    }
    for (int k = 0; k < N; k++)
        if (k != y) sum += expf(logit(s, t, c[k], hard) - peak);
    sum += exp(target - peak);
    mean = (mean + target) / N;
    r->loss = peak + log(sum) - (1 - e) * target - e * mean;
    if (is_d) {
        double u = g->s * (g->m * g->ramp - c[y]);
        r->loss += u > 0 ? u + log1p(exp(-u)) : log1p(exp(u));
    }
    r->peak = peak;
    r->sum = sum;
    r->is_right = c[y] > best;
}

void dnx_margin_slopes(const dnx_margin *g, const dnx_margin_row *r, double factor, int N, int y,
                       float *c) {
    if (factor == 0) {
        memset(c, 0, sizeof *c * (size_t)N);
        return;
    }
    double slope, cy = c[y], f = target_cosine(g, cy, &slope), e = g->smoothing, d;
    float s = (float)g->s, t = dnx_margin_emphasis(g), hard = threshold(g, f);
    float inv = (float)(1 / r->sum), q = (float)(e / N), a = (float)(factor * g->s);
    if (g->is_ste) slope = 1;
    for (int k = 0; k < N; k++) {
        float d_z = a * (q - inv * expf(logit(s, t, c[k], hard) - r->peak));
        c[k] = c[k] > hard ? (1 + t) * d_z : d_z;
    }
    if (g->kind == DNX_MARGIN_D_SOFTMAX) d = 1 / (1 + exp(g->s * (cy - g->m * g->ramp)));
    else d = slope * (1 - e + e / N - exp(target_of(g, f) - r->peak) / r->sum);
    c[y] = (float)(factor * g->s * d);
}

/* A logit is z = s h(c): h is f of margin.h for the true class, g for others. At constant s c,
 * dz/ds = h(c) - c h'(c). */
double dnx_margin_length_slope(const dnx_margin *g, const dnx_margin_row *r, int N, int y,
                               const float *c) {
    double slope, cy = c[y], f = target_cosine(g, cy, &slope), e = g->smoothing, sum = 0;
    float s = (float)g->s, t = dnx_margin_emphasis(g), hard = threshold(g, f);
    if (g->kind == DNX_MARGIN_D_SOFTMAX) {
        double m = g->m * g->ramp;
        return m / (1 + exp(g->s * (cy - m)));
    }
    if (g->is_ste) slope = 1;
    for (int k = 0; k < N && dnx_margin_forms[g->kind].emphasises; k++)
        if (k != y && c[k] > hard)
            sum += t * ((double)expf(logit(s, t, c[k], hard) - r->peak) / r->sum - e / N);
    double p = exp(target_of(g, f) - r->peak) / r->sum;
    return sum + (f - cy * slope) * (p - (1 - e) - e / N);
}
