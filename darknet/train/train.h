/* train.h - trains a network on images. It prints nothing, but calls the functions of
 * dnx_train_events. */
#ifndef DNX_TRAIN_H
#define DNX_TRAIN_H
#include "net/net.h"
#include "train/log.h"

/* Options of the command line. Without -seed, seed is -1. */
typedef struct {
    const char *data, *cfg, *weights, *teacher, *teacher_weights, *cache, *name;
    const char *out, *from_cfg, *tensorboard;
    const char *judge, *pairs, *faces, *distractors; /* what to verify: see face/verify.h */
    int threads, seed, batches, every, verify, port;
    bool clear, resume, force, from_backbone;
    const dnx_placement *placement; /* NULL when the processor computes everything */
} dnx_train_args;

typedef struct {
    const dnx_net *net;
    const dnx_log_line *line;
    uint64_t first, last; /* updates done before this process began; updates of the whole run */
    double seconds;       /* since this process began to train */
} dnx_train_update;

typedef enum { DNX_TRAIN_NEWS, DNX_TRAIN_WARNING } dnx_train_kind;

/* Functions of the caller. The training thread calls them. */
typedef struct {
    void (*update)(void *arg, const dnx_train_update *u);
    void (*note)(void *arg, dnx_train_kind kind, const char *text);
    /* With -cache: the teachers' outputs for `done` of `all` images are stored. */
    void (*cached)(void *arg, size_t done, size_t all);
    void *arg;
} dnx_train_events;

typedef struct dnx_train_job dnx_train_job;

/* Builds the network. args and events must outlive *out. Returns the errors of dnx_datafile_cfg()
 * and dnx_net_build(), DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_open(const dnx_train_args *args, const dnx_train_events *events,
                          dnx_train_job **out, dnx_err *err);
/* Returns NULL, or a message about an option that the network cannot use. The message may be in
 * text, which has `size` bytes. */
const char *dnx_train_unfit(const dnx_train_job *j, char *text, size_t size);
/* Opens images and files, and trains to the last update or until a signal (base/stop.h). If at
 * least one update was done, saves a checkpoint when the run ends. It does so also after an error,
 * but not after NaN or infinity. *done: the number of updates in the last checkpoint of the run; 0
 * when it has none. *is_whole: true when all updates of the run are done. Returns the errors of
 * everything that is opened, read and written; DNX_EOPTION also when the inputs or files belong to
 * another run. */
dnx_status dnx_train_run(dnx_train_job *j, uint64_t *done, bool *is_whole, dnx_err *err);
void dnx_train_close(dnx_train_job *j); /* j may be NULL */
#endif
