/* cmd_train.c - the command line of `classifier train`, and which of it fits which network. */
#include <stdio.h>

#include "data/augment.h"
#include "train/train.h"

enum { EVERY = 500 };

static const dnx_verb verb = {
    "classifier",
    "classifier train faces.data net.cfg [weights] [-clear] [-resume] [-threads N] [-seed N]\n"
    "       [-batches N] [-every N] [-pairs pairs.txt -faces folder [-verify N]]\n"
    "       [-teacher net.cfg -teacher-weights weights] [-cache folder]",
    "train; -every N: batches between checkpoints; -verify N: between verifications", NULL};

/* The exit status of a command line with which that is wrong; NULL: nothing is. */
static int say(const char *wrong) {
    if (wrong) fprintf(stderr, "darknet: %s\n", wrong);
    return wrong ? 2 : 0;
}

int dnx_train_take_args(int argc, char **argv, dnx_train_args *a) {
    const char *wrong;
    bool ok = true;
    a->threads = dnx_take_int(&argc, argv, "-threads", 0, 1, 64, &ok);
    a->seed = dnx_take_int(&argc, argv, "-seed", -1, 0, 2147483647, &ok);
    a->batches = dnx_take_int(&argc, argv, "-batches", 0, 1, 1000000000, &ok);
    a->every = dnx_take_int(&argc, argv, "-every", EVERY, 1, 1000000000, &ok);
    a->verify = dnx_take_int(&argc, argv, "-verify", 0, 1, 1000000000, &ok);
    a->pairs = dnx_take(&argc, argv, "-pairs", NULL);
    a->faces = dnx_take(&argc, argv, "-faces", NULL);
    a->teacher = dnx_take(&argc, argv, "-teacher", NULL);
    a->teacher_weights = dnx_take(&argc, argv, "-teacher-weights", NULL);
    a->cache = dnx_take(&argc, argv, "-cache", NULL);
    a->clear = dnx_take_flag(&argc, argv, "-clear");
    a->resume = dnx_take_flag(&argc, argv, "-resume");
    if (!ok || argc < 3 || argc > 4) return dnx_usage(&verb);
    a->data = argv[1];
    a->cfg = argv[2];
    a->weights = argc > 3 ? argv[3] : NULL;
    wrong = a->resume && (a->clear || a->weights) ? "-resume takes neither weights nor -clear"
            : a->clear && !a->weights ? "-clear needs weights, whose count of images it sets to 0"
            : !a->pairs != !a->faces  ? "-pairs and -faces go together"
            : a->verify && !a->pairs  ? "-verify needs -pairs and -faces"
            : !a->teacher != !a->teacher_weights ? "-teacher and -teacher-weights go together"
                                                 : NULL;
    if (!a->verify) a->verify = EVERY;
    return say(wrong);
}

int dnx_train_check_args(const dnx_train_job *j) {
    const dnx_train_args *a = &j->a;
    const bool has_teacher = j->net->targets;
    return say(a->teacher && !has_teacher ? "-teacher: no loss of the network has one"
               : a->cache && !has_teacher ? "-cache: no loss of the network has a teacher"
               : a->cache && dnx_augment_always(j->net)
                   ? "-cache: [net] alters every image, which leaves a teacher no output to keep"
               : a->pairs && j->feature < 0
                   ? "-pairs: the network has no layer before its first loss"
                   : NULL);
}
