/* [margin_softmax]: softmax cross-entropy over cosines, with a margin on the true class.
 *
 *   c_j = x.w_j / (|x| |w_j|),  L_b = the cross-entropy of common/face/margin.h,  loss = sum_b F_b
 *
 * F_b is L_b; with mining=, the loss of common/face/mining.h. The gradient is exact, also through
 * the lengths |x| and |w_j|. gradient=ste takes the derivative of the margin as 1. Zero vectors
 * have cosines and gradients 0. Over `warmup` updates the margin rises to ramp_end times its value.
 *
 * scale=length: the logits are |x| c_j instead of s c_j.
 *
 * sample < 1 (partial FC): a pass uses only the classes that common/face/class_sample.h draws.
 * Momentum and weight decay still change the weights of all other classes.
 *
 * centres=teacher (AdaDistill), centres=inherited (ProxylessKD) and margins=teacher
 * (MarginDistillation): see common/face/centres.h. With centres=teacher or inherited, w has no
 * gradient, momentum or weight decay: the labels train only the student's features.
 *
 * x: B x D (D = H W C). y: B x 1, 1 if the true class has the largest cosine (without margin), else
 * 0. An image of unknown class (truth -1) has loss, gradient and y 0. Any other truth outside
 * 0..N-1 gives a NaN loss. The logits for distillation have no margin.
 * Weights file: weights N x D, N = classes.
 * Memory beside the weights: one block for the cosines, which their gradients overwrite. It has B x
 * N floats; with sample < 1, B x min(N, ceil(sample N) + B). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/face/centres.h"
#include "common/face/class_sample.h"
#include "common/face/cosines.h"
#include "common/face/margin.h"
#include "common/face/mining.h"
#include "kernels/kernels.h"
#include "layer/advice.h"
#include "layer/classifier.h"

enum { S, LENGTH };
enum { SAME, BY_TEACHER };

typedef struct {
    int classes, margin, scale, easy_margin, gradient, warmup, mining, centres, alpha, margins;
    float s, s_start, m, m1, m2, m3, t, label_smoothing, ramp_end, keep, focus, sample;
    float alpha_fixed, m_least;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_INT(opts, classes, 0, 1, 100000000, "number of classes; auto: as the data file says"),
    DNX_OPT_WORD(opts, margin, DNX_MARGIN_NONE, DNX_MARGIN_WORDS,
                 "how the cosine of the true class is lowered"),
    DNX_OPT_WORD(opts, scale, S, "s|length",
                 "factor of the cosines: s, or the length of the feature"),
    DNX_OPT_FLOAT(opts, s, 32, 1e-3, 1e4, "factor of the cosines"),
    DNX_OPT_FLOAT(opts, s_start, 0, 0, 1e4, "s before the first update; 0: no warm-up of s"),
    DNX_OPT_FLOAT(opts, m, -1, -1, 16,
                  "margin; -1: sphereface 4, arcface .5, d-softmax .9, others .35"),
    DNX_OPT_FLOAT(opts, m1, 1, 0, 16, "combined: factor of the angle"),
    DNX_OPT_FLOAT(opts, m2, .3, 0, 3, "combined: added to the angle, radians"),
    DNX_OPT_FLOAT(opts, m3, .2, 0, 2, "combined: taken from the cosine"),
    DNX_OPT_FLOAT(opts, t, -1, -1, 10, "weight of the misclassified vectors; -1: mv .2, sv 1.2"),
    DNX_OPT_INT(opts, easy_margin, 0, 0, 1, "1: no margin where the cosine is not positive"),
    DNX_OPT_WORD(opts, gradient, 0, "exact|ste", "ste: the margin's derivative is taken as 1"),
    DNX_OPT_FLOAT(opts, label_smoothing, 0, 0, .9, "share of the target spread over all classes"),
    DNX_OPT_INT(opts, warmup, 0, 0, 100000000, "updates over which margin and s rise"),
    DNX_OPT_FLOAT(opts, ramp_end, 1, 0, 1, "share of the margin that applies in the end"),
    DNX_OPT_WORD(opts, mining, DNX_MINING_NONE, DNX_MINING_WORDS,
                 "which images of a batch count, and how much"),
    DNX_OPT_FLOAT(opts, keep, .9, 1e-3, 1, "hard: share of the batch that counts"),
    DNX_OPT_FLOAT(opts, focus, 2, 0, 16, "focal: exponent"),
    DNX_OPT_FLOAT(opts, sample, 1, 1e-6, 1, "share of the classes that take part in an update"),
    DNX_OPT_WORD(opts, centres, DNX_CENTRES_TRAINED, DNX_CENTRES_WORDS,
                 "teacher: the class weights follow the features of teacher=, as in AdaDistill; "
                 "inherited: they are those of its classifier, as in ProxylessKD"),
    DNX_OPT_WORD(opts, alpha, DNX_ALPHA_CENTRE, DNX_ALPHA_WORDS,
                 "centres=teacher: how the share of the old class weights is chosen"),
    DNX_OPT_FLOAT(opts, alpha_fixed, .9, 0, 1, "alpha=fixed: the share of the old class weights"),
    DNX_OPT_WORD(opts, margins, SAME, "same|teacher",
                 "teacher: from m_least to m, larger when the teacher's feature is nearer to its "
                 "class"),
    DNX_OPT_FLOAT(opts, m_least, .2, 0, 16, "margins=teacher: the smallest margin"),
    DNX_OPT_END(opts),
};

typedef struct {
    dnx_cosines cosines;
    dnx_margin margin; /* ramp and s have their values for this update */
    dnx_class_sample sample;
    dnx_mining mining;
    dnx_centres centres;
    float *block;        /* B x sample.most; NULL when predicting: p->scratch then has the block */
    dnx_margin_row *row; /* B */
    double *factor;      /* B: dF/dL */
    double *length;      /* B: |x|; NULL without scale=length */
    float *along;        /* B: (dF/d|x|) / |x| for fixed |x| c_j; NULL without scale=length */
    dnx_mined *mined;    /* B elements; NULL without mining= */
    bool has_slopes;     /* block has gradients instead of cosines */
} state;

static dnx_status check(const dnx_node *n, const dnx_margin *g, dnx_err *err) {
    const opts *o = n->opts;
    const dnx_margin_form *form = &dnx_margin_forms[g->kind];
    if (o->classes < 1)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[margin_softmax] classes must be given");
    if (o->m < 0 && o->m != -1)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[margin_softmax] m=%g: must be 0 or more, or -1 for the default", o->m);
    if (o->t < 0 && o->t != -1)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[margin_softmax] t=%g: must be 0 or more, or -1 for the default", o->t);
    if (g->kind == DNX_MARGIN_D_SOFTMAX && o->classes == 1)
        return dnx_fail(
            err, DNX_EOPTION, n->loc,
            "[margin_softmax] classes=1: d-softmax would pull all images to one vector");
    if (o->margins == BY_TEACHER && !form->adds_angle && !form->takes_m)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[margin_softmax] margins=teacher: needs margin=am, arcface, mv or sv");
    if (o->s_start > 0 && o->warmup == 0)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[margin_softmax] s_start=%g: needs warmup=", o->s_start);
    return dnx_margin_check(g, n, err);
}

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    (void)err;
    dnx_centres_inherit(&((state *)n->state)->centres, n);
    return DNX_OK;
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    const dnx_margin_form *form = &dnx_margin_forms[o->margin];
    s->margin = (dnx_margin){.kind = o->margin,
                             .is_easy = o->easy_margin,
                             .is_ste = o->gradient,
                             .s = o->s,
                             .m = o->m < 0 ? form->m : o->m,
                             .m1 = o->m1,
                             .m2 = o->m2,
                             .m3 = o->m3,
                             .t = o->t < 0 ? form->t : o->t,
                             .smoothing = o->label_smoothing,
                             .ramp = (double)o->ramp_end};
    dnx_status st = check(n, &s->margin, err);
    if (st) return st;
    st = dnx_class_sample_make(&s->sample, n, o->classes, o->sample, err);
    const size_t B = (size_t)n->batch, block = B * (size_t)s->sample.most;
    const bool trains_w = o->centres == DNX_CENTRES_TRAINED;
    if (!st) st = dnx_cosines_make(&s->cosines, n, o->classes, trains_w, err);
    s->centres = (dnx_centres){.centres = o->centres,
                               .alpha = o->alpha,
                               .D = s->cosines.D,
                               .has_margins = o->margins,
                               .fixed = (double)o->alpha_fixed,
                               .m = s->margin.m,
                               .least = (double)o->m_least,
                               .N = o->classes,
                               .w = s->cosines.w};
    if (!st) st = dnx_centres_make(&s->centres, n, err);
    if (!st && n->trains) st = dnx_new(n, &s->block, block, err);
    if (!st && o->scale == LENGTH) st = dnx_new(n, &s->along, B, err);
    if (st) return st;
    s->mining = (dnx_mining){o->mining, (double)o->focus, o->keep};
    if (!(s->row = dnx_new_array(n, B, sizeof *s->row, err)) ||
        !(s->factor = dnx_new_array(n, B, sizeof *s->factor, err)) ||
        (o->scale == LENGTH && !(s->length = dnx_new_array(n, B, sizeof *s->length, err))) ||
        (o->mining && !(s->mined = dnx_new_array(n, B, sizeof *s->mined, err))))
        return DNX_EMEM;
    s->cosines.by_length = o->scale == LENGTH;
    n->out = (dnx_shape){1, 1, 1};
    n->scratch = n->trains ? 0 : block;
    return DNX_OK;
}

static dnx_margin margin_of(const state *s, int b) {
    dnx_margin g = s->margin;
    if (s->length) g.s = s->length[b];
    if (s->centres.m_of) g.m = s->centres.m_of[b];
    return g;
}

/* For scale=length: stores |x| of image b. Divides the logits c of the image by |x|, which makes
 * them cosines. */
static void take_length(state *s, const float *x, int b, float *c) {
    double length = sqrt(dnx_kernels()->dot(x, x, s->cosines.D));
    float inv = length > 0 || isnan(length) ? (float)(1 / length) : 0;
    s->length[b] = length;
    for (int k = 0; k < s->sample.n; k++) {
        float v = c[k] * inv;
        c[k] = v > 1 ? 1 : v < -1 ? -1 : v;
    }
}

static float *block_row(const state *s, const dnx_pass *p, long b) {
    return (s->block ? s->block : p->scratch) + (size_t)b * (size_t)s->sample.n;
}

static dnx_classes used_classes(const state *s) {
    return (dnx_classes){s->sample.rows, 0, s->sample.n};
}

static void loss_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    state *s = n->state;
    for (int b = (int)lo; b < hi; b++) {
        dnx_margin_row *r = &s->row[b];
        *r = (dnx_margin_row){.loss = p->truth[b] == -1 ? 0 : NAN};
        s->factor[b] = 0;
        p->y[b] = 0;
        float *c = block_row(s, p, b);
        if (s->length) take_length(s, p->x[0] + (size_t)b * s->cosines.D, b, c);
        if (!dnx_has_class(p, b, s->sample.classes)) continue;
        dnx_margin g = margin_of(s, b);
        const int y = dnx_class_sample_place(&s->sample, (int)p->truth[b]);
        dnx_margin_loss(&g, c, s->sample.n, y, r);
        s->factor[b] = 1;
        p->y[b] = r->is_right;
    }
}

/* For each image b whose class is known, replaces the loss L_b by F_b, and sets the factor to
 * dF_b/dL_b. */
static void mine(dnx_node *n, const dnx_pass *p) {
    state *s = n->state;
    int M = 0;
    for (int b = 0; b < p->batch; b++)
        if (dnx_has_class(p, b, s->sample.classes))
            s->mined[M++] = (dnx_mined){.b = b, .loss = s->row[b].loss};
    dnx_mine(&s->mining, s->mined, M);
    for (int i = 0; i < M; i++) {
        s->row[s->mined[i].b].loss = s->mined[i].loss;
        s->factor[s->mined[i].b] = s->mined[i].factor;
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_margin_rise(&s->margin, n->trains, p->update, o->warmup, (double)o->s, (double)o->s_start,
                    (double)o->ramp_end);
    p->loss = 0;
    memset(p->y, 0, sizeof(float) * (size_t)p->batch);
    if (!p->truth) return;
    s->has_slopes = false;
    dnx_centres_pass(&s->centres, n, p);
    dnx_class_sample_draw(&s->sample, n, p);
    dnx_cosines_forward(&s->cosines, p->x[0], p->batch, used_classes(s), 1, block_row(s, p, 0));
    dnx_each_row(n, p, p->batch, loss_rows);
    if (s->mining.kind != DNX_MINING_NONE) mine(n, p);
    for (int b = 0; b < p->batch; b++) p->loss += s->row[b].loss;
}

static void slope_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    state *s = n->state;
    const int N = s->sample.n;
    for (int b = (int)lo; b < hi; b++) {
        int y = s->factor[b] != 0 ? dnx_class_sample_place(&s->sample, (int)p->truth[b]) : 0;
        float *c = block_row(s, p, b);
        double factor = s->factor[b];
        dnx_margin g = margin_of(s, b);
        if (s->length) {
            const double length = s->length[b];
            if (length == 0) factor = 0;
            /* Divides by |x|, so that c becomes the gradient of the logits |x| c_j, not of c_j. */
            if (factor != 0) factor /= length;
            double slope = factor != 0 ? dnx_margin_length_slope(&g, &s->row[b], N, y, c) : 0;
            s->along[b] = (float)(factor * slope);
        }
        dnx_margin_slopes(&g, &s->row[b], factor, N, y, c);
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    if (!p->truth) {
        dnx_clear_dx(n, p, 0);
        return;
    }
    if (!s->has_slopes) dnx_each_row(n, p, p->batch, slope_rows);
    s->has_slopes = true;
    s->cosines.along = s->along;
    dnx_cosines_back(&s->cosines, p->x[0], p->batch, used_classes(s), 1, s->block, p->dx[0],
                     p->dx_adds[0]);
    s->cosines.along = NULL;
}

static double macs(const dnx_node *n) {
    return (double)((const opts *)n->opts)->classes * (double)dnx_size(n->in[0]);
}

static int classes(const dnx_node *n) { return ((const opts *)n->opts)->classes; }

/* Returns the factor that turns results of dnx_cosines_forward() into logits: s; with scale=length
 * 1, because the results are then |x| c_j. */
static float factor_of_logits(const state *s) { return s->length ? 1 : (float)s->margin.s; }

static void logits(dnx_node *n, const float *x, int batch, int lo, int hi, float *z) {
    state *s = n->state;
    dnx_cosines_forward(&s->cosines, x, batch, (dnx_classes){NULL, lo, hi}, factor_of_logits(s), z);
}

static void logits_back(dnx_node *n, const float *x, int batch, int lo, int hi, const float *dz,
                        float *dx) {
    state *s = n->state;
    dnx_cosines_back(&s->cosines, x, batch, (dnx_classes){NULL, lo, hi}, factor_of_logits(s), dz,
                     dx, true);
}

static dnx_target_kind takes(const dnx_node *n) {
    const opts *o = n->opts;
    if (o->centres == DNX_CENTRES_TRAINED) return DNX_NO_TARGET;
    if (o->centres == DNX_CENTRES_TEACHER) return DNX_FEATURE;
    return o->margins == BY_TEACHER ? DNX_LOGITS : DNX_VECTORS;
}

static const float *vectors(const dnx_node *n, size_t *length) {
    const state *s = n->state;
    *length = s->cosines.D;
    return s->cosines.w;
}

static const dnx_classifier classifier = {.output = DNX_IS_RIGHT,
                                          .takes = takes,
                                          .classes = classes,
                                          .logits = logits,
                                          .logits_back = logits_back,
                                          .vectors = vectors};

static const dnx_needs needs[] = {{"keep", "mining", "hard"},
                                  {"focus", "mining", "focal"},
                                  {"teacher|weights|layer|flips", "centres", "teacher|inherited"},
                                  {"alpha", "centres", "teacher"},
                                  {"m_least", "margins", "teacher"},
                                  {"alpha_fixed", "alpha", "fixed"},
                                  {"s|s_start", "scale", "s"},
                                  {"m1|m2|m3", "margin", "combined"},
                                  {"t", "margin", "mv-am|mv-arc|sv-am|sv-arc"},
                                  {NULL, NULL, NULL}};

static const char *doubts(const dnx_node *n, char *text, size_t size) {
    const opts *o = n->opts;
    if (!n->trains || o->margin != DNX_MARGIN_SPHEREFACE || o->warmup || o->ramp_end != 1)
        return NULL;
    snprintf(text, size,
             "has no gradient at 90 degrees, where training starts, when m is even; "
             "use warmup= or ramp_end=");
    return "margin";
}
static const dnx_advice advice = {.needs = needs, .doubts = doubts};

const dnx_layer_type dnx_margin_softmax = {
    .name = "margin_softmax",
    .summary = "cross-entropy over cosines with a margin",
    .is_loss = true,
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .macs = macs,
    .prepare = prepare,
    .classifier = &classifier,
    .advice = &advice,
};
