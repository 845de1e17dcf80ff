/* test_margin.c - compares [margin_softmax] with a naive version in double. */
#include "lib/margin_naive.h"

/* ---- random features and weights, every branch ---- */

static const struct {
    const char *options;
    head h;
} cases[] = {
    {"margin=none", {"none", 32, 0, 0, 0, 0, 0, 0, false}},
    {"margin=none\ns=4\nlabel_smoothing=.1", {"none", 4, 0, 0, 0, 0, 0, .1, false}},
    {"margin=sphereface\ns=8", {"sphereface", 8, 4, 0, 0, 0, 0, 0, false}},
    {"margin=sphereface\ns=8\nm=3", {"sphereface", 8, 3, 0, 0, 0, 0, 0, false}},
    {"margin=am\ns=16", {"am", 16, .35, 0, 0, 0, 0, 0, false}},
    {"margin=am\ns=16\neasy_margin=1", {"am", 16, .35, 0, 0, 0, 0, 0, true}},
    {"margin=arcface\ns=16", {"arcface", 16, .5, 0, 0, 0, 0, 0, false}},
    {"margin=arcface\ns=8\nm=1.4", {"arcface", 8, 1.4, 0, 0, 0, 0, 0, false}},
    {"margin=arcface\ns=16\neasy_margin=1\nlabel_smoothing=.2",
     {"arcface", 16, .5, 0, 0, 0, 0, .2, true}},
    {"margin=combined\ns=16", {"combined", 16, 0, 1, .3, .2, 0, 0, false}},
    {"margin=combined\ns=8\nm1=1.2\nm2=.1\nm3=.05", {"combined", 8, 0, 1.2, .1, .05, 0, 0, false}},
    {"margin=mv-am\ns=8", {"mv-am", 8, .35, 0, 0, 0, .2, 0, false}},
    {"margin=mv-arc\ns=8\nm=.5\nt=.5\nlabel_smoothing=.1",
     {"mv-arc", 8, .5, 0, 0, 0, .5, .1, false}},
    {"margin=mv-arc\ns=8\neasy_margin=1", {"mv-arc", 8, .35, 0, 0, 0, .2, 0, true}},
    {"margin=d-softmax\ns=8", {"d-softmax", 8, .9, 0, 0, 0, 0, 0, false}},
    {"margin=sv-am\ns=8", {"sv-am", 8, .35, 0, 0, 0, 1.2, 0, false}},
    {"margin=sv-am\ns=8\nm=0", {"sv-am", 8, 0, 0, 0, 0, 1.2, 0, false}},
    {"margin=sv-arc\ns=8\nm=.5\nt=1.5\nlabel_smoothing=.1",
     {"sv-arc", 8, .5, 0, 0, 0, 1.5, .1, false}},
    {"margin=sv-arc\ns=8\neasy_margin=1", {"sv-arc", 8, .35, 0, 0, 0, 1.2, 0, true}},
    {"margin=am\ns=8\nmining=hard\nkeep=.5", {"am", 8, .35, 0, 0, 0, 0, 0, false, .5, 0}},
    {"margin=arcface\ns=4\nmining=hard\nkeep=.6\nlabel_smoothing=.1",
     {"arcface", 4, .5, 0, 0, 0, 0, .1, false, .6, 0}},
    {"margin=none\ns=4\nmining=focal", {"none", 4, 0, 0, 0, 0, 0, 0, false, 0, 2}},
    {"margin=sv-am\ns=8\nmining=focal\nfocus=.5", {"sv-am", 8, .35, 0, 0, 0, 1.2, 0, false, 0, .5}},
    {"margin=d-softmax\ns=4\nmining=focal\nfocus=3",
     {"d-softmax", 4, .9, 0, 0, 0, 0, 0, false, 0, 3}},
    {"margin=sphereface\ns=8\nramp_end=.1666667",
     {"sphereface", 8, 4, 0, 0, 0, 0, 0, false, 0, 0, false, 1 / 6.}},
    {"margin=am\ns=8\nramp_end=.5", {"am", 8, .35, 0, 0, 0, 0, 0, false, 0, 0, false, .5}},
    {"margin=combined\ns=8\nm1=1.4\nramp_end=.25",
     {"combined", 8, 0, 1.4, .3, .2, 0, 0, false, 0, 0, false, .25}},
    {"margin=none\nscale=length", {"none", 0, 0, 0, 0, 0, 0, 0, false, 0, 0, true}},
    {"margin=none\nscale=length\nlabel_smoothing=.1",
     {"none", 0, 0, 0, 0, 0, 0, .1, false, 0, 0, true}},
    {"margin=sphereface\nscale=length", {"sphereface", 0, 4, 0, 0, 0, 0, 0, false, 0, 0, true}},
    {"margin=sphereface\nscale=length\nramp_end=.1666667",
     {"sphereface", 0, 4, 0, 0, 0, 0, 0, false, 0, 0, true, 1 / 6.}},
    {"margin=arcface\nscale=length\nlabel_smoothing=.1",
     {"arcface", 0, .5, 0, 0, 0, 0, .1, false, 0, 0, true}},
    {"margin=mv-am\nscale=length\nt=.5\nlabel_smoothing=.1",
     {"mv-am", 0, .35, 0, 0, 0, .5, .1, false, 0, 0, true}},
    {"margin=sv-arc\nscale=length", {"sv-arc", 0, .35, 0, 0, 0, 1.2, 0, false, 0, 0, true}},
    {"margin=d-softmax\nscale=length", {"d-softmax", 0, .9, 0, 0, 0, 0, 0, false, 0, 0, true}},
    {"margin=am\nscale=length\nmining=focal", {"am", 0, .35, 0, 0, 0, 0, 0, false, 0, 2, true}},
};
#define CASES (int)(sizeof cases / sizeof *cases)

/* The losses of mv-* and arcface have jumps. With these seeds no jump lies within the step of a
 * finite difference. */
static void against_differences(int i, int seed, dnx_shape in, int N) {
    enum { B = 6 };
    const head *h = &cases[i].h;
    int D = (int)dnx_size(in), y[B], right;
    char text[256], name[320];
    static double x[MAX], w[MAX];
    layer l;
    dnx_err err = {0};
    dnx_rng r;
    snprintf(text, sizeof text, "classes=%d\n%s\n", N, cases[i].options);
    if (open(&l, text, B, in, 3, true, &err)) {
        check_value(false, err.text, 0, 0);
        return;
    }
    dnx_rng_seed(&r, (uint64_t)seed, 5);
    dnx_param p = weights(&l);
    for (int k = 0; k < N * D; k++) w[k] = p.value[k] = dnx_rng_normal(&r);
    for (int b = 0; b < B; b++) {
        writable(l.pass.truth)[b] = (float)(y[b] = (int)(dnx_rng_next(&r) % (uint64_t)N));
        double mix = b - 2.5; /* b = 0: x lies opposite to its class vector; b = 5: near it */
        bool is_known = seed != 3 || b != 1;
        for (int k = 0; k < D; k++)
            x[b * D + k] = writable(l.pass.x[0])[b * D + k] = (float)(mix * w[y[b] * D + k] +
                                                                      dnx_rng_normal(&r));
        if (!is_known) writable(l.pass.truth)[b] = (float)(y[b] = -1);
    }
    for (int k = 0; k < B * D; k++) l.pass.dx[0][k] = NAN;
    l.node.type->forward(&l.node, &l.pass);
    l.node.type->backward(&l.node, &l.pass);
    double want = naive(h, x, w, y, B, N, D, &right), got = 0, worst = 0, largest = 1e-3;
    snprintf(name, sizeof name, "%s (seed %d) loss", cases[i].options, seed);
    near(name, l.pass.loss, want, 2e-6);
    for (int b = 0; b < B; b++) got += l.pass.y[b];
    check_value((int)got == right, "accuracy", got, right);
    for (int k = 0; k < D && seed == 3; k++)
        check_value(l.pass.dx[0][D + k] == 0, "dx of an unknown class", l.pass.dx[0][D + k], 0);
    for (int k = 0; k < B * D + N * D; k++) {
        bool of_x = k < B * D;
        double *at = of_x ? &x[k] : &w[k - B * D];
        double d = -difference(h, at, x, w, y, B, N, D);
        double g = of_x ? l.pass.dx[0][k] : p.grad[k - B * D];
        worst = worse(worst, fabs(d - g));
        if (fabs(d) > largest) largest = fabs(d);
    }
    snprintf(name, sizeof name, "%s (seed %d) gradient", cases[i].options, seed);
    check_value(worst < 1e-4 * largest, name, worst, 1e-4 * largest);

    float dx = l.pass.dx[0][1], dw = p.grad[1], *keep = l.pass.dx[0];
    l.pass.dx_adds[0] = true;
    l.node.type->forward(&l.node, &l.pass);
    l.node.type->backward(&l.node, &l.pass);
    check_value(keep[1] == 2 * dx && p.grad[1] == 2 * dw, "adds", keep[1], 2 * dx);
    l.pass.dx[0] = NULL;
    l.node.type->forward(&l.node, &l.pass);
    l.node.type->backward(&l.node, &l.pass);
    near("without dx", p.grad[1], 3 * dw, 1e-6);
    l.pass.dx[0] = keep;
    shut(&l);
}

/* ---- known values: two classes in the plane, x at 30 degrees from its class, 60 from the other;
 * with s = 1 the loss is log(1 + e^{z_other - z_true}) ---- */

static double plane(const char *options, double degrees, double length, float *dx, bool trains) {
    char text[256];
    layer l;
    dnx_err err = {0};
    snprintf(text, sizeof text, "classes=2\ns=1\n%s\n", options);
    if (open(&l, text, 1, (dnx_shape){1, 1, 2}, 1, trains, &err)) {
        check_value(false, err.text, 0, 0);
        return NAN;
    }
    dnx_param p = weights(&l);
    memcpy(p.value, (float[]){3, 0, 0, .5f}, 4 * sizeof(float));
    writable(l.pass.x[0])[0] = (float)(length * cos(degrees * PI / 180));
    writable(l.pass.x[0])[1] = (float)(length * sin(degrees * PI / 180));
    l.node.type->forward(&l.node, &l.pass);
    double loss = l.pass.loss;
    if (trains) {
        l.node.type->backward(&l.node, &l.pass);
        for (int i = 0; i < 4; i++) check_value(isfinite(p.grad[i]), "finite", p.grad[i], 0);
        for (int i = 0; i < 2; i++)
            check_value(isfinite(l.pass.dx[0][i]), "finite", l.pass.dx[0][i], 0);
        if (dx) memcpy(dx, l.pass.dx[0], 2 * sizeof *dx);
    }
    shut(&l);
    return loss;
}

static void known_values(void) {
    const double c30 = cos(PI / 6);
    static const struct {
        const char *options;
        double z_true, z_other;
    } rows[] = {{"margin=none", .8660254, .5},
                {"margin=am", .5160254, .5},
                {"margin=arcface\nm=.5235987756", .5, .5},
                {"margin=arcface\nm=2.7", .8660254 - 2.7 * .42737988, .5},
                {"margin=combined\nm2=.5235987756\nm3=.1", .4, .5},
                {"margin=combined\nm1=2\nm2=.5235987756\nm3=0", 0, .5},
                {"margin=sphereface\nm=2", .5, .5},
                {"margin=sphereface\nm=4", -.5, .5}, /* cos(4 * 30 degrees) = -.5 */
                {"margin=mv-am\nm=.5", .3660254, .8},
                {"margin=mv-am\nm=.2", .6660254, .5},
                {"margin=mv-arc\nm=1.0471975512\nt=.5", 0, 1.25},
                {"margin=sv-am\nm=.5", .3660254, .8},
                {"margin=sv-am\nm=0\nt=2", .8660254, .5},
                {"margin=sv-arc\nm=1.0471975512\nt=1.5", 0, 1.25}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int trains = 0; trains < 2; trains++) {
            near(rows[i].options, plane(rows[i].options, 30, 1 + 9 * trains, NULL, trains),
                 log(1 + exp(rows[i].z_other - rows[i].z_true)), 2e-6);
        }
    near("d-softmax", plane("margin=d-softmax", 30, 1, NULL, false),
         log(1 + exp(.9 - c30)) + log(1 + exp(.5)), 2e-6);
    near("focal", plane("margin=arcface\nm=.5235987756\nmining=focal", 30, 1, NULL, true),
         .25 * log(2), 2e-6);
    near("hard", plane("margin=arcface\nm=.5235987756\nmining=hard", 30, 1, NULL, true), log(2),
         2e-6);
    float exact[2], ste[2];
    plane("margin=arcface\nm=.5235987756", 30, 1, exact, true);
    plane("margin=arcface\nm=.5235987756\ngradient=ste", 30, 1, ste, true);
    /* c_true and c_other are the cosines of x with both class vectors. The margin is 30 degrees, so
     * the probability of the other class is .5. Derivatives with respect to x_0 (angles in
     * degrees): d c_true = sin^2 30, d c_other = -sin 30 cos 30. gradient=ste takes d c_true as it
     * is. The exact gradient multiplies d c_true by sin 60 / sin 30. */
    near("ste dx", ste[0], .5 * (.25 + .5 * c30), 1e-5);
    near("exact dx", exact[0], .5 * (.25 * 2 * c30 + .5 * c30), 1e-5);
}

static void extremes(void) {
    for (int i = 0; i < CASES; i++) {
        static const double angles[] = {0, 180, 90, 45, 1e-4, 179.9999};
        char options[256];
        snprintf(options, sizeof options, "%s", cases[i].options);
        char *s = strstr(options, "\ns="); /* plane() sets s */
        if (s) {
            char *rest = strchr(s + 1, '\n');
            memmove(s, rest ? rest : s + strlen(s), rest ? strlen(rest) + 1 : 1);
        }
        for (size_t k = 0; k < sizeof angles / sizeof *angles; k++) {
            double v = plane(options, angles[k], 1, NULL, true);
            check_value(isfinite(v) && v >= 0, options, v, 0);
        }
        float dx[2];
        double v = plane(options, 0, 0, dx, true); /* x is a zero vector */
        check_value(isfinite(v) && dx[0] == 0 && dx[1] == 0, options, v, 0);
        plane(options, 30, 1e-12, dx, true);
        plane(options, 30, 1e12, dx, true);
    }
}

/* ---- 700 classes: any number of threads gives the same bits. A pass may have a smaller batch than
 * the layer ---- */

static void threads_agree(void) {
    enum { N = 700, B = 9, D = 37 };
    static float first[N * D + B * D + 1];
    for (int threads = 1; threads <= 4; threads++) {
        layer l;
        dnx_err err = {0};
        dnx_rng r;
        if (open(&l, "classes=700\nmargin=mv-arc\ns=64\n", B, (dnx_shape){1, 1, D}, threads, true,
                 &err)) {
            check_value(false, err.text, 0, 0);
            return;
        }
        dnx_rng_seed(&r, 3, 3);
        for (int i = 0; i < B * D; i++) writable(l.pass.x[0])[i] = dnx_rng_normal(&r);
        for (int b = 0; b < B; b++) writable(l.pass.truth)[b] = (float)(b * 77);
        dnx_param p = weights(&l);
        l.node.type->forward(&l.node, &l.pass);
        l.node.type->backward(&l.node, &l.pass);
        float loss = (float)l.pass.loss;
        if (threads == 1) {
            memcpy(first, p.grad, sizeof(float) * N * D);
            memcpy(first + N * D, l.pass.dx[0], sizeof(float) * B * D);
            first[N * D + B * D] = loss;
        }
        check_value(!memcmp(first, p.grad, sizeof(float) * N * D), "threads: weights", threads, 1);
        check_value(!memcmp(first + N * D, l.pass.dx[0], sizeof(float) * B * D), "threads: dx",
                    threads, 1);
        check_value(first[N * D + B * D] == loss, "threads: loss", loss, first[N * D + B * D]);
        l.pass.batch = 2;
        memset(p.grad, 0, sizeof(float) * N * D);
        l.node.type->forward(&l.node, &l.pass);
        l.node.type->backward(&l.node, &l.pass);
        near("smaller batch", l.pass.dx[0][D], first[N * D + D], 1e-5);
        shut(&l);
    }
}

static void truths_and_warmup(void) {
    layer l;
    dnx_err err = {0};
    if (open(&l, "classes=2\ns=1\nmargin=am\nm=.4\nwarmup=2\n", 1, (dnx_shape){1, 1, 2}, 1, true,
             &err)) {
        check_value(false, err.text, 0, 0);
        return;
    }
    memcpy(weights(&l).value, (float[]){3, 0, 0, .5f}, 4 * sizeof(float));
    writable(l.pass.x[0])[0] = 1;
    for (int i = 0; i < 4; i++) {
        double m = i < 2 ? .2 * i : .4;
        l.node.type->forward(&l.node, &l.pass);
        near("warm-up", l.pass.loss, log(1 + exp(m - 1)), 2e-6);
        l.pass.update++;
    }
    shut(&l);
    /* With ramp_end=.5 the margin grows only to m / 2. A network that predicts also uses m / 2. */
    for (int trains = 0; trains < 2; trains++) {
        if (open(&l, "classes=2\ns=1\nmargin=am\nm=.4\nwarmup=2\nramp_end=.5\n", 1,
                 (dnx_shape){1, 1, 2}, 1, trains, &err)) {
            check_value(false, err.text, 0, 0);
            return;
        }
        memcpy(weights(&l).value, (float[]){3, 0, 0, .5f}, 4 * sizeof(float));
        writable(l.pass.x[0])[0] = 1;
        for (int i = 0; i < 4; i++) {
            double m = i < 2 && trains ? .1 * i : .2;
            l.node.type->forward(&l.node, &l.pass);
            near("ramp_end", l.pass.loss, log(1 + exp(m - 1)), 2e-6);
            l.pass.update++;
        }
        if (!trains) shut(&l);
    }
    float *truth = writable(l.pass.truth);
    for (int i = 0; i < 4; i++) {
        truth[0] = i == 0 ? 2.f : i == 1 ? -2.f : i == 2 ? -.5f : NAN;
        l.node.type->forward(&l.node, &l.pass);
        l.node.type->backward(&l.node, &l.pass);
        check_value(isnan(l.pass.loss) && l.pass.dx[0][0] == 0, "no such class", l.pass.loss, NAN);
    }
    truth[0] = -1;
    l.pass.dx[0][0] = 5;
    l.node.type->forward(&l.node, &l.pass);
    l.node.type->backward(&l.node, &l.pass);
    check_value(l.pass.loss == 0 && l.pass.y[0] == 0 && l.pass.dx[0][0] == 0, "unknown",
                l.pass.loss, 0);
    l.pass.truth = NULL;
    l.pass.dx[0][0] = 5;
    l.node.type->forward(&l.node, &l.pass);
    l.node.type->backward(&l.node, &l.pass);
    check_value(l.pass.loss == 0 && l.pass.y[0] == 0 && l.pass.dx[0][0] == 0, "no truth",
                l.pass.loss, 0);
    l.pass.truth = truth;
    shut(&l);
}

static void messages(void) {
    static const char *const rows[][2] = {
        {"margin=am", "t:1: [margin_softmax] classes must be given"},
        {"classes=3\nm=-.5",
         "t:1: [margin_softmax] m=-0.5: must be 0 or more, or -1 for the default"},
        {"classes=3\nmargin=sphereface\nm=2.5",
         "t:1: [margin_softmax] m=2.5: sphereface multiplies by a whole number from 1"},
        {"classes=3\nmargin=d-softmax\nlabel_smoothing=.5",
         "t:1: [margin_softmax] label_smoothing=0.5: d-softmax has no use for it"},
        {"classes=3\nt=-.5",
         "t:1: [margin_softmax] t=-0.5: must be 0 or more, or -1 for the default"},
        {"classes=3\nmargin=sv-am\nt=.2",
         "t:1: [margin_softmax] t=0.2: must be at least 1 for sv margins (1: no extra weight)"},
        {"classes=1\nmargin=d-softmax",
         "t:1: [margin_softmax] classes=1: d-softmax would pull all images to one vector"},
        {"classes=3\nmargin=arcface\nm=3.2",
         "t:1: [margin_softmax] m=3.2: is added to an angle in radians, so it must be below pi"},
        {"classes=3\ns_start=4", "t:1: [margin_softmax] s_start=4: needs warmup="}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        layer l;
        dnx_err err = {0};
        dnx_status st = open(&l, rows[i][0], 1, (dnx_shape){1, 1, 2}, 1, true, &err);
        check_value(st == DNX_EOPTION && !strcmp(err.text, rows[i][1]), err.text, st, DNX_EOPTION);
        shut(&l);
    }
}

int main(void) {
    for (int i = 0; i < CASES; i++)
        for (int seed = 1; seed <= 3; seed++) {
            against_differences(i, seed, (dnx_shape){1, 1, 7}, 5);
            against_differences(i, seed, (dnx_shape){2, 1, 3}, 40);
        }
    known_values();
    extremes();
    threads_agree();
    truths_and_warmup();
    messages();
    return summary();
}
