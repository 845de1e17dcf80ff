/* [kd_probability]: distillation of the teacher's class probabilities (Hinton 2015, section 2).
 *
 *   p = softmax(z / T) over all classes,  T = temperature
 *   z_t, p_t: the teacher's logits and probabilities;  z_s, p_s: the student's
 *   loss = weight sum_b T^2 KL(p_t || p_s),  KL(p || r) = sum_j p_j (log p_j - log r_j)
 *   dz_s = weight T (p_t - p_s): minus the derivative of the loss by z_s
 *
 * Exponentials are double, because the probabilities are almost equal at high temperatures.
 *
 * group > 0 (GKD): the leading classes (common/face/leading.h) have most of the probability. The
 * loss compares student and teacher twice: by the sum m of the leading classes' probabilities, and
 * by the probabilities q within the leading classes:
 *
 *   loss = weight sum_b T^2 (group_between KL((m_t, 1 - m_t) || (m_s, 1 - m_s))
 *                            + group_within KL(q_t || q_s))
 *   m = the sum of the probabilities of the leading classes,  q = p / m for a leading class
 *   dz_s = weight T (group_between (m_t - m_s) q_s + group_within (q_t - q_s)) for a leading class,
 *          weight T group_between (m_s - m_t) p_s / (1 - m_s) for any other class
 *
 * Zhao et al. 2023, "Grouped Knowledge Distillation for Deep Face Recognition". Implemented from
 * the authors' code and a summary, because the paper was not at hand. Their code has group=.93.
 *
 * from= names the student's classifier (head), layer= the teacher's. The logits that a
 * [margin_softmax] gives have no margin, because the margin needs the label. The output of any
 * other layer is used as logits. Teacher and student must have the same classes in the same order.
 *
 * x: the input of the student's head for B images, or B x N logits. y: B x 1, the loss of each
 * image. This layer has no weights, but adds to the gradients of the head's weights.
 * Memory: two B x 1024 blocks of logits, which the backward pass computes again; with group also
 * B x N logits. */
#include <math.h>
#include <string.h>

#include "common/face/leading.h"
#include "layer/classifier.h"
#include "kernels/pool.h"

#define BLOCK 1024 /* classes whose logits are computed at a time */

enum { STUDENT, TEACHER };

typedef struct {
    dnx_list from;
    float temperature, weight, group, group_between, group_within;
    int group_by, warmup;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "head of the student; default: the last"),
    DNX_OPT_FLOAT(opts, temperature, 4, 1e-3, 1e4, "logits are divided by it"),
    DNX_OPT_FLOAT(opts, weight, 1, 0, 1e6, "factor of the loss"),
    DNX_OPT_INT(opts, warmup, 0, 0, 100000000, "updates over which weight rises from 0"),
    DNX_OPT_FLOAT(opts, group, 0, 0, 1,
                  "GKD: share of the probability that the leading classes hold; 0: no groups"),
    DNX_OPT_WORD(opts, group_by, STUDENT, "student|teacher",
                 "group: whose logits choose the leading classes"),
    DNX_OPT_FLOAT(opts, group_between, 1, 0, 1e6,
                  "group: factor of the loss between leading and other classes"),
    DNX_OPT_FLOAT(opts, group_within, 8, 0, 1e6,
                  "group: factor of the loss within the leading classes"),
    DNX_OPT_END(opts),
};

/* Sums for one image over one group of classes: the leading classes, or all others. They include
 * the blocks of classes that have been read so far. top_s and top_t are the largest logits of
 * student and teacher, sum_s and sum_t the sums of e^{(z - top)/T}. */
typedef struct {
    double top_s, sum_s, top_t, sum_t;
    double apart; /* sum of e^{(z_t - top_t)/T} (z_t - z_s)/T */
} sums;

typedef struct {
    int N;      /* classes; 0 without a teacher */
    sums *sums; /* B x 2: sums over the leading classes (all if group=0) and over the others */
    dnx_leading leading;
} state;

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    int lo, hi;           /* the block has classes lo..hi-1 */
    const float *zs, *zt; /* logits of student and teacher: B rows, ld_s and ld_t floats apart */
    size_t ld_s, ld_t;
    float *dz; /* B x (hi - lo): the gradient of zs, set in backward() */
} job;

static int classes_of(const dnx_node *head, dnx_shape shape) {
    return head ? head->type->classifier->classes(head) : (int)dnx_size(shape);
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    size_t B = (size_t)n->batch;
    n->out = (dnx_shape){1, 1, 1};
    const dnx_distillation *d = n->distillation;
    if (dnx_size(d->target) == 0) return DNX_OK;
    int N = classes_of(d->target_head, d->target), M = classes_of(d->head, n->in[0]);
    if (N != M)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[kd_probability] the teacher has %d classes, the student %d: only "
                        "features can be fitted ([kd_feature])",
                        N, M);
    s->N = N;
    n->scratch = 2 * B * BLOCK;
    if (!(s->sums = dnx_new_array(n, 2 * B, sizeof *s->sums, err))) return DNX_EMEM;
    return dnx_leading_make(&s->leading, n, N, ((const opts *)n->opts)->group, err);
}

static bool has_loss(const dnx_node *n, const dnx_pass *p) {
    return p->target && ((const state *)n->state)->N > 0 && ((const opts *)n->opts)->weight > 0;
}

/* Returns the logits of classes [lo, hi). The head stores them in scratch; without a head they are
 * in x. Rows are *ld floats apart. */
static const float *logits(dnx_node *head, const float *x, int batch, int N, int lo, int hi,
                           float *scratch, size_t *ld) {
    *ld = (size_t)(head ? hi - lo : N);
    if (!head) return x + lo;
    head->type->classifier->logits(head, x, batch, lo, hi, scratch);
    return scratch;
}

static job block_at(dnx_node *n, dnx_pass *p, int lo) {
    int N = ((const state *)n->state)->N;
    job j = {n, p, lo, N - lo < BLOCK ? N : lo + BLOCK};
    float *scratch = p->scratch + (size_t)n->batch * BLOCK;
    j.zs = logits(n->distillation->head, p->x[0], p->batch, N, lo, j.hi, p->scratch, &j.ld_s);
    j.zt = logits(n->distillation->target_head, p->target, p->batch, N, lo, j.hi, scratch, &j.ld_t);
    j.dz = p->scratch;
    return j;
}

/* ---- the leading classes ---- */

/* Returns the index of image b's class among the logits, or -1 when the class is unknown. */
static int label_of(const dnx_node *n, const dnx_pass *p, int b) {
    if (!dnx_has_class(p, b, ((const state *)n->state)->N)) return -1;
    const float y = p->truth[b];
    return n->distillation->head ? (int)y : (int)dnx_class_place(n->in[0], (size_t)y);
}

static void find_leading(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    const bool by_student = ((const opts *)n->opts)->group_by == STUDENT;
    const dnx_distillation *d = n->distillation;
    for (int lo = 0; lo < s->N; lo += BLOCK) {
        const int hi = s->N - lo < BLOCK ? s->N : lo + BLOCK;
        size_t ld;
        const float *z = logits(by_student ? d->head : d->target_head,
                                by_student ? p->x[0] : p->target, p->batch, s->N, lo, hi,
                                p->scratch, &ld);
        for (size_t b = 0; b < (size_t)p->batch; b++)
            memcpy(s->leading.z + b * (size_t)s->N + lo, z + b * ld, sizeof *z * (size_t)(hi - lo));
    }
    for (int b = 0; b < p->batch; b++) s->leading.label[b] = label_of(n, p, b);
    dnx_leading_choose(&s->leading, n->pool, p->batch);
}

/* Returns 0 when class lo + k is a leading class of image b, else 1. */
static int group_of(const job *j, long b, int k) {
    const bool by_student = ((const opts *)j->n->opts)->group_by == STUDENT;
    const float *z = by_student ? j->zs + (size_t)b * j->ld_s : j->zt + (size_t)b * j->ld_t;
    return !dnx_leads(&((const state *)j->n->state)->leading, b, j->lo + k, z[k]);
}

/* ---- loss ---- */

/* On entry the sums in u are relative to old->top_s and old->top_t. Makes them relative to u->top_s
 * and u->top_t. */
static void rescale(sums *u, const sums *old, double T) {
    if (u->top_s > old->top_s) u->sum_s *= exp((old->top_s - u->top_s) / T);
    if (!(u->top_t > old->top_t)) return;
    double f = exp((old->top_t - u->top_t) / T);
    u->sum_t *= f;
    u->apart *= f;
}

static void sum_share(void *arg, long lo, long hi) {
    job *j = arg;
    const double T = (double)((const opts *)j->n->opts)->temperature;
    const int n = j->hi - j->lo;
    for (long b = lo; b < hi; b++) {
        const float *zs = j->zs + (size_t)b * j->ld_s, *zt = j->zt + (size_t)b * j->ld_t;
        sums *of = ((state *)j->n->state)->sums + 2 * b, old[2] = {of[0], of[1]};
        for (int k = 0; k < n; k++) {
            sums *u = &of[group_of(j, b, k)];
            if ((double)zs[k] > u->top_s) u->top_s = (double)zs[k];
            if ((double)zt[k] > u->top_t) u->top_t = (double)zt[k];
        }
        for (int i = 0; i < 2; i++) rescale(&of[i], &old[i], T);
        for (int k = 0; k < n; k++) {
            sums *u = &of[group_of(j, b, k)];
            double e = exp(((double)zt[k] - u->top_t) / T);
            u->sum_t += e;
            u->apart += e * ((double)zt[k] - (double)zs[k]) / T;
            u->sum_s += exp(((double)zs[k] - u->top_s) / T);
        }
    }
}

/* Returns KL(q_t || q_s) for a group of classes. q_t and q_s are the probabilities within the
 * group. u: the sums of the group. */
static double within(const sums *u, double T) {
    return u->apart / u->sum_t + (u->top_s - u->top_t) / T + log(u->sum_s / u->sum_t);
}

/* Returns log sum e^{z/T} over the other classes minus log sum e^{z/T} over the leading classes. z
 * are the teacher's logits if is_teacher, else the student's. */
static double ahead(const sums *of, double T, bool is_teacher) {
    const sums *g = &of[0], *r = &of[1];
    return is_teacher ? (r->top_t - g->top_t) / T + log(r->sum_t) - log(g->sum_t)
                      : (r->top_s - g->top_s) / T + log(r->sum_s) - log(g->sum_s);
}

static double softplus(double d) { return d > 0 ? d + log1p(exp(-d)) : log1p(exp(d)); }

/* Returns KL((m_t, 1 - m_t) || (m_s, 1 - m_s)), with m = 1 / (1 + e^ahead()). */
static double between(const sums *of, double T) {
    double s = ahead(of, T, false), t = ahead(of, T, true), m = exp(-softplus(t));
    double rest = exp(-softplus(-t)); /* 0 when all classes are leading classes */
    return m * (softplus(s) - softplus(t)) + (rest > 0 ? rest * (softplus(-s) - softplus(-t)) : 0);
}

/* Returns the factor of the loss in this update: it rises from 0 over `warmup` updates. */
static double weight_now(const opts *o, const dnx_pass *p) {
    const bool rises = p->update < (uint64_t)o->warmup;
    return (double)o->weight * (rises ? (double)p->update / o->warmup : 1);
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    state *s = n->state;
    double T = (double)o->temperature, weight = weight_now(o, p) * T * T;
    p->loss = 0;
    memset(p->y, 0, sizeof *p->y * (size_t)p->batch);
    if (!has_loss(n, p)) return;
    if (s->leading.least) find_leading(n, p);
    for (int b = 0; b < 2 * p->batch; b++)
        s->sums[b] = (sums){.top_s = -HUGE_VAL, .top_t = -HUGE_VAL};
    for (int lo = 0; lo < s->N; lo += BLOCK) {
        job j = block_at(n, p, lo);
        dnx_pool_rows(n->pool, p->batch, sum_share, &j);
    }
    for (int b = 0; b < p->batch; b++) {
        const sums *of = s->sums + 2 * b;
        double kl = within(of, T);
        if (o->group > 0)
            kl = (double)o->group_between * between(of, T) + (double)o->group_within * kl;
        p->y[b] = (float)(weight * kl);
        p->loss += weight * kl;
    }
}

/* ---- gradient ---- */

/* Computes dz of images [lo, hi). dz may overwrite zs. */
static void slope_share(void *arg, long lo, long hi) {
    job *j = arg;
    const opts *o = j->n->opts;
    const double T = (double)o->temperature, weight = weight_now(o, j->p) * T;
    const double inner = weight * (o->group > 0 ? (double)o->group_within : 1);
    const int n = j->hi - j->lo;
    for (long b = lo; b < hi; b++) {
        const float *zs = j->zs + (size_t)b * j->ld_s, *zt = j->zt + (size_t)b * j->ld_t;
        const sums *of = ((const state *)j->n->state)->sums + 2 * b;
        float *dz = j->dz + (size_t)b * (size_t)n;
        double outer = 0; /* weight * group_between * (m_t - m_s) */
        if (o->group > 0)
            outer = weight * (double)o->group_between *
                    (exp(-softplus(ahead(of, T, true))) - exp(-softplus(ahead(of, T, false))));
        for (int k = 0; k < n; k++) {
            const int g = group_of(j, b, k);
            double q_s = exp(((double)zs[k] - of[g].top_s) / T) / of[g].sum_s;
            double q_t = g ? 0 : exp(((double)zt[k] - of[g].top_t) / T) / of[g].sum_t;
            dz[k] = (float)(g ? -outer * q_s : outer * q_s + inner * (q_t - q_s));
        }
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    size_t size = dnx_size(n->in[0]);
    float *dx = p->dx[0];
    dnx_clear_dx(n, p, 0);
    if (!has_loss(n, p)) return;
    dnx_node *head = n->distillation->head;
    if (head && !head->trains) return; /* stopbackward=1 has frozen the head */
    for (int lo = 0; lo < s->N; lo += BLOCK) {
        job j = block_at(n, p, lo);
        int width = j.hi - lo;
        dnx_pool_rows(n->pool, p->batch, slope_share, &j);
        if (head) {
            head->type->classifier->logits_back(head, p->x[0], p->batch, lo, j.hi, j.dz, dx);
            continue;
        }
        for (int b = 0; dx && b < p->batch; b++)
            for (int k = 0; k < width; k++)
                dx[(size_t)b * size + (size_t)(lo + k)] +=
                    j.dz[(size_t)b * (size_t)width + (size_t)k];
    }
}

static const dnx_classifier classifier = {.target = DNX_LOGITS};

const dnx_layer_type dnx_kd_probability = {
    .name = "kd_probability",
    .summary = "distillation: the teacher's class probabilities",
    .is_loss = true,
    .layers_key = "from",
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .classifier = &classifier,
};
