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
extern const char *const dnx_run_ends[DNX_RUN_FILES]; /* ".state", ".weights" and so on */

struct dnx_train_job {
    const dnx_train_args *a;
    const dnx_train_events *events;
    dnx_net *net;
    dnx_data *data;
    dnx_host *host;
    dnx_batches *batches;
    dnx_lock *lock;
    char *base; /* FOLDER/NAME, the start of the paths below */
    union {
        struct {
            char *state, *weights, *best, *score, *names, *skipped_file, *csv, *run;
        };
        char *path[DNX_RUN_FILES]; /* the same paths, in the order of dnx_run_ends */
    };
    dnx_log log;
    dnx_events curves; /* the curves of -tensorboard */
    dnx_page *page;    /* the page of -port, or NULL */
    /* Numbers of updates. batch: updates done so far; last: updates of the whole run; first:
     * updates done before this process began. */
    uint64_t batch, last, first;
    uint64_t saved_batch; /* batch of this process's last checkpoint, or UINT64_MAX */
    /* Times by dnx_now(): of the last checkpoint, of the log's last flush, of the loop's start. */
    double saved, flushed, began;
    double *losses;    /* this update's loss of each layer, per image */
    long *used;        /* triplets or pairs that each layer used in this update */
    float *statistics; /* copy of untrained parameters: see dnx_train_keep() */
    int classifier;    /* the layer whose output gives the accuracy, or -1 */
    dnx_record inputs; /* everything that the results depend on */
    char *inputs_text;
    dnx_skipped skipped;  /* lines for NAME.skipped */
    size_t skipped_saved; /* lines in NAME.skipped; SIZE_MAX before it is written */
    bool replaces;        /* with -force: this run replaces the files of another run of this name */
    bool keeps_old;       /* this run must rename the files of another run before it writes */
    bool is_recorded;     /* with -resume: NAME.run says that the run is done */

    dnx_verify *pairs; /* the pairs to verify; NULL without verification */
    dnx_net *eval;     /* the network, built to predict, for the verification */
    int feature;       /* layer of the embedding in eval, or -1 */
    double verified; /* result of the last verification; NAN before the first verification, or when
                      * it gave no result */
    double best_verified; /* result of NAME-best.weights; -1 when unknown */
    uint64_t best_batch;
    int verifications;
    bool caught_up; /* this process has repeated a verification that was interrupted */
    /* Failures that do not end the training. late_file: the last checkpoint lacks a file beside
     * NAME.state and NAME.weights; late_best: the last verification failed. */
    dnx_err late_file, late_best;

    /* For NAME.run: */
    double loss, accuracy;  /* running means over about 50 updates; NAN without a value */
    double earlier_seconds; /* time that earlier processes of this run have trained */
    char start[32];
    char *begun_from;   /* the weights file that the run began from, or NULL */
    char begun_sum[17]; /* checksum of the parameters and of net->seen when the run began */
};

/* Passes a message, in printf's format, to events->note. */
void dnx_train_note(const dnx_train_job *j, dnx_train_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- open.c ---- */

/* Opens everything that the run needs except the network, which dnx_train_open() has built. Returns
 * the errors of everything that is opened. */
dnx_status dnx_train_open_rest(dnx_train_job *j, dnx_err *err);

/* ---- place.c ---- */

/* Sets j->first, j->batch and j->last. Returns DNX_EOPTION when no update is left; with -resume,
 * only when more updates are done than j->last. */
dnx_status dnx_train_find_place(dnx_train_job *j, dnx_err *err);
/* Returns DNX_EOPTION with the message that nothing is left to train. */
dnx_status dnx_train_nothing_left(const dnx_train_job *j, dnx_err *err);
/* Names and locks the files of the run, and checks that they can be written. Returns DNX_EOPTION
 * when they belong to a run that must not be replaced; DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_take_files(dnx_train_job *j, dnx_err *err);
/* Loads the checkpoint, to continue its run. Returns DNX_EOPTION when, without -force, the inputs
 * differ from those in the checkpoint, or when the checkpoint has more updates than j->last;
 * DNX_EWEIGHTS, DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_resume(dnx_train_job *j, dnx_err *err);

/* ---- aside.c ---- */

typedef enum { DNX_EARLIER_UNFINISHED, DNX_EARLIER_SAME, DNX_EARLIER_OTHER } dnx_earlier;

/* Tells which run wrote the existing files of this name. UNFINISHED: a run that is not done; SAME:
 * a finished run with the inputs of this run; OTHER: a finished run with other inputs. */
dnx_earlier dnx_train_earlier(const dnx_train_job *j);
/* Renames the files of the earlier run to NAME.old-N.*. After an error, the next call continues. */
dnx_status dnx_train_set_aside(dnx_train_job *j, dnx_err *err);

/* ---- inputs.c ---- */

/* Fills j->inputs and j->inputs_text with everything that the results of the run depend on. */
dnx_status dnx_train_list_inputs(dnx_train_job *j, dnx_err *err);
/* Compares the inputs with `was`, the text in the checkpoint, and reports each difference. Returns
 * DNX_EOPTION when, without -force, entries differ that are not remarks (record.h); DNX_EMEM. */
dnx_status dnx_train_compare(dnx_train_job *j, const char *was, dnx_err *err);
/* Writes the names of the classes to NAME.names, if they have names. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_save_names(const dnx_train_job *j, dnx_err *err);

/* ---- skipped.c ---- */

/* Adds a line, such as "FILE: skipped: WHY", to the lines of NAME.skipped, unless it is known. */
void dnx_train_skip(dnx_train_job *j, const char *line);
/* For -resume: reads the lines that earlier processes wrote into NAME.skipped. */
void dnx_train_read_skipped(dnx_train_job *j);
/* Writes NAME.skipped, or removes it if there are no lines. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_save_skipped(dnx_train_job *j, dnx_err *err);

/* ---- checkpoint.c ---- */

/* Saves a checkpoint and the other files of the run. Returns DNX_ENUMBER, and writes nothing, when
 * a parameter is not finite. Returns an error when NAME.state or NAME.weights cannot be written.
 * Other failures are only reported and stored in j->late_file. */
dnx_status dnx_train_save(dnx_train_job *j, dnx_err *err);
/* For -resume of a run whose updates are all done: writes files that the last process did not
 * write. Errors are returned or stored as in dnx_train_save(). */
dnx_status dnx_train_complete(dnx_train_job *j, dnx_err *err);
/* Writes the parameters of the network, or with ema= their average. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_train_save_weights(dnx_train_job *j, const char *path, dnx_err *err);
/* Copies the untrained parameters, which the forward pass changes, to j->statistics. With `back`,
 * copies them from j->statistics back to the network, after an update that was interrupted. */
void dnx_train_keep(dnx_train_job *j, bool back);

/* ---- best.c ---- */

/* Returns the list of pairs or the folder to verify on, or NULL when the run does not verify. */
const char *dnx_train_verified_on(const dnx_train_args *a);
/* Stores in `out` a checksum of the options that choose the best weights: the pairs or people,
 * their folder, the judge, the distractors and -verify; "" when the run does not verify. */
void dnx_train_verified_sum(const dnx_train_job *j, char out[17]);
/* Reports the batch and the result of the best weights. Call it only when the run verifies. */
void dnx_train_report_best(const dnx_train_job *j);

/* For -resume: sets j->best_verified and j->best_batch from NAME-best.txt. If this file does not
 * belong to NAME-best.weights and the current pairs, verifies these weights again instead. The only
 * error is DNX_ESTOP: when the weights cannot be verified, warns and returns DNX_OK. */
dnx_status dnx_train_find_best(dnx_train_job *j, dnx_err *err);
/* Verifies the current parameters, or with ema= their average. Stores the result in j->verified.
 * Writes NAME-best.weights and NAME-best.txt if the result is the best so far. */
dnx_status dnx_train_verify(dnx_train_job *j, dnx_err *err);

/* ---- run_file.c ---- */

#define DNX_BEST_ON "%s, on which it was chosen" /* the value of "best on" in NAME.run */
/* Writes NAME.run, after a checkpoint. state: "running", "done", "stopped" or "failed: WHY". */
dnx_status dnx_train_write_run(dnx_train_job *j, const char *state, dnx_err *err);
/* For -resume: reads from NAME.run what the next NAME.run needs, and j->is_recorded. */
void dnx_train_read_run(dnx_train_job *j);
/* Loads the weights file of the command line (start.c). */
dnx_status dnx_train_start(dnx_train_job *j, dnx_err *err);
/* Stores in j->begun_from and j->begun_sum what the run begins from. Do not call it with -resume:
 * dnx_train_read_run() reads both from NAME.run. Error: DNX_EMEM. */
dnx_status dnx_train_note_begin(dnx_train_job *j, dnx_err *err);
#endif
