/* test_kd_probability.c - compares [kd_probability] with a naive version in double. */
#include "layer/classifier.h"
#include "lib/node.h"

/* Makes a layer. For [kd_probability] the caller must set n->distillation first. */
static dnx_status open_at(dnx_node *n, const char *type, const char *options, int images, int C,
                          bool trains, dnx_pool *pool, dnx_err *err) {
    n->batch = images;
    n->trains = trains;
    n->seed = 1;
    n->n_in = 1;
    n->in[0] = (dnx_shape){1, 1, C};
    n->loc = (dnx_loc){"t", 1};
    n->pool = pool;
    return open_node(n, type, options, err);
}

static float *weights_of(dnx_node *head, float **grad) {
    if (grad) *grad = head->params[0].grad;
    return head->params[0].value;
}

/* ---- the naive version ---- */

/* Stores the logits z_j = s cos(x, w_j) with class weights w, N x D. When s is 0, |x| replaces s.
 * When w is NULL, x has the logits. */
static void naive_logits(const double *x, const double *w, double s, int N, int D, double *z) {
    for (int j = 0; j < N; j++) {
        double xx = 0, ww = 0, xw = 0;
        for (int k = 0; w && k < D; k++) {
            xx += x[k] * x[k];
            ww += w[j * D + k] * w[j * D + k];
            xw += x[k] * w[j * D + k];
        }
        z[j] = !w ? x[j] : s > 0 ? s * xw / sqrt(xx * ww) : xw / sqrt(ww);
    }
}

static double log_sum(const double *z, int N, double T) {
    double top = z[0], sum = 0;
    for (int j = 0; j < N; j++) top = fmax(top, z[j]);
    for (int j = 0; j < N; j++) sum += exp((z[j] - top) / T);
    return top / T + log(sum);
}

/* Returns T^2 KL(p_t || p_s) for one image. Stores the probabilities p_t and p_s unless NULL. */
static double naive(const double *zt, const double *zs, int N, double T, double *p_t, double *p_s) {
    double lt = log_sum(zt, N, T), ls = log_sum(zs, N, T), kl = 0;
    for (int j = 0; j < N; j++) {
        double a = zt[j] / T - lt, b = zs[j] / T - ls;
        kl += exp(a) * (a - b);
        if (p_t) p_t[j] = exp(a);
        if (p_s) p_s[j] = exp(b);
    }
    return T * T * kl;
}

/* ---- one case: student and teacher, each with a classifier or with plain logits ---- */

typedef struct {
    /* _s: student, _t: teacher. N: classes; D: length of the features, 0 when the network gives
     * logits; s: scale of the classifier, s_s = 0 means scale=length; T: temperature */
    int N, D_s, D_t;
    double s_s, s_t, T, weight;
    int threads;
} kind;

enum { B = 4 };

typedef struct {
    dnx_node kd, head_s, head_t;
    dnx_distillation distillation;
    dnx_pass p;
    dnx_pool *pool;
    int in_s, in_t;
    float *w_s, *d_w, *w_t;
    double *x, *t, *w, *v; /* student: features x, class weights w; teacher: t and v */
} setup;

static double *doubles(const float *f, size_t n) {
    double *d = malloc(sizeof *d * (n + 1));
    for (size_t i = 0; i < n; i++) d[i] = f[i];
    return d;
}

static bool set_up(setup *u, const kind *k) {
    char text[200];
    dnx_err err = {0};
    dnx_rng r;
    memset(u, 0, sizeof *u);
    u->pool = dnx_pool_new(k->threads);
    u->in_s = k->D_s ? k->D_s : k->N;
    u->in_t = k->D_t ? k->D_t : k->N;
    dnx_status st = DNX_OK;
    if (k->s_s > 0) snprintf(text, sizeof text, "classes=%d\ns=%g\nmargin=arcface", k->N, k->s_s);
    else snprintf(text, sizeof text, "classes=%d\nscale=length\nmargin=sphereface", k->N);
    if (k->D_s) st = open_at(&u->head_s, "margin_softmax", text, B, k->D_s, true, u->pool, &err);
    snprintf(text, sizeof text, "classes=%d\ns=%g\nmargin=am", k->N, k->s_t);
    if (!st && k->D_t) /* the teacher's node has batch 1, but its logits() must take B images */
        st = open_at(&u->head_t, "margin_softmax", text, 1, k->D_t, false, u->pool, &err);
    snprintf(text, sizeof text, "temperature=%g\nweight=%g", k->T, k->weight);
    u->distillation = (dnx_distillation){.target = {1, 1, u->in_t},
                                         .head = k->D_s ? &u->head_s : NULL,
                                         .target_head = k->D_t ? &u->head_t : NULL};
    u->kd = (dnx_node){.distillation = &u->distillation};
    if (!st) st = open_at(&u->kd, "kd_probability", text, B, u->in_s, true, u->pool, &err);
    if (st) {
        check_value(false, err.text, st, 0);
        return false;
    }
    float *x = dnx_alloc((size_t)(B * u->in_s)), *t = dnx_alloc((size_t)(B * u->in_t));
    dnx_rng_seed(&r, 5, (uint64_t)k->N);
    for (int i = 0; i < B * u->in_s; i++) x[i] = 2 * dnx_rng_normal(&r);
    for (int i = 0; i < B * u->in_t; i++) t[i] = 2 * dnx_rng_normal(&r);
    if (k->D_s) u->w_s = weights_of(&u->head_s, &u->d_w);
    if (k->D_t) u->w_t = weights_of(&u->head_t, NULL);
    for (int i = 0; i < k->N * k->D_s; i++) u->w_s[i] = dnx_rng_normal(&r);
    for (int i = 0; i < k->N * k->D_t; i++) u->w_t[i] = dnx_rng_normal(&r);
    u->p = (dnx_pass){.batch = B,
                      .is_training = true,
                      .x = {x},
                      .target = t,
                      .y = dnx_alloc(B),
                      .dx = {dnx_alloc((size_t)(B * u->in_s))},
                      .scratch = dnx_alloc(u->kd.scratch + 1)};
    fill(u->p.scratch, u->kd.scratch, NAN);
    fill(u->p.dx[0], (size_t)(B * u->in_s), NAN);
    u->x = doubles(x, (size_t)(B * u->in_s));
    u->t = doubles(t, (size_t)(B * u->in_t));
    u->w = k->D_s ? doubles(u->w_s, (size_t)(k->N * k->D_s)) : NULL;
    u->v = k->D_t ? doubles(u->w_t, (size_t)(k->N * k->D_t)) : NULL;
    return true;
}

static void take_down(setup *u) {
    shut_node(&u->kd);
    shut_node(&u->head_s);
    shut_node(&u->head_t);
    dnx_pool_free(u->pool);
    dnx_free(writable(u->p.x[0]));
    dnx_free(writable(u->p.target));
    dnx_free(u->p.y);
    dnx_free(u->p.dx[0]);
    dnx_free(u->p.scratch);
    free(u->x);
    free(u->t);
    free(u->w);
    free(u->v);
}

static void run(setup *u) {
    u->kd.type->forward(&u->kd, &u->p);
    u->kd.type->backward(&u->kd, &u->p);
}

static double objective(const setup *u, const kind *k) {
    double *zs = calloc((size_t)k->N, sizeof *zs), *zt = calloc((size_t)k->N, sizeof *zt), sum = 0;
    for (int b = 0; b < B; b++) {
        naive_logits(u->x + b * u->in_s, u->w, k->s_s, k->N, k->D_s, zs);
        naive_logits(u->t + b * u->in_t, u->v, k->s_t, k->N, k->D_t, zt);
        sum += k->weight * naive(zt, zs, k->N, k->T, NULL, NULL);
    }
    free(zs);
    free(zt);
    return sum;
}

static void agrees(const kind *k) {
    setup u;
    char name[100];
    snprintf(name, sizeof name, "N=%d D=%d,%d T=%g threads=%d", k->N, k->D_s, k->D_t, k->T,
             k->threads);
    if (!set_up(&u, k)) return;
    float *before = NULL;
    size_t teacher = (size_t)(k->N * k->D_t);
    if (u.w_t) {
        before = dnx_alloc(teacher);
        memcpy(before, u.w_t, sizeof *before * teacher);
    }
    run(&u);
    near(name, u.p.loss, objective(&u, k), 3e-6);
    double sum = 0, worst = 0, largest = 1e-3;
    for (int b = 0; b < B; b++) sum += (double)u.p.y[b];
    near("y are the images' losses", sum, u.p.loss, 1e-6);
    int nx = B * u.in_s, nw = k->N * k->D_s, all = nx + nw, stride = all > 400 ? all / 400 : 1;
    for (int i = 0; i < all; i += stride) {
        double *at = i < nx ? &u.x[i] : &u.w[i - nx], keep = *at;
        *at = keep + 1e-5;
        double up = objective(&u, k);
        *at = keep - 1e-5;
        double d = (objective(&u, k) - up) / 2e-5;
        *at = keep;
        double g = (double)(i < nx ? u.p.dx[0][i] : u.d_w[i - nx]);
        worst = worse(worst, fabs(d - g));
        if (fabs(d) > largest) largest = fabs(d);
    }
    check_value(worst < 1e-4 * largest, name, worst, 1e-4 * largest);
    if (before)
        check_value(!memcmp(before, u.w_t, sizeof *before * teacher), "the teacher's weights stay",
                    0, 0);
    float dx = u.p.dx[0][1], dw = u.d_w ? u.d_w[1] : 0, *keep = u.p.dx[0];
    u.p.dx_adds[0] = true;
    run(&u);
    near("adds to dx", (double)keep[1], 2 * (double)dx, 1e-6);
    u.p.dx[0] = NULL;
    run(&u);
    if (u.d_w) near("without dx", (double)u.d_w[1], 3 * (double)dw, 1e-6);
    u.p.dx[0] = keep;
    dnx_free(before);
    take_down(&u);
}

/* A call with one thread stores the gradient in `first`. Calls with more threads must give the same
 * bits. */
static void many_classes(int threads, float *first) {
    kind k = {2500, 0, 13, 1, 20, 4, 2, threads};
    setup u;
    double zt[2500], zs[2500], p_t[2500], p_s[2500], worst = 0, largest = 0;
    if (!set_up(&u, &k)) return;
    run(&u);
    for (int b = 0; b < B; b++) {
        naive_logits(u.x + b * k.N, NULL, 1, k.N, 0, zs);
        naive_logits(u.t + b * u.in_t, u.v, k.s_t, k.N, k.D_t, zt);
        double loss = k.weight * naive(zt, zs, k.N, k.T, p_t, p_s);
        near("loss of an image", (double)u.p.y[b], loss, 2e-6);
        for (int j = 0; j < k.N; j++) {
            double want = k.weight * k.T * (p_t[j] - p_s[j]);
            worst = worse(worst, fabs((double)u.p.dx[0][b * k.N + j] - want));
            largest = fmax(largest, fabs(want));
        }
    }
    check_value(worst < 2e-6 * largest, "dz = weight T (p_T - p_S)", worst, 2e-6 * largest);
    size_t size = sizeof(float) * (size_t)(B * k.N);
    if (threads == 1) memcpy(first, u.p.dx[0], size);
    check_value(!memcmp(first, u.p.dx[0], size), "threads change no bit", threads, 1);
    u.p.batch = 2;
    memset(u.p.dx[0], 0, size);
    run(&u);
    check_value(!memcmp(first, u.p.dx[0], size / 2) && u.p.dx[0][2 * k.N] == 0, "a smaller batch",
                0, 0);
    take_down(&u);
}

/* ---- two classes, teacher's logits (a, 0), student's (0, 0): KL = log 2 - entropy of p,
 * p = 1 / (1 + e^(-a/T)) ---- */

static void known_values(void) {
    static const struct {
        double a, T;
    } rows[] = {{0, 1}, {1, 1}, {-3, 1}, {2, 4}, {60, 1}, {-3e4, 1}, {1e4, .5}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kind k = {2, 0, 0, 1, 1, rows[i].T, 1, 1};
        setup u;
        if (!set_up(&u, &k)) return;
        float *x = writable(u.p.x[0]), *t = writable(u.p.target);
        double a = rows[i].a / rows[i].T, p = 1 / (1 + exp(-a)), q = 1 / (1 + exp(a));
        for (int b = 0; b < B; b++) {
            x[2 * b] = x[2 * b + 1] = 7;
            t[2 * b] = (float)rows[i].a - 3;
            t[2 * b + 1] = -3;
        }
        run(&u);
        double kl = log(2) + (p > 0 ? p * log(p) : 0) + (q > 0 ? q * log(q) : 0);
        near("two classes", u.p.loss, B * rows[i].T * rows[i].T * kl, 1e-6);
        near("two classes, dx", (double)u.p.dx[0][0], rows[i].T * (p - .5), 1e-6);
        for (int b = 0; b < B; b++) x[2 * b] = -2000;
        run(&u);
        if (rows[i].a == 0) near("far off", u.p.loss, B * (2007 / 2. - log(2)), 1e-6);
        check_value(isfinite(u.p.loss) && isfinite(u.p.dx[0][0]), "extremes", u.p.loss, 0);
        x[1] = NAN;
        run(&u);
        check_value(isnan(u.p.loss) && isnan(u.p.y[0]) && isfinite(u.p.y[1]), "NaN shows", u.p.loss,
                    NAN);
        take_down(&u);
    }
    kind same = {40, 6, 6, 8, 8, 4, 1, 2};
    setup u;
    if (!set_up(&u, &same)) return;
    memcpy(u.w_s, u.w_t, sizeof(float) * 240);
    memcpy(writable(u.p.x[0]), u.p.target, sizeof(float) * B * 6);
    run(&u);
    check_value(u.p.loss == 0, "the teacher itself has no loss", u.p.loss, 0);
    for (int i = 0; i < B * 6; i++)
        check_value(u.p.dx[0][i] == 0, "nor gradient", (double)u.p.dx[0][i], 0);
    take_down(&u);
}

/* At T = 1e4 p_t and p_s are nearly equal: float32 is not enough for the loss. */
static void high_temperature(void) {
    enum { N = 300 };
    kind k = {N, 0, 0, 1, 1, 1e4, 1, 2};
    setup u;
    double zt[N], zs[N], p_t[N], p_s[N], worst = 0, largest = 0;
    if (!set_up(&u, &k)) return;
    run(&u);
    for (int b = 0; b < B; b++) {
        naive_logits(u.x + b * N, NULL, 1, N, 0, zs);
        naive_logits(u.t + b * N, NULL, 1, N, 0, zt);
        /* When T grows, T^2 KL tends to half the variance of the differences d of the teacher's and
         * the student's logits over the classes: sum (d - mean)^2 / (2 N). */
        double loss = naive(zt, zs, N, k.T, p_t, p_s), mean = 0, limit = 0;
        for (int j = 0; j < N; j++) mean += (zt[j] - zs[j]) / N;
        for (int j = 0; j < N; j++) limit += pow(zt[j] - zs[j] - mean, 2) / (2 * N);
        near("the limit", loss, limit, 1e-3);
        near("loss at T = 1e4", (double)u.p.y[b], loss, 1e-6);
        for (int j = 0; j < N; j++) {
            double want = k.T * (p_t[j] - p_s[j]);
            worst = worse(worst, fabs((double)u.p.dx[0][b * N + j] - want));
            largest = fmax(largest, fabs(want));
        }
    }
    check_value(worst < 1e-6 * largest, "gradient at T = 1e4", worst, 1e-6 * largest);
    take_down(&u);
}

/* ---- nothing to do ---- */

static void idle(bool has_target, double weight) {
    kind k = {30, 5, 5, 8, 8, 4, weight, 1};
    setup u;
    if (!set_up(&u, &k)) return;
    const float *target = u.p.target;
    if (!has_target) u.p.target = NULL;
    for (int adds = 0; adds < 2; adds++) {
        u.p.dx_adds[0] = adds;
        for (int i = 0; i < B * 5; i++) u.p.dx[0][i] = 3;
        u.p.y[0] = NAN;
        u.p.loss = NAN;
        run(&u);
        check_value(u.p.loss == 0 && u.p.y[0] == 0, "idle loss", u.p.loss, 0);
        for (int i = 0; i < B * 5; i++)
            check_value(u.p.dx[0][i] == (adds ? 3 : 0), "idle dx", (double)u.p.dx[0][i],
                        adds ? 3 : 0);
        for (int i = 0; i < 150; i++)
            check_value(u.d_w[i] == 0, "idle gradient", (double)u.d_w[i], 0);
    }
    u.p.target = target;
    take_down(&u);
}

static void without_teacher(void) {
    dnx_err err = {0};
    dnx_pool *pool = dnx_pool_new(1);
    dnx_distillation none = {0};
    dnx_node n = {.distillation = &none};
    float x[3] = {1, 2, 3}, y = 5;
    dnx_pass p = {.batch = 1, .x = {x}, .y = &y, .loss = 5};
    dnx_status st = open_at(&n, "kd_probability", "", 1, 3, false, pool, &err);
    check_value(st == DNX_OK && n.scratch == 0, "make without a teacher", st, 0);
    if (!st) n.type->forward(&n, &p);
    check_value(p.loss == 0 && y == 0, "forward without a teacher", p.loss, 0);
    shut_node(&n);
    dnx_pool_free(pool);
}

int main(void) {
    static const kind kinds[] = {
        {7, 0, 0, 1, 1, 1, 1, 1},      {7, 0, 0, 1, 1, 4, 3, 2},     {12, 5, 0, 8, 1, 2, 1, 1},
        {12, 0, 9, 1, 30, 4, 1, 3},    {20, 5, 9, 16, 30, 4, 1, 1},  {20, 5, 5, 64, 64, .5, 2, 2},
        {1100, 6, 4, 10, 20, 1, 1, 2}, {2049, 0, 3, 1, 20, 2, 1, 1}, {20, 5, 9, 0, 30, 4, 1, 2}};
    static float first[B * 2500];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) agrees(&kinds[i]);
    for (int threads = 1; threads <= 4; threads++) many_classes(threads, first);
    known_values();
    high_temperature();
    idle(false, 1);
    idle(true, 0);
    without_teacher();
    return summary();
}
