/* test_layers.c - the contract of dnx.h, checked for every type of the registry and each set of
 * kernels. Each type has its rows in tests/data/rows/NAME.rows.
 *
 *     test_layers [-rows FILE]... [TYPE]
 *
 * -rows adds the rows of a type outside the repository. TYPE: checks only this layer type. */
#include <sys/wait.h>
#include <unistd.h>

#include "layer/compression.h"
#include "layer/fusion.h"
#include "kernels/kernels.h"
#include "lib/rows.h"
#include "registry.h"

/* ---- gradients ---- */

static void back(bench *b, bool wants_dx, bool adds) {
    for (int i = 0; i < b->n.n_in; i++) {
        b->p.dx[i] = wants_dx ? b->dx[i] : NULL;
        b->p.dx_adds[i] = adds;
    }
    size_t count = (size_t)b->p.batch * dnx_size(b->n.out);
    memcpy(b->dy, b->weight, sizeof(float) * count);
    b->p.dy = b->has_loss ? NULL : b->dy;
    if (b->n.scratch) memset(b->p.scratch, 0xff, sizeof(float) * b->n.scratch);
    b->n.type->backward(&b->n, &b->p);
}

static void zero_grads(bench *b) {
    dnx_param list[DNX_MAX_PARAMS];
    int n = node_params(&b->n, list);
    for (int i = 0; i < n; i++)
        if (list[i].grad) memset(list[i].grad, 0, sizeof(float) * list[i].count);
}

static double shifted(bench *b, float *at, float v, int batch) {
    float old = *at;
    *at = v;
    if (b->n.type->prepare) b->n.type->prepare(&b->n, NULL);
    double f = objective(b, batch, true);
    *at = old;
    return f;
}

/* Compares some gradients with finite differences, relative to the largest gradient. */
static void check_tensor(bench *b, const row *r, float *x, const float *grad, size_t count,
                         int batch, const char *what) {
    double scale = 1e-2, worst = 0, got = 0, want = 0;
    for (size_t i = 0; i < count; i++) scale = fmax(scale, fabs((double)grad[i]));
    size_t step = count > 40 ? count / 40 : 1;
    for (size_t i = 0, k = 0; i < count && k < 40; i += step, k++) {
        float h = r->flags & SEPARATE ? .02f : 4e-3f;
        /* A kink may lie between lo and hi. Then the next attempt takes a smaller step h. */
        double best = INFINITY, num = 0;
        for (int t = 0; t < 3 && best > r->tol; t++, h *= .25f) {
            float hi = x[i] + h, lo = x[i] - h;
            double d = -(shifted(b, x + i, hi, batch) - shifted(b, x + i, lo, batch)) /
                       ((double)hi - (double)lo) * (r->loss_factor != 0 ? r->loss_factor : 1);
            double e = fabs(d - (double)grad[i]) / scale;
            if (!(e >= best)) best = e, num = d;
        }
        if (best <= worst || isnan(worst)) continue;
        worst = best, got = (double)grad[i], want = num;
    }
    if (b->n.type->prepare) b->n.type->prepare(&b->n, NULL);
    check_part(worst <= r->tol, r->name, what, got, want);
}

static void check_gradients(const row *r, int batch) {
    bench b;
    dnx_err err = {0};
    char what[80];
    dnx_param list[DNX_MAX_PARAMS];
    if (open_bench(&b, r, r->B, true, 1, &err)) {
        check_part(false, r->name, err.text, err.status, 0);
        close_bench(&b);
        return;
    }
    zero_grads(&b);
    objective(&b, batch, true);
    for (int i = 0; i < b.n.n_in; i++) fill(b.dx[i], (size_t)r->B * dnx_size(b.n.in[i]), NAN);
    back(&b, true, false);
    int np = node_params(&b.n, list);
    float *keep[DNX_MAX_PARAMS] = {0}, *dx[DNX_MAX_IN] = {0};
    for (int i = 0; i < b.n.n_in; i++) {
        size_t count = (size_t)batch * dnx_size(b.n.in[i]);
        size_t all = (size_t)r->B * dnx_size(b.n.in[i]);
        dx[i] = dnx_alloc(all);
        memcpy(dx[i], b.dx[i], sizeof(float) * all);
        bool spills = false;
        for (size_t k = count; k < all; k++) spills |= !isnan(b.dx[i][k]);
        check_part(!spills, r->name, "dx beyond the batch is written", 0, 0);
        snprintf(what, sizeof what, "dx[%d], batch %d", i, batch);
        if (!(r->flags & SIGNS)) check_tensor(&b, r, b.x[i], dx[i], count, batch, what);
    }
    for (int i = 0; i < np; i++) {
        check_part(list[i].is_trained == (list[i].grad != NULL), r->name, list[i].name, 0, 0);
        if (!list[i].grad) continue;
        keep[i] = dnx_alloc(list[i].count);
        memcpy(keep[i], list[i].grad, sizeof(float) * list[i].count);
        snprintf(what, sizeof what, "gradient of %s, batch %d", list[i].name, batch);
        if (r->flags & ESTIMATED && !strcmp(list[i].name, "weights")) continue;
        if (r->flags & SIGNS && !strcmp(list[i].name, "shifts")) continue;
        if (r->flags & SIGNS && !strcmp(list[i].name, "scales") && list[i].count == (size_t)r->C)
            continue;
        check_tensor(&b, r, list[i].value, keep[i], list[i].count, batch, what);
    }
    objective(&b, batch, true);
    for (int i = 0; i < b.n.n_in; i++) fill(b.dx[i], (size_t)r->B * dnx_size(b.n.in[i]), 2);
    back(&b, true, true);
    for (int i = 0; i < b.n.n_in; i++) {
        double worst = 0;
        size_t count = (size_t)batch * dnx_size(b.n.in[i]);
        for (size_t k = 0; k < count; k++) {
            double e = fabs((double)b.dx[i][k] - 2 - (double)dx[i][k]);
            worst = worse(worst, e / (1 + fabs((double)dx[i][k])));
        }
        check_part(worst < 1e-5, r->name, "dx is not added to", worst, 0);
    }
    for (int t = 2; t <= 3; t++) {
        for (int i = 0; i < np; i++) {
            double worst = 0;
            for (size_t k = 0; list[i].grad && k < list[i].count; k++) {
                double e = fabs((double)list[i].grad[k] - t * (double)keep[i][k]);
                worst = worse(worst, e / (1 + fabs((double)keep[i][k])));
            }
            check_part(worst < 1e-4, r->name,
                       t == 2 ? "gradients of two passes do not add up"
                              : "dx=NULL changes a gradient",
                       worst, 0);
        }
        if (t == 2) {
            objective(&b, batch, true);
            back(&b, false, false);
        }
    }
    for (int i = 0; i < np; i++) dnx_free(keep[i]);
    for (int i = 0; i < b.n.n_in; i++) dnx_free(dx[i]);
    close_bench(&b);
}

/* ---- predicting ---- */

static void check_predicting(const row *r, bool trains) {
    bench b;
    dnx_err err = {0};
    dnx_param list[DNX_MAX_PARAMS];
    if (open_bench(&b, r, r->B, trains, 2, &err)) {
        check_part(false, r->name, err.text, err.status, 0);
        close_bench(&b);
        return;
    }
    size_t count = (size_t)r->B * dnx_size(b.n.out);
    float *first = dnx_alloc(count), *values[DNX_MAX_PARAMS];
    int np = node_params(&b.n, list);
    for (int i = 0; i < np; i++) {
        check_part(trains || !list[i].grad, r->name, "a predicting layer has a gradient", 1, 0);
        values[i] = dnx_alloc(list[i].count);
        memcpy(values[i], list[i].value, sizeof(float) * list[i].count);
    }
    fill(b.y, count, NAN);
    objective(&b, r->B, false);
    memcpy(first, b.y, sizeof(float) * count);
    bool is_finite = true;
    for (size_t i = 0; i < count; i++) is_finite &= isfinite(first[i]) != 0;
    check_part(is_finite, r->name, "an output is not finite or not written", 0, 0);
    fill(b.y, count, NAN);
    set_pass(&b, r->B, false);
    b.n.type->forward(&b.n, &b.p);
    check_part(!memcmp(first, b.y, sizeof(float) * count), r->name, "predicting again differs", 0,
               0);
    for (int i = 0; i < np; i++) {
        check_part(!memcmp(values[i], list[i].value, sizeof(float) * list[i].count), r->name,
                   "predicting changes a parameter", 0, 0);
        dnx_free(values[i]);
    }
    /* A pass of one image must give the same output as a pass of B images. It must not write the
     * outputs of other images. */
    if (r->B > 1 && !(r->flags & TOGETHER)) {
        fill(b.y, count, 77);
        objective(&b, 1, false);
        double worst = 0;
        bool spills = false;
        for (size_t i = 0; i < dnx_size(b.n.out); i++)
            worst = worse(worst, fabs((double)b.y[i] - (double)first[i]));
        for (size_t i = dnx_size(b.n.out); i < count; i++) spills |= b.y[i] != 77;
        check_part(worst < 1e-5, r->name, "one image alone differs", worst, 0);
        check_part(!spills, r->name, "y beyond the batch is written", 0, 0);
    }
    const dnx_fusion *fusion = b.n.type->fusion;
    if (fusion && fusion->adds_residual && fusion->adds_residual(&b.n)) {
        dnx_fused fused = {.residual = b.weight};
        set_pass(&b, r->B, false);
        b.p.fused = &fused;
        b.n.type->forward(&b.n, &b.p);
        double worst = 0;
        for (size_t i = 0; i < count; i++)
            worst = worse(worst, fabs((double)b.y[i] - (double)first[i] - (double)b.weight[i]));
        check_part(worst < 1e-5, r->name, "the residual is not added", worst, 0);
    }
    for (int k = 0; k < b.n.n_in; k++) {
        bool has_nan = false;
        float *x = dnx_alloc((size_t)r->B * dnx_size(b.n.in[k]));
        memcpy(x, b.x[k], sizeof(float) * (size_t)r->B * dnx_size(b.n.in[k]));
        fill(b.x[k], (size_t)r->B * dnx_size(b.n.in[k]), NAN);
        has_nan |= isnan(objective(&b, r->B, false)) != 0;
        check_part(has_nan, r->name, "NaN goes in and none comes out", 0, 0);
        memcpy(b.x[k], x, sizeof(float) * (size_t)r->B * dnx_size(b.n.in[k]));
        dnx_free(x);
    }
    bool hides_nan = false;
    for (size_t i = 0; i < dnx_size(b.n.in[0]); i++) {
        float old = b.x[0][i];
        b.x[0][i] = NAN;
        hides_nan |= !isnan(objective(&b, r->B, false));
        b.x[0][i] = old;
    }
    check_part(!hides_nan, r->name, "a single NaN is lost", 0, 0);
    dnx_free(first);
    close_bench(&b);
}

static void check_threads(const row *r) {
    bench b[2];
    dnx_err err = {0};
    bool is_open = true;
    for (int i = 0; i < 2; i++) is_open &= !open_bench(&b[i], r, r->B, true, i ? 3 : 1, &err);
    if (check_part(is_open, r->name, err.text, err.status, 0)) {
        for (int i = 0; i < 2; i++) {
            zero_grads(&b[i]);
            objective(&b[i], r->B, true);
            back(&b[i], true, false);
        }
        double e = apart(b[0].y, b[1].y, (size_t)r->B * dnx_size(b[0].n.out));
        for (int i = 0; i < b[0].n.n_in; i++)
            e = worse(e, apart(b[0].dx[i], b[1].dx[i], (size_t)r->B * dnx_size(b[0].n.in[i])));
        dnx_param p[2][DNX_MAX_PARAMS];
        int np = node_params(&b[0].n, p[0]);
        node_params(&b[1].n, p[1]);
        for (int i = 0; i < np; i++) {
            e = worse(e, apart(p[0][i].value, p[1][i].value, p[0][i].count));
            if (p[0][i].grad) e = worse(e, apart(p[0][i].grad, p[1][i].grad, p[0][i].count));
        }
        check_part(e < 1e-5, r->name, "1 and 3 threads differ", e, 0);
    }
    for (int i = 0; i < 2; i++) close_bench(&b[i]);
}

/* ---- as_convolution() ---- */

static size_t count_of(const dnx_param *list, int n, dnx_role role) {
    for (int i = 0; i < n; i++)
        if (list[i].role == role) return list[i].count;
    return 0;
}

/* as_convolution() describes a layer as a convolution, for compression. The description must fit
 * the layer's shapes and parameters. */
static void check_view(const row *r) {
    bench b;
    dnx_convolution v;
    dnx_param list[DNX_MAX_PARAMS];
    if (open_bench(&b, r, r->B, false, 1, NULL)) return;
    const dnx_compression *c = b.n.type->compression;
    if (c && c->as_convolution && c->as_convolution(&b.n, &v)) {
        const dnx_shape in = b.n.in[0], out = b.n.out;
        const size_t N = (size_t)out.c, K = (size_t)(v.size * v.size * in.c / v.groups);
        const int n = node_params(&b.n, list), h = (in.h + 2 * v.pad - v.size) / v.stride + 1;
        check_part(h == out.h, r->name, "as_convolution(): the height", h, out.h);
        check_part(count_of(list, n, DNX_WEIGHTS) == N * K, r->name,
                   "as_convolution(): the count of DNX_WEIGHTS",
                   (double)count_of(list, n, DNX_WEIGHTS), (double)(N * K));
        const dnx_role norm[] = {DNX_SCALES, DNX_MEAN, DNX_VARIANCE};
        for (int i = 0; i < 3; i++)
            check_part(count_of(list, n, norm[i]) == (v.has_norm ? N : 0), r->name,
                       "as_convolution(): the count of DNX_SCALES, DNX_MEAN, DNX_VARIANCE", i, 0);
        check_part(v.activation != DNX_PRELU || count_of(list, n, DNX_SLOPES) == N, r->name,
                   "as_convolution(): the count of DNX_SLOPES", 0, (double)N);
    }
    close_bench(&b);
}

/* ---- losses without a teacher ---- */

/* Runs a loss with p->target = NULL, so that a loss that reads the absent target crashes. Returns 1
 * when the layer cannot be made. Returns 2 when y is not finite, or when a loss that imitates a
 * teacher does not store loss 0 and dx 0. Otherwise returns 0. */
static int without_target(const row *r, bool trains) {
    bench b;
    row alone = *r;
    dnx_err err = {0};
    if (!trains) alone.flags |= NO_TEACHER;
    if (open_bench(&b, &alone, r->B, trains, 2, &err)) return 1;
    set_pass(&b, r->B, trains);
    b.p.target = NULL;
    const bool imitates = dnx_target_of(b.n.type) != DNX_NO_TARGET;
    if (imitates) b.p.loss = (double)NAN;
    fill(b.y, (size_t)r->B * dnx_size(b.n.out), NAN);
    fill(b.dx[0], (size_t)r->B * dnx_size(b.n.in[0]), NAN);
    b.n.type->forward(&b.n, &b.p);
    bool is_right = isfinite(b.p.loss) && (!imitates || b.p.loss == 0);
    for (size_t i = 0; i < (size_t)r->B * dnx_size(b.n.out); i++) is_right &= isfinite(b.y[i]) != 0;
    if (trains) back(&b, true, false);
    for (size_t i = 0; imitates && trains && i < (size_t)r->B * dnx_size(b.n.in[0]); i++)
        is_right &= b.dx[0][i] == 0;
    return is_right ? 0 : 2;
}

static void check_without_target(const row *r) {
    if (!dnx_may_have_teacher(find_type(r->type))) return;
    for (int trains = 0; trains < 2; trains++) {
        int status = 0;
        fflush(stdout);
        const pid_t child = fork();
        if (!child) _exit(without_target(r, trains != 0));
        const bool ended = child > 0 && waitpid(child, &status, 0) == child;
        check_part(ended && WIFEXITED(status), r->name,
                   "p->target is NULL: the layer crashes, signal", WTERMSIG(status), 0);
        check_part(ended && (!WIFEXITED(status) || WEXITSTATUS(status) != 1), r->name,
                   "the network has no teacher: make() fails", 0, 0);
        check_part(ended && (!WIFEXITED(status) || WEXITSTATUS(status) != 2), r->name,
                   "p->target is NULL: loss and dx must be 0, y finite", 0, 0);
    }
}

/* ---- all ---- */

static const char *only; /* the layer type to test; NULL: all types */

static bool is_chosen(const char *type) { return !only || !strcmp(type, only); }

#define DO(check, ...)                                                                             \
    do {                                                                                           \
        IN_CHECK("%s of %s", #check, r->name);                                                     \
        check(__VA_ARGS__);                                                                        \
    } while (0)

static void check_row(const row *r) {
    DO(check_gradients, r, r->B);
    if (r->B > 1) DO(check_gradients, r, r->B - 1);
    DO(check_predicting, r, false);
    DO(check_predicting, r, true);
    DO(check_threads, r);
    DO(check_view, r);
    DO(check_without_target, r);
}

static void check_all(void) {
    check(!strcmp(dnx_kernels()->name, where), "DNX_ISA is not obeyed");
    for (size_t i = 0; i < n_rows; i++)
        if (is_chosen(rows[i].type)) check_row(&rows[i]);
}

static void read_all(void) {
    char path[120];
    for (int t = 0; dnx_layer_types[t]; t++) {
        const char *name = dnx_layer_types[t]->name;
        snprintf(path, sizeof path, "tests/data/rows/%s.rows", name);
        if (!access(path, R_OK)) read_rows(path);
        size_t i = 0;
        while (i < n_rows && strcmp(rows[i].type, name)) i++;
        check(i < n_rows || !is_chosen(name),
              "[%s] has no row in tests/data/rows/%s.rows, nor in a file %s.rows beside it", name,
              name, name);
    }
}

/* A type must have the name of its file: the Makefile lists types by their files. */
static void check_names(void) {
    for (int t = 0; dnx_layer_types[t]; t++) {
        const char *file = dnx_layer_files[t], *slash = strrchr(file, '/');
        const char *base = slash ? slash + 1 : file, *name = dnx_layer_types[t]->name;
        if (!check(strlen(base) == strlen(name) + 2 && !strncmp(base, name, strlen(name)),
                   "%s: .name is \"%s\": must be the file's name, \"%.*s\"", file, name,
                   (int)strlen(base) - 2, base))
            exit(summary());
    }
}

int main(int argc, char **argv) {
    group("names and rows");
    check_names();
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-rows") && i + 1 < argc) read_rows(argv[++i]);
        else only = argv[i];
    }
    must(!only || find_type(only), "there is no layer type of that name");
    read_all();
    for (const row *r = rows; only && r < rows + n_rows; r++)
        if (is_chosen(r->type))
            printf("# %s: %d x %d x %d x %d\n", r->name, r->B, r->H, r->W, r->C);
    in_each_set(check_all);
    return summary();
}
