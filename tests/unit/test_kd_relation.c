/* test_kd_relation.c - compares [kd_relation] with loops in double. */
#include "layer/classifier.h"
#include "lib/node.h"

enum { B = 9, D = 6, T = 4, MOST = 6 };
static const float classes[B] = {0, 1, 0, 2, 2, 1, -1, 3, 0};

typedef struct {
    dnx_node n;
    dnx_distillation distillation;
    dnx_pass p;
    float x[B * D], target[B * T], y[B], dx[B * D], truth[B];
    double a[2][MOST]; /* thresholds of cosines: of the student, of the teacher */
    bool is_known;
} bench;

typedef struct {
    const char *options;
    int K, hardest;
    double rates[MOST], genuine, impostor, temperature, pace, weight;
} kind;
static const kind usual = {
    "temperature=.3", 6, 2000, {.1, .01, 1e-3, 1e-4, 1e-5, 1e-6}, .02, .01, .3, .01, 1};
static const kind other = {
    "rates=.5,.2,0\nhardest=7\ngenuine=2\nimpostor=3\ntemperature=.1\npace=.25\nweight=5",
    3,
    7,
    {.5, .2, 0},
    2,
    3,
    .1,
    .25,
    5};

static void draw(bench *k, uint64_t seed) {
    dnx_rng r;
    dnx_rng_seed(&r, seed, 0);
    for (int i = 0; i < B * D; i++) k->x[i] = dnx_rng_normal(&r);
    for (int i = 0; i < B * T; i++) k->target[i] = 2 * dnx_rng_normal(&r);
}

static bool set_up(bench *k, const char *options, bool trains, int threads) {
    dnx_err err = {0};
    *k = (bench){.distillation = {.target = {1, 1, T}}};
    k->n = (dnx_node){.batch = B,
                      .trains = trains,
                      .n_in = 1,
                      .in = {{1, 1, D}},
                      .loc = {"t", 1},
                      .pool = dnx_pool_new(threads),
                      .distillation = &k->distillation};
    if (!check(!open_node(&k->n, "kd_relation", options, &err), "%s", err.text)) return false;
    k->p = (dnx_pass){.batch = B,
                      .is_training = trains,
                      .x = {k->x},
                      .target = k->target,
                      .y = k->y,
                      .dx = {k->dx},
                      .truth = k->truth};
    memcpy(k->truth, classes, sizeof classes);
    draw(k, 4);
    return true;
}

static void take_down(bench *k) {
    shut_node(&k->n);
    dnx_pool_free(k->n.pool);
}

static void run(bench *k) {
    k->p.x[0] = k->x, k->p.target = k->p.target ? k->target : NULL;
    k->p.y = k->y, k->p.dx[0] = k->dx, k->p.truth = k->p.truth ? k->truth : NULL;
    fill(k->dx, B * D, NAN);
    k->n.type->forward(&k->n, &k->p);
    if (k->n.trains) k->n.type->backward(&k->n, &k->p);
}

/* ---- the naive version ---- */

static double cosine(const double *a, const double *b, int size) {
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < size; i++) ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
    return ab / sqrt(aa * bb);
}

static int falling(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void naive_thresholds(bench *k, const kind *o, const double *x, const double *t) {
    double of[2][B * B];
    int n = 0;
    for (int i = 0; i < B; i++)
        for (int j = i + 1; j < B; j++) {
            if (classes[i] < 0 || classes[j] < 0 || classes[i] == classes[j]) continue;
            of[0][n] = cosine(x + i * D, x + j * D, D);
            of[1][n++] = cosine(t + i * T, t + j * T, T);
        }
    for (int s = 0; s < 2; s++) {
        qsort(of[s], (size_t)n, sizeof **of, falling);
        for (int i = 0; i < o->K; i++) {
            double found = of[s][(int)(n * o->rates[i] + 1e-9)];
            k->a[s][i] += (k->is_known ? o->pace : 1) * (found - k->a[s][i]);
        }
    }
    k->is_known = true;
}

static double rank_of(const double *a, const kind *o, double v) {
    double sum = 0;
    for (int i = 0; i < o->K; i++) sum += 1 / (1 + exp(-(v - a[i]) / o->temperature));
    return sum;
}

/* Returns the loss. order: features, B x D. Their cosines decide which impostor pairs are the
 * hardest: only those count. */
static double naive(const bench *k, const kind *o, const double *x, const double *t,
                    const double *order) {
    double sums[2] = {0}, s[B * B];
    int counts[2] = {0};
    for (int i = 0; i < B; i++)
        for (int j = i + 1; j < B; j++) s[i * B + j] = cosine(order + i * D, order + j * D, D);
    for (int i = 0; i < B; i++)
        for (int j = i + 1; j < B; j++) {
            if (classes[i] < 0 || classes[j] < 0) continue;
            bool genuine = classes[i] == classes[j];
            int above = 0;
            for (int q = 0; q < B; q++)
                for (int r = q + 1; r < B; r++)
                    above += classes[q] >= 0 && classes[r] >= 0 && classes[q] != classes[r] &&
                             s[q * B + r] > s[i * B + j];
            if (!genuine && above >= o->hardest) continue;
            double e = rank_of(k->a[0], o, cosine(x + i * D, x + j * D, D)) -
                       rank_of(k->a[1], o, cosine(t + i * T, t + j * T, T));
            sums[genuine] += e * e;
            counts[genuine]++;
        }
    return o->weight * B * (o->impostor * sums[0] / counts[0] + o->genuine * sums[1] / counts[1]);
}

static void agrees(const kind *o) {
    bench k;
    double x[B * D], t[B * T], order[B * D];
    dnx_param list[DNX_MAX_PARAMS];
    if (!set_up(&k, o->options, true, 2)) return;
    int n = node_params(&k.n, list);
    check(n == 1 && list[0].count == (size_t)(2 * o->K + 1) && !list[0].is_trained, "params");
    for (int pass = 0; pass < 4; pass++) {
        draw(&k, (uint64_t)pass + 4);
        for (int i = 0; i < B * D; i++) x[i] = order[i] = k.x[i];
        for (int i = 0; i < B * T; i++) t[i] = k.target[i];
        run(&k);
        naive_thresholds(&k, o, x, t);
        for (int i = 0; i < 2 * o->K; i++)
            near("threshold", (double)list[0].value[i], k.a[i / o->K][i % o->K], 1e-6);
        near(o->options, k.p.loss, naive(&k, o, x, t, order), 1e-5);
        double sum = 0, worst = 0, largest = 0;
        for (int i = 0; i < B; i++) sum += (double)k.y[i];
        near("y", sum, k.p.loss, 1e-6);
        check(k.y[6] == 0, "an image of unknown class has no loss: %g", (double)k.y[6]);
        for (int i = 0; i < B * D; i++) {
            double keep = x[i];
            x[i] = keep + 1e-5;
            double up = naive(&k, o, x, t, order);
            x[i] = keep - 1e-5;
            double d = (naive(&k, o, x, t, order) - up) / 2e-5;
            x[i] = keep;
            worst = worse(worst, fabs(d - (double)k.dx[i]));
            largest = fmax(largest, fabs(d));
        }
        check_value(worst < 2e-5 * largest, "gradient", worst, 2e-5 * largest);
    }
    check(list[0].value[2 * o->K] == 1, "the flag");
    take_down(&k);
}

/* ---- batches without some kinds of pairs ---- */

static void no_pairs(void) {
    bench k;
    dnx_param list[DNX_MAX_PARAMS];
    if (!set_up(&k, "", true, 1)) return;
    node_params(&k.n, list);
    for (int i = 0; i < B; i++) k.truth[i] = 1; /* no impostor pairs, so no thresholds */
    run(&k);
    check(k.p.loss == 0 && k.dx[0] == 0 && list[0].value[12] == 0, "no impostors: %g", k.p.loss);
    k.p.truth = NULL;
    run(&k);
    check(k.p.loss == 0 && k.dx[0] == 0, "no truth: %g", k.p.loss);
    k.p.truth = k.truth;
    for (int i = 0; i < B; i++) k.truth[i] = (float)i; /* only impostor pairs */
    run(&k);
    check(isfinite(k.p.loss) && k.p.loss > 0 && list[0].value[12] == 1, "impostors: %g", k.p.loss);
    for (int i = 0; i < B; i++) k.truth[i] = 1; /* only genuine pairs */
    float kept[13];
    memcpy(kept, list[0].value, sizeof kept);
    run(&k);
    check(isfinite(k.p.loss) && k.p.loss > 0 && !memcmp(kept, list[0].value, sizeof kept),
          "genuine pairs: %g", k.p.loss);
    k.p.batch = 1;
    run(&k);
    check(k.p.loss == 0, "one image: %g", k.p.loss);
    take_down(&k);
}

static void changes_nothing(void) {
    bench k;
    dnx_param list[DNX_MAX_PARAMS];
    if (!set_up(&k, "", true, 1)) return;
    node_params(&k.n, list);
    run(&k);
    float kept[13];
    memcpy(kept, list[0].value, sizeof kept);
    draw(&k, 99);
    k.p.is_training = false;
    run(&k);
    check(!memcmp(kept, list[0].value, sizeof kept), "predicting moves no threshold");
    k.p.is_training = true;
    k.p.target = NULL;
    run(&k);
    check(k.p.loss == 0 && k.dx[3] == 0 && !memcmp(kept, list[0].value, sizeof kept),
          "no teacher: %g", k.p.loss);
    take_down(&k);
    if (!set_up(&k, "weight=0", true, 1)) return;
    node_params(&k.n, list);
    run(&k);
    check(k.p.loss == 0 && k.dx[3] == 0 && list[0].value[12] == 0, "weight=0: %g", k.p.loss);
    take_down(&k);
    k = (bench){0};
    dnx_err err = {0};
    k.n = (dnx_node){.batch = B,
                     .n_in = 1,
                     .in = {{1, 1, D}},
                     .loc = {"t", 1},
                     .pool = dnx_pool_new(1),
                     .distillation = &k.distillation};
    check(!open_node(&k.n, "kd_relation", "", &err), "predicting without a teacher: %s", err.text);
    k.p = (dnx_pass){.batch = B, .x = {k.x}, .y = k.y};
    run(&k);
    check(node_params(&k.n, list) == 1 && list[0].count == 13 && k.p.loss == 0, "its parameters");
    take_down(&k);
}

static void extremes(void) {
    bench k;
    if (!set_up(&k, "", true, 2)) return;
    memset(k.x, 0, sizeof *k.x * D);
    memset(k.target + T, 0, sizeof *k.target * T);
    run(&k);
    bool is_still = true;
    for (int i = 0; i < D; i++) is_still &= k.dx[i] == 0;
    check(isfinite(k.p.loss) && is_still, "zero vectors: %g", k.p.loss);
    memcpy(k.target, k.x, sizeof k.target);
    run(&k);
    check(isfinite(k.p.loss) && isfinite(k.dx[D]), "far off: %g", k.p.loss);
    k.x[3 * D] = NAN;
    run(&k);
    check(isnan(k.p.loss), "NaN shows: %g", k.p.loss);
    take_down(&k);
    if (!set_up(&k, "", true, 2)) return;
    k.target[3 * T] = NAN;
    run(&k);
    check(isnan(k.p.loss), "NaN of the teacher shows: %g", k.p.loss);
    take_down(&k);
}

static void threads_change_no_bit(void) {
    bench a, b;
    if (!set_up(&a, "", true, 1) || !set_up(&b, "", true, 4)) return;
    run(&a);
    run(&b);
    check(a.p.loss == b.p.loss && !memcmp(a.dx, b.dx, sizeof a.dx), "threads change no bit");
    take_down(&a);
    take_down(&b);
}

int main(void) {
    agrees(&usual);
    agrees(&other);
    no_pairs();
    changes_nothing();
    extremes();
    threads_change_no_bit();
    return summary();
}
