/* test_kd_networks.c - networks with [kd_probability] and a teacher from files. */
#include "lib/check.h"
#include "train/teachers.h"
#include "net/weights.h"

static dnx_net *build(const char *text, bool trains, dnx_err *err) {
    return try_net(text, path("student.cfg"), trains, 0, 2, err);
}

#define NET "[net]\nheight=1\nwidth=1\nchannels=6\nbatch=8\nmomentum=0\ndecay=0\n"
#define TEACHER NET "[connected]\noutput=9\nactivation=linear\n[margin_softmax]\nclasses=5\ns=10\n"
#define STUDENT NET "seed=3\n[connected]\noutput=4\nactivation=linear\n"
#define HEAD "[margin_softmax]\nclasses=5\ns=6\nmargin=am\n"
#define KD "[kd_probability]\nteacher=teacher.cfg\nweights=teacher.weights\n"

static void write_teacher(void) {
    write_text(path("teacher.cfg"), TEACHER);
    dnx_net *net = make_net(TEACHER, path("teacher.cfg"), true, 0, 2);
    must(!dnx_weights_save(net, path("teacher.weights"), NULL), "cannot save the teacher");
    dnx_net_free(net);
}

/* Returns the sum of losses in the last update. */
static double train(dnx_net *net, int updates, const float *truth) {
    float x[48];
    dnx_rng r;
    double sum = 0;
    dnx_rng_seed(&r, 9, 9);
    for (int i = 0; i < 48; i++) x[i] = dnx_rng_normal(&r);
    for (int u = 0; u < updates; u++) {
        dnx_teachers_run(net, x, NULL, NULL);
        sum = 0;
        for (int i = 0; i < net->n; i++) {
            double loss;
            dnx_net_forward_layer(net, i, x, 8, DNX_TRAINING, truth, &loss);
            sum += loss;
        }
        dnx_net_backward_begin(net);
        for (int i = net->n - 1; i >= 0; i--) dnx_net_backward_layer(net, i, x, 8, truth);
        dnx_net_update_begin(net, 8);
        for (int i = 0; i < net->n; i++) dnx_net_update_layer(net, i, 8, .2f, 0, 0);
        net->seen += 8;
    }
    return sum;
}

static void networks(void) {
    dnx_err err = {0};
    float truth[8] = {0, 1, 2, 3, 4, 0, 1, -1};
    dnx_param a[DNX_MAX_PARAMS], b[DNX_MAX_PARAMS];
    /* weight=0 gives the same bits as training without the section. */
    dnx_net *plain = build(STUDENT HEAD, true, &err);
    dnx_net *zero = build(STUDENT HEAD KD "weight=0\n", true, &err);
    if (!plain || !zero) {
        check_value(false, err.text, 0, 0);
        return;
    }
    near("weight=0: loss", train(zero, 5, truth), train(plain, 5, truth), 0);
    for (int i = 0; i < plain->n; i++)
        for (int k = 0, n = dnx_net_params(plain, i, a); k < n; k++) {
            dnx_net_params(zero, i, b);
            check_value(!memcmp(a[k].value, b[k].value, sizeof(float) * a[k].count),
                        "weight=0 changes a weight", i, k);
        }
    dnx_net_free(plain);
    dnx_net_free(zero);
    /* The student also learns from the teacher without labels. */
    dnx_net *net = build(STUDENT HEAD KD "temperature=1\n", true, &err);
    double first = net ? train(net, 1, NULL) : NAN, last = net ? train(net, 800, NULL) : NAN;
    check_value(last < .1 * first, "the student learns", last, .1 * first);
    dnx_net_free(net);
    /* The student may have plain logits, or a classifier that from= names. */
    net = build(NET "[connected]\noutput=5\nactivation=linear\n[softmax]\n" KD, true, &err);
    check_value(net && net->nodes[2].from[0] == 0 && !net->nodes[2].distillation->head, err.text, 0,
                0);
    if (net) check_value(train(net, 2, truth) > 0, "plain logits", 0, 0);
    dnx_net_free(net);
    net = build(STUDENT HEAD "[margin_softmax]\nclasses=5\n" KD "from=1\nlayer=1\n", true, &err);
    check_value(net && net->nodes[3].distillation->head == &net->nodes[1] &&
                    net->nodes[3].from[0] == 0,
                err.text, 0, 0);
    dnx_net_free(net);
    /* A frozen classifier freezes all layers before it: the loss stays the same. */
    net = build(STUDENT HEAD "stopbackward=1\n" KD, true, &err);
    first = net ? train(net, 1, truth) : NAN;
    check_value(first > 0 && train(net, 2, truth) == first, "a head that stays", first, 0);
    dnx_net_free(net);
    /* A network that only predicts needs no teacher. */
    net = build(STUDENT HEAD "[kd_probability]\nteacher=none.cfg\n", false, &err);
    check_value(net && !net->is_partial, err.text, 0, 0);
    float x[48] = {0};
    if (net) dnx_net_predict(net, x, 8);
    dnx_net_free(net);
}

static void messages(void) {
    static const char *const rows[][2] = {
        {STUDENT "[margin_softmax]\nclasses=7\n" KD,
         "student.cfg:14: [kd_probability] the teacher has 5 classes, the student 7: only "
         "features can be fitted ([kd_feature])"},
        {STUDENT KD "layer=0\n", /* the teacher's layer 0 gives 9 features, no logits */
         "student.cfg:12: [kd_probability] the teacher has 9 classes, the student 4: only "
         "features can be fitted ([kd_feature])"},
        {STUDENT HEAD "[kd_probability]\nweights=teacher.weights\n",
         "student.cfg:16: [kd_probability] needs teacher="},
        {STUDENT HEAD KD "from=3\n",
         "student.cfg:16: [kd_probability] from=3: this is layer 2, so it must name a layer before "
         "it"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dnx_err err = {0};
        dnx_net *net = build(rows[i][0], true, &err);
        check_value(!net && strstr(err.text, rows[i][1]), err.text, 0, 0);
        dnx_net_free(net);
    }
}

int main(void) {
    make_folder();
    write_teacher();
    networks();
    messages();
    return summary();
}
