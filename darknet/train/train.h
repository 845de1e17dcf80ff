/* train.h - trains a network on images. Nothing here prints: what there is to tell goes to
 * dnx_train_events. Parts: what a run opens (open.c), where it stands (place.c), its inputs and
 * whether they are those of the run that it continues (inputs.c, record.c), its files
 * (checkpoint.c, best.c, aside.c, run_file.c, log.c), the loop (loop.c). */
#ifndef DNX_TRAIN_H
#define DNX_TRAIN_H
#include "net/net.h"
#include "train/log.h"

/* The command line; NULL, 0 and false where an option is not given, but seed -1. */
typedef struct {
    const char *data, *cfg, *weights, *pairs, *faces, *teacher, *teacher_weights, *cache, *name;
    const char *out, *from_cfg;
    int threads, seed, batches, every, verify;
    bool clear, resume, force, from_backbone;
} dnx_train_args;

/* An update, after it. */
typedef struct {
    const dnx_net *net;
    const dnx_log_line *line;
    uint64_t first, last; /* updates done when this process began, and to do in all */
    double seconds;       /* since it began */
} dnx_train_update;

typedef enum { DNX_TRAIN_NEWS, DNX_TRAIN_WARNING } dnx_train_kind;

/* Called by the thread that trains. */
typedef struct {
    void (*update)(void *arg, const dnx_train_update *u);
    void (*note)(void *arg, dnx_train_kind kind, const char *text);
    void (*cached)(void *arg, size_t done, size_t all); /* images whose teachers have run */
    void *arg;
} dnx_train_events;

typedef struct dnx_train_job dnx_train_job;

/* Builds the network, and with -pairs its predicting twin. args and events must outlive *out. The
 * errors of dnx_net_build. */
dnx_status dnx_train_open(const dnx_train_args *args, const dnx_train_events *events,
                          dnx_train_job **out, dnx_err *err);
/* NULL; or which argument the network has no use for, and why. */
const char *dnx_train_unfit(const dnx_train_job *j);
/* Opens all the rest and trains to the end, or until a signal asks for it (base/stop.h).
 *
 * Before the first update nothing is written but NAME.lock. After it every way out saves first,
 * errors included; only a network that is not finite any more is left as its last checkpoint has
 * it. What spoils no training (a log or a best network that cannot be written, a verification that
 * fails) is noted, tried again at the next occasion, and returned at the end if it never worked.
 *
 * *done: updates of the run; *is_whole: these are all. DNX_EOPTION: other inputs than the run that
 * -resume continues, a run of that name is there, nothing is left to train; and the errors of all
 * that is opened, read and written. */
dnx_status dnx_train_run(dnx_train_job *j, uint64_t *done, bool *is_whole, dnx_err *err);
void dnx_train_close(dnx_train_job *j); /* j may be NULL */
#endif
