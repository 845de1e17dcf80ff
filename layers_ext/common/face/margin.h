/* margin.h - margin softmax losses of a row of cosines: logits, cross-entropy, gradients.
 *
 * c_k is the cosine between an image's feature and the vector of class k. y is the class of the
 * image, N the number of classes, s the scale and th = acos c_y. [j=y] is 1 if j = y, else 0. The
 * logits are z, the loss is L:
 *
 *   z_y = s f(c_y),  z_k = s g(c_k) for k != y,  g(c) = c unless given below
 *   L = log sum_j e^{z_j} - sum_j q_j z_j,  q_j = (1-a) [j=y] + a/N,  a = smoothing
 *
 *   none        f = c
 *   sphereface  f = (1-r) c + r psi with r = ramp; in the authors' code r = 1 / (1 + lambda)
 *               psi = (-1)^i cos(m th) - 2i for th in [i pi/m, (i+1) pi/m]  Liu 2017, eq. 7
 *   am          f = c - m                                                   Wang 2018, eq. 6
 *   arcface     f = cos(th + m), Deng 2019, eq. 3. The paper does not define th + m >= pi: there
 *               f = c - m sin m, as in the code of InsightFace
 *   combined    f = cos(m1 th + m2) - m3                                    Deng 2019, eq. 4
 *   mv-am, mv-arc  f as in am and arcface; g = (1+t) c + t where c_k > f(c_y)  Wang 2020
 *   sv-am, sv-arc  f as in am and arcface; g = t c + t-1 where c_k > f(c_y). This multiplies
 *                  e^{z_k} by e^{s (t-1)(c_k+1)}. Wang 2018 (SV-X-Softmax, arXiv 1812.11317)
 *   d-softmax   L = log(1 + e^{s(m - c_y)}) + log(1 + sum_{k!=y} e^{s c_k})  He 2019
 *
 * The ramp is a factor of m, m1 - 1, m2 and m3. In sphereface it is r, and m is constant. With
 * is_easy, f = c where c <= 0, except in sphereface and combined.
 *
 * The authors of SphereFace train with lambda = max(5, 1000/(1 + .12 update)). A close match is
 *   margin=sphereface  m=4  scale=length  warmup=1658  ramp_end=.1666667
 * With r = 1 and an even m, f has no slope at 90 degrees, the angle at which training starts.
 *
 * mv, sv and d-softmax follow the code of the authors and of others, not the equations in the
 * papers. */
#ifndef DNX_MARGIN_H
#define DNX_MARGIN_H
#include "common/face/margin_kinds.h"
#include "dnx.h"

typedef struct {
    float m, t;      /* defaults of the options m and t */
    bool adds_angle; /* f = cos(th + m) */
    bool takes_m;    /* f = c - m */
    bool emphasises; /* t emphasises classes with c_k > f(c_y) */
    bool is_sv;      /* t = 1 means no emphasis; for the other kinds, t = 0 means no emphasis */
} dnx_margin_form;
extern const dnx_margin_form dnx_margin_forms[];

typedef struct {
    double loss, sum; /* sum: e^{z - peak} summed over the logits z; peak: the largest logit */
    float peak;
    bool is_right; /* c_y is the largest cosine */
} dnx_margin_row;

/* Fails with DNX_EOPTION when m, t or smoothing does not suit the kind. */
dnx_status dnx_margin_check(const dnx_margin *g, const dnx_node *n, dnx_err *err);
/* Sets g->ramp and g->s for an update. Over the first `warmup` updates, the ramp rises from 0 to
 * ramp_end, and g->s from s_start to s. With s_start = 0, g->s is always s. Without `warms`, both
 * have their final values at once. */
void dnx_margin_rise(dnx_margin *g, bool warms, uint64_t update, int warmup, double s,
                     double s_start, double ramp_end);
/* Returns the t for which g = (1+t) c + t is the emphasised cosine: the option t, or for sv margins
 * the option t minus 1. */
float dnx_margin_emphasis(const dnx_margin *g);
/* Fills *r with the loss of a row c of N cosines. y: the true class. */
void dnx_margin_loss(const dnx_margin *g, const float *c, int N, int y, dnx_margin_row *r);
/* Replaces the cosines c by the descent directions -factor dL/dc_j. */
void dnx_margin_slopes(const dnx_margin *g, const dnx_margin_row *r, double factor, int N, int y,
                       float *c);
/* Returns dL/ds at constant s c_j. Must be called before dnx_margin_slopes(), which replaces c. */
double dnx_margin_length_slope(const dnx_margin *g, const dnx_margin_row *r, int N, int y,
                               const float *c);
#endif
