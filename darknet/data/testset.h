/* testset.h - what `classifier predict` and `valid` read of a .data file. */
#ifndef DNX_TESTSET_H
#define DNX_TESTSET_H
#include "dnx.h"
#include "data/labels.h"

typedef struct {
    char *file, *text;                   /* the .data file; the words below lie in it */
    const char *valid, *labels, *names;  /* NULL when absent */
    int classes, top;                    /* the host's defaults: 2 and 1 */
    char *list;                          /* the text of `valid`; the paths lie in it */
    const char **path;
    int *class_of;
    size_t n;
} dnx_testset;

/* Reads classes, top, valid, labels and names; the trainer's keys are the trainer's to check.
 * DNX_EIO, DNX_EPARSE, DNX_EOPTION, DNX_EMEM. Free t in any case. */
dnx_status dnx_testset_read(const char *file, dnx_testset *t, dnx_err *err);
/* Reads the list `valid`: a line `path class` or `path` for each image. In the second form the
 * class is that of the one line of `labels` that the path contains. */
dnx_status dnx_testset_list(dnx_testset *t, dnx_err *err);
/* The names of the classes: `names`, or `labels` where there are none; as many as `classes`. */
dnx_status dnx_testset_names(const dnx_testset *t, int classes, dnx_labels *names, dnx_err *err);
void dnx_testset_free(dnx_testset *t);
#endif
