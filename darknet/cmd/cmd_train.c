/* cmd_train.c - the command line of `classifier train`, and which of it fits which network. */
#include <string.h>

#include "data/augment.h"
#include "train/train.h"

enum { EVERY = 500, MOST = 1000000000 };

typedef dnx_train_args args;

static const dnx_arg table[] = {
    DNX_PLACE(args, data, "faces.data", "the images and where results go; see below"),
    DNX_PLACE(args, cfg, "net.cfg", "the network, ending in a loss"),
    DNX_PLACE_MAYBE(args, weights, "weights",
                    "weights to start from; default random ones, see `darknet init`"),
    DNX_ARG_FLAG(args, clear, "-clear",
                 "begin the schedule anew: set the count of images in the weights to 0"),
    DNX_ARG_FLAG(args, from_backbone, "-from-backbone",
                 "take of the weights what fits, up to the first layer that differs"),
    DNX_ARG_FLAG(args, resume, "-resume", "go on where the last run of that name stopped"),
    DNX_ARG_FLAG(args, force, "-force", "replace the result of another run of that name"),
    DNX_ARG_TEXT(args, name, "-name", "NAME",
                 "call the files NAME.weights and so on; default the name of the cfg"),
    DNX_ARG_TEXT(args, out, "-out", "FOLDER",
                 "write the files there; default backup= of the data file"),
    DNX_ARG_INT(args, batches, "-batches", "N", 0, 1, MOST,
                "stop after batch N; default max_batches= of the cfg"),
    DNX_ARG_INT(args, every, "-every", "N", EVERY, 1, MOST, "batches between checkpoints"),
    DNX_ARG_INT(args, seed, "-seed", "N", -1, 0, 2147483647,
                "of every random number; default seed= of the cfg"),
    DNX_ARG_THREADS(args),
    DNX_ARG_TEXT(args, pairs, "-pairs", "FILE",
                 "verify these pairs of faces from time to time, and keep the best weights"),
    DNX_ARG_TEXT(args, faces, "-faces", "FOLDER", "the images of the pairs"),
    DNX_ARG_INT(args, verify, "-verify", "N", 0, 1, MOST,
                "batches between verifications; default 500"),
    DNX_ARG_TEXT(args, teacher, "-teacher", "FILE",
                 "the teacher's cfg; default teacher= of the losses of distillation"),
    DNX_ARG_TEXT(args, teacher_weights, "-teacher-weights", "FILE", "the teacher's weights"),
    DNX_ARG_TEXT(args, cache, "-cache", "FOLDER",
                 "keep the teacher's outputs there, so that it runs once an image"),
    DNX_ARG_END};

/* What is wrong with arguments that go together, or NULL. */
static const char *find_wrong(const args *a) {
    return a->resume && (a->clear || a->weights) ? "-resume takes neither weights nor -clear"
           : a->clear && !a->weights ? "-clear needs weights, whose count of images it sets to 0"
           : a->from_backbone ? "-from-backbone: this version cannot do it yet"
           : a->force         ? "-force: this version cannot do it yet"
           : a->name && (!*a->name || strchr(a->name, '/'))
               ? "-name: must be a name without '/'; -out chooses the folder"
           : a->out && !*a->out     ? "-out: must name a folder"
           : !a->pairs != !a->faces ? "-pairs and -faces go together"
           : a->verify && !a->pairs ? "-verify needs -pairs and -faces"
           : !a->teacher != !a->teacher_weights ? "-teacher and -teacher-weights go together"
                                                : NULL;
}

int dnx_train_check_args(const dnx_train_job *j) {
    const args *a = &j->a;
    const bool has_teacher = j->net->targets;
    const char *wrong =
        a->teacher && !has_teacher ? "-teacher: no loss of the network has one"
        : a->cache && !has_teacher ? "-cache: no loss of the network has a teacher"
        : a->cache && dnx_augment_always(j->net)
            ? "-cache: [net] alters every image, which leaves a teacher no output to keep"
        : a->pairs && j->feature < 0
            ? "-pairs: the network has no layer before its first loss"
            : NULL;
    return wrong ? dnx_wrong("%s", wrong) : 0;
}

static int run(const void *given) {
    args a = *(const args *)given;
    const char *wrong = find_wrong(&a);
    if (wrong) return dnx_wrong("%s", wrong);
    if (!a.verify) a.verify = EVERY;
    return dnx_train(&a);
}

const dnx_verb dnx_classifier_train = {
    "classifier train", "train a network on images", table, sizeof(args), run,
    "A data file has lines key=value: train= names a folder with a folder for each class, a list "
    "of images, or a .rec file; classes= their number; backup= the folder of the results. A run "
    "leaves NAME.weights, NAME.state (for -resume), NAME.csv (the log) and, with -pairs, "
    "NAME-best.weights."};
