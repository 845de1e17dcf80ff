/* cmd.h - what the verbs of the command share. Only main.c and cmd_*.c print and choose the exit
 * status: 0 done, 1 failed, 2 wrong usage. */
#ifndef DNX_CMD_H
#define DNX_CMD_H
#include "base/clock.h"
#include "cmd/args.h"
#include "net/bridge.h"
#include "net/net.h"

extern const dnx_verb dnx_cmd_check, dnx_cmd_layers, dnx_cmd_bench, dnx_cmd_init,
    dnx_cmd_classifier, dnx_cmd_runs, dnx_cmd_embed, dnx_cmd_compress, dnx_cmd_synth, dnx_cmd_align,
    dnx_cmd_pairs, dnx_cmd_strip, dnx_cmd_partial, dnx_cmd_completion;
extern const dnx_verb dnx_command; /* the command itself: its verbs are all there are */
/* Sub-verbs of `classifier` and `compress`. */
extern const dnx_verb dnx_classifier_train, dnx_classifier_predict, dnx_classifier_valid,
    dnx_classifier_raw, dnx_compress_low_rank, dnx_compress_pack, dnx_compress_unpack;

/* Prints "darknet: TEXT" to stderr, for arguments that do not go together; 2. */
int dnx_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the error to stderr; 1. */
int dnx_report(const dnx_err *err);
/* Reads a cfg and builds it; weights may be NULL. classes: what classes=auto means, 0: not known
 * here, which is an error where the cfg says so. */
dnx_status dnx_open(const char *cfg, const char *weights, int classes, bool trains, int batch,
                    int threads, dnx_net **net, dnx_err *err);
/* The same for a network that predicts and keeps no weights (dnx_build.keeps_no_weights). */
dnx_status dnx_open_to_run(const char *cfg, const char *weights, int classes, int batch,
                           int threads, dnx_net **net, dnx_err *err);
/* Whether a verb may write `path`, asked when it has read its inputs and before its work. DNX_EIO:
 * it cannot be written, is an input, or is there already and `replaces`, the option -force, is
 * false. */
dnx_status dnx_try_output(const char *path, bool replaces, dnx_err *err);
/* The same for weights, which replace nothing but weights. DNX_EIO: also for another file. */
dnx_status dnx_try_weights(const char *path, bool replaces, dnx_err *err);
/* Opens a network to look at it or to run it up to its embedding (dnx_net_embedding): the weights
 * may be of another head, or the cfg or the file may have none, which stderr is told. classes: what
 * classes=auto means; 1 will do where the head does not matter. to_run: as dnx_open_to_run does. */
dnx_status dnx_open_features(const char *cfg, const char *weights, int classes, bool to_run,
                             int batch, int threads, dnx_net **net, dnx_err *err);
/* Prints a bridge's table to stderr. */
void dnx_print_bridge(const dnx_bridge *b);
/* Prints what the cfg says without effect to stderr. */
void dnx_print_notes(const dnx_net *net);
#endif
