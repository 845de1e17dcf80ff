/* [kd_feature]: the distance between the student's features f and the teacher's t.
 *
 *   g = f, or W f + biases at every pixel if student and teacher differ in their channels
 *   squared  e_b = |g_b - t_b|^2 / 2; with normalize=1, g/|g| and t/|t| replace g and t
 *   cosine   e_b = 1 - cos(g_b, t_b)
 *   loss = weight sum_b h_b e_b
 *   de/dg = g - t; when normalised, (cos(g,t) g/|g| - t/|t|) / |g|
 *
 * |g| and |t| are over all H W T numbers of an image. h_b gives hard images more weight, and is a
 * constant for the gradient. With d_b = sqrt(2 e_b):
 *
 *   none     h_b = 1
 *   softmax  h_b = B e^{k d_b} / sum_j e^{k d_j}, k = hard_sharpness
 *   power    h_b = B d_b^power / sum_j d_j^power
 *
 * x (output of the layer `from`): B x H x W x C. target (the teacher's output): B x H x W x T. y:
 * B x 1, e_b. A zero vector stays 0 when it is normalised, and has no gradient.
 * Weights file: weights T x C and biases T, if T differs from C and the teacher is known.
 * The distance of two maps is the hint of Romero et al. 2015, "FitNets", equation 3. Hard samples
 * are an idea of Wang et al. 2020, "Exclusivity-Consistency Regularized Knowledge Distillation for
 * Face Recognition" (EC-KD). Both forms of h are ours, because the paper's formula was not at
 * hand. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/conv/filters.h"
#include "common/face/unit.h"
#include "layer/advice.h"
#include "layer/classifier.h"

enum { SQUARED, COSINE };
enum { NONE, SOFTMAX, POWER };

#define BLOCK 256 /* differences that are squared at a time */

typedef struct {
    dnx_list from;
    float weight, power, hard_sharpness;
    int distance, normalize, hard;
} opts;

static const dnx_opt options[] = {
    DNX_OPT_LAYERS(
        opts, from,
        "the student's layer; negative counts back; default the last that is not a loss"),
    DNX_OPT_FLOAT(opts, weight, 1, 0, 1e9, "factor of the loss"),
    DNX_OPT_WORD(opts, distance, SQUARED, "squared|cosine", "squared: half the squared distance"),
    DNX_OPT_INT(opts, normalize, 1, 0, 1, "0: squared distance of features of any length"),
    DNX_OPT_WORD(opts, hard, NONE, "none|softmax|power", "how distant samples weigh more"),
    DNX_OPT_FLOAT(opts, power, 1, 0, 16, "exponent of hard=power"),
    DNX_OPT_FLOAT(opts, hard_sharpness, 1, 0, 1000,
                  "factor of the distance in hard=softmax; 0: all samples weigh the same"),
    DNX_OPT_END(opts),
};

typedef struct {
    bool has_map, is_unit;
    size_t pixels;  /* H W */
    float *w, *d_w; /* T x C */
    float *biases, *d_biases;
    float *packed;        /* W^T, C x T, packed for mm(), which computes g */
    float *packed_t;      /* W, T x C, packed for mm(), which computes dx */
    float *g;             /* B x pixels x T */
    float *g_inv, *t_inv; /* B: 1/|g|, 1/|t|; 0 for a zero vector; 1 when not normalised */
    double *e, *h;        /* B: e_b and h_b */
} state;

static dnx_status make_map(dnx_node *n, dnx_err *err) {
    state *s = n->state;
    const dnx_kernel_set *k = dnx_kernels();
    int C = n->in[0].c, T = n->distillation->target.c;
    if ((size_t)C > ((size_t)1 << 30) / (size_t)T)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[kd_feature] from %d channels to the teacher's %d: over 2^30 weights", C,
                        T);
    size_t count = (size_t)T * (size_t)C, size = s->pixels * (size_t)T * (size_t)n->batch;
    const dnx_param w = {"weights", count, 1}, biases = {"biases", (size_t)T};
    /* with variance 1/C, W f and f have about the same mean square */
    dnx_status st = dnx_new_normal(n, &s->w, &s->d_w, 1.f / (float)C, w, err);
    if (!st) st = dnx_new_param(n, &s->biases, &s->d_biases, biases, err);
    if (!st) st = dnx_new(n, &s->packed, k->packed(C, T), err);
    if (!st) st = dnx_new(n, &s->g, size, err);
    if (!st && n->trains) st = dnx_new(n, &s->packed_t, k->packed(T, C), err);
    n->scratch = size;
    return st;
}

static dnx_status make(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    state *s = n->state;
    dnx_shape f = n->in[0], t = n->distillation->target;
    n->out = (dnx_shape){1, 1, 1};
    if (!dnx_size(t)) return DNX_OK;
    if (f.h != t.h || f.w != t.w)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[kd_feature] from: %d x %d x %d does not fit the teacher's %d x %d x %d",
                        f.h, f.w, f.c, t.h, t.w, t.c);
    s->has_map = f.c != t.c;
    s->is_unit = o->normalize || o->distance == COSINE;
    s->pixels = (size_t)f.h * (size_t)f.w;
    dnx_status st = dnx_new(n, &s->g_inv, (size_t)n->batch, err);
    if (!st) st = dnx_new(n, &s->t_inv, (size_t)n->batch, err);
    if (st) return st;
    if (!(s->e = dnx_new_array(n, 2 * (size_t)n->batch, sizeof *s->e, err))) return DNX_EMEM;
    s->h = s->e + n->batch;
    return s->has_map ? make_map(n, err) : DNX_OK;
}

static dnx_status prepare(dnx_node *n, dnx_err *err) {
    (void)err;
    state *s = n->state;
    int C = n->in[0].c, T = n->distillation->target.c;
    if (!s->has_map) return DNX_OK;
    dnx_kernels()->pack(s->w, 1, (size_t)C, C, T, s->packed);
    if (n->trains) dnx_kernels()->pack(s->w, (size_t)C, 1, T, C, s->packed_t);
    return DNX_OK;
}

/* Returns |a g - b t|^2 / 2 for vectors of `size` numbers. */
static double distance(const float *g, float a, const float *t, float b, size_t size) {
    float d[BLOCK];
    double sum = 0;
    for (size_t i = 0; i < size; i += BLOCK) {
        size_t len = size - i < BLOCK ? size - i : BLOCK;
        for (size_t k = 0; k < len; k++) d[k] = a * g[i + k] - b * t[i + k];
        sum += dnx_kernels()->dot(d, d, len);
    }
    return sum / 2;
}

/* features() returns g; gradient() returns where the gradient of g is stored, or NULL. Both are
 * B x pixels x T. */
static const float *features(const dnx_node *n, const dnx_pass *p) {
    const state *s = n->state;
    return s->has_map ? s->g : p->x[0];
}
static float *gradient(const dnx_node *n, const dnx_pass *p) {
    return ((const state *)n->state)->has_map ? p->scratch : p->dx[0];
}

/* For images [lo, hi): computes g, 1/|g|, 1/|t| and e. */
static void forward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    state *s = n->state;
    const int T = n->distillation->target.c;
    size_t C = (size_t)n->in[0].c, size = s->pixels * (size_t)T;
    const dnx_epilogue e = {.y = s->g + (size_t)lo * size, .ldy = (size_t)T, .bias = s->biases};
    if (s->has_map)
        dnx_kernels()->mm(p->x[0] + (size_t)lo * s->pixels * C, C,
                          (int)((size_t)(hi - lo) * s->pixels), (int)C, s->packed, T, &e);
    for (size_t b = (size_t)lo; b < (size_t)hi; b++) {
        const float *g = features(n, p) + b * size, *target = p->target + b * size;
        s->g_inv[b] = s->is_unit ? (float)dnx_inverse_norm(g, size) : 1;
        s->t_inv[b] = s->is_unit ? (float)dnx_inverse_norm(target, size) : 1;
        s->e[b] = distance(g, s->g_inv[b], target, s->t_inv[b], size);
        p->y[b] = (float)s->e[b];
    }
}

static void weigh(const opts *o, state *s, int batch) {
    double peak = 0, sum = 0, k = (double)o->hard_sharpness;
    for (int b = 0; b < batch; b++) peak = fmax(peak, sqrt(2 * s->e[b]));
    for (int b = 0; b < batch; b++) {
        double d = sqrt(2 * s->e[b]);
        s->h[b] = o->hard == SOFTMAX ? exp(k * (d - peak))
                  : o->hard == POWER ? pow(d, (double)o->power)
                                     : 1;
        sum += s->h[b];
    }
    for (int b = 0; b < batch; b++) s->h[b] = sum == 0 ? 1 : s->h[b] * batch / sum;
}

static bool is_idle(const dnx_node *n, const dnx_pass *p) {
    return !p->target || ((const opts *)n->opts)->weight == 0;
}

static void forward(dnx_node *n, dnx_pass *p) {
    const opts *o = n->opts;
    state *s = n->state;
    p->loss = 0;
    if (is_idle(n, p)) {
        memset(p->y, 0, sizeof(float) * (size_t)p->batch);
        return;
    }
    dnx_each_row(n, p, p->batch, forward_rows);
    weigh(o, s, p->batch);
    for (int b = 0; b < p->batch; b++) p->loss += (double)o->weight * s->h[b] * s->e[b];
}

/* For images [lo, hi): computes dg and, when g = W f + biases, dx = W^T dg. */
static void backward_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    const opts *o = n->opts;
    state *s = n->state;
    const int T = n->distillation->target.c;
    const bool adds = !s->has_map && p->dx_adds[0];
    size_t C = (size_t)n->in[0].c, size = s->pixels * (size_t)T;
    for (size_t b = (size_t)lo; b < (size_t)hi; b++) {
        const float *g = features(n, p) + b * size, *target = p->target + b * size;
        float *dg = gradient(n, p) + b * size;
        bool has_direction = !s->is_unit || (s->g_inv[b] != 0 && s->t_inv[b] != 0);
        double cosine = s->is_unit ? 1 - s->e[b] : 1;
        double f = has_direction ? (double)o->weight * s->h[b] * (double)s->g_inv[b] : 0;
        float to = (float)(f * (double)s->t_inv[b]);
        float own = (float)(f * cosine * (double)s->g_inv[b]);
        for (size_t i = 0; i < size; i++) {
            float d = to * target[i] - own * g[i];
            dg[i] = adds ? dg[i] + d : d;
        }
    }
    if (!s->has_map || !p->dx[0]) return;
    const dnx_epilogue e = {
        .y = p->dx[0] + (size_t)lo * s->pixels * C, .ldy = C, .adds = p->dx_adds[0]};
    dnx_kernels()->mm(p->scratch + (size_t)lo * size, (size_t)T,
                      (int)((size_t)(hi - lo) * s->pixels), T, s->packed_t, (int)C, &e);
}

/* For rows [lo, hi) of W: adds dg f^T to d_w, and dg to d_biases, both summed over all pixels. */
static void map_rows(dnx_node *n, dnx_pass *p, long lo, long hi) {
    state *s = n->state;
    size_t C = (size_t)n->in[0].c, T = (size_t)n->distillation->target.c;
    size_t rows = (size_t)p->batch * s->pixels;
    dnx_kernels()->mmt(p->scratch + lo, T, p->x[0], C, (int)rows, (int)(hi - lo), (int)C,
                       s->d_w + (size_t)lo * C, NULL);
    for (size_t i = (size_t)lo; i < (size_t)hi; i++) {
        double sum = 0;
        for (size_t r = 0; r < rows; r++) sum += (double)p->scratch[r * T + i];
        s->d_biases[i] += (float)sum;
    }
}

static void backward(dnx_node *n, dnx_pass *p) {
    state *s = n->state;
    if (is_idle(n, p)) {
        dnx_clear_dx(n, p, 0);
        return;
    }
    if (!gradient(n, p)) return;
    dnx_each_row(n, p, p->batch, backward_rows);
    if (s->has_map) dnx_each_row(n, p, n->distillation->target.c, map_rows);
}

static const dnx_needs needs[] = {
    {"power", "hard", "power"}, {"hard_sharpness", "hard", "softmax"}, {NULL, NULL, NULL}};
static const char *doubts(const dnx_node *n, char *text, size_t size) {
    const state *s = n->state;
    if (!s->has_map) return NULL;
    snprintf(
        text, size,
        "%d channels, the teacher's %d: trains a map between them, which `darknet strip` removes",
        n->in[0].c, n->distillation->target.c);
    return "from";
}
static const dnx_advice advice = {.needs = needs, .doubts = doubts};
static const dnx_classifier classifier = {.target = DNX_FEATURE, .needs_shape = true};

const dnx_layer_type dnx_kd_feature = {
    .name = "kd_feature",
    .summary = "distance from a teacher's features; a trained map when their lengths differ",
    .is_loss = true,
    .layers_key = "from",
    .options = options,
    .state_size = sizeof(state),
    .make = make,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .classifier = &classifier,
    .advice = &advice,
};
