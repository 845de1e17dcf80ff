/* train.h - trains a network on images. It prints nothing; the caller gets dnx_train_events.
 * Parts: opening (open.c), files and the first update (place.c), inputs of the run, compared with
 * those of the run that it continues (inputs.c, record.c), its files
 * (checkpoint.c, best.c, aside.c, run_file.c, log.c), the loop (loop.c). */
#ifndef DNX_TRAIN_H
#define DNX_TRAIN_H
#include "net/net.h"
#include "train/log.h"

/* Options of the command line. One that is not given is NULL, 0 or false; seed is -1. */
typedef struct {
    const char *data, *cfg, *weights, *teacher, *teacher_weights, *cache, *name;
    const char *out, *from_cfg, *tensorboard;
    const char *judge, *pairs, *faces, *distractors; /* what is verified: see dnx_verified */
    int threads, seed, batches, every, verify, port;
    bool clear, resume, force, from_backbone;
    const dnx_placement *placement; /* NULL: this processor computes all */
} dnx_train_args;

/* Results of an update. */
typedef struct {
    const dnx_net *net;
    const dnx_log_line *line;
    uint64_t first, last; /* updates: done when this process began; in all */
    double seconds;       /* since it began */
} dnx_train_update;

typedef enum { DNX_TRAIN_NEWS, DNX_TRAIN_WARNING } dnx_train_kind;

/* Functions of the caller. The training thread calls them. */
typedef struct {
    void (*update)(void *arg, const dnx_train_update *u);
    void (*note)(void *arg, dnx_train_kind kind, const char *text);
    void (*cached)(void *arg, size_t done, size_t all); /* images whose teachers have run */
    void *arg;
} dnx_train_events;

typedef struct dnx_train_job dnx_train_job;

/* Builds the network, and to verify the same network for predicting. args and events must outlive
 * *out. The errors of dnx_net_build. */
dnx_status dnx_train_open(const dnx_train_args *args, const dnx_train_events *events,
                          dnx_train_job **out, dnx_err *err);
/* Describes an argument that the network cannot use, and why; NULL: there is none. */
const char *dnx_train_unfit(const dnx_train_job *j);
/* Opens everything else and trains to the end, or until a signal stops it (base/stop.h).
 *
 * Before the first update it writes only NAME.lock. After it, a checkpoint is saved however the run
 * ends, also after an error. A network that is not finite is not saved. Some failures do not end
 * training: a log or a best network that cannot be written, a verification that fails. They are
 * noted and tried again later. A failure that remains is returned at the end.
 *
 * *done: updates of the run; *is_whole: the run is complete. DNX_EOPTION: the inputs differ from
 * those of the run that -resume continues, a run of that name exists, or nothing is left to train.
 * Also the errors of everything that is opened, read and written. */
dnx_status dnx_train_run(dnx_train_job *j, uint64_t *done, bool *is_whole, dnx_err *err);
void dnx_train_close(dnx_train_job *j); /* j may be NULL */
#endif
