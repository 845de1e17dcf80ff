/* margin_naive.h - [margin_softmax] computed simply, in double. common/face/margin.h has the
 * formulas and explains their letters. The smoothing of labels is a there, but e here. */
#include "lib/node.h"

#define MAX 4096
#define MOST 16 /* images in a batch */
#define PI 3.14159265358979323846

/* ---- the loss, one image after the other ---- */

typedef struct {
    const char *margin;
    double s, m, m1, m2, m3, t, e;
    bool easy;
    double keep, focus; /* keep of mining=hard, focus of mining=focal */
    bool by_length;     /* scale=length: the scale s is replaced by |x|, the feature's length */
    double ramp_end;    /* the factor of the margin at the end of the warm-up; 0 means 1 */
} head;

static bool is(const head *h, const char *name) { return strcmp(h->margin, name) == 0; }

static double share(const head *h) { return h->ramp_end > 0 ? h->ramp_end : 1; }

static double f(const head *h, double c) {
    double th = acos(fmax(-1, fmin(1, c))), r = share(h), m = r * h->m;
    bool am = is(h, "am") || is(h, "mv-am") || is(h, "sv-am");
    bool arc = is(h, "arcface") || is(h, "mv-arc") || is(h, "sv-arc");
    if ((am || arc) && h->easy && c <= 0) return c;
    if (am) return c - m;
    if (arc) return th + m < PI ? cos(th + m) : c - m * sin(m);
    if (is(h, "combined")) return cos((1 + r * (h->m1 - 1)) * th + r * h->m2) - r * h->m3;
    if (!is(h, "sphereface")) return c;
    int k = 0;
    while (k + 1 < h->m && th >= (k + 1) * PI / h->m) k++;
    double psi = (k % 2 ? -1 : 1) * cos(h->m * th) - 2 * k, lambda = 1 / r - 1;
    return (lambda * c + psi) / (1 + lambda);
}

/* Returns the sum of the losses of B images, weighted by mining= (common/face/mining.h). y: the
 * class of each image; images of an unknown class, y < 0, are left out. */
static double mined(const head *h, const double *loss, const int *y, int B) {
    double sum = 0, rest[MOST] = {0};
    int known = 0, kept = 0;
    for (int b = 0; b < B; b++) {
        if (y[b] < 0) continue;
        rest[known++] = loss[b];
        sum += h->focus > 0 ? pow(1 - exp(-loss[b]), h->focus) * loss[b] : loss[b];
    }
    if (!(h->keep > 0)) return sum;
    for (sum = 0; kept < h->keep * known - 1e-9; kept++) {
        int most = 0;
        for (int i = 0; i < known; i++)
            if (rest[i] > rest[most]) most = i;
        sum += rest[most];
        rest[most] = -1;
    }
    return known ? sum * known / kept : 0;
}

/* Returns the summed loss of B images and N classes. x: features, B x D; w: class vectors, N x D;
 * y: classes, < 0 when unknown. *right: the number of images that are classified correctly. */
static double naive(const head *h, const double *x, const double *w, const int *y, int B, int N,
                    int D, int *right) {
    double loss[MOST] = {0}, c[64], z[64];
    *right = 0;
    for (int b = 0; b < B; b++) {
        if (y[b] < 0) continue;
        double sum = 0, mean = 0, xx = 0;
        for (int i = 0; i < D; i++) xx += x[b * D + i] * x[b * D + i];
        for (int j = 0; j < N; j++) {
            double ww = 0, xw = 0;
            for (int i = 0; i < D; i++) {
                ww += w[j * D + i] * w[j * D + i];
                xw += w[j * D + i] * x[b * D + i];
            }
            c[j] = xx > 0 && ww > 0 ? xw / sqrt(xx * ww) : 0;
        }
        double target = f(h, c[y[b]]), s = h->by_length ? sqrt(xx) : h->s;
        bool first = true;
        for (int j = 0; j < N; j++) {
            bool hard = h->margin[0] == 'm' && target < c[j];
            bool is_sv = h->margin[1] == 'v' && h->margin[0] == 's';
            z[j] = s * (j == y[b] ? target : hard ? (1 + h->t) * c[j] + h->t : c[j]);
            if (is_sv && j != y[b] && target < c[j]) /* SV: e^z_j times e^(s (t - 1) (c_j + 1)) */
                z[j] += s * (h->t - 1) * (c[j] + 1);
            if (j != y[b] && c[j] >= c[y[b]]) first = false;
            mean += z[j] / N;
            if (j != y[b] || !is(h, "d-softmax")) sum += exp(z[j]);
        }
        *right += first;
        if (is(h, "d-softmax"))
            loss[b] = log(1 + exp(s * (share(h) * h->m - c[y[b]]))) + log(1 + sum);
        else loss[b] = log(sum) - (1 - h->e) * z[y[b]] - h->e * mean;
    }
    return mined(h, loss, y, B);
}

/* ---- one layer without a network ---- */

typedef struct {
    dnx_node node;
    dnx_pass pass;
} layer;

static inline dnx_status open(layer *l, const char *options, int B, dnx_shape in, int threads,
                              bool trains, dnx_err *err) {
    *l = (layer){.node = {.batch = B,
                          .trains = trains,
                          .seed = 1,
                          .n_in = 1,
                          .in = {in},
                          .loc = {"t", 1},
                          .pool = dnx_pool_new(threads)}};
    dnx_status st = open_node(&l->node, "margin_softmax", options, err);
    if (st) return st;
    size_t D = dnx_size(in);
    l->pass = (dnx_pass){.batch = B,
                         .is_training = trains,
                         .x = {dnx_alloc(D * (size_t)B)},
                         .y = dnx_alloc((size_t)B),
                         .dx = {dnx_alloc(D * (size_t)B)},
                         .scratch = dnx_alloc(l->node.scratch),
                         .truth = dnx_alloc((size_t)B)};
    fill(l->pass.scratch, l->node.scratch, NAN);
    return DNX_OK;
}

static void shut(layer *l) {
    shut_node(&l->node);
    dnx_pool_free(l->node.pool);
    dnx_free(writable(l->pass.x[0]));
    dnx_free(l->pass.y);
    dnx_free(l->pass.dx[0]);
    dnx_free(l->pass.scratch);
    dnx_free(writable(l->pass.truth));
}

static dnx_param weights(layer *l) {
    dnx_param list[DNX_MAX_PARAMS];
    check_value(node_params(&l->node, list) == 1 && list[0].decay == 1, "params", 0, 1);
    return list[0];
}

/* Returns the derivative of naive() with respect to *at, a number of x or w, by differences. */
static double difference(const head *h, double *at, const double *x, const double *w, const int *y,
                         int B, int N, int D) {
    int right;
    double keep = *at, step = 1e-6;
    *at = keep + step;
    double up = naive(h, x, w, y, B, N, D, &right);
    *at = keep - step;
    double down = naive(h, x, w, y, B, N, D, &right);
    *at = keep;
    return (up - down) / (2 * step);
}
