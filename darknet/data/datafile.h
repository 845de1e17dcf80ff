/* datafile.h - the host's .data file: lines key=value, for training, predicting and validating. */
#ifndef DNX_DATAFILE_H
#define DNX_DATAFILE_H
#include "base/lines.h"
#include "dnx.h"
#include "net/cfg.h"

/* eval, map and results are accepted for the host's sake and not used. */
typedef struct {
    int classes, top;                              /* 0 and 1 when absent */
    char *train, *valid, *labels, *names, *backup; /* NULL: absent; backup "backup" */
    char *eval, *map, *results;
    int classes_line, train_line, valid_line, labels_line, names_line; /* 0: absent */
} dnx_data_opts;

/* '#' and ';' start a comment, at the start of a line or behind white space; spaces inside a value
 * stay. DNX_EIO; DNX_EPARSE: a line that is not key=value, no text; DNX_EOPTION: an unknown key,
 * one given twice, a number out of its range; DNX_EMEM. After an error there is nothing to free. */
dnx_status dnx_datafile_read(const char *file, dnx_data_opts *o, dnx_err *err);
/* The same from lines, which stay the caller's. */
dnx_status dnx_datafile_parse(dnx_lines *l, dnx_data_opts *o, dnx_err *err);
/* Writes the number of classes= into the sections of a cfg that say classes=auto, and into
 * *classes, which may be NULL; where no section does, nothing is read. DNX_EOPTION: the file has no
 * classes=; else as dnx_datafile_read. */
dnx_status dnx_datafile_classes(const char *file, dnx_cfg *cfg, int *classes, dnx_err *err);
void dnx_datafile_free(dnx_data_opts *o);
/* The file with the labels of images: labels=, or names= where that is absent, or NULL. */
static inline const char *dnx_datafile_labels(const dnx_data_opts *o) {
    return o->labels ? o->labels : o->names;
}
#endif
