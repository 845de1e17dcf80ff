/* margin.h - margin softmax losses of a row of cosines: logits, cross-entropy, gradients.
 *
 *   z_y = s f(c_y),  z_k = s g(c_k) for k != y,  th = acos c_y,  g(c) = c unless given below
 *   L = log sum_j e^{z_j} - sum_j q_j z_j,  q_j = (1-a) [j=y] + a/N,  a = smoothing
 *
 *   none        f = c
 *   sphereface  f = (1-r) c + r psi, psi = (-1)^i cos(m th) - 2i, th in [i pi/m, (i+1) pi/m]
 *               Liu 2017, eq. 7; r = ramp, in the authors' code 1 / (1 + lambda)
 *   am          f = c - m                                                  Wang 2018, eq. 6
 *   arcface     f = cos(th + m), Deng 2019, eq. 3; but c - m sin m where th + m >= pi, as in
 *               the code of InsightFace: the paper does not define this case
 *   combined    f = cos(m1 th + m2) - m3                                   Deng 2019, eq. 4
 *   mv-am, mv-arc  f as am, arcface; g = (1+t) c + t where c_k > f(c_y)    Wang 2020
 *   sv-am, sv-arc  f as am, arcface; e^{z_k} times h = e^{s (t-1)(c_k+1)} where c_k > f(c_y)
 *                  Wang 2018 (SV-X-Softmax, arXiv 1812.11317): like mv with t-1 in place of t
 *   d-softmax   L = log(1 + e^{s(m - c_y)}) + log(1 + sum_{k!=y} e^{s c_k})  He 2019
 *
 * The authors of SphereFace train with lambda = max(5, 1000/(1 + .12 update)). A close match is
 *   margin=sphereface  m=4  scale=length  warmup=1658  ramp_end=.1666667
 * With r = 1 an even m has no gradient at 90 degrees, where training starts.
 *
 * mv, sv and d-softmax follow the code of the authors and of others, not the equations of the
 * papers. The ramp multiplies m, m1 - 1, m2 and m3; in sphereface it is r. is_easy: f = c where
 * c <= 0, except in sphereface and combined. */
#ifndef DNX_MARGIN_H
#define DNX_MARGIN_H
#include "common/face/margin_kinds.h"
#include "dnx.h"

typedef struct {
    float m, t; /* defaults */
    bool adds_angle;
    bool takes_m;
    bool emphasises; /* t is the weight of misclassified vectors */
    bool is_sv;      /* t = 1, not 0, means no emphasis */
} dnx_margin_form;
extern const dnx_margin_form dnx_margin_forms[];

typedef struct {
    int kind;
    bool is_easy, is_ste; /* is_ste: the gradient uses f' = 1 */
    double s, m, m1, m2, m3, t, smoothing;
    double ramp; /* 0..1: factor of the margin */
} dnx_margin;

typedef struct {
    double loss, sum; /* sum: of e^{z - peak} over the logits z */
    float peak;
    bool is_right; /* c_y is the largest cosine */
} dnx_margin_row;

/* Fails with DNX_EOPTION when m, t or smoothing does not suit the kind. */
dnx_status dnx_margin_check(const dnx_margin *g, const dnx_node *n, dnx_err *err);
/* Over `warmup` updates the ramp rises from 0 to ramp_end, and s from s_start. When s_start = 0, s
 * is constant. Without `warms` both have their final values. */
void dnx_margin_rise(dnx_margin *g, bool warms, uint64_t update, int warmup, double s,
                     double s_start, double ramp_end);
/* Returns t of the emphasised cosine (1+t) c + t. */
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
