/* train.h - the parts of `classifier train`: the command line (cmd/cmd_train.c), what a run
 * opens (open.c), its checkpoints (checkpoint.c), the loop (loop.c). */
#ifndef DNX_CMD_TRAIN_H
#define DNX_CMD_TRAIN_H
#include "cmd/cmd.h"
#include "data/data.h"
#include "data/batches.h"
#include "host/loop.h"
#include "train/log.h"
#include "net/state.h"
#include "face/verify.h"

typedef struct {
    const char *data, *cfg, *weights, *pairs, *faces, *teacher, *teacher_weights, *cache, *name;
    const char *out;
    int threads, seed, batches, every, verify;
    bool clear, resume, force, from_backbone;
} dnx_train_args;

typedef struct {
    dnx_train_args a;
    dnx_net *net;
    dnx_data *data;
    dnx_host *host;
    dnx_batches *feed;
    dnx_run run;
    char *weights, *state, *best; /* paths */
    dnx_log log;
    uint64_t batch, last, first; /* updates done; to do; done when this process began */
    double saved, shown, began;  /* times */
    double *losses;              /* by layer, per image, of this update */
    int classifier;              /* the layer whose output tells whether the class is right; -1 */
    dnx_verify *pairs;
    dnx_net *eval;  /* the same network, predicting: what pairs are verified with */
    int feature;    /* its layer; -1: none before the first loss */
    double lfw;     /* of the last verification; NAN: none yet */
    bool is_terminal, is_saved;  /* is_saved: there is a checkpoint of this run */
} dnx_train_job;

/* Trains by these arguments, which go together; the exit status. */
int dnx_train(const dnx_train_args *a);
/* 0; the exit status, with a message, for arguments that the network, built by now, has no use
 * for. */
int dnx_train_check_args(const dnx_train_job *j);

/* Builds the network, and with -pairs its predicting twin. The errors of dnx_net_build. */
dnx_status dnx_train_open_net(dnx_train_job *j, dnx_err *err);
/* Opens all the rest: the images, the weights or the checkpoint to go on from, the host, the
 * teachers' cache, the log, the readers. The errors of those; DNX_EOPTION, DNX_ESHAPE: the network
 * cannot be trained on these images. */
dnx_status dnx_train_open(dnx_train_job *j, dnx_err *err);
/* Closes what is open, also of a job that failed halfway. DNX_EIO: the log cannot be written. */
dnx_status dnx_train_close(dnx_train_job *j, dnx_err *err);

/* A checkpoint: the log up to here, NAME.state, NAME.weights. DNX_ENUMBER: a parameter is not
 * finite, and nothing was written; DNX_EIO. */
dnx_status dnx_train_save(dnx_train_job *j, dnx_err *err);
/* Verifies the pairs with the parameters as they are; j->lfw gets the accuracy, NAME-best.weights
 * the parameters when there was none better. */
dnx_status dnx_train_verify(dnx_train_job *j, dnx_err *err);
#endif
