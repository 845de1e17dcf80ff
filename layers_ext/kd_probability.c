/* [kd_probability]: distillation of the teacher's class probabilities (Hinton 2015, section 2). At
 * high temperatures the probabilities are almost equal, so the exponentials are double.
 *
 *   p = softmax(z/T) over all classes, T = temperature, z_T the teacher's logits, z_S the student's
 *   loss = weight sum_b T^2 KL(p_T || p_S),  KL = sum_j p_T,j (log p_T,j - log p_S,j)
 *   dz_S = weight T (p_T - p_S)
 *
 * from= names the student's head, layer= the teacher's. For a [margin_softmax] head, z is s times
 * the cosines, without the margin, which needs the label. s is the head's own; the student's is the
 * current s of its warm-up. The temperature on cosines is thus T/s. The output of any other layer
 * is used as logits, for instance of the [connected] before a [softmax]. Teacher and student may
 * have different heads, but the same classes in the same order. No truth is needed.
 *
 * x: B x the input of the student's head, or B x N logits; y: B x 1, the loss of each image. No
 * weights, but the gradient also goes into the weights of the head. Nothing is computed without a
 * teacher, when predicting, and with weight=0.
 * Memory: two B x 1024 blocks of logits. The forward pass goes over the blocks with a running
 * log-sum-exp; the backward pass computes them again. */
#include <math.h>
#include <string.h>

#include "layer/classifier.h"
#include "kernels/pool.h"

#define BLOCK 1024 /* classes */

typedef struct {
    dnx_list from;
    float temperature, weight;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(opts, from, "head of the student; default: the last"),
    DNX_OPT_FLOAT(opts, temperature, 4, 1e-3, 1e4, "logits are divided by it"),
    DNX_OPT_FLOAT(opts, weight, 1, 0, 1e6, "factor of the loss"),
    DNX_OPT_END};

/* Running sums of one image over the classes so far. top_s, top_t: the largest logits; sum_s,
 * sum_t: the sums of e^{(z - top)/T}. */
typedef struct {
    double top_s, sum_s, top_t, sum_t;
    double apart; /* sum of e^{(z_T - top_t)/T} (z_T - z_S)/T */
} sums;

typedef struct {
    int N;      /* classes; 0: no teacher */
    sums *sums; /* B */
} state;

typedef struct {
    dnx_node *n;
    dnx_pass *p;
    int lo, hi;           /* the classes of the block */
    const float *zs, *zt; /* logits of student and teacher, B rows of ld_s and ld_t floats */
    size_t ld_s, ld_t;
    float *dz; /* result of backward: B x (hi - lo) */
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
                        "features can be fitted ([kd_feature])", N, M);
    s->N = N;
    n->scratch = 2 * B * BLOCK;
    return dnx_new(n, (float **)(void *)&s->sums, B * sizeof(sums) / sizeof(float), err);
}

static void unmake(dnx_node *n) { dnx_free(((state *)n->state)->sums); }

static bool has_loss(const dnx_node *n, const dnx_pass *p) {
    return p->target && ((const state *)n->state)->N > 0 && ((const opts *)n->opts)->weight > 0;
}

/* Returns the logits of classes [lo, hi): computed by the head into room or, without a head, a
 * pointer into x. */
static const float *logits(dnx_node *head, const float *x, int batch, int N, int lo, int hi,
                           float *room, size_t *ld) {
    *ld = (size_t)(head ? hi - lo : N);
    if (!head) return x + lo;
    head->type->classifier->logits(head, x, batch, lo, hi, room);
    return room;
}

static job block_at(dnx_node *n, dnx_pass *p, int lo) {
    int N = ((const state *)n->state)->N;
    job j = {n, p, lo, N - lo < BLOCK ? N : lo + BLOCK};
    float *room = p->scratch + (size_t)n->batch * BLOCK;
    j.zs = logits(n->distillation->head, p->x[0], p->batch, N, lo, j.hi, p->scratch, &j.ld_s);
    j.zt = logits(n->distillation->target_head, p->target, p->batch, N, lo, j.hi, room, &j.ld_t);
    j.dz = p->scratch;
    return j;
}

/* Raises *top to the largest of z. Returns the factor that adapts sums relative to the old top. */
static double raise_top(const float *z, int n, double T, double *top) {
    double old = *top;
    for (int k = 0; k < n; k++)
        if ((double)z[k] > *top) *top = (double)z[k];
    return *top > old ? exp((old - *top) / T) : 1;
}

static void sum_share(void *arg, int t, int threads) {
    job *j = arg;
    const double T = (double)((const opts *)j->n->opts)->temperature;
    long lo, hi;
    dnx_share(j->p->batch, t, threads, &lo, &hi);
    for (long b = lo; b < hi; b++) {
        const float *zs = j->zs + (size_t)b * j->ld_s, *zt = j->zt + (size_t)b * j->ld_t;
        sums *s = ((state *)j->n->state)->sums + b;
        int n = j->hi - j->lo;
        s->sum_s *= raise_top(zs, n, T, &s->top_s);
        double f = raise_top(zt, n, T, &s->top_t);
        s->sum_t *= f;
        s->apart *= f;
        for (int k = 0; k < n; k++) {
            double e = exp(((double)zt[k] - s->top_t) / T);
            s->sum_t += e;
            s->apart += e * ((double)zt[k] - (double)zs[k]) / T;
            s->sum_s += exp(((double)zs[k] - s->top_s) / T);
        }
    }
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    state *s = n->state;
    double T = (double)o->temperature;
    p->loss = 0;
    memset(p->y, 0, sizeof *p->y * (size_t)p->batch);
    if (!has_loss(n, p)) return;
    for (int b = 0; b < p->batch; b++) s->sums[b] = (sums){-HUGE_VAL, 0, -HUGE_VAL, 0, 0};
    for (int lo = 0; lo < s->N; lo += BLOCK) {
        job j = block_at(n, p, lo);
        dnx_pool_run(n->pool, sum_share, &j);
    }
    for (int b = 0; b < p->batch; b++) {
        const sums *u = &s->sums[b];
        double kl = u->apart / u->sum_t + (u->top_s - u->top_t) / T + log(u->sum_s / u->sum_t);
        double loss = (double)o->weight * T * T * kl;
        p->y[b] = (float)loss;
        p->loss += loss;
    }
}

/* dz of thread t's images. dz may be the same memory as zs. */
static void slope_share(void *arg, int t, int threads) {
    job *j = arg;
    const opts *o = j->n->opts;
    const double T = (double)o->temperature, weight = (double)o->weight;
    long lo, hi;
    dnx_share(j->p->batch, t, threads, &lo, &hi);
    for (long b = lo; b < hi; b++) {
        const float *zs = j->zs + (size_t)b * j->ld_s, *zt = j->zt + (size_t)b * j->ld_t;
        const sums *s = ((const state *)j->n->state)->sums + b;
        int n = j->hi - j->lo;
        float *dz = j->dz + (size_t)b * (size_t)n;
        for (int k = 0; k < n; k++)
            dz[k] = (float)(weight * T * (exp(((double)zt[k] - s->top_t) / T) / s->sum_t -
                                          exp(((double)zs[k] - s->top_s) / T) / s->sum_s));
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    size_t size = dnx_size(n->in[0]);
    float *dx = p->dx[0];
    if (dx && !p->dx_adds[0]) memset(dx, 0, sizeof *dx * size * (size_t)p->batch);
    if (!has_loss(n, p)) return;
    dnx_node *head = n->distillation->head;
    if (head && !head->trains) return; /* stopbackward: the head and all before it do not train */
    for (int lo = 0; lo < s->N; lo += BLOCK) {
        job j = block_at(n, p, lo);
        int width = j.hi - lo;
        dnx_pool_run(n->pool, slope_share, &j);
        if (head) {
            head->type->classifier->logits_back(head, p->x[0], p->batch, lo, j.hi, j.dz, dx);
            continue;
        }
        for (int b = 0; dx && b < p->batch; b++)
            for (int k = 0; k < width; k++)
                dx[(size_t)b * size + (size_t)(lo + k)] += j.dz[(size_t)b * (size_t)width +
                                                                (size_t)k];
    }
}

static const dnx_classifier classifier = {.wants = DNX_LOGITS};

const dnx_layer_type dnx_kd_probability = {
    .name = "kd_probability",
    .summary = "distillation: the teacher's class probabilities",
    .is_loss = true,
    .layers_key = "from",
    .options = options,
    .opts_size = sizeof(opts),
    .state_size = sizeof(state),
    .make = make,
    .unmake = unmake,
    .forward = forward,
    .backward = backward,
    .classifier = &classifier,
};
