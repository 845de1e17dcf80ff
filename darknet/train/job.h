/* job.h - the state of a training run, for the files of this folder. */
#ifndef DNX_TRAIN_JOB_H
#define DNX_TRAIN_JOB_H
#include "base/lock.h"
#include "data/batches.h"
#include "data/data.h"
#include "face/verify.h"
#include "host/loop.h"
#include "train/record.h"
#include "train/events.h"
#include "train/page.h"
#include "train/train.h"

enum { DNX_RUN_FILES = 8 };
extern const char *const dnx_run_ends[DNX_RUN_FILES]; /* ".state" and so on */

struct dnx_train_job {
    const dnx_train_args *a;
    const dnx_train_events *events;
    dnx_net *net;
    dnx_data *data;
    dnx_host *host;
    dnx_batches *batches;
    dnx_lock *lock;
    char *base; /* FOLDER/NAME, the start of the paths of the run's files: see name_files() */
    union {
        struct {
            char *state, *weights, *best, *score, *names, *skipped_file, *csv, *run;
        };
        char *path[DNX_RUN_FILES]; /* the same, in the order of dnx_run_ends */
    };
    dnx_log log;
    dnx_events curves;            /* for -tensorboard */
    dnx_page *page;               /* for -port; else NULL */
    uint64_t batch, last, first;  /* updates done; in all; done before this process */
    uint64_t saved_batch;         /* batch of this process's last checkpoint, or UINT64_MAX */
    double saved, flushed, began; /* when, by dnx_now() */
    double *losses;               /* of this update, for each layer, per image */
    long *used;                   /* of this update, for each layer: triplets or pairs */
    float *statistics;            /* copy of parameters that forward changes: dnx_train_keep() */
    int classifier;               /* the layer whose output gives the accuracy, or -1 */
    dnx_record inputs;            /* everything that the results depend on */
    char *inputs_text;
    dnx_skipped skipped;  /* images and files that were skipped, for NAME.skipped */
    size_t skipped_saved; /* lines in the file; SIZE_MAX: the file is not written yet */
    bool replaces;        /* -force: replaces the files of another run with this name */
    bool keeps_old;       /* renames the files of another run before it writes its own */
    bool is_recorded;     /* -resume: NAME.run says that the run is done */

    dnx_verify *pairs;    /* the pairs to verify; NULL without verification */
    dnx_net *eval;        /* the same network built to predict, for the verification of pairs */
    int feature;          /* layer of the embedding in eval, or -1 */
    double verified;      /* the last result; NAN before it, or when not measurable */
    double best_verified; /* result of NAME-best.weights; -1 without this file */
    uint64_t best_batch;
    int verifications; /* number of verifications by this process */
    bool caught_up;    /* this process has repeated a verification that was interrupted */
    dnx_err late_file, late_best; /* failures that did not end training and are tried again: of the
                                   * log, NAME.run and NAME.skipped; of the verification */

    /* For NAME.run: */
    double loss, accuracy;  /* running means over about 50 updates; NAN without a value */
    double earlier_seconds; /* seconds of training by earlier processes */
    char start[32];         /* when the run began */
};

/* Sends a line to the caller's dnx_train_events.note. */
void dnx_train_note(const dnx_train_job *j, dnx_train_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- open.c ---- */

/* Opens everything except the network: images, weights or checkpoint, pairs, libdarknet, the
 * teachers' cache, log, readers. Writes only NAME.lock and the cache. See dnx_train_run(). */
dnx_status dnx_train_open_rest(dnx_train_job *j, dnx_err *err);

/* ---- place.c ---- */

/* Sets the first update from net->seen: 0, or the update at which the initial weights were saved.
 * DNX_EOPTION when nothing is left to train. -resume of a run that has done all its updates is
 * allowed here, because some of its files may still be missing. */
dnx_status dnx_train_find_place(dnx_train_job *j, dnx_err *err);
/* Fails with DNX_EOPTION, because nothing is left to train. */
dnx_status dnx_train_nothing_left(const dnx_train_job *j, dnx_err *err);
/* Names the files of the run, takes their lock, and checks that they can be written. DNX_EOPTION
 * when the files belong to a run that is not finished or that equals this one, and neither -resume
 * nor -force is given. DNX_EIO when another process holds the lock, or a file cannot be written. */
dnx_status dnx_train_take_files(dnx_train_job *j, dnx_err *err);
/* Loads the checkpoint, to continue its run. DNX_EOPTION when this run has other inputs, or when
 * more batches are done than it should train. DNX_EWEIGHTS, DNX_EIO when the checkpoint cannot be
 * read. */
dnx_status dnx_train_resume(dnx_train_job *j, dnx_err *err);

/* ---- aside.c ---- */

typedef enum { DNX_EARLIER_UNFINISHED, DNX_EARLIER_SAME, DNX_EARLIER_OTHER } dnx_earlier;

/* Finds out which run the files of this name belong to. UNFINISHED: to a run that is not finished,
 * or has no NAME.run. SAME: to a finished run with the inputs, start, pairs and batches of this
 * one. OTHER: to another finished run. */
dnx_earlier dnx_train_earlier(const dnx_train_job *j);
/* Renames these files to NAME.old-N.*, where N is the first free number, and reports it. DNX_EIO
 * when a file could not be renamed; the next call renames the rest. DNX_EMEM. */
dnx_status dnx_train_set_aside(dnx_train_job *j, dnx_err *err);

/* ---- inputs.c ---- */

/* Lists everything that the results of the run depend on in j->inputs and j->inputs_text. DNX_EIO,
 * DNX_EMEM. */
dnx_status dnx_train_list_inputs(dnx_train_job *j, dnx_err *err);
/* Compares the inputs with `was`, the text in the checkpoint, and reports each difference.
 * DNX_EOPTION when there are relevant differences, and -force is not given. */
dnx_status dnx_train_compare(dnx_train_job *j, const char *was, dnx_err *err);
/* Writes NAME.names with the names of the classes, if they have names. DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_save_names(const dnx_train_job *j, dnx_err *err);

/* ---- skipped.c ---- */

/* Adds a line, such as "NAME: skipped: WHY", to the lines for NAME.skipped. */
void dnx_train_skip(dnx_train_job *j, const char *line);
/* For -resume: reads the lines that earlier processes wrote into NAME.skipped. */
void dnx_train_read_skipped(dnx_train_job *j);
/* Writes NAME.skipped if there are new lines. If there are no lines, it removes an old file.
 * DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_save_skipped(dnx_train_job *j, dnx_err *err);

/* ---- checkpoint.c ---- */

/* Saves a checkpoint: the log, NAME.state and NAME.weights, then NAME.skipped and NAME.run. If the
 * log or one of the last two cannot be written, the run continues. DNX_ENUMBER when a parameter is
 * not finite, and nothing was written; DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_save(dnx_train_job *j, dnx_err *err);
/* For -resume of a run whose updates are all done: writes NAME.weights, NAME.names, NAME.skipped
 * and NAME.run, if the last process did not write them. DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_complete(dnx_train_job *j, dnx_err *err);
/* Writes the parameters of the network, or with ema= their average. DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_save_weights(dnx_train_job *j, const char *path, dnx_err *err);
/* dnx_train_keep() copies the parameters that forward changes, the running statistics.
 * dnx_train_put_back() restores them after an update that was interrupted, so that a checkpoint
 * always belongs to the last finished update. */
void dnx_train_keep(dnx_train_job *j);
void dnx_train_put_back(dnx_train_job *j);

/* ---- best.c ---- */

/* Returns the list of pairs or the folder to verify on. NULL when the run does not verify. */
const char *dnx_train_verified_on(const dnx_train_args *a);
/* Reports the best weights and their result. */
void dnx_train_report_best(const dnx_train_job *j);

/* For -resume: finds the score of NAME-best.weights. It reads NAME-best.txt. If this file is
 * missing or belongs to other weights or pairs, it verifies the weights again. DNX_ESTOP when a
 * signal stopped the verification. */
dnx_status dnx_train_find_best(dnx_train_job *j, dnx_err *err);
/* Verifies the pairs with the current parameters. Stores the result in j->verified, and writes
 * NAME-best.weights if no earlier result was better. */
dnx_status dnx_train_verify(dnx_train_job *j, dnx_err *err);

/* ---- run_file.c ---- */

#define DNX_BEST_ON "%s, on which it was chosen" /* the value of "best on" in NAME.run */
/* Writes NAME.run; state: "running", "done", "stopped" or "failed: WHY". */
dnx_status dnx_train_write_run(dnx_train_job *j, const char *state, dnx_err *err);
/* For -resume: reads from NAME.run when the run began, how long it has trained and whether it is
 * done. */
void dnx_train_read_run(dnx_train_job *j);
/* Loads the weights of the command line (start.c), and reports parameters that are missing there.
 * Returns the errors of dnx_bridge_file(). */
dnx_status dnx_train_start(dnx_train_job *j, dnx_err *err);
#endif
