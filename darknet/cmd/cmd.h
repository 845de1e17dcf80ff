/* cmd.h - functions that several verbs of the command use. Only files of this folder print and
 * choose the exit status: 0 done, 1 failed, 2 wrong usage. */
#ifndef DNX_CMD_H
#define DNX_CMD_H
#include "base/clock.h"
#include "cmd/args.h"
#include "net/bridge.h"
#include "net/net.h"

extern const dnx_verb dnx_cmd_check, dnx_cmd_layers, dnx_cmd_bench, dnx_cmd_init,
    dnx_cmd_classifier, dnx_cmd_runs, dnx_cmd_embed, dnx_cmd_compress, dnx_cmd_synth, dnx_cmd_align,
    dnx_cmd_faces, dnx_cmd_compare, dnx_cmd_find, dnx_cmd_pairs, dnx_cmd_strip, dnx_cmd_partial,
    dnx_cmd_completion, dnx_cmd_gpus, dnx_cmd_cluster;
extern const dnx_verb dnx_command;
extern const dnx_verb dnx_classifier_train, dnx_classifier_predict, dnx_classifier_valid,
    dnx_classifier_raw, dnx_compress_low_rank, dnx_compress_pack, dnx_compress_unpack;

/* Removes -gpu N, -nogpu and -precision WORD from the words before "--", and stores their values
 * for dnx_where_to_run(). Returns 0, or 2 after a message about a wrong value. */
int dnx_take_gpu_options(int *argc, char **argv);
/* Opens the GPU that this command uses, and prints its name to stderr. *out becomes NULL when the
 * network is to run on the processor. Fails when the GPU of -gpu N cannot be used. */
dnx_status dnx_where_to_run(const dnx_placement **out, dnx_err *err);
/* Options of dnx_open(). The first of these numbers that is known replaces classes=auto in the cfg:
 * the number in `data`, `classes` above 1, the number in the weights file, `classes`. */
typedef struct {
    const char *cfg, *weights; /* weights may be NULL */
    int classes;               /* 0: fails when no file gives the number */
    int batch, threads;        /* 0 means the default of dnx_build */
    bool trains;
    bool to_run;   /* the network runs where -gpu says, and may free its weights */
    bool is_blank; /* the network never runs; its weights need no values */
    const char *data,
        *classes_of; /* a .data file and a weights file with the number of classes; or NULL */
} dnx_opening;
/* Reads a cfg, builds the network and loads its weights. *net, which the caller frees, becomes NULL
 * after an error. */
dnx_status dnx_open(const dnx_opening *o, dnx_net **net, dnx_err *err);
/* Reads the cfg, and replaces classes=auto by a number. The caller frees *cfg. */
dnx_status dnx_open_cfg(const dnx_opening *o, dnx_cfg **cfg, dnx_err *err);
/* Checks that a verb may write `path`. Returns DNX_EIO when the file cannot be written, is an input
 * or, unless `replaces` (-force), has content. Call it after reading the inputs and before the
 * work. */
dnx_status dnx_try_output(const char *path, bool replaces, dnx_err *err);
/* Returns DNX_EIO when `path` names the same file as one of n other paths, which may be NULL. */
dnx_status dnx_try_another(const char *path, const char *const *paths, int n, dnx_err *err);
/* Like dnx_try_output(). Also returns DNX_EIO when the old file is not a weights file. */
dnx_status dnx_try_weights(const char *path, bool replaces, dnx_err *err);
/* Writes `text` to the file `cfg`, and the parameters of net to the file `weights`. After an error
 * both old files are unchanged, unless renaming the new cfg fails. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_save_network(const char *cfg, const char *text, dnx_net *net, const char *weights,
                            dnx_err *err);
/* Opens a network to use it up to its embedding. Later layers of the cfg and of the weights may
 * differ or be missing; a line on stderr then says so. Set o->classes to 1 when only the features
 * matter. */
dnx_status dnx_open_features(const dnx_opening *o, dnx_net **net, dnx_err *err);
/* A callback for dnx_data_open(). Prints "PATH: skipped: WHY" to stderr. */
void dnx_print_skipped(void *arg, const char *path, const char *why);
/* Returns DNX_ESHAPE when the network's input does not have 1 or 3 channels, as images have. */
dnx_status dnx_takes_images(const dnx_net *net, dnx_err *err);
/* Returns `asked`, the number after -threads. When `asked` is 0, returns the number of cores, at
 * most 64. */
int dnx_threads(int asked);
/* Print a string, or its first n bytes, as a JSON string in quotes. NULL is printed as null. A byte
 * XX that is not UTF-8 (old names of files) becomes \udcXX: Python's os.fsencode() restores it. */
void dnx_json_text(const char *text);
void dnx_json_part(const char *text, size_t n);
/* Prints a table to stderr: which layers a bridge (net/bridge.h) has copied. */
void dnx_print_bridge(const dnx_bridge *b);
/* Prints the notes about options of the cfg that may be mistakes to stderr, each on a line. */
void dnx_print_notes(const dnx_net *net);
#endif
