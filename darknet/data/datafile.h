/* datafile.h - the .data file of libdarknet: lines key=value. */
#ifndef DNX_DATAFILE_H
#define DNX_DATAFILE_H
#include "base/lines.h"
#include "dnx.h"
#include "net/cfg.h"

/* eval, map and results are options of libdarknet: they are accepted and have no effect. */
typedef struct {
    int classes, top;                              /* when absent: classes = 0, top = 1 */
    char *train, *valid, *labels, *names, *backup; /* when absent: NULL, but backup = "backup" */
    char *eval, *map, *results;
    int classes_line, train_line, valid_line, labels_line, names_line; /* 0 when absent */
} dnx_data_opts;

/* Reads a .data file. '#' and ';' start a comment, at the start of a line or after white space.
 * Errors: DNX_EPARSE, DNX_EOPTION, DNX_EIO, DNX_EMEM. After an error there is nothing to free. */
dnx_status dnx_datafile_read(const char *file, dnx_data_opts *o, dnx_err *err);
/* Like dnx_datafile_read(), from lines that the caller opened and frees. */
dnx_status dnx_datafile_parse(dnx_lines *l, dnx_data_opts *o, dnx_err *err);
/* Like dnx_cfg_read(path), but replaces classes=auto by classes= of the .data file. Returns
 * DNX_EOPTION when the cfg has classes=auto and the .data file has no classes=. */
dnx_status dnx_datafile_cfg(const char *file, const char *path, dnx_cfg **out, dnx_err *err);
void dnx_datafile_free(dnx_data_opts *o);
/* Returns the value of labels= or, without it, of names=; NULL without both. */
static inline const char *dnx_datafile_labels(const dnx_data_opts *o) {
    return o->labels ? o->labels : o->names;
}
#endif
