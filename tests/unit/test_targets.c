/* test_targets.c - networks that learn from a teacher: the targets are the teacher's outputs. */
#include "lib/taught.h"

static dnx_net *cut(dnx_net *full, const char *text, int layers) {
    char part[2000];
    const char *end = text;
    for (int i = 0; i <= layers && end; i++) end = strstr(end + 1, "\n[");
    snprintf(part, sizeof part, "%.*s\n", end ? (int)(end - text) : (int)strlen(text), text);
    dnx_net *net = must_build(part, "cut.cfg", false);
    dnx_param a[DNX_MAX_PARAMS], b[DNX_MAX_PARAMS];
    check(net->n == layers, "cut to %d layers, not %d", net->n, layers);
    for (int i = 0; i < net->n; i++) {
        dnx_net_params(full, i, a);
        for (int k = 0, n = dnx_net_params(net, i, b); k < n; k++)
            memcpy(b[k].value, a[k].value, sizeof(float) * b[k].count);
    }
    dnx_net_prepare(net, NULL);
    return net;
}

static float *pixels(uint64_t seed, size_t n) {
    dnx_rng r;
    float *x = dnx_alloc(n);
    dnx_rng_seed(&r, seed, 1);
    for (size_t i = 0; i < n; i++) x[i] = 2 * dnx_rng_uniform(&r) - 1;
    return x;
}

static double tent(double x) { return fabs(x) < 1 ? 1 - fabs(x) : 0; }

static double middle(int i, int to, int from) {
    return fmin(from - 1, fmax(0, (i + .5) * from / to - .5));
}

/* Converts a batch from the input format of network `from` to the format of `to`: another size,
 * input_mean= and input_scale=. Returns the images, which the caller frees. */
static float *converted(const dnx_net *from, const float *x, const dnx_net *to) {
    dnx_shape a = from->in, b = to->in;
    float *out = dnx_alloc(dnx_size(b) * B);
    for (size_t i = 0; i < dnx_size(b) * B; i++) {
        int image = (int)(i / dnx_size(b)), rest = (int)(i % dnx_size(b));
        double fy = middle(rest / b.c / b.w, b.h, a.h), fx = middle(rest / b.c % b.w, b.w, a.w);
        double v = 0;
        for (int r = 0; r < a.h; r++)
            for (int q = 0; q < a.w; q++) {
                double p = (double)x[((image * a.h + r) * a.w + q) * a.c + rest % b.c];
                v += tent(fy - r) * tent(fx - q) *
                     (p / (double)from->o.input_scale + (double)from->o.input_mean);
            }
        out[i] = (float)((v - (double)to->o.input_mean) * (double)to->o.input_scale);
    }
    return out;
}

static double difference(const float *a, const float *b, size_t n) {
    double worst = 0, scale = 1e-3;
    for (size_t i = 0; i < n; i++) {
        worst = worse(worst, fabs((double)a[i] - (double)b[i]));
        scale = fmax(scale, fabs((double)b[i]));
    }
    return worst / scale;
}

/* The target of layer i must be the output of the teacher's layer `layer`. */
static void check_target(dnx_net *net, int i, dnx_net *teacher, const char *text, int layer,
                         const float *x) {
    dnx_net *plain = cut(teacher, text, layer + 1);
    float *in = converted(net, x, plain);
    const dnx_node *n = &net->nodes[i];
    bool fits = !memcmp(&n->distillation->target, &plain->nodes[layer].out, sizeof(dnx_shape));
    check(fits && net->links[i].target, "layer %d has no target like layer %d", i, layer);
    if (fits && net->links[i].target) {
        double d = difference(net->links[i].target, dnx_net_predict(plain, in, B),
                              B * dnx_size(n->distillation->target));
        check(d < 2e-5, "layer %d's target is not the teacher's layer %d: %g", i, layer, d);
    }
    dnx_free(in);
    dnx_net_free(plain);
}

static void check_targets(dnx_net *a, dnx_net *b, dnx_net *c) {
    /* The student's loss layers 4 to 9 have these targets. Layer 4: the embedding of teacher a;
     * layer 5: layer 2 of a; layer 6: layer 3 of a; layers 7 and 8: the embedding of teacher b;
     * layer 9: layer 1 of teacher c, which is its embedding. */
    dnx_net *net = must_build(STUDENT "[kd_feature]\n" SAME "[kd_feature]\nfrom=0\nlayer=2\n" SAME
                                      "[kd_feature]\nfrom=0\nlayer=3\n" SAME
                                      "[kd_correlation]\n" OTHER "[kd_feature]\nfrom=-5\n" OTHER
                                      "[kd_correlation]\nteacher=large.cfg\n"
                                      "weights=../large.weights\n",
                              "cfg/student.cfg", true);
    float *x = pixels(1, B * dnx_size(net->in)), *first = dnx_alloc(B * 10);
    dnx_teachers_run(net, x, NULL, NULL);
    check_target(net, 4, a, same, 6, x);
    check_target(net, 5, a, same, 2, x);
    check_target(net, 6, a, same, 3, x);
    check_target(net, 7, b, other, 6, x);
    check_target(net, 8, b, other, 6, x);
    check_target(net, 9, c, large, 1, x);
    check(net->links[7].target == net->links[8].target, "one output is there twice");
    check(net->links[5].target != net->links[6].target, "two outputs share memory");
    check(net->nodes[8].from[0] == 3 && net->nodes[4].from[0] == 3, "from= or its default");
    memcpy(first, net->links[4].target, sizeof(float) * B * 10);
    dnx_free(x);
    x = pixels(2, B * dnx_size(net->in));
    dnx_teachers_run(net, x, NULL, NULL);
    check(memcmp(first, net->links[4].target, sizeof(float) * B * 10), "a target of old images");
    check_target(net, 5, a, same, 2, x);
    dnx_free(first);
    dnx_free(x);
    dnx_net_free(net);
}

/* flips=1: the target is the sum of the features of an image and its mirror image. */
static void check_flips(dnx_net *a) {
    dnx_net *net = must_build(STUDENT "[kd_feature]\nflips=1\n" SAME "[kd_feature]\n" SAME
                                      "[kd_feature]\nfrom=0\nlayer=2\n" SAME,
                              "cfg/student.cfg", true);
    dnx_net *plain = cut(a, same, 7);
    const size_t size = B * dnx_size(net->in), out = B * 10;
    float *x = pixels(5, size), *m = dnx_alloc(size), *want = dnx_alloc(out);
    for (int b = 0; b < B; b++)
        for (int r = 0; r < 12; r++)
            for (int q = 0; q < 12; q++)
                for (int c = 0; c < 3; c++)
                    m[((b * 12 + r) * 12 + q) * 3 + c] = x[((b * 12 + r) * 12 + 11 - q) * 3 + c];
    const float *y = dnx_net_predict(plain, x, B);
    for (size_t k = 0; k < out; k++) want[k] = y[k];
    y = dnx_net_predict(plain, m, B);
    double apart = difference(want, y, out);
    for (size_t k = 0; k < out; k++) want[k] += y[k];
    dnx_teachers_run(net, x, NULL, NULL);
    check(apart > .01 && difference(net->links[4].target, want, out) < 2e-5, "not the sum");
    check_target(net, 5, a, same, 6, x);
    check_target(net, 6, a, same, 2, x);
    dnx_teachers_run(net, m, NULL, NULL);
    check(difference(net->links[4].target, want, out) < 2e-5, "mirrored: another sum");
    dnx_free(x);
    dnx_free(m);
    dnx_free(want);
    dnx_net_free(plain);
    dnx_net_free(net);
}

/* ---- training ---- */

/* Trains for `steps` updates. Returns the loss per image in the last update. */
static double train(dnx_net *net, int steps, bool has_targets, bool has_truth) {
    static const float truth[B] = {0, 2, 1, 2};
    double sum = 0;
    for (int s = 0; s < steps; s++) {
        float *x = pixels((uint64_t)s % 3, B * dnx_size(net->in));
        if (has_targets) dnx_teachers_run(net, x, NULL, NULL);
        sum = 0;
        for (int i = 0; i < net->n; i++) {
            double loss;
            dnx_net_forward_layer(net, i, x, B, DNX_TRAINING, has_truth ? truth : NULL, &loss);
            sum += loss / B;
        }
        dnx_net_backward_begin(net);
        for (int i = net->n - 1; i >= 0; i--)
            dnx_net_backward_layer(net, i, x, B, has_truth ? truth : NULL);
        dnx_net_update_begin(net, B);
        for (int i = 0; i < net->n; i++) dnx_net_update_layer(net, i, B, .05f, .9f, 1e-4f);
        net->seen += B;
        dnx_free(x);
    }
    return sum;
}

static bool same_bits(dnx_net *a, dnx_net *b) {
    dnx_param p[DNX_MAX_PARAMS], q[DNX_MAX_PARAMS];
    for (int i = 0; i < a->n && i < b->n; i++) {
        int n = dnx_net_params(a, i, p), m = dnx_net_params(b, i, q);
        for (int k = 0; k < n && k < m; k++)
            if (memcmp(p[k].value, q[k].value, sizeof(float) * p[k].count)) return false;
    }
    return true;
}

/* A loss with weight=0 or without a target changes no bit of the trained parameters. */
static void check_weight_0(void) {
    dnx_net *alone = must_build(STUDENT HEAD, "cfg/student.cfg", true);
    double want = train(alone, 6, false, true);
    for (int i = 0; i < 3; i++) {
        static const char *const texts[] = {
            STUDENT HEAD "[kd_feature]\nweight=0\n" SAME
                         "[kd_feature]\nfrom=0\nlayer=2\nweight=0\n" SAME
                         "[kd_correlation]\nweight=0\n" OTHER,
            STUDENT HEAD "[kd_feature]\n" SAME "[kd_correlation]\n" OTHER,
            STUDENT HEAD "[kd_feature]\n" SAME};
        dnx_net *net = must_build(texts[i], "cfg/student.cfg", true);
        double got = train(net, 6, i != 1, true);
        check(same_bits(alone, net) == (i < 2), "training %d: the same bits or not", i);
        check((got == want) == (i < 2), "training %d: loss %g, alone %g", i, got, want);
        dnx_net_free(net);
    }
    dnx_net_free(alone);
}

/* Without labels the losses must fall, and the teacher must not change. */
static void check_learning(void) {
    static const char *const losses[] = {
        "[kd_feature]\n" SAME, "[kd_feature]\nhard=softmax\nfrom=0\nlayer=2\n" SAME,
        /* This loss learns a map from the student's 6 channels to the teacher's 8. */
        "[kd_feature]\nnormalize=0\nweight=.002\nfrom=1\nlayer=3\n" SAME,
        "[kd_correlation]\n" OTHER};
    static unsigned char was[1 << 16], is[1 << 16];
    size_t before = read_bytes(path("same.weights"), was, sizeof was);
    for (int i = 0; i < 4; i++) {
        char text[2000];
        snprintf(text, sizeof text, "%s%s", STUDENT, losses[i]);
        dnx_net *net = must_build(text, "cfg/student.cfg", true);
        size_t size = B * dnx_size(net->nodes[4].distillation->target);
        float *x = pixels(77, B * dnx_size(net->in)), *first = dnx_alloc(size);
        dnx_teachers_run(net, x, NULL, NULL);
        memcpy(first, net->links[4].target, sizeof(float) * size);
        double start = train(net, 1, true, false), end = train(net, 120, true, false);
        check(end < .5 * start && end > 0, "%s: loss %g, then %g", losses[i], start, end);
        dnx_teachers_run(net, x, NULL, NULL);
        check(!memcmp(first, net->links[4].target, sizeof(float) * size),
              "the teacher answers otherwise after training");
        dnx_free(first);
        dnx_free(x);
        dnx_net_free(net);
    }
    size_t after = read_bytes(path("same.weights"), is, sizeof is);
    check(before && before == after && !memcmp(was, is, before), "the teacher's file changed");
}

/* ---- files ---- */

/* A student that only predicts can be built without its teacher's cfg. It then has no parameters
 * for the map of [kd_feature]. Its embedding must not change. */
static void check_predicting(void) {
    static const char text[] = STUDENT "[kd_feature]\nteacher=large.cfg\n"
                                       "weights=../large.weights\n";
    static const char alone[] = STUDENT "[kd_feature]\nteacher=gone.cfg\nweights=gone.weights\n";
    dnx_err err;
    dnx_net *net = must_build(text, "cfg/student.cfg", true);
    train(net, 3, true, false);
    check(dnx_net_count(net, 4) == 8 * 10 + 8, "the map has %zu numbers", dnx_net_count(net, 4));
    check(!dnx_weights_save(net, path("student.weights"), NULL), "cannot save the student");
    dnx_net *full = must_build(text, "cfg/student.cfg", false), *bare;
    check(!dnx_weights_load(full, path("student.weights"), &err), "%s", err.text);
    check(!full->is_partial && same_bits(net, full), "with its teacher's cfg all numbers are read");
    bare = build(alone, "cfg/student.cfg", false, &err);
    check(bare && bare->is_partial && dnx_net_count(bare, 4) == 0, "without the teacher: %s",
          err.text);
    if (bare) {
        float *x = pixels(5, B * dnx_size(net->in)), a[B * 10], b[B * 10];
        check(!dnx_weights_load(bare, path("student.weights"), &err), "%s", err.text);
        dnx_net_run(full, x, B, 3, a);
        dnx_net_run(bare, x, B, 3, b);
        check(!memcmp(a, b, sizeof a), "the embedding depends on the teacher's files");
        dnx_free(x);
    }
    dnx_net_free(net);
    dnx_net_free(full);
    dnx_net_free(bare);
}

/* The teachers of a teacher are never opened. */
static void check_chain(dnx_net *a) {
    static const char taught[] = "[net]\nheight=12\nwidth=12\n" INPUT TEACHER
                                 "[kd_feature]\nfrom=6\nteacher=gone.cfg\nweights=gone.weights\n"
                                 "[kd_feature]\nfrom=6\nteacher=taught.cfg\nweights=gone.weights\n";
    char text[1000];
    write_text(path("cfg/taught.cfg"), taught);
    snprintf(text, sizeof text, "%s[kd_feature]\nteacher=%s\nweights=../same.weights\n", STUDENT,
             "../cfg/taught.cfg");
    dnx_net *net = must_build(text, "cfg/student.cfg", true);
    float *x = pixels(8, B * dnx_size(net->in));
    dnx_teachers_run(net, x, NULL, NULL);
    check_target(net, 4, a, same, 6, x);
    dnx_free(x);
    dnx_net_free(net);
    snprintf(text, sizeof text, "%s[kd_feature]\nteacher=%s/cfg/same.cfg\nweights=%s\n", STUDENT,
             folder, path("same.weights"));
    net = must_build(text, "student.cfg", true); /* with absolute paths of the teacher's files */
    dnx_net_free(net);
}

int main(void) {
    make_folder();
    must(!mkdir(path("cfg"), 0777), "mkdir");
    dnx_net *a = make_teacher("same", same, 1), *b = make_teacher("other", other, 2);
    dnx_net *c = make_teacher("large", large, 3);
    check_targets(a, b, c);
    check_flips(a);
    check_weight_0();
    check_learning();
    check_predicting();
    check_chain(a);
    dnx_net_free(a);
    dnx_net_free(b);
    dnx_net_free(c);
    static const char *const files[] = {"cfg/same.cfg",   "cfg/other.cfg",  "cfg/large.cfg",
                                        "cfg/taught.cfg", "same.weights",   "other.weights",
                                        "large.weights",  "student.weights"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) unlink(path(files[i]));
    check(!rmdir(path("cfg")) && !rmdir(folder), "files are left in %s", folder);
    return summary();
}
