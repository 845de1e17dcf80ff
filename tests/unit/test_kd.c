/* test_kd.c - [kd_feature] and [kd_correlation] at known values.
 *
 * With arguments it is a tool for test_kd.py, which computes the same losses with NumPy:
 *   test_kd TYPE OPTIONS B H W C TH TW TC in.f32 out.f64
 * OPTIONS: the lines of a section, separated by ';'. B H W C: shape of x; TH TW TC: shape of the
 * target of an image. in.f32 has x, the target and the parameters. out.f64 has the loss, y, dx and
 * the gradients of the parameters. */
#include "layer/classifier.h"
#include "lib/node.h"

typedef struct {
    dnx_node n;
    dnx_distillation distillation;
    dnx_pass p;
    float *x, *target;
} bench;

static void close_bench(bench *b) {
    shut_node(&b->n);
    dnx_pool_free(b->n.pool);
    dnx_free(b->x), dnx_free(b->target), dnx_free(b->p.y), dnx_free(b->p.dx[0]);
    dnx_free(b->p.scratch);
}

/* Makes a layer with x and target 0. y, dx and scratch are NaN: a read before a write shows. */
static bool open_bench(bench *b, const char *type, const char *options, int B, dnx_shape in,
                       dnx_shape target, bool trains) {
    dnx_err err = {0};
    char lines[400];
    *b = (bench){.n = {.batch = B,
                       .trains = trains,
                       .seed = 1,
                       .index = 3,
                       .n_in = 1,
                       .in = {in},
                       .distillation = &b->distillation,
                       .loc = {"t", 1},
                       .pool = dnx_pool_new(2)},
                 .distillation = {.target = target}};
    snprintf(lines, sizeof lines, "%s", options);
    for (char *c = lines; *c; c++) *c = *c == ';' ? '\n' : *c;
    dnx_status st = open_node(&b->n, type, lines, &err);
    if (st) printf("%s %s: %s\n", type, options, err.text);
    size_t size = dnx_size(in) * (size_t)B;
    b->x = dnx_alloc(size);
    b->target = dnx_alloc(dnx_size(target) * (size_t)B);
    b->p = (dnx_pass){.batch = B,
                      .is_training = trains,
                      .x = {b->x},
                      .target = b->target,
                      .y = dnx_alloc((size_t)B),
                      .dx = {dnx_alloc(size)},
                      .scratch = dnx_alloc(b->n.scratch)};
    fill(b->p.y, (size_t)B, NAN);
    fill(b->p.dx[0], size, NAN);
    fill(b->p.scratch, b->n.scratch, NAN);
    return !st;
}

static void run(bench *b) {
    b->n.type->forward(&b->n, &b->p);
    if (b->n.trains) b->n.type->backward(&b->n, &b->p);
}

static double largest(const float *v, size_t n) {
    double m = 0;
    for (size_t i = 0; i < n; i++) m = worse(m, fabs((double)v[i]));
    return m;
}

/* Three images: the directions of student and teacher are equal, opposite, orthogonal. */
static void set_three(bench *b) {
    static const float x[] = {1, 2, -2, 4, 0, 3, 0, 4, 0, 0, 0, 7};
    static const float t[] = {2, 4, -4, 8, 0, -6, 0, -8, 5, 0, 0, 0};
    memcpy(b->x, x, sizeof x);
    memcpy(b->target, t, sizeof t);
}

static void check_feature(void) {
    static const struct {
        const char *options;
        double e[3];
    } rows[] = {{"", {0, 2, 1}},
                {"distance=cosine;normalize=0", {0, 2, 1}},
                {"normalize=0", {12.5, 112.5, 37}}};
    const dnx_shape D = {1, 1, 4};
    bench b;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        if (!open_bench(&b, "kd_feature", rows[r].options, 3, D, D, true))
            check_value(false, "open", 0, 0);
        set_three(&b);
        run(&b);
        for (int i = 0; i < 3; i++) near(rows[r].options, (double)b.p.y[i], rows[r].e[i], 1e-6);
        near("loss", b.p.loss, rows[r].e[0] + rows[r].e[1] + rows[r].e[2], 1e-6);
        if (r < 2) near("no gradient at equal directions", largest(b.p.dx[0], 4), 0, 1e-6);
        if (r < 2) near("nor at opposite ones", largest(b.p.dx[0] + 4, 4), 0, 1e-6);
        if (r < 2) near("towards the teacher", (double)b.p.dx[0][8], 1. / 7, 1e-6);
        if (r == 2) near("towards the teacher", (double)b.p.dx[0][11], -7, 1e-6);
        close_bench(&b);
    }
    /* The distances d are 0, 2, sqrt 2. hard=power, power=2: weights d^2 / mean(d^2) = 0, 2, 1 */
    if (!open_bench(&b, "kd_feature", "hard=power;power=2;weight=3", 3, D, D, true))
        check_value(false, "open", 0, 0);
    set_three(&b);
    run(&b);
    near("power", b.p.loss, 3 * (2 * 2 + 1 * 1), 1e-6);
    near("power's gradient", (double)b.p.dx[0][8], 3. / 7, 1e-6);
    close_bench(&b);
    if (!open_bench(&b, "kd_feature", "hard=softmax", 3, D, D, true))
        check_value(false, "open", 0, 0);
    set_three(&b);
    run(&b);
    double sum = 1 + exp(2) + exp(sqrt(2));
    near("softmax", b.p.loss, 3 * (exp(2) * 2 + exp(sqrt(2))) / sum, 1e-6);
    near("softmax's gradient", (double)b.p.dx[0][8], 3 * exp(sqrt(2)) / sum / 7, 1e-6);
    close_bench(&b);
    if (!open_bench(&b, "kd_feature", "hard=softmax;hard_sharpness=3", 3, D, D, true))
        check_value(false, "open", 0, 0);
    set_three(&b);
    run(&b);
    sum = 1 + exp(3 * 2) + exp(3 * sqrt(2));
    near("sharpness", b.p.loss, 3 * (exp(6) * 2 + exp(3 * sqrt(2))) / sum, 1e-6);
    near("sharpness' gradient", (double)b.p.dx[0][8], 3 * exp(3 * sqrt(2)) / sum / 7, 1e-6);
    close_bench(&b);
    if (!open_bench(&b, "kd_feature", "hard=softmax;hard_sharpness=0", 3, D, D, true))
        check_value(false, "open", 0, 0);
    set_three(&b);
    run(&b);
    near("no sharpness", b.p.loss, 3, 1e-6);
    memcpy(b.target, b.x, sizeof(float) * 12); /* all distances are 0 */
    run(&b);
    check_value(b.p.loss == 0 && largest(b.p.dx[0], 12) < 1e-6, "equal features", b.p.loss, 0);
    memset(b.x, 0, sizeof(float) * 4);
    memset(b.target + 4, 0, sizeof(float) * 4);
    run(&b);
    check_value(isfinite(b.p.loss) && largest(b.p.dx[0], 8) == 0, "zero vectors have no gradient",
                largest(b.p.dx[0], 8), 0);
    close_bench(&b);
    /* Features are far apart and not normalised: e^d would overflow. */
    if (!open_bench(&b, "kd_feature", "hard=softmax;normalize=0", 2, D, D, true))
        check_value(false, "open", 0, 0);
    b.x[0] = 1000, b.x[4] = 2000;
    run(&b);
    near("far features", b.p.loss, 2 * .5 * 2000 * 2000, 1e-6);
    close_bench(&b);
}

static void check_correlation(void) {
    const dnx_shape D = {1, 1, 4};
    bench b;
    /* The student's cosines are 3/5, 0, 0, the teacher's 0, 0, -1; each occurs twice in 9 pairs. */
    static const float x[] = {1, 0, 0, 0, 3, 4, 0, 0, 0, 0, 2, 0};
    static const float t[] = {0, 2, 0, 0, 0, 0, 1, 0, 0, 0, -3, 0};
    if (!open_bench(&b, "kd_correlation", "kernel=bilinear;weight=2", 3, D, D, true))
        check_value(false, "open", 0, 0);
    memcpy(b.x, x, sizeof x);
    memcpy(b.target, t, sizeof t);
    run(&b);
    near("bilinear", b.p.loss, 2 * 3 * (2 * (.36 + 0 + 1)) / 9., 1e-6);
    near("a row", (double)b.p.y[0], .36 / 3, 1e-6);
    near("first image", (double)b.p.dx[0][1], -2 * 3 * 4 / 9. * .6 * .8, 1e-6);
    memset(b.x, 0, sizeof(float) * 4);
    run(&b);
    check_value(isfinite(b.p.loss) && largest(b.p.dx[0], 4) == 0, "a zero vector has no gradient",
                largest(b.p.dx[0], 4), 0);
    memcpy(b.target, b.x, sizeof x);
    run(&b);
    check_value(b.p.loss == 0 && largest(b.p.dx[0], 12) == 0, "equal correlations", b.p.loss, 0);
    close_bench(&b);
    /* order=16 is nearly the kernel e^{-.4 d^2}. d^2 is .8 for the student, 2 for the teacher. */
    if (!open_bench(&b, "kd_correlation", "order=16", 2, D, D, true))
        check_value(false, "open", 0, 0);
    memcpy(b.x, x, sizeof(float) * 8);
    memcpy(b.target, t, sizeof(float) * 8);
    run(&b);
    double diff = exp(-.4 * .8) - exp(-.4 * 2);
    near("gaussian", b.p.loss, 2 * 2 * diff * diff / 4, 1e-6);
    close_bench(&b);
    /* With the defaults order=2 and gamma=.4, the kernel is .953, .449 and .234 at the cosines 1, 0
     * and -1. */
    if (!open_bench(&b, "kd_correlation", "", 2, D, D, true)) check_value(false, "open", 0, 0);
    memcpy(b.x, x + 4, sizeof(float) * 8);
    memcpy(b.target, t + 4, sizeof(float) * 8);
    run(&b);
    diff = exp(-.8) * (.8 - .32);
    near("order 2", b.p.loss, 2 * 2 * diff * diff / 4, 1e-6);
    close_bench(&b);
}

/* With weight=0 or without a teacher, the loss and gradients are 0, even if inputs are NaN. */
static void check_idle(const char *type, dnx_shape target) {
    const dnx_shape D = {1, 1, 4};
    bench b;
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0; i < 4; i++) {
        bool has_teacher = i < 2, adds = i & 1;
        if (!open_bench(&b, type, has_teacher ? "weight=0" : "", 3, D, target, true))
            check_value(false, "open", 0, 0);
        for (int k = 0; k < 12; k++) b.x[k] = NAN, b.target[k] = NAN;
        for (int k = 0; adds && k < 12; k++) b.p.dx[0][k] = (float)k;
        if (!has_teacher) b.p.target = NULL;
        b.p.dx_adds[0] = adds;
        run(&b);
        bool is_idle = b.p.loss == 0 && largest(b.p.y, 3) == 0;
        for (int k = 0; k < 12; k++) is_idle &= b.p.dx[0][k] == (adds ? (float)k : 0);
        for (int k = 0, n = node_params(&b.n, list); k < n; k++)
            is_idle &= largest(list[k].grad, list[k].count) == 0;
        check_value(is_idle, type, i, 0);
        close_bench(&b);
    }
    bool ok = open_bench(&b, type, "", 3, D, (dnx_shape){0, 0, 0}, false);
    b.p.target = NULL;
    if (ok) run(&b);
    int n = node_params(&b.n, list);
    check_value(ok && n == 0 && b.p.loss == 0 && largest(b.p.y, 3) == 0,
                "predicting without a teacher", n, 0);
    close_bench(&b);
}

/* ---- the tool ---- */

static bool take(FILE *f, float *v, size_t n) { return fread(v, sizeof *v, n, f) == n; }

static void put(FILE *f, const float *v, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double d = (double)v[i];
        fwrite(&d, sizeof d, 1, f);
    }
}

static int tool(char **a) {
    bench b;
    dnx_param list[DNX_MAX_PARAMS];
    int B = atoi(a[3]);
    dnx_shape in = {atoi(a[4]), atoi(a[5]), atoi(a[6])}, t = {atoi(a[7]), atoi(a[8]), atoi(a[9])};
    size_t size = dnx_size(in) * (size_t)B;
    if (!open_bench(&b, a[1], a[2], B, in, t, true)) return 1;
    int n = node_params(&b.n, list);
    FILE *f = fopen(a[10], "rb");
    bool ok = f && take(f, b.x, size) && take(f, b.target, dnx_size(t) * (size_t)B);
    for (int i = 0; i < n && ok; i++) ok = take(f, list[i].value, list[i].count);
    ok = ok && fgetc(f) == EOF;
    if (f) fclose(f);
    f = ok ? fopen(a[11], "wb") : NULL;
    if (!f) return 1;
    if (b.n.type->prepare) b.n.type->prepare(&b.n, NULL);
    run(&b);
    fwrite(&b.p.loss, sizeof b.p.loss, 1, f);
    put(f, b.p.y, (size_t)B);
    put(f, b.p.dx[0], size);
    for (int i = 0; i < n; i++) put(f, list[i].grad, list[i].count);
    close_bench(&b);
    return fclose(f) != 0;
}

int main(int argc, char **argv) {
    if (argc > 1) return argc == 12 ? tool(argv) : 2;
    check_feature();
    check_correlation();
    check_idle("kd_feature", (dnx_shape){1, 1, 4});
    check_idle("kd_feature", (dnx_shape){1, 1, 6});
    check_idle("kd_correlation", (dnx_shape){1, 1, 6});
    return summary();
}
