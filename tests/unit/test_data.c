/* test_data.c - lists, samplers and batches of training images. */
#include <errno.h>
#include <sys/stat.h>

#include "lib/check.h"
#include "data/batches.h"
#include "data/sampler.h"

/* Writes a PPM. In pixel (x, y) red is `red`, green is 8 x, blue is 8 y. */
static void write_image(const char *name, int red, int side) {
    FILE *f = fopen(name, "wb");
    if (!f) return;
    fprintf(f, "P6\n%d %d\n255\n", side, side);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            fputc(red, f);
            fputc(x * 8, f);
            fputc(y * 8, f);
        }
    fclose(f);
}

static dnx_net *build(const char *options) {
    char text[1024];
    snprintf(text, sizeof text,
             "[net]\nheight=8\nwidth=8\nchannels=3\n%s\n[connected]\noutput=9\n[softmax]\n",
             options);
    return make_net(text, "t.cfg", true, 0, 1);
}

static dnx_data *open_data(const char *text) {
    dnx_data *d = NULL;
    dnx_err err = {0};
    write_text("t.data", text);
    if (dnx_data_open("t.data", NULL, NULL, &d, &err)) must(false, err.text);
    return d;
}

/* Makes images in flat/ and faces/, and list.txt of faces/. Class c has c + 1 images; image k of
 * class c has the red value 20 c + k. */
static void make_faces(void) {
    char name[64];
    mkdir("faces", 0777);
    mkdir("flat", 0777);
    FILE *list = fopen("list.txt", "w");
    for (int c = 0; c < 9; c++) {
        snprintf(name, sizeof name, "faces/%d", c);
        mkdir(name, 0777);
        for (int k = 0; k <= c; k++) {
            snprintf(name, sizeof name, "faces/%d/%d.ppm", c, k);
            write_image(name, 20 * c + k, 8);
            fprintf(list, "%s %d\n", name, c);
        }
    }
    fclose(list);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "flat/%d.ppm", i);
        write_image(name, i, 8);
    }
}

/* ---- sources ---- */

static void test_sources(void) {
    char name[64];
    dnx_data *a = open_data("classes=9\ntrain=faces\n");
    dnx_data *b = open_data("classes=9\ntrain=list.txt\n");
    check(a->n == 45 && a->content == b->content, "a folder is its list");
    dnx_data_close(a);
    dnx_data_close(b);
    a = open_data("classes=18\ntrain=faces, list.txt , faces\n");
    check(a->n == 135 && a->sources == 3 && a->class_of[45] == 0 && a->class_of[90] == 9 &&
              a->class_of[134] == 17,
          "sources are joined, a folder's identities numbered on");
    dnx_data_name(a, 91, name, sizeof name);
    check(!strcmp(name, "faces/1/0.ppm"), "an image of the third source");
    dnx_data_close(a);
    a = open_data("train=faces,flat,list.txt\nclasses=0\n");
    bool none = true;
    for (size_t i = 0; i < a->n; i++) none = none && a->class_of[i] == -1;
    check(a->n == 93 && none, "without classes every image is unlabelled");
    dnx_data_close(a);
}

/* ---- samplers ---- */

static void test_content(void) {
    enum { LONG = 20000, AT = 5000 };
    static char bytes[LONG] = "BM";
    uint64_t first = 0;
    for (int i = 0; i < 4; i++) {
        for (int k = 2; k < LONG; k++) bytes[k] = (char)(k * 7);
        if (i == 1) bytes[AT]++;
        if (i == 2) bytes[LONG - 1]++;
        if (i == 3) bytes[2 * AT]++;
        must(!mkdir("long", 0777) || errno == EEXIST, "mkdir");
        must(!mkdir("long/a", 0777) || errno == EEXIST, "mkdir");
        FILE *f = fopen("long/a/1.bmp", "wb");
        must(f && fwrite(bytes, 1, LONG, f) == LONG && !fclose(f), "write");
        dnx_data *d = open_data("classes=1\ntrain=long\n");
        check(d->n == 1 && !d->is_sampled, "%d", i);
        if (!i) first = d->content;
        else check(d->content != first, "change %d counts", i);
        dnx_data_close(d);
    }
}

static void test_sampled(void) {
    for (int more = 0; more < 2; more++) {
        FILE *f = fopen("many.txt", "w");
        for (int i = 0; f && i < DNX_DATA_MOST_WHOLE + more; i++) fprintf(f, "long/a/1.bmp 0\n");
        must(f && !fclose(f), "write");
        dnx_data *d = open_data("classes=1\ntrain=many.txt\n");
        check(d->n == (size_t)(DNX_DATA_MOST_WHOLE + more) && d->is_sampled == (more == 1),
              "%zu images", d->n);
        dnx_data_close(d);
    }
}

static void test_permutation(void) {
    dnx_data *d = open_data("classes=9\ntrain=faces\n");
    dnx_net *net = build("batch=5");
    dnx_sampler *s = dnx_sampler_new(d, net, 3), *late = dnx_sampler_new(d, net, 3);
    uint32_t image[5], again[5];
    bool once = true, same = true;
    for (int epoch = 0; epoch < 3; epoch++) {
        bool seen[45] = {false};
        for (uint64_t b = 0; b < 9; b++) {
            uint64_t first = (uint64_t)epoch * 45 + b * 5;
            dnx_sampler_pick(s, first, image);
            for (int i = 0; i < 5; i++) {
                once = once && !seen[image[i]];
                seen[image[i]] = true;
            }
            if (epoch < 2) continue;
            dnx_sampler_pick(late, first, again);
            same = same && !memcmp(image, again, sizeof image);
        }
    }
    check(once, "permutation: each image once an epoch");
    check(same, "permutation: a resumed run picks the same");
    dnx_sampler_free(s);
    dnx_sampler_free(late);
    dnx_net_free(net);
    dnx_data_close(d);
}

static void test_balanced(void) {
    enum { P = 4, K = 2, B = P * K, ROUNDS = 60 };
    dnx_data *d = open_data("classes=9\ntrain=faces\n");
    dnx_net *net = build("batch=16\nsubdivisions=2\nsampler=balanced\nidentities=4\nimages=2");
    dnx_sampler *s = dnx_sampler_new(d, net, 3), *late = dnx_sampler_new(d, net, 3);
    uint32_t image[B], again[B];
    int shown[45] = {0}, by_class[9] = {0}, last_turn[45];
    bool grouped = true, distinct = true, same = true, once = true, turns = true;
    memset(last_turn, -1, sizeof last_turn);
    for (uint64_t b = 0; b < 2 * ROUNDS; b++) { /* 2 sub-batches show 8 of 9 classes: a round */
        bool used[9] = {false};
        dnx_sampler_pick(s, b * B, image);
        for (int p = 0; p < P; p++) {
            int c = d->class_of[image[p * K]];
            grouped = grouped && d->class_of[image[p * K + 1]] == c;
            if (c) once = once && image[p * K] != image[p * K + 1];
            distinct = distinct && !used[c];
            used[c] = true;
            by_class[c]++;
        }
        for (int i = 0; i < B; i++) {
            int n = d->class_of[image[i]] + 1, turn = (int)b / 2 / (n / K ? n / K : 1);
            shown[image[i]]++;
            if (n >= K) turns = turns && last_turn[image[i]] != turn;
            last_turn[image[i]] = turn;
        }
        if (b < ROUNDS) continue;
        dnx_sampler_pick(late, b * B, again);
        same = same && !memcmp(image, again, sizeof image);
    }
    check(grouped && distinct, "balanced: P different identities of K images");
    check(turns, "balanced: an image comes once in a turn of its identity");
    check(once, "balanced: an identity's images are different when it has K");
    check(same, "balanced: a resumed run picks the same");
    int least = 1000, most = 0;
    for (int c = 0; c < 9; c++) {
        if (by_class[c] < least) least = by_class[c];
        if (by_class[c] > most) most = by_class[c];
    }
    check(least > ROUNDS * 2 / 3 && most <= ROUNDS, "balanced: identities come equally often");
    /* Class 8 has the images 36 to 44. A round shows at most 2 of them. */
    for (int i = 36; i < 45; i++)
        if (shown[i] < 3 || shown[i] > 26) check(false, "balanced: every image is shown");
    uint32_t at = 44;
    check(d->class_of[dnx_sampler_instead(s, at, 1)] == 8 && dnx_sampler_instead(s, at, 1) != at,
          "balanced: a broken image is replaced by one of its identity");
    check(dnx_sampler_instead(s, 44, 9) == 0, "balanced: after them by the next of the list");
    dnx_sampler_free(s);
    dnx_sampler_free(late);
    dnx_net_free(net);
    dnx_data_close(d);
}

/* ---- options ---- */

static void refuses(const dnx_data *d, const char *options, const char *text) {
    dnx_net *net = build(options);
    dnx_err err = {0};
    dnx_status st = dnx_batches_check(d, net, &err);
    check(st == DNX_EOPTION && !strcmp(err.text, text), "%s\n  got: %s", text, err.text);
    dnx_net_free(net);
}

static void test_refusals(void) {
    dnx_data *d = open_data("classes=9\ntrain=faces\n"), *u = open_data("train=flat\n");
    refuses(d, "center=1\nangle=3",
            "t.cfg:5: [net] center=1: takes the middle of an image, so remove angle, aspect, "
            "max_crop, min_crop, max_ratio and min_ratio");
    refuses(d, "min_crop=9\nmax_crop=8",
            "t.cfg:6: [net] images are scaled to 9 to 8 pixels by min_crop and max_crop, or their "
            "ratios: must be 1 or more, and rise");
    refuses(d, "images=2", "t.cfg:5: [net] images: only with sampler=balanced");
    refuses(d, "identities=2", "t.cfg:5: [net] identities: only with sampler=balanced");
    refuses(d, "batch=8\nsampler=balanced\nidentities=3\nimages=3",
            "t.cfg:7: [net] identities=3 images=3: their product must be batch/subdivisions, which "
            "is 8");
    refuses(d, "batch=20\nsampler=balanced\nidentities=10\nimages=2",
            "t.cfg:7: [net] identities=10: only 9 classes of t.data have images");
    refuses(u, "batch=2\nsampler=balanced\nidentities=1\nimages=2",
            "t.cfg:6: [net] sampler=balanced: needs classes, but t.data has none");
    dnx_data_close(d);
    dnx_data_close(u);
}

/* ---- batches ---- */

/* Copies the next `count` sub-batches of a training that has seen `seen` images. Sets *altered to
 * the number of sub-batches with an image that was changed by more than mirroring. Returns false
 * after an error. */
static bool take(const dnx_data *d, dnx_net *net, uint64_t seen, int threads, int count, float *x,
                 float *truth, uint32_t *image, unsigned char *mirrored, int *altered) {
    dnx_batches *f;
    dnx_batch b;
    const size_t B = (size_t)net->batch, size = B * dnx_size(net->in);
    net->seen = seen;
    if (dnx_batches_open(d, net, 7, threads, &f, NULL)) return false;
    *altered = 0;
    for (int i = 0; i < count; i++) {
        if (dnx_batches_next(f, &b, NULL)) return false;
        memcpy(x + (size_t)i * size, b.x, sizeof *x * size);
        memcpy(truth + (size_t)i * B, b.truth, sizeof *truth * B);
        memcpy(image + (size_t)i * B, b.image, sizeof *image * B);
        memcpy(mirrored + (size_t)i * B, b.mirrored, B);
        *altered += b.altered;
    }
    dnx_batches_close(f);
    return true;
}

static void test_feed(const char *options, bool alters) {
    enum { B = 4, COUNT = 12, N = B * COUNT };
    dnx_data *d = open_data("classes=9\ntrain=faces\n");
    dnx_net *net = build(options);
    const size_t size = dnx_size(net->in);
    float *x[3], truth[3][N];
    uint32_t image[3][N];
    unsigned char mirrored[3][N];
    int altered[3];
    bool ok = true, right = true, exact = true;
    for (int i = 0; i < 3; i++) x[i] = malloc(sizeof(float) * size * N);
    ok = take(d, net, 0, 1, COUNT, x[0], truth[0], image[0], mirrored[0], &altered[0]) &&
         take(d, net, 0, 5, COUNT, x[1], truth[1], image[1], mirrored[1], &altered[1]) &&
         take(d, net, 5 * B, 2, COUNT - 5, x[2], truth[2], image[2], mirrored[2], &altered[2]);
    check(ok, "the feed runs");
    check(!memcmp(x[0], x[1], sizeof(float) * size * N) &&
              !memcmp(image[0], image[1], sizeof *image),
          "the feed does not depend on its threads");
    check(!memcmp(x[0] + 5 * B * size, x[2], sizeof(float) * size * (N - 5 * B)) &&
              !memcmp(truth[0] + 5 * B, truth[2], sizeof(float) * (N - 5 * B)),
          "the feed continues where a run was resumed");
    float *want = malloc(sizeof(float) * size);
    int mirrors = 0;
    for (int i = 0; i < N; i++) {
        right = right && truth[0][i] == (float)d->class_of[image[0][i]];
        mirrors += mirrored[0][i];
        ok = dnx_data_image(d, image[0][i], net, mirrored[0][i], want);
        exact = exact && ok && !memcmp(want, x[0] + (size_t)i * size, sizeof(float) * size);
    }
    check(right && mirrors > 8 && mirrors < N - 8, "truth is the image's class");
    check(alters ? altered[0] == COUNT && !exact : altered[0] == 0 && exact,
          "a batch that is not altered is what (image, mirrored) gives");
    for (int i = 0; i < 3; i++) free(x[i]);
    free(want);
    dnx_net_free(net);
    dnx_data_close(d);
}

typedef struct {
    char text[64];
    int told;
} told;

static void take_note(void *arg, const char *line) {
    told *t = arg;
    snprintf(t->text, sizeof t->text, "%s", line);
    t->told++;
}

/* A broken image is replaced by another image, with the class of that image. The broken image is
 * reported once. */
static void test_replaced(const char *options) {
    told t = {0};
    dnx_batches *f;
    dnx_batch b;
    FILE *list = fopen("long.txt", "w");
    write_text("bad.ppm", "P6 bad");
    for (int i = 0; i < 300; i++) fprintf(list, "faces/%d/0.ppm %d\n", i % 8, i % 8);
    fprintf(list, "bad.ppm 3\n");
    fclose(list);
    dnx_data *d = open_data("classes=8\ntrain=long.txt\n");
    dnx_net *net = build(options);
    bool ok = !dnx_batches_open(d, net, 7, 2, &f, NULL), found = false;
    if (ok) dnx_batches_notes(f, take_note, &t);
    for (int i = 0; ok && i < 200; i++) {
        ok = !dnx_batches_next(f, &b, NULL);
        for (int k = 0; ok && k < net->batch; k++)
            found = found || b.image[k] == 300 || b.truth[k] != (float)d->class_of[b.image[k]];
    }
    check(ok && !found && t.told == 1 && !strcmp(t.text, "bad.ppm: skipped: cannot be decoded"),
          "a broken image is replaced and named once");
    dnx_batches_close(f);
    dnx_net_free(net);
    dnx_data_close(d);
}

static void test_unlabelled(void) {
    dnx_data *d = open_data("train=flat,list.txt\n");
    dnx_net *net = build("batch=4");
    dnx_batches *f;
    dnx_batch b;
    bool ok = !dnx_batches_open(d, net, 7, 2, &f, NULL) && !dnx_batches_next(f, &b, NULL);
    for (int k = 0; ok && k < 4; k++) ok = b.truth[k] == -1;
    check(ok, "unlabelled images have truth -1");
    dnx_batches_close(f);
    dnx_net_free(net);
    dnx_data_close(d);
}

int main(void) {
    make_folder();
    must(!chdir(folder), "chdir");
    make_faces();
    test_sources();
    test_content();
    test_sampled();
    test_permutation();
    test_balanced();
    test_refusals();
    test_feed("batch=4", false);
    test_feed("batch=4\ncenter=1", false);
    test_feed("batch=4\nsampler=balanced\nidentities=2\nimages=2", false);
    test_feed("batch=4\nhue=.1\nmax_crop=12", true);
    test_replaced("batch=4");
    test_replaced("batch=4\nsampler=balanced\nidentities=2\nimages=2");
    test_unlabelled();
    return summary();
}
