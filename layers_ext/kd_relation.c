/* [kd_relation]: distillation of relations between images (EKD). For each pair of images, student
 * and teacher shall agree on the number of match thresholds that the cosine of the pair exceeds.
 *
 *   s_ij        u_i.u_j with u = f/|f|: the cosine of the student's features f of images i and j
 *   t_ij        the cosine of the teacher's features
 *   a_k, b_k    threshold k of the student and of the teacher: a share rates_k of the impostor
 *               pairs (images of two classes) has a larger cosine
 *   r(v, a) = sum_k 1 / (1 + e^{-(v - a_k) / temperature}), about how many thresholds v exceeds
 *   l_ij = (r(s_ij, a) - r(t_ij, b))^2
 *   L = genuine * mean of l_ij over the genuine pairs (one class)
 *     + impostor * mean of l_ij over at most `hardest` impostor pairs, those with the largest s_ij
 *   loss = weight n L;  the gradient treats a and b as constants
 *
 * A pass with P impostor pairs has its own thresholds: threshold k is cosine number
 * min(floor(P rates_k) + 1, P) of these pairs, counted from the largest. The first training pass
 * with impostor pairs sets a and b to its own thresholds. Each later training pass first moves a
 * and b: a_k += pace (threshold k of the pass - a_k), and b_k alike.
 *
 * n is the number of images in the pass (batch / subdivisions). Pairs with an image of unknown
 * class are ignored. Use sampler=balanced, so that a pass has genuine pairs.
 * x (output of the layer `from`): n x H x W x C, taken as D = H W C numbers. target (the teacher's
 * output): n x any shape. y: n x 1; each pair adds half of its loss to the y of both images. A zero
 * vector has cosine 0 with all others, and no gradient.
 * Weights file: a, then b, then 1 if a training pass has set a and b, else 0.
 *
 * Huang et al. 2022, "Evaluation-oriented Knowledge Distillation for Deep Face Recognition" (EKD).
 * Implemented from the authors' code, because the paper was not at hand. In their code a and b
 * start at 0; here the first pass sets them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/face/distances.h"
#include "common/face/unit.h"
#include "layer/classifier.h"

typedef struct {
    dnx_list from, rates;
    float weight, genuine, impostor, temperature, pace;
    int hardest;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(
        opts, from,
        "the student's layer; negative counts back; default the last that is not a loss"),
    DNX_OPT_FLOAT(opts, weight, 1, 0, 1e9, "factor of the loss"),
    DNX_OPT_FLOAT(opts, genuine, .02, 0, 1e6, "factor of the pairs of one class"),
    DNX_OPT_FLOAT(opts, impostor, .01, 0, 1e6, "factor of the pairs of two classes"),
    DNX_OPT_INT(opts, hardest, 2000, 1, 100000000, "how many pairs of two classes count"),
    DNX_OPT_LIST(opts, rates, 0, 1,
                 "false-match rates of the thresholds; default .1,.01,.001,.0001,.00001,.000001"),
    DNX_OPT_FLOAT(opts, temperature, .01, 1e-4, 100,
                  "width of the smooth step at a threshold, as a cosine"),
    DNX_OPT_FLOAT(opts, pace, .01, 0, 1,
                  "share of the difference by which each pass moves the thresholds"),
    DNX_OPT_END(opts),
};

typedef struct {
    double s;
    int i, j;
} pair;

typedef struct {
    size_t D, T;        /* numbers of an image in x and in the target */
    int K;              /* number of thresholds */
    float *known;       /* a and b, K each; then 1 if a training pass has set them, else 0 */
    float *now;         /* a and b as this pass uses them */
    float *unit, *inv;  /* student: u = f/|f|, batch x D; 1/|f|, batch; both 0 if f = 0 */
    float *target_unit; /* teacher's features divided by their lengths, batch x T */
    float *s, *t;       /* batch x batch: the cosines s_ij and t_ij */
    float *slope;       /* batch x batch: dloss/ds_ij */
    pair *pairs;        /* B (B - 1) / 2 for B images: impostor pairs first, genuine pairs last */
    double *teachers;   /* B (B - 1) / 2: t_ij of the impostor pairs */
    double *half;       /* batch: y before rounding to float */
} state;

static float rate_of(const opts *o, int k) {
    static const float usual[] = {1e-1f, 1e-2f, 1e-3f, 1e-4f, 1e-5f, 1e-6f};
    return o->rates.n ? o->rates.v[k] : usual[k];
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    const size_t B = (size_t)n->batch, most = B * (B - 1) / 2 + 1;
    n->out = (dnx_shape){1, 1, 1};
    s->K = o->rates.n ? o->rates.n : 6;
    s->D = dnx_size(n->in[0]);
    s->T = dnx_size(n->distillation->target);
    const dnx_param known = {"thresholds", 2 * (size_t)s->K + 1};
    dnx_status st = dnx_new_param(n, &s->known, NULL, known, err);
    if (st || !s->T) return st;
    st = dnx_new(n, &s->now, 2 * (size_t)s->K, err);
    if (!st) st = dnx_new(n, &s->unit, B * s->D, err);
    if (!st) st = dnx_new(n, &s->inv, B, err);
    if (!st) st = dnx_new(n, &s->target_unit, B * s->T, err);
    if (!st) st = dnx_new(n, &s->s, B * B, err);
    if (!st) st = dnx_new(n, &s->t, B * B, err);
    if (!st) st = dnx_new(n, &s->slope, B * B, err);
    if (st) return st;
    if (!(s->pairs = dnx_new_array(n, most, sizeof *s->pairs, err)) ||
        !(s->teachers = dnx_new_array(n, most, sizeof *s->teachers, err)) ||
        !(s->half = dnx_new_array(n, B, sizeof *s->half, err)))
        return DNX_EMEM;
    return DNX_OK;
}

/* ---- cosines ---- */

static void unit_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    state *s = n->state;
    for (size_t b = (size_t)lo; b < (size_t)hi; b++) {
        s->inv[b] = dnx_unit(p->x[0] + b * s->D, s->D, s->unit + b * s->D);
        dnx_unit(p->target + b * s->T, s->T, s->target_unit + b * s->T);
    }
}

static void cosine_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    state *s = n->state;
    const size_t B = (size_t)p->batch;
    for (size_t i = (size_t)lo; i < (size_t)hi; i++)
        for (size_t j = 0; j < B; j++) {
            s->s[i * B + j] = (float)dnx_kernels()->dot(s->unit + i * s->D, s->unit + j * s->D,
                                                        s->D);
            s->t[i * B + j] = (float)dnx_kernels()->dot(s->target_unit + i * s->T,
                                                        s->target_unit + j * s->T, s->T);
        }
}

/* ---- pairs and thresholds ---- */

/* Fills s->pairs. Returns the number of impostor pairs. Sets *genuine to the number of genuine
 * pairs. */
static int find_pairs(state *s, const dnx_pass *p, int *genuine) {
    const int B = p->batch, most = B * (B - 1) / 2;
    int impostors = 0;
    *genuine = 0;
    for (int i = 0; p->truth && i < B; i++)
        for (int j = i + 1; j < B; j++) {
            if (!(p->truth[i] >= 0 && p->truth[j] >= 0)) continue;
            bool is_genuine = p->truth[i] == p->truth[j];
            s->pairs[is_genuine ? most - ++*genuine : impostors++] = (pair){
                (double)s->s[(size_t)i * (size_t)B + (size_t)j], i, j};
        }
    return impostors;
}

/* Compares x and y for qsort(): larger numbers come first, and NaN before all numbers. */
static int compare(double x, double y) {
    if (isnan(x) || isnan(y)) return isnan(y) - isnan(x);
    return (x < y) - (x > y);
}

static int falling(const void *a, const void *b) {
    return compare(*(const double *)a, *(const double *)b);
}

/* Compares two pairs for qsort(): larger cosines come first, then smaller i, then smaller j. */
static int by_cosine(const void *a, const void *b) {
    const pair *x = a, *y = b;
    int c = compare(x->s, y->s);
    return c ? c : x->i != y->i ? x->i - y->i : x->j - y->j;
}

/* Sets the thresholds s->now and, in a training pass, moves s->known. s->pairs begins with the P >
 * 0 impostor pairs, sorted by by_cosine(). */
static void set_thresholds(dnx_node *n, const dnx_pass *p, int P) {
    const opts *o = n->opts;
    state *s = n->state;
    const size_t B = (size_t)p->batch;
    float *flag = s->known + 2 * s->K;
    const float pace = *flag > 0 ? p->is_training && n->trains ? o->pace : 0 : 1;
    for (int i = 0; i < P; i++)
        s->teachers[i] = (double)s->t[(size_t)s->pairs[i].i * B + (size_t)s->pairs[i].j];
    qsort(s->teachers, (size_t)P, sizeof *s->teachers, falling);
    for (int k = 0; k < s->K; k++) {
        /* rates are rounded to float: without 1e-6, .01 of 100 pairs would be 0 pairs */
        int at = (int)(P * (double)rate_of(o, k) * (1 + 1e-6));
        at = at < P ? at : P - 1;
        const double found[2] = {s->pairs[at].s, s->teachers[at]};
        for (int side = 0; side < 2; side++) {
            float *old = s->known + side * s->K + k, *now = s->now + side * s->K + k;
            *now = pace == 0 ? *old : (float)((double)*old + pace * (found[side] - (double)*old));
            if (p->is_training && n->trains) *old = *now;
        }
    }
    if (p->is_training && n->trains) *flag = 1;
}

/* ---- loss ---- */

/* Returns r(v, a) for K thresholds a. Sets *slope to the derivative of r by v. */
static double rank_of(const float *a, int K, double v, double temperature, double *slope) {
    double sum = 0;
    *slope = 0;
    for (int k = 0; k < K; k++) {
        double y = 1 / (1 + exp(((double)a[k] - v) / temperature));
        sum += y;
        *slope += y * (1 - y) / temperature;
    }
    return sum;
}

/* For each pair of the list, adds factor * l_ij to the loss, adds half of that to half[i] and to
 * half[j], and sets slope_ij. */
static void add_pairs(dnx_node *n, dnx_pass *p, const pair *list, int count, double factor) {
    const double temperature = (double)((const opts *)n->opts)->temperature;
    state *s = n->state;
    const size_t B = (size_t)p->batch;
    for (int k = 0; k < count; k++) {
        const size_t i = (size_t)list[k].i, j = (size_t)list[k].j;
        double slope, unused;
        double diff = rank_of(s->now, s->K, list[k].s, temperature, &slope) -
                      rank_of(s->now + s->K, s->K, (double)s->t[i * B + j], temperature, &unused);
        double loss = factor * diff * diff;
        p->loss += loss;
        s->half[i] += loss / 2;
        s->half[j] += loss / 2;
        s->slope[i * B + j] = s->slope[j * B + i] = (float)(factor * 2 * diff * slope);
    }
}

static bool is_idle(const dnx_node *n, const dnx_pass *p) {
    return !p->target || ((const opts *)n->opts)->weight == 0;
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    state *s = n->state;
    const size_t B = (size_t)p->batch;
    int genuine;
    p->loss = 0;
    memset(p->y, 0, sizeof *p->y * B);
    if (is_idle(n, p)) return;
    memset(s->slope, 0, sizeof *s->slope * B * B);
    memset(s->half, 0, sizeof *s->half * B);
    dnx_each_row(n, p, p->batch, unit_rows);
    dnx_each_row(n, p, p->batch, cosine_rows);
    const int impostors = find_pairs(s, p, &genuine);
    if (impostors) {
        qsort(s->pairs, (size_t)impostors, sizeof *s->pairs, by_cosine);
        set_thresholds(n, p, impostors);
    } else memcpy(s->now, s->known, sizeof *s->now * 2 * (size_t)s->K);
    if (!impostors && !(s->known[2 * s->K] > 0)) return; /* there are no thresholds yet */
    const int hard = impostors < o->hardest ? impostors : o->hardest;
    const double all = (double)o->weight * p->batch;
    if (hard) add_pairs(n, p, s->pairs, hard, all * (double)o->impostor / hard);
    if (genuine)
        add_pairs(n, p, s->pairs + p->batch * (p->batch - 1) / 2 - genuine, genuine,
                  all * (double)o->genuine / genuine);
    for (size_t b = 0; b < B; b++) p->y[b] = (float)s->half[b];
}

/* ---- gradient ---- */

/* For images [lo, hi): dx_i = -sum_j slope_ij (u_j - s_ij u_i) / |f_i| */
static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    state *s = n->state;
    const size_t B = (size_t)p->batch;
    for (size_t i = (size_t)lo; i < (size_t)hi; i++) {
        float *dx = p->dx[0] + i * s->D;
        const float *own = s->unit + i * s->D;
        double along = 0;
        for (size_t j = 0; j < B; j++) {
            const float d = -s->slope[i * B + j] * s->inv[i], *other = s->unit + j * s->D;
            if (d == 0) continue;
            along += (double)d * (double)s->s[i * B + j];
            for (size_t k = 0; k < s->D; k++) dx[k] += d * other[k];
        }
        for (size_t k = 0; k < s->D; k++) dx[k] -= (float)along * own[k];
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    dnx_clear_dx(n, p, 0);
    if (p->dx[0] && !is_idle(n, p)) dnx_each_row(n, p, p->batch, backward_rows);
}

static const dnx_classifier classifier = {
    .target = DNX_FEATURE, .needs_labels = true, .classes = dnx_any_classes};

const dnx_layer_type dnx_kd_relation = {
    .name = "kd_relation",
    .summary = "pairs of images lie on the teacher's side of match thresholds",
    .is_loss = true,
    .layers_key = "from",
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .classifier = &classifier,
};
