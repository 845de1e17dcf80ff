/* test_host_alloc.c - makes each allocation fail in turn, alone or with all later ones. Then
 * nothing may crash, leak, or be half loaded. The linker's --wrap (see the Makefile) replaces
 * malloc and the like. */
#include <stdarg.h>

#include "lib/check.h"
#include "base/inputs.h"
#include "data/images.h"
#include "host/loop.h"
#include "host/layers.h"
#include "registry.h"
#include "net/weights.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int __real_posix_memalign(void **p, size_t align, size_t n);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_posix_memalign(void **p, size_t align, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_asprintf(char **out, const char *format, ...);
void __wrap_free(void *p);

static long count, fails_at = -1, live;
static bool fails_on; /* all allocations after number fails_at fail, too */

static bool fails(void) {
    count++;
    return fails_at > 0 && (count == fails_at || (fails_on && count > fails_at));
}

static void *kept(void *p) {
    live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t n) { return fails() ? NULL : kept(__real_malloc(n)); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : kept(__real_calloc(n, size)); }
void *__wrap_aligned_alloc(size_t align, size_t n) {
    return fails() ? NULL : kept(__real_aligned_alloc(align, n));
}
char *__wrap_strdup(const char *s) { return fails() ? NULL : kept(__real_strdup(s)); }
char *__wrap_strndup(const char *s, size_t n) {
    return fails() ? NULL : kept(__real_strndup(s, n));
}

void *__wrap_realloc(void *p, size_t n) {
    if (fails()) return NULL;
    void *q = __real_realloc(p, n);
    live += q && !p;
    return q;
}

int __wrap_posix_memalign(void **p, size_t align, size_t n) {
    int status = fails() ? 12 : __real_posix_memalign(p, align, n);
    live += status == 0;
    return status;
}

int __wrap_asprintf(char **out, const char *format, ...) {
    va_list args;
    if (fails()) return -1;
    va_start(args, format);
    int n = vasprintf(out, format, args);
    va_end(args);
    live += n >= 0;
    return n;
}

void __wrap_free(void *p) {
    live -= p != NULL;
    __real_free(p);
}

static double stored, loaded; /* sums of all parameters: in the file; after a load that succeeds */
static const char weights[] = "a.weights";

#define NET "[net]\nbatch=2\nheight=8\nwidth=8\nchannels=4\n"
#define CONV "[convolutional]\nfilters=8\nsize=3\npad=1\nbatch_normalize=1\n"

#define TEACHER "teacher=teacher.cfg\nweights=teacher.weights\n"

static const struct {
    const char *text;
    bool trains;
} cases[] = {
    {NET CONV "activation=relu\n[kd_feature]\nlayer=0\n" TEACHER "[route]\nlayers=0\n[avgpool]\n"
              "[connected]\noutput=5\n[margin_softmax]\nclasses=5\n[kd_correlation]\n" TEACHER
              "[kd_probability]\n" TEACHER,
     true},
    {NET CONV "[avgpool]\n[connected]\noutput=5\n[margin_softmax]\nclasses=5\n"
              "centres=teacher\n" TEACHER "[kd_probability]\ngroup=.9\n" TEACHER
              "[kd_relation]\n" TEACHER,
     true},
    {NET CONV "[avgpool]\n[connected]\noutput=5\n[margin_softmax]\nclasses=5\nmargin=am\n"
              "centres=inherited\nmargins=teacher\n" TEACHER,
     true},
    {NET
     "policy=steps\nsteps=1,2\nscales=.1,.1\n" CONV "activation=prelu\n[maxpool]\nsize=2\n"
     "stride=2\n[depthwise]\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n"
     "[convolutional]\nfilters=8\ngroups=2\n[shortcut]\nfrom=-2\n[global_depthwise]\n"
     "batch_normalize=1\n[dropout]\n[connected]\noutput=6\nbatch_normalize=1\n[softmax]\n[cost]\n",
     true},
    {NET CONV "activation=relu\n[batchnorm]\n[activation]\nactivation=prelu\n[l2norm]\n"
              "[upsample]\n[route]\nlayers=-1\n" CONV
              "[shortcut]\nfrom=-2\n[avgpool]\n[margin_softmax]\n"
              "classes=5\n",
     true},
    {NET CONV "activation=relu\n[binary]\nfilters=8\n[low_rank]\nfilters=6\nrank=2\n[avgpool]\n"
              "[softmax]\n",
     true},
    {NET CONV
     "[channel_shuffle]\ngroups=2\n[local_avgpool]\n[avgpool]\n[convolutional]\nfilters=8\n"
     "[scale_channels]\nfrom=1\n[convolutional]\nfilters=8\n[sam]\nfrom=-2\n[connected]\n"
     "output=5\n[softmax]\n",
     true},
    {NET CONV "[avgpool]\n[contrastive]\nfrom=-1\n[triplet]\nfrom=1\n[center_loss]\nfrom=1\n"
              "classes=5\n",
     true},
    {NET "[crop]\ncrop_height=6\ncrop_width=6\n[local]\nfilters=4\nsize=3\npad=1\n[reorg]\n"
         "stride=2\n[connected]\noutput=5\n[softmax]\n",
     true},
    {NET CONV "[normalization]\n[rnn]\noutput=4\n[gru]\noutput=3\nbatch_normalize=1\n[lstm]\n"
              "output=3\n[connected]\noutput=27\n[logistic]\n[detection]\nside=3\n",
     false},
    {NET "[convolutional]\nfilters=14\n[yolo]\nclasses=2\nnum=2\n[route]\nlayers=-2\n[region]\n"
         "classes=2\nnum=2\n",
     false},
};
#define CASES (sizeof cases / sizeof *cases)

static void expect(bool ok, size_t i, bool trains, const char *what, const char *text) {
    if (ok || failed < 20)
        check(ok, "case %zu%s, allocation %ld%s: %s %s", i, trains ? " training" : "", fails_at,
              fails_on ? " and on" : "", what, text);
    else failed++;
}

static double sum_of(dnx_net *net) {
    dnx_param list[DNX_MAX_PARAMS];
    double sum = 0;
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            for (size_t j = 0; j < list[k].count; j++) sum += (double)list[k].value[j];
    return sum;
}

/* Builds the network of cases[i], and saves or loads its weights. Returns the first error. Loading
 * sets *half_loaded to whether only some parameters have changed. */
static dnx_status all(size_t i, bool trains, bool saves, bool *half_loaded, dnx_err *err) {
    dnx_cfg *cfg = NULL;
    dnx_net *net = NULL;
    dnx_host *host = NULL;
    const char *text = cases[i].text;
    dnx_status st = dnx_cfg_parse(text, strlen(text), "a.cfg", &cfg, err);
    const dnx_build how = {
        .trains = trains, .threads = 1, .types = dnx_host_types, .teachers = &dnx_cfg_teachers};
    if (!st) st = dnx_net_build(cfg, &how, &net, err);
    if (cfg) dnx_cfg_free(cfg);
    if (st) {
        dnx_inputs_rewind(0);
        return st;
    }
    double before = sum_of(net);
    if (saves) {
        dnx_param list[DNX_MAX_PARAMS];
        for (int k = 0; k < net->n; k++)
            if (dnx_net_params(net, k, list) > 0) list[0].value[0] += 5;
        stored = sum_of(net);
        st = dnx_weights_save(net, weights, err);
    } else {
        st = dnx_weights_load(net, weights, err);
        double now = sum_of(net);
        if (!st && fails_at < 0) loaded = now;
        *half_loaded = now != before && now != stored && now != loaded;
        if (!st) st = dnx_net_prepare(net, err);
    }
    if (!st && trains) st = dnx_host_open(net, &host, err);
    dnx_host_close(host);
    dnx_net_free(net);
    dnx_inputs_rewind(0);
    return st;
}

static void starve(size_t i, bool trains) {
    dnx_err err = {0};
    bool half = false;
    fails_at = -1;
    dnx_status st = all(i, trains, true, &half, &err);
    if (!st) {
        count = 0;
        st = all(i, trains, false, &half, &err);
    }
    long n = count, start = live;
    expect(!st && n > 10, i, trains, "does not work at all:", err.text);
    for (int on = 0; on < 2; on++)
        for (long k = 1; k <= n && !st; k++) {
            err = (dnx_err){0};
            half = false;
            fails_on = on;
            count = 0;
            fails_at = k;
            dnx_status got = all(i, trains, false, &half, &err);
            long left = live - start;
            bool says = got == DNX_EMEM || strstr(err.text, strerror(ENOMEM));
            expect(says || (got == DNX_OK && !on), i, trains, "status", err.text);
            expect(left == 0, i, trains, "blocks are left", err.text);
            expect(!half, i, trains, "half loaded", err.text);
            fails_at = -1;
        }
    fails_on = false;
}

/* When an allocation fails, dnx_images_find() must find all images or return DNX_EMEM. */
static void find_images(void) {
    must(!mkdir("images", 0777) && !mkdir("images/more", 0777), "cannot make folders");
    write_text("images/a.png", "");
    write_text("images/more/b.jpg", "");
    write_text("images/more/c.txt", "");
    long n = 1;
    for (long k = 0; k <= n; k++) {
        dnx_images l = {0};
        const long start = live;
        count = 0;
        fails_at = k ? k : -1;
        dnx_status st = dnx_images_find("images", &l, NULL);
        n = k ? n : count;
        fails_at = -1;
        check(st == DNX_EMEM || (!st && l.n == 2 && l.left_out.n == 1),
              "allocation %ld: status %d, %zu images, %zu left out", k, st, l.n, l.left_out.n);
        dnx_images_free(&l);
        check(live == start, "allocation %ld: %ld blocks are left", k, live - start);
    }
}

static void has_all(const dnx_layer_type *const *types) {
    for (; *types; types++) {
        char name[64];
        bool found = false;
        snprintf(name, sizeof name, "[%s]", (*types)->name);
        for (size_t i = 0; i < CASES; i++) found = found || strstr(cases[i].text, name);
        check(found, "%s is in no case: add it to one", name);
    }
}

static void write_teacher(void) {
    static const char text[] = NET CONV "[avgpool]\n[connected]\noutput=5\n[margin_softmax]\n"
                                        "classes=5\n";
    write_text("teacher.cfg", text);
    dnx_net *net = make_net(text, "teacher.cfg", false, 1, 1);
    must(!dnx_weights_save(net, "teacher.weights", NULL), "cannot save the teacher");
    dnx_net_free(net);
}

int main(void) {
    make_folder();
    must(!chdir(folder), "cannot enter the folder");
    write_teacher();
    for (size_t i = 0; i < CASES; i++) {
        group("case %zu", i);
        starve(i, false);
        if (cases[i].trains) starve(i, true);
    }
    group("images");
    find_images();
    group("types");
    has_all(dnx_layer_types);
    has_all(dnx_host_types);
    return summary();
}
