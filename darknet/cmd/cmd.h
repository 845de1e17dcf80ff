/* cmd.h - what the verbs of the command share. Only main.c and cmd_*.c print and choose the exit
 * status: 0 done, 1 failed, 2 wrong usage. */
#ifndef DNX_CMD_H
#define DNX_CMD_H
#include "net/net.h"

typedef struct {
    const char *name, *usage, *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the verb */
} dnx_verb;

extern const dnx_verb dnx_cmd_check, dnx_cmd_layers, dnx_cmd_bench, dnx_cmd_init,
    dnx_cmd_classifier, dnx_cmd_embed, dnx_cmd_compress, dnx_cmd_synth, dnx_cmd_align;

/* The verb `classifier train`; argv[0] is "train". */
int dnx_classifier_train(int argc, char **argv);
/* The verbs `classifier predict` and `valid`; argv[0] is "predict" or "valid". */
int dnx_classifier_predict(int argc, char **argv);
int dnx_classifier_valid(int argc, char **argv);

/* Sub-verbs of `compress`; argv[0] is theirs. */
int dnx_compress_low_rank(int argc, char **argv);
int dnx_compress_pack(int argc, char **argv);
int dnx_compress_unpack(int argc, char **argv);

/* Takes "-name value" out of argv and returns the value, or `none`. */
const char *dnx_take(int *argc, char **argv, const char *name, const char *none);
/* The same for a whole number in [lo, hi]; exits the verb with -1 by *ok = false and a message. */
int dnx_take_int(int *argc, char **argv, const char *name, int none, int lo, int hi, bool *ok);
/* Takes "-name" and says whether it was there. */
bool dnx_take_flag(int *argc, char **argv, const char *name);
/* Prints the usage line to stderr; 2. */
int dnx_usage(const dnx_verb *v);
/* Prints the error to stderr; 1. */
int dnx_report(const dnx_err *err);
/* Reads a cfg and builds it; weights may be NULL. */
dnx_status dnx_open(const char *cfg, const char *weights, bool trains, int batch, int threads,
                    dnx_net **net, dnx_err *err);
/* The same by dnx_net_build_to_run(). */
dnx_status dnx_open_to_run(const char *cfg, const char *weights, int batch, int threads,
                           dnx_net **net, dnx_err *err);
double dnx_now(void); /* seconds */
#endif
