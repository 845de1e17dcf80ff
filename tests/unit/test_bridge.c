/* test_bridge.c - copies parameters from files or other networks into a network. A refused file
 * must not change the network. */
#include "lib/check.h"
#include "net/bridge.h"
#include "net/opts.h"
#include "net/strip.h"
#include "net/weights.h"
#include "net/weights_kind.h"
#include "net/weights_packed.h"

#define HEAD(n) "[margin_softmax]\nclasses=" #n "\nmargin=cosface\n"
#define NET "[net]\nbatch=2\nheight=8\nwidth=8\nchannels=3\n"
#define STEM "[convolutional]\nname=stem\nfilters=4\nsize=3\npad=1\nbatch_normalize=1\n"
#define BODY "[depthwise]\nname=dw\nsize=3\npad=1\nactivation=prelu\n[global_depthwise]\nname=gd\n"
#define TOP "[convolutional]\nname=top\nfilters=6\nactivation=linear\n"
#define BACKBONE NET STEM BODY TOP

static char file[200];

static dnx_net *make(const char *text) { return make_net(text, "t.cfg", false, 1, 1); }

static dnx_net *scattered(const char *text, uint64_t seed) {
    dnx_net *net = make(text);
    scatter(net, seed, 1);
    net->seen = 4711;
    return net;
}

/* Returns how many of the first `layers` layers have the same parameters in a and b. */
static int equal_layers(dnx_net *a, dnx_net *b, int layers) {
    dnx_param p[DNX_MAX_PARAMS], q[DNX_MAX_PARAMS];
    int equal = 0;
    for (int i = 0; i < layers; i++) {
        int n = dnx_net_params(a, i, p);
        bool same = n > 0 && n == dnx_net_params(b, i, q);
        for (int k = 0; same && k < n; k++)
            same = p[k].count == q[k].count &&
                   !memcmp(p[k].value, q[k].value, sizeof(float) * p[k].count);
        equal += same;
    }
    return equal;
}

static int count_fates(const dnx_bridge *b, dnx_fate fate) {
    int n = 0;
    for (int i = 0; i < b->n; i++) n += b->rows[i].fate == fate;
    return n;
}

/* Saves a network of the cfg `from`, and loads the file into a network of the cfg `to`. taken: the
 * expected number of layers that are loaded; remark: the expected text of dnx_bridge_remark();
 * want: the expected error, or NULL. */
static void loads(const char *name, const char *from, const char *to, dnx_fit fit, int taken,
                  const char *remark, const char *want) {
    dnx_net *a = scattered(from, 1), *b = scattered(to, 2), *untouched = scattered(to, 2);
    dnx_bridge t = {0};
    dnx_err err = {0};
    char text[256] = "";
    /* dnx_weights_save() refuses to overwrite a file that this process has read, so each call uses
     * another file. */
    static int number;
    snprintf(text, sizeof text, "%d.weights", number++);
    snprintf(file, sizeof file, "%s", path(text));
    text[0] = 0;
    check(!dnx_weights_save(a, file, &err), "%s: %s", name, err.text);
    dnx_status st = dnx_bridge_file(b, file, fit, &t, &err);
    if (want) {
        size_t len = strlen(file) + 2;
        check(st == DNX_EWEIGHTS && !strcmp(err.text + len, want), "%s: got '%s'", name,
              st ? err.text + len : "no error");
        check(equal_layers(b, untouched, b->n) == equal_layers(b, b, b->n) && b->seen == 4711,
              "%s: a refused file changes the network", name);
    } else if (check(!st, "%s: %s", name, err.text)) {
        int all = equal_layers(b, b, b->n), most = a->n < b->n ? a->n : b->n;
        check(equal_layers(a, b, most) == taken, "%s: %d layers taken", name,
              equal_layers(a, b, most));
        check(equal_layers(b, untouched, b->n) == all - taken, "%s: %d layers untouched", name,
              equal_layers(b, untouched, b->n));
        check(count_fates(&t, DNX_TAKEN) == taken, "%s: %d rows taken", name,
              count_fates(&t, DNX_TAKEN));
        dnx_bridge_remark(&t, text, sizeof text);
        check(!strcmp(text, remark), "%s: remark '%s'", name, text);
        check(b->seen == (fit == DNX_FIT_BACKBONE ? 0 : 4711), "%s: seen", name);
    }
    dnx_bridge_free(&t);
    dnx_net_free(a);
    dnx_net_free(b);
    dnx_net_free(untouched);
}

static void files(void) {
    static const char behind[] = "12 floats behind the embedding are left out: ";
    char left[128];
    snprintf(left, sizeof left, "%sthe head, which the cfg does not have", behind);
    loads("whole", BACKBONE HEAD(2), BACKBONE HEAD(2), DNX_FIT_START, 5, "", NULL);
    loads("start from the backbone", BACKBONE, BACKBONE HEAD(2), DNX_FIT_START, 4,
          "layer 4 [margin_softmax] is not in the file and gets initial values", NULL);
    loads("start of another head", BACKBONE HEAD(3), BACKBONE HEAD(2), DNX_FIT_START, 0, "",
          "the head has 3 classes, the cfg 2: -from-backbone gives it initial values");
    loads("start of the first layers", NET STEM, BACKBONE HEAD(2), DNX_FIT_START, 0, "",
          "ends after layer 0, the network has layers 0 to 4: -from-backbone takes the layers that "
          "it has");
    loads("features, no head in the file", BACKBONE, BACKBONE HEAD(2), DNX_FIT_FEATURES, 4,
          "layer 4 [margin_softmax] is not in the file, which ends at the embedding", NULL);
    loads("features, no head in the cfg", BACKBONE HEAD(2), BACKBONE, DNX_FIT_FEATURES, 4, left,
          NULL);
    loads("features of another head", BACKBONE HEAD(9), BACKBONE HEAD(2), DNX_FIT_FEATURES, 4,
          "layer 4 [margin_softmax] is of another size in the file and is left out", NULL);
    loads("features, not a head", BACKBONE "[connected]\noutput=1\n[connected]\noutput=2\n",
          BACKBONE, DNX_FIT_FEATURES, 0, "", "too long: the network has 458 floats, the file 469");
    loads("features, too short", NET STEM, BACKBONE HEAD(2), DNX_FIT_FEATURES, 0, "",
          "too short: ends at biases of layer 1 [depthwise]; the network has 470 floats, the file "
          "124");
    loads("backbone", BACKBONE HEAD(3), BACKBONE HEAD(2), DNX_FIT_BACKBONE, 4,
          "layer 4 [margin_softmax] gets initial values", NULL);
    loads("backbone of an equal head", BACKBONE HEAD(2), BACKBONE HEAD(2), DNX_FIT_BACKBONE, 4,
          "layer 4 [margin_softmax] gets initial values", NULL);
    loads("the first layers", NET STEM, BACKBONE HEAD(2), DNX_FIT_BACKBONE, 1,
          "layer 1 [depthwise] gets initial values", NULL);
    loads("backbone, within a layer", NET "[connected]\noutput=1\n", BACKBONE HEAD(2),
          DNX_FIT_BACKBONE, 0, "",
          "193 floats, the layers up to the embedding have 458: -from-cfg with the cfg of these "
          "weights takes what fits");
}

/* DNX_FIT_BACKBONE must take only the layers of the backbone from a packed file, too. */
static void packed(void) {
    static const char text[] = BACKBONE HEAD(2);
    dnx_net *a = scattered(text, 1), *b = scattered(text, 2), *untouched = scattered(text, 2);
    dnx_bridge t = {0};
    dnx_err err = {0};
    snprintf(file, sizeof file, "%s", path("backbone.packed"));
    check(!dnx_packed_save(a, file, DNX_SINGLE, &err), "packed: %s", err.text);
    check(!dnx_bridge_file(b, file, DNX_FIT_BACKBONE, &t, &err), "packed: %s", err.text);
    check(equal_layers(a, b, 5) == 4 && count_fates(&t, DNX_TAKEN) == 4,
          "packed: %d layers taken, the table has %d", equal_layers(a, b, 5),
          count_fates(&t, DNX_TAKEN));
    check(equal_layers(b, untouched, 5) == 1, "packed: the head is not the initial one");
    check(b->seen == 0, "packed: seen");
    check(!dnx_weights_load(b, file, &err) && equal_layers(a, b, 5) == 5, "packed: not whole: %s",
          err.text);
    dnx_bridge_free(&t);
    dnx_net_free(a);
    dnx_net_free(b);
    dnx_net_free(untouched);
}

/* ---- networks ---- */

static void bridges(const char *name, const char *from, const char *to, dnx_bridge_how how,
                    int taken, int parts, int initial, int left) {
    dnx_net *a = scattered(from, 1), *b = scattered(to, 2);
    dnx_bridge t = {0};
    dnx_err err = {0};
    check(!dnx_bridge_net(a, b, how, &t, &err), "%s: %s", name, err.text);
    int got[] = {count_fates(&t, DNX_TAKEN), count_fates(&t, DNX_PART_TAKEN),
                 count_fates(&t, DNX_INITIAL), count_fates(&t, DNX_LEFT)};
    check(got[0] == taken && got[1] == parts && got[2] == initial && got[3] == left,
          "%s: taken %d, in part %d, initial %d, left %d", name, got[0], got[1], got[2], got[3]);
    dnx_bridge_free(&t);
    dnx_net_free(a);
    dnx_net_free(b);
}

#define NEW "[convolutional]\nname=new\nfilters=4\nactivation=linear\n"
#define PLAIN NET "[convolutional]\nfilters=4\n[convolutional]\nfilters=5\n[connected]\noutput=3\n"

static void networks(void) {
    const dnx_bridge_how exact = {0}, heads = {.new_heads = true}, widths = {.widths = true};
    bridges("itself", BACKBONE HEAD(2), BACKBONE HEAD(2), exact, 5, 0, 0, 0);
    bridges("new heads", BACKBONE HEAD(2), BACKBONE HEAD(2), heads, 4, 0, 1, 1);
    bridges("a layer more, by names", BACKBONE, NET STEM NEW BODY TOP, exact, 4, 0, 1, 0);
    bridges("a layer less, by names", BACKBONE, NET STEM "[global_depthwise]\nname=gd\n" TOP, exact,
            3, 0, 0, 1);
    bridges("in order up to another section", PLAIN,
            NET "[convolutional]\nfilters=4\n[depthwise]\n[connected]\noutput=3\n", exact, 1, 0, 2,
            2);
    bridges("in order up to another shape", PLAIN,
            NET "[convolutional]\nfilters=4\n[convolutional]\nfilters=6\n[connected]\noutput=3\n",
            exact, 1, 0, 2, 2);
    bridges("other widths", PLAIN,
            NET "[convolutional]\nfilters=4\n[convolutional]\nfilters=6\n[connected]\noutput=3\n",
            widths, 1, 2, 0, 0);
}

/* A narrower layer takes the first channels of the first filters. */
static void widths(void) {
    static const char wide[] = NET "[convolutional]\nfilters=4\n"
                                   "[convolutional]\nfilters=5\nsize=3\n";
    static const char slim[] = NET "[convolutional]\nfilters=2\n"
                                   "[convolutional]\nfilters=3\nsize=3\n";
    dnx_net *a = scattered(wide, 1), *b = scattered(slim, 2);
    dnx_bridge t = {0};
    dnx_err err = {0};
    dnx_param p[DNX_MAX_PARAMS], q[DNX_MAX_PARAMS];
    check(!dnx_bridge_net(a, b, (dnx_bridge_how){.widths = true}, &t, &err), "%s", err.text);
    dnx_net_params(a, 1, p);
    dnx_net_params(b, 1, q);
    check(!strcmp(p[1].name, "weights"), "parameter 1 is %s", p[1].name);
    int wrong = 0;
    for (int o = 0; o < 3; o++)
        for (int i = 0; i < 2; i++)
            for (int k = 0; k < 9; k++)
                wrong += p[1].value[(o * 4 + i) * 9 + k] != q[1].value[(o * 2 + i) * 9 + k];
    check(!wrong && !memcmp(p[0].value, q[0].value, 3 * sizeof(float)), "%d weights differ", wrong);
    check(t.taken == 2 * 3 + 2 + 3 * 2 * 9 + 3, "%zu floats taken", t.taken);
    dnx_bridge_free(&t);
    dnx_net_free(a);
    dnx_net_free(b);
}

/* ---- names ---- */

static void names(void) {
    dnx_net *net = make(NET STEM NEW "[route]\nlayers=stem,-1\n[shortcut]\nfrom=new\n");
    check(net->nodes[2].from[0] == 0 && net->nodes[2].from[1] == 1, "route by name: %d, %d",
          net->nodes[2].from[0], net->nodes[2].from[1]);
    check(net->nodes[3].from[1] == 1, "shortcut by name: %d", net->nodes[3].from[1]);
    check(dnx_net_find(net, "new") == 1 && dnx_net_find(net, "2") == 2 &&
              dnx_net_find(net, "none") == -1 && dnx_net_find(net, "4") == -1,
          "dnx_net_find");
    check(net->origin.notes.n == 1 &&
              strstr(net->origin.notes.text[0], "[shortcut] from=new: adds"),
          "a sum of other shapes: %d notes", net->origin.notes.n);
    dnx_net_free(net);
}

/* ---- notes on a margin ---- */

static void margins(void) {
    static const struct {
        const char *options, *note;
    } rows[] = {{"margin=sphereface", "margin=sphereface: has no gradient at 90 degrees"},
                {"margin=a-softmax\nwarmup=0", "margin=a-softmax: has no gradient at 90 degrees"},
                {"margin=sphereface\nwarmup=100", NULL},
                {"margin=sphereface\nramp_end=.2", NULL},
                {"margin=am", NULL},
                {"scale=length\ns=16", "s=16: has no effect without scale=s"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[300];
        snprintf(text, sizeof text, NET STEM "[margin_softmax]\nclasses=3\n%s\n", rows[i].options);
        dnx_net *net = make_net(text, "t.cfg", true, 0, 1);
        check(net->origin.notes.n == (rows[i].note != NULL) &&
                  (!rows[i].note || strstr(net->origin.notes.text[0], rows[i].note)),
              "%s: %d notes, %s", rows[i].options, net->origin.notes.n,
              net->origin.notes.n ? net->origin.notes.text[0] : "");
        dnx_net_free(net);
    }
}

static void embeddings(void) {
    static const struct {
        const char *text;
        int layer;
    } cases[] = {{BACKBONE, 3},
                 {BACKBONE HEAD(2), 3},
                 {BACKBONE "[softmax]\n", 3},
                 {BACKBONE "[softmax]\n[cost]\n", 3},
                 {NET HEAD(2), -1},
                 {BACKBONE HEAD(2) "[route]\nlayers=stem\n[convolutional]\n", 6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dnx_net *net = make(cases[i].text);
        int layer = dnx_net_embedding(net);
        check(layer == cases[i].layer, "case %zu: the embedding is layer %d", i, layer);
        dnx_net_free(net);
    }
}

static void strips(void) {
    static const char text[] = NET STEM "[convolutional]\nfilters=2\n[route]\nlayers=stem\n" NEW
                                        "[shortcut]\nfrom=-2\n[route]\nlayers=-1,0\n" HEAD(2);
    dnx_cfg *cfg;
    dnx_err err = {0};
    dnx_net *net = scattered(text, 3), *out = NULL;
    char *stripped = NULL;
    float x[8 * 8 * 3], y[8 * 8 * 8];
    dnx_rng r;
    dnx_rng_seed(&r, 5, 0);
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = dnx_rng_normal(&r);
    must(!dnx_cfg_parse(text, strlen(text), "t.cfg", &cfg, &err), err.text);
    dnx_status st = dnx_net_strip(net, cfg, dnx_net_embedding(net), "# note\n", &stripped, &out,
                                  &err);
    if (check(!st, "strip: %s", err.text)) {
        check(out->n == 5 && !strncmp(stripped, "# note\n", 7), "%d layers", out->n);
        dnx_net_prepare(out, NULL);
        dnx_net_run(net, x, 1, 5, y);
        const float *z = dnx_net_predict(out, x, 1);
        check(apart(y, z, sizeof y / sizeof *y) == 0, "the stripped one computes other numbers");
    }
    free(stripped);
    dnx_cfg_free(cfg);
    dnx_net_free(net);
    dnx_net_free(out);
}

/* ---- files of other kinds ---- */

static void kinds(void) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *kind;
    } cases[] = {
#define BYTES(s) s, sizeof(s) - 1
        {BYTES("PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0archive/data.pkl"),
         "PyTorch"},
        {BYTES("PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0w.npy"), "NumPy"},
        {BYTES("PK\3\4"), "zip"},
        {BYTES("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), "PyTorch"},
        {BYTES("\x80\x04\x95\x10"), "pickle"},
        {BYTES("\x89HDF\r\n\x1a\n\0\0\0\0"), "HDF5"},
        {BYTES("\x93NUMPY\1\0v\0"), "NumPy"},
        {BYTES("\x08\x07\x12\x07pytorch\x1a"), "ONNX"},
        {BYTES("\x0a\x04Test\xa2\x06\x10\x0a"), "Caffe"},
        {BYTES("\x40\0\0\0\0\0\0\0{\"a\":"), "safetensors"},
        {BYTES("\x1c\0\0\0TFL3\0\0\0\0"), "Lite"},
        {BYTES("DNXSTAT\0\1\0\0\0"), "checkpoint"},
        {BYTES("[net]\nbatch=1\n"), "cfg"},
        {BYTES("hello world\n"), "text"},
        {BYTES("\xff\xd8\xff\xe0\0\x10JFIF"), "image"},
        {BYTES("\x47\x6b\x30\x01\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
               "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"),
         "ncnn"},
        {BYTES("\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), NULL},
        {BYTES("\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0"), NULL},
        {BYTES(""), NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = dnx_weights_kind((const unsigned char *)cases[i].bytes, cases[i].n);
        check(cases[i].kind ? got && strstr(got, cases[i].kind) : !got, "kind %zu: got '%s'", i,
              got ? got : "");
    }
    float ncnn[20] = {0};
    for (int i = 1; i < 20; i++) ncnn[i] = .25f * (float)i - 2;
    const char *got = dnx_weights_kind((const unsigned char *)ncnn, sizeof ncnn);
    check(got && strstr(got, "ncnn"), "ncnn with float32: got '%s'", got ? got : "");
}

int main(void) {
    make_folder();
    files();
    packed();
    networks();
    widths();
    names();
    margins();
    embeddings();
    strips();
    kinds();
    return summary();
}
