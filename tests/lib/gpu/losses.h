/* losses.h - compares losses on a GPU with the same losses on the processor. */
#ifndef GPU_LOSSES_H
#define GPU_LOSSES_H
#include "lib/gpu/compare.h"

/* Compares all margins and their options. The GPU sums over classes in parts of 512: 1300 classes
 * are three parts, 70 classes one. */
static void check_margins(void) {
    char text[256];
    // clang-format off
    static const char *const words[] = {"margin=none", "margin=sphereface", "margin=am",
        "margin=arcface", "margin=combined", "margin=mv-am", "margin=mv-arc", "margin=sv-am",
        "margin=sv-arc", "margin=d-softmax", "margin=arcface\neasy_margin=1",
        "margin=arcface\nm=3\nlabel_smoothing=.1\ns=10", "margin=am\ngradient=ste",
        "margin=combined\nm1=1.1\nwarmup=6\ns_start=4\nramp_end=.5", "margin=am\nsample=.45",
        "margin=am\nsample=.001", "mining=hard", "margin=arcface\nmining=hard\nkeep=.4",
        "margin=am\nmining=focal\nfocus=1.5", "mining=focal\nfocus=0", "scale=length",
        "margin=mv-arc\nscale=length\nlabel_smoothing=.2", "margin=am\nscale=length\nsample=.3",
        "margin=sphereface\nscale=length\nwarmup=9\nramp_end=.5\nmining=focal",
        "margin=d-softmax\nscale=length\nmining=hard", "margin=sv-am\nscale=length\n"
        "gradient=ste"};
    // clang-format on
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        snprintf(text, sizeof text,
                 "[connected]\noutput=9\nactivation=linear\n"
                 "[margin_softmax]\nclasses=%d\n%s\n",
                 k % 2 ? 1300 : 70, words[k]);
        const net_case c = {words[k], text, 3, 5, 2, 2};
        check_case(&c, gpu, 1e-5);
    }
}

#define STUDENT "[connected]\noutput=6\nactivation=linear\n"
#define TEACHER(t) "teacher=" t ".cfg\nweights=" t ".weights\n"

/* Writes NAME.cfg, a teacher with the sections `layers`, and NAME.weights with random weights. */
static void write_teacher(const char *name, const char *layers) {
    char file[64];
    const net_case c = {name, layers, 3, 4, 5, 0};
    char text[1024];
    snprintf(text, sizeof text, "[net]\nbatch=%d\nheight=3\nwidth=4\nchannels=5\n%s", BATCH,
             layers);
    snprintf(file, sizeof file, "%s.cfg", name);
    write_text(path(file), text);
    dnx_net *net = build(&c, true, NULL);
    dnx_err err = {0};
    snprintf(file, sizeof file, "%s.weights", name);
    if (dnx_weights_save(net, path(file), &err)) must(false, err.text);
    dnx_net_free(net);
}

typedef struct {
    const char *name, *text;
    int there;
} kd_case;

static void check_cases(const kd_case *cases, int n) {
    for (int k = 0; k < n; k++) {
        const net_case c = {cases[k].name, cases[k].text, 3, 4, 5, cases[k].there};
        check_case(&c, gpu, 1e-5);
    }
}

#define FEATURE "[kd_feature]\n" TEACHER("feature")
#define LIKE "[kd_correlation]\n" TEACHER("feature")
static const kd_case feature_cases[] = {
    {"feature", STUDENT FEATURE, 2},
    {"feature, both losses", STUDENT "[margin_softmax]\nclasses=4\n" FEATURE "weight=3\n", 3},
    {"feature, cosine", STUDENT FEATURE "distance=cosine\nhard=softmax\nhard_sharpness=9\n", 2},
    {"feature, any length", STUDENT FEATURE "normalize=0\nhard=power\npower=2.5\n", 2},
    {"feature, map", "[connected]\noutput=9\nactivation=linear\n" FEATURE, 2},
    {"feature, hint",
     "[convolutional]\nfilters=7\n[convolutional]\nfilters=3\n" FEATURE "from=0\nlayer=0\n", 3},
    {"feature, weight=0", STUDENT "[margin_softmax]\nclasses=4\n" FEATURE "weight=0\n", 3},
    {"correlation", STUDENT LIKE, 2},
    {"correlation, order 5",
     "[connected]\noutput=37\nactivation=linear\n" LIKE "order=5\ngamma=1.5\nweight=40\n", 2},
    {"correlation, bilinear", STUDENT "[margin_softmax]\nclasses=4\n" LIKE "kernel=bilinear\n", 3},
};

#define HEAD "[margin_softmax]\nclasses=700\ns=8\n"
#define PROBABLE "[kd_probability]\n" TEACHER("head")
static const kd_case head_cases[] = {
    {"probability", STUDENT HEAD "warmup=9\ns_start=2\n" PROBABLE "temperature=2\n", 3},
    {"probability, sampled", STUDENT HEAD "margin=am\nsample=.1\n" PROBABLE "warmup=2\n", 3},
    {"groups", STUDENT HEAD PROBABLE "group=.8\n", 3},
    {"groups by the teacher",
     STUDENT HEAD PROBABLE "group=.5\ngroup_by=teacher\n"
                           "group_between=3\n",
     3},
    {"one group", STUDENT HEAD PROBABLE "group=1\n", 3},
    {"inherited centres",
     "[connected]\noutput=9\nactivation=linear\n[margin_softmax]\n"
     "classes=700\ncentres=inherited\n" TEACHER("head"),
     2},
    {"frozen head", STUDENT HEAD "stopbackward=1\n" PROBABLE, 1},
    {"mined head", STUDENT HEAD "mining=hard\n" PROBABLE, 3},
    {"head by length", STUDENT HEAD "scale=length\n" PROBABLE "group=.7\n", 3},
    {"logits",
     "[connected]\noutput=700\nactivation=linear\n[softmax]\n" PROBABLE "from=0\n"
     "group=.3\n",
     3},
};
#define CENTRES "[margin_softmax]\nclasses=4\nmargin=arcface\n" TEACHER("feature")
static const kd_case centre_cases[] = {
    {"centres", STUDENT CENTRES "centres=teacher\n", 2},
    {"centres, adaptive", STUDENT CENTRES "centres=teacher\nalpha=adaptive\nsample=.9\n", 2},
    {"centres, fixed", STUDENT CENTRES "centres=teacher\nalpha=fixed\nalpha_fixed=.7\n", 2},
    {"margins", STUDENT CENTRES "centres=teacher\nmargins=teacher\nmining=hard\n", 2},
    {"margins, by length",
     STUDENT CENTRES "centres=teacher\nmargins=teacher\nm_least=.1\nscale=length\n", 2},
};
static const kd_case inherited_cases[] = {
    {"margins of inherited centres",
     "[connected]\noutput=9\nactivation=linear\n[margin_softmax]\nclasses=700\nmargin=am\n"
     "centres=inherited\nmargins=teacher\n" TEACHER("head"),
     2},
};
static const kd_case length_cases[] = {
    {"teacher by length", STUDENT HEAD "[kd_probability]\n" TEACHER("length"), 3}};
static const kd_case logit_cases[] = {
    {"logits of both",
     "[convolutional]\nfilters=5\nactivation=linear\n[softmax]\n"
     "[kd_probability]\n" TEACHER("feature") "from=0\nlayer=0\ngroup=.9\n",
     3},
};

#define COUNT(cases) ((int)(sizeof cases / sizeof *cases))

static void check_distillation(void) {
    make_folder();
    write_teacher("feature", "[convolutional]\nfilters=5\nactivation=linear\n" STUDENT);
    check_cases(feature_cases, COUNT(feature_cases));
    check_cases(logit_cases, COUNT(logit_cases));
    check_cases(centre_cases, COUNT(centre_cases));
    write_teacher("head", "[connected]\noutput=9\nactivation=linear\n" HEAD);
    check_cases(head_cases, COUNT(head_cases));
    check_cases(inherited_cases, COUNT(inherited_cases));
    write_teacher("length", "[connected]\noutput=9\nactivation=linear\n" HEAD "scale=length\n");
    check_cases(length_cases, COUNT(length_cases));
}
#endif
