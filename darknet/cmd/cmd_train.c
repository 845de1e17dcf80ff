/* cmd_train.c - the command line of `classifier train`, and its output. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/stop.h"
#include "cmd/cmd.h"
#include "face/judge.h"
#include "face/pairs.h"
#include "train/train.h"

enum { EVERY = 500, MOST = 1000000000 };

typedef dnx_train_args args;

static const dnx_arg table[] = {
    DNX_PLACE(args, data, "faces.data", "the images and where results go; see below"),
    DNX_PLACE(args, cfg, "net.cfg", "the network, ending in a loss"),
    DNX_PLACE_MAYBE(args, weights, "weights",
                    "weights to start from; default random ones, see `darknet init`"),
    DNX_ARG_FLAG(args, clear, "-clear",
                 "start the schedule from 0: set the count of images in the weights to 0"),
    DNX_ARG_FLAG(args, from_backbone, "-from-backbone",
                 "take the weights of the first layers, up to the first that differs"),
    DNX_ARG_TEXT(args, from_cfg, "-from-cfg", "FILE",
                 "the cfg of these weights: -from-backbone then takes layers by name and order"),
    DNX_ARG_FLAG(args, resume, "-resume", "continue the last run of this name"),
    DNX_ARG_FLAG(args, force, "-force",
                 "replace another run of this name; with -resume: continue even when inputs "
                 "differ"),
    DNX_ARG_TEXT(args, name, "-name", "NAME",
                 "call the files NAME.weights and so on; default the name of the cfg"),
    DNX_ARG_TEXT(args, out, "-out", "FOLDER",
                 "write the files there; default backup= of the data file"),
    DNX_ARG_INT(args, batches, "-batches", "N", 0, 1, MOST,
                "stop after batch N; default max_batches= of the cfg"),
    DNX_ARG_INT(args, every, "-every", "N", EVERY, 1, MOST, "batches between checkpoints"),
    DNX_ARG_INT(args, seed, "-seed", "N", -1, 0, 2147483647,
                "seed of all random numbers; default seed= of the cfg"),
    DNX_ARG_THREADS(args),
    DNX_ARG_TEXT(args, pairs, "-pairs", "FILE",
                 "verify these pairs of faces (or a .bin) from time to time, and keep the "
                 "best weights"),
    DNX_ARG_TEXT(args, faces, "-faces", "FOLDER",
                 "the images of the pairs; a .bin has its own; without -pairs: folders of people, "
                 "all pairs of their images"),
    DNX_ARG_TEXT(args, judge, "-judge", DNX_JUDGES,
                 "what makes weights the best: accuracy on the pairs by ten folds; or over all "
                 "pairs of the images, whose folders are their people, TAR at this FAR, as "
                 "tar@1e-3, or rank-1; default accuracy"),
    DNX_ARG_TEXT(args, distractors, "-distractors", "FOLDER",
                 "images of other people, or a list of them, among which rank-1 and TAR search, "
                 "too"),
    DNX_ARG_INT(args, verify, "-verify", "N", 0, 1, MOST,
                "batches between verifications; default 500"),
    DNX_ARG_TEXT(args, teacher, "-teacher", "FILE",
                 "the teacher's cfg; default teacher= of the losses of distillation"),
    DNX_ARG_TEXT(args, teacher_weights, "-teacher-weights", "FILE", "the teacher's weights"),
    DNX_ARG_TEXT(args, cache, "-cache", "FOLDER",
                 "store the teacher's outputs there, so that it runs once for each image; in 16 "
                 "bits, so the results differ a little from those without"),
    DNX_ARG_TEXT(args, tensorboard, "-tensorboard", "FOLDER",
                 "write the curves there, too, for TensorBoard: a folder for each run; NAME.old-1 "
                 "for an earlier one"),
    DNX_ARG_INT(args, port, "-port", "N", 0, 1, 65535,
                "show the run in a browser on this computer: http://127.0.0.1:N/"),
    DNX_ARG_END,
};

/* Returns what is wrong with the arguments, or NULL. */
static const char *find_wrong(const args *a) {
    return a->resume && (a->clear || a->weights) ? "-resume takes neither weights nor -clear"
           : a->clear && !a->weights ? "-clear needs weights, whose count of images it sets to 0"
           : a->from_backbone && !a->weights
               ? "-from-backbone needs weights, whose backbone it takes"
           : a->from_cfg && !a->from_backbone ? "-from-cfg needs -from-backbone"
           : a->name && (!*a->name || strchr(a->name, '/'))
               ? "-name: must be a name without '/'; -out chooses the folder"
           : a->out && !*a->out                 ? "-out: must name a folder"
           : !a->teacher != !a->teacher_weights ? "-teacher and -teacher-weights go together"
                                                : NULL;
}

static const char *find_wrong_verification(const args *a) {
    dnx_judge judge;
    const bool is_set = a->pairs && dnx_binset_is_named(a->pairs);
    if (!dnx_judge_read(a->judge, &judge))
        return "-judge: must be accuracy, tar@RATE with a rate above 0 and at most 0.5, or rank-1";
    if (judge.kind == DNX_BY_ACCURACY)
        return !a->pairs != !a->faces && !is_set
                   ? "-pairs and -faces go together: the pairs, and the folder of their images"
               : is_set && a->faces     ? "-faces: a .bin of -pairs has its own images"
               : a->distractors         ? "-distractors: only -judge rank-1 and tar@RATE take them"
               : !a->pairs && a->judge  ? "-judge needs -pairs and -faces"
               : !a->pairs && a->verify ? "-verify needs -pairs and -faces"
                                        : NULL;
    return is_set ? "-pairs: a .bin does not tell who is who, which -judge rank-1 and tar@RATE need"
           : !a->faces ? "-judge rank-1 and tar@RATE need -faces, a folder with a folder for each "
                         "person"
                       : NULL;
}

enum { PLAIN_LINE = 50, SHOW = 16 };

typedef struct {
    bool is_terminal;
    bool is_open;           /* the last line of the terminal is a progress line without '\n' */
    double shown;           /* time of the last line, by dnx_now() */
    double images, seconds; /* sums since `shown`; seconds include the wait for images */
} screen;

/* Prints the losses, and the numbers of triplets or pairs that they used. */
static void show_losses(const dnx_train_update *u) {
    for (int i = 0; i < u->net->n; i++) {
        const dnx_layer_type *type = u->net->nodes[i].type;
        if (type->is_loss) printf("  %s %.4f", type->name, u->line->losses[i]);
        if (dnx_counts_used(type)) printf(" (%ld used)", u->line->used[i]);
    }
}

static void show_bar(double share) {
    putchar('[');
    for (int i = 0; i < SHOW; i++) putchar(i < share * SHOW ? '#' : '.');
    printf("] ");
}

static void show_update(void *arg, const dnx_train_update *u) {
    screen *s = arg;
    const dnx_log_line *l = u->line;
    const double now = dnx_now();
    s->images += u->net->o.batch;
    s->seconds += u->net->o.batch / l->speed;
    bool is_due = s->is_terminal ? now - s->shown >= .2 : l->batch % PLAIN_LINE == 0;
    if (!is_due && l->batch < u->last) return;
    s->shown = now;
    double left = u->seconds * (double)(u->last - l->batch) / (double)(l->batch - u->first);
    if (s->is_terminal) printf("\r");
    printf("batch %llu/%llu  epoch %.2f ", (unsigned long long)l->batch,
           (unsigned long long)u->last, l->epoch);
    if (s->is_terminal) show_bar(l->epoch - floor(l->epoch));
    printf(" %.0f images/s", s->images / s->seconds);
    s->images = s->seconds = 0;
    show_losses(u);
    if (!isnan(l->accuracy)) printf("  accuracy %.1f %%", 100 * l->accuracy);
    if (!isnan(l->exclusivity)) printf("  exclusivity %.4g", l->exclusivity);
    printf("  rate %.3g  waiting %.0f %%  left %d:%02d:%02d%s", l->rate, 100 * l->wait,
           (int)(left / 3600), (int)(left / 60) % 60, (int)left % 60,
           s->is_terminal ? "\033[K" : "\n");
    s->is_open = s->is_terminal;
    fflush(stdout);
}

static void end_line(screen *s) {
    if (s->is_open) printf("\n");
    s->is_open = false;
}

static void show_note(void *arg, dnx_train_kind kind, const char *text) {
    end_line(arg);
    if (kind == DNX_TRAIN_NEWS) printf("%s\n", text);
    fflush(stdout);
    if (kind == DNX_TRAIN_WARNING) fprintf(stderr, "%s\n", text);
}

static void show_cached(void *arg, size_t done, size_t all) {
    const screen *s = arg;
    if (s->is_terminal || done == all)
        printf("%steacher: %zu of %zu images%s", s->is_terminal ? "\r" : "", done, all,
               done == all ? "\n" : "");
    fflush(stdout);
}

static int train(const args *a, dnx_err *err) {
    screen s = {.is_terminal = isatty(STDOUT_FILENO) == 1};
    const dnx_train_events events = {show_update, show_note, show_cached, &s};
    dnx_train_job *j;
    dnx_err why = {0};
    uint64_t done;
    bool is_whole;
    dnx_stop_on_signals();
    if (dnx_train_open(a, &events, &j, err)) return 1;
    char text[1200];
    const char *unfit = dnx_train_unfit(j, text, sizeof text);
    if (unfit) {
        dnx_train_close(j);
        return dnx_wrong("%s", unfit);
    }
    dnx_status st = dnx_train_run(j, &done, &is_whole, &why);
    dnx_train_close(j);
    end_line(&s);
    if (done && !is_whole && st != DNX_ENUMBER)
        fprintf(stderr, "stopped at batch %llu; continue with -resume\n", (unsigned long long)done);
    if (!(st == DNX_ESTOP && done && !is_whole)) *err = why;
    return st || !is_whole;
}

static int run(const void *given, dnx_err *err) {
    args a = *(const args *)given;
    const char *wrong = find_wrong(&a);
    if (!wrong) wrong = find_wrong_verification(&a);
    if (wrong) return dnx_wrong("%s", wrong);
    if (!a.verify) a.verify = EVERY;
    return dnx_where_to_run(&a.placement, err) ? 1 : train(&a, err);
}

const dnx_verb dnx_classifier_train = {
    "classifier train",
    "train a network on images",
    table,
    sizeof(args),
    run,
    "A data file has lines key=value: train= names a folder with a folder for each class, a list "
    "of images, or a .rec file; classes= their number; backup= the folder of the results. A run "
    "leaves NAME.weights, NAME.state (for -resume), NAME.csv (the log) and, with -pairs or "
    "-judge, NAME-best.weights. A finished run of that name is kept, as NAME.old-1.weights and so "
    "on; an unfinished one is not replaced without -force."};
