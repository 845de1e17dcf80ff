/* datafile.h - the .data file of libdarknet: lines key=value, for training, predicting and
 * validating. */
#ifndef DNX_DATAFILE_H
#define DNX_DATAFILE_H
#include "base/lines.h"
#include "dnx.h"
#include "net/cfg.h"

/* eval, map and results are accepted, because files for libdarknet have them; they have no
 * effect. */
typedef struct {
    int classes, top;                              /* 0 and 1 when absent */
    char *train, *valid, *labels, *names, *backup; /* NULL when absent; backup is then "backup" */
    char *eval, *map, *results;
    int classes_line, train_line, valid_line, labels_line, names_line; /* 0 when absent */
} dnx_data_opts;

/* '#' and ';' start a comment, at the start of a line or after white space; a value may contain
 * spaces. DNX_EIO. DNX_EPARSE when a line is not key=value, or the file is not text. DNX_EOPTION
 * for an unknown or repeated key, or a number out of range. DNX_EMEM. After an error there is
 * nothing to free. */
dnx_status dnx_datafile_read(const char *file, dnx_data_opts *o, dnx_err *err);
/* Reads from lines, which remain the caller's. */
dnx_status dnx_datafile_parse(dnx_lines *l, dnx_data_opts *o, dnx_err *err);
/* Reads a cfg, with the number of classes= of the .data file in place of classes=auto. Reads no
 * .data file when no section has classes=auto. DNX_EOPTION when it has no classes=; the errors of
 * both readers. */
dnx_status dnx_datafile_cfg(const char *file, const char *path, dnx_cfg **out, dnx_err *err);
void dnx_datafile_free(dnx_data_opts *o);
/* Returns the name of the file of labels: labels=, else names=, else NULL. */
static inline const char *dnx_datafile_labels(const dnx_data_opts *o) {
    return o->labels ? o->labels : o->names;
}
#endif
