/* test_centres.c - [margin_softmax] with centres=teacher, centres=inherited, margins=teacher. */
#include "layer/classifier.h"
#include "lib/margin_naive.h"

enum { B = 7, N = 6, D = 5 };
static const int truth[B] = {2, 0, 2, -1, 5, 2, 4}; /* class 2 three times, classes 1 and 3 never */

typedef struct {
    layer l;
    dnx_distillation distillation;
    float target[B * D];
    double x[B * D], t[B * D], w[N * D];
} bench;

/* Makes the layer with random centres and targets; the target of image 4 is a zero vector. Returns
 * false when the layer cannot be made. */
static bool set(bench *k, const char *options, bool trains) {
    char text[200];
    dnx_err err = {0};
    dnx_rng r;
    *k = (bench){.distillation = {.target = {1, 1, strstr(options, "inherited") ? 0 : D}}};
    k->l.node = (dnx_node){.batch = B,
                           .trains = trains,
                           .seed = 1,
                           .n_in = 1,
                           .in = {{1, 1, D}},
                           .loc = {"t", 1},
                           .pool = dnx_pool_new(2),
                           .distillation = &k->distillation};
    snprintf(text, sizeof text, "classes=6\ns=8\n%s%s%s",
             strstr(options, "margin=") ? "" : "margin=arcface\n",
             strstr(options, "centres=") ? "" : "centres=teacher\n", options);
    if (!check(!open_node(&k->l.node, "margin_softmax", text, &err), "%s", err.text)) return false;
    k->l.pass = (dnx_pass){.batch = B,
                           .is_training = trains,
                           .x = {dnx_alloc(B * D)},
                           .y = dnx_alloc(B),
                           .dx = {dnx_alloc(B * D)},
                           .target = k->target,
                           .scratch = dnx_alloc(k->l.node.scratch),
                           .truth = dnx_alloc(B)};
    dnx_rng_seed(&r, 3, 0);
    float *x = writable(k->l.pass.x[0]);
    for (int i = 0; i < B * D; i++) {
        k->t[i] = k->target[i] = i / D == 4 ? 0 : 3 * dnx_rng_normal(&r);
        k->x[i] = x[i] = (i < 2 * D ? k->target[i] : 0) + dnx_rng_normal(&r);
    }
    for (int b = 0; b < B; b++) writable(k->l.pass.truth)[b] = (float)truth[b];
    dnx_param p = weights(&k->l);
    for (int i = 0; i < N * D; i++) k->w[i] = p.value[i] = dnx_rng_normal(&r);
    return true;
}

static double dot(const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < D; i++) sum += a[i] * b[i];
    return sum;
}

static double cosine(const double *a, const double *b) {
    return dot(a, b) / sqrt(dot(a, a) * dot(b, b));
}

static double limited(double v) { return fmin(1, fmax(1e-6, v)); }

/* Moves each centre w. The new centre is the mean of a w + (1 - a) t/|t| over the images of its
 * class with t != 0. x and t: an image's features from student and teacher. [v]: v limited to
 * 1e-6..1. The factor a depends on `alpha`:
 *   alpha = 0: [cos(x, t) [cos(w, t)]];   alpha = 1: [cos(x, t)];   alpha = 2: fixed */
static void naive_move(bench *k, int alpha, double fixed) {
    double moved[N * D];
    memcpy(moved, k->w, sizeof moved);
    for (int j = 0; j < N; j++) {
        double sum[D] = {0}, *w = k->w + j * D;
        int n = 0;
        for (int b = 0; b < B; b++) {
            const double *t = k->t + b * D;
            if (truth[b] != j || dot(t, t) == 0) continue;
            double a = cosine(k->x + b * D, t);
            if (alpha == 0) a *= limited(cosine(w, t));
            a = alpha == 2 ? fixed : limited(a);
            for (int i = 0; i < D; i++) sum[i] += a * w[i] + (1 - a) * t[i] / sqrt(dot(t, t));
            n++;
        }
        for (int i = 0; i < D && n; i++) moved[j * D + i] = sum[i] / n;
    }
    memcpy(k->w, moved, sizeof moved);
}

static void moves(const char *options, int alpha, double fixed) {
    bench k;
    head h = {"arcface", 8, .5, 0, 0, 0, 0, 0, false};
    int right;
    if (!set(&k, options, true)) return;
    dnx_param p = weights(&k.l);
    check_value(!p.is_trained && !p.grad, "the centres are not trained", p.is_trained, 0);
    for (int pass = 0; pass < 3; pass++) {
        k.l.node.type->forward(&k.l.node, &k.l.pass);
        k.l.node.type->backward(&k.l.node, &k.l.pass);
        naive_move(&k, alpha, fixed);
        double worst = 0;
        for (int i = 0; i < N * D; i++) worst = worse(worst, fabs(p.value[i] - k.w[i]));
        check_value(worst < 1e-6, options, worst, 1e-6);
        near("loss", k.l.pass.loss, naive(&h, k.x, k.w, truth, B, N, D, &right), 1e-5);
        worst = 0;
        for (int i = 0; i < B * D; i++) {
            double d = -difference(&h, &k.x[i], k.x, k.w, truth, B, N, D);
            worst = worse(worst, fabs(d - (double)k.l.pass.dx[0][i]));
        }
        check_value(worst < 2e-4, "gradient: the centres count as constants", worst, 2e-4);
    }
    shut(&k.l);
}

static void stays(bench *k, const char *why) {
    dnx_param p = weights(&k->l);
    k->l.node.type->forward(&k->l.node, &k->l.pass);
    double worst = 0;
    for (int i = 0; i < N * D; i++) worst = worse(worst, fabs(p.value[i] - k->w[i]));
    check_value(worst == 0, why, worst, 0);
    shut(&k->l);
}

static void what_does_not_move(void) {
    bench k;
    if (!set(&k, "", true)) return;
    k.l.pass.is_training = false;
    stays(&k, "a network that trains predicts");
    if (!set(&k, "", false)) return;
    stays(&k, "a network that predicts");
    if (!set(&k, "", true)) return;
    k.l.pass.target = NULL;
    stays(&k, "no target");
    if (!set(&k, "", true)) return;
    dnx_free(writable(k.l.pass.truth));
    k.l.pass.truth = NULL;
    stays(&k, "no truth");
    if (!set(&k, "", true)) return;
    for (int b = 0; b < B; b++) writable(k.l.pass.truth)[b] = b % 2 ? -1 : N;
    stays(&k, "no class");
    if (!set(&k, "", true)) return;
    memset(k.target, 0, sizeof k.target);
    stays(&k, "teacher's features 0");
}

/* When classes are sampled (Partial FC), exactly the centres of the batch's classes move. */
static void sampled(void) {
    bench k;
    if (!set(&k, "sample=.7", true)) return;
    dnx_param p = weights(&k.l);
    k.l.node.type->forward(&k.l.node, &k.l.pass);
    k.l.node.type->backward(&k.l.node, &k.l.pass);
    naive_move(&k, 0, 0);
    double worst = 0;
    for (int i = 0; i < N * D; i++) worst = worse(worst, fabs(p.value[i] - k.w[i]));
    check_value(worst < 1e-6 && isfinite(k.l.pass.loss), "sample", worst, 1e-6);
    shut(&k.l);
}

static void nan_stays(void) {
    bench k;
    if (!set(&k, "", true)) return;
    k.target[0] = NAN;
    k.l.node.type->forward(&k.l.node, &k.l.pass);
    check_value(isnan(k.l.pass.loss), "a NaN of the teacher's shows in the loss", k.l.pass.loss,
                NAN);
    shut(&k.l);
}

/* The margin of image b is least + (m - least) [c_b] / (the largest [c] in the batch). c_b: the
 * cosine of the class centre and the teacher's feature; [c] = max(c, 0); m: the option m=; least:
 * the option m_least=. */
static void margins(const char *options, const char *margin, bool moves, double m, double least) {
    bench k;
    double c[B], most = 0, loss = 0;
    int right;
    if (!set(&k, options, true)) return;
    dnx_param p = weights(&k.l);
    k.l.node.type->forward(&k.l.node, &k.l.pass);
    k.l.node.type->backward(&k.l.node, &k.l.pass);
    if (moves) naive_move(&k, 0, 0);
    for (int i = 0; i < N * D; i++) check(fabs(p.value[i] - k.w[i]) < 1e-6, "centre %d", i);
    for (int b = 0; b < B; b++) {
        bool has = truth[b] >= 0 && dot(k.t + b * D, k.t + b * D) > 0;
        c[b] = has ? fmax(0, cosine(k.w + truth[b] * D, k.t + b * D)) : 0;
        most = fmax(most, c[b]);
    }
    for (int b = 0; b < B; b++) {
        head h = {margin, 8, least + (m - least) * c[b] / most, 0, 0, 0, 0, 0, false};
        double worst = 0, *x = k.x + b * D;
        loss += naive(&h, x, k.w, truth + b, 1, N, D, &right);
        for (int i = 0; i < D; i++) {
            double d = -difference(&h, &x[i], x, k.w, truth + b, 1, N, D);
            worst = worse(worst, fabs(d - (double)k.l.pass.dx[0][b * D + i]));
        }
        check_value(worst < 2e-4, "gradient with margins", worst, 2e-4);
    }
    near(options, k.l.pass.loss, loss, 1e-5);
    k.l.pass.target = NULL; /* without features of the teacher the margin is m */
    head h = {margin, 8, m, 0, 0, 0, 0, 0, false};
    k.l.node.type->forward(&k.l.node, &k.l.pass);
    near("m without a teacher", k.l.pass.loss, naive(&h, k.x, k.w, truth, B, N, D, &right), 1e-5);
    shut(&k.l);
}

static void inherits(void) {
    dnx_node teacher = {.batch = 1,
                        .seed = 5,
                        .n_in = 1,
                        .in = {{1, 1, D}},
                        .loc = {"t", 1},
                        .pool = dnx_pool_new(1)};
    dnx_err err = {0};
    must(!open_node(&teacher, "margin_softmax", "classes=6\n", &err), err.text);
    bench k = {.distillation = {.target = {1, 1, D}, .target_head = &teacher}};
    dnx_pass *q = &k.l.pass;
    for (int trains = 0; trains < 2; trains++) {
        k.l.node = (dnx_node){.batch = B,
                              .trains = trains,
                              .seed = 1,
                              .n_in = 1,
                              .in = {{1, 1, D}},
                              .loc = {"t", 1},
                              .pool = dnx_pool_new(2),
                              .distillation = &k.distillation};
        must(!open_node(&k.l.node, "margin_softmax", "classes=6\ncentres=inherited\n", &err),
             err.text);
        const float *of = weights(&(layer){.node = teacher}).value;
        dnx_param p = weights(&k.l);
        size_t bytes = sizeof(float) * p.count;
        check((memcmp(p.value, of, bytes) == 0) == trains && !p.is_trained && !p.grad, "made %d",
              trains);
        fill(p.value, p.count, 3);
        k.l.node.type->prepare(&k.l.node, NULL);
        check((memcmp(p.value, of, bytes) == 0) == trains, "a file was loaded %d", trains);
        if (trains) {
            *q = (dnx_pass){.batch = B,
                            .is_training = true,
                            .x = {dnx_alloc(B * D)},
                            .y = dnx_alloc(B),
                            .dx = {dnx_alloc(B * D)},
                            .truth = dnx_alloc(B),
                            .scratch = dnx_alloc(k.l.node.scratch)};
            fill(writable(q->x[0]), B * D, 1);
            k.l.node.type->forward(&k.l.node, q);
            k.l.node.type->backward(&k.l.node, q);
            check(!memcmp(p.value, of, bytes) && isfinite(q->loss), "they stay");
            shut(&k.l);
        } else {
            shut_node(&k.l.node);
            dnx_pool_free(k.l.node.pool);
        }
    }
    shut_node(&teacher);
    dnx_pool_free(teacher.pool);
}

static void wrong_size(void) {
    bench k = {.distillation = {.target = {1, 1, D + 1}}};
    dnx_err err = {0};
    k.l.node = (dnx_node){.batch = 1,
                          .trains = true,
                          .n_in = 1,
                          .in = {{1, 1, D}},
                          .loc = {"t", 4},
                          .pool = dnx_pool_new(1),
                          .distillation = &k.distillation};
    dnx_status st = open_node(&k.l.node, "margin_softmax", "classes=2\ncentres=teacher\n", &err);
    check(st && !strcmp(err.text, "t:4: [margin_softmax] centres=teacher: the teacher's embedding "
                                  "has 6 numbers, the student's 5"),
          "%s", err.text);
    shut_node(&k.l.node);
    dnx_pool_free(k.l.node.pool);
}

int main(void) {
    moves("", 0, 0);
    moves("alpha=adaptive-centre", 0, 0);
    moves("alpha=adaptive", 1, 0);
    moves("alpha=fixed", 2, .9);
    moves("alpha=fixed\nalpha_fixed=.25", 2, .25);
    what_does_not_move();
    sampled();
    nan_stays();
    margins("margins=teacher", "arcface", true, .5, .2);
    margins("margins=teacher\nmargin=am\nm=.4\nm_least=.1\ncentres=inherited", "am", false, .4, .1);
    inherits();
    wrong_size();
    return summary();
}
