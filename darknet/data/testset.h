/* testset.h - what `classifier predict` and `valid` read of a .data file. */
#ifndef DNX_TESTSET_H
#define DNX_TESTSET_H
#include "data/datafile.h"
#include "data/labels.h"

typedef struct {
    char *file; /* the .data file */
    dnx_data_opts o;
    char **path; /* of the images of `valid` */
    int *class_of;
    size_t n;
} dnx_testset;

/* The errors of dnx_datafile_read. Free t in any case. */
dnx_status dnx_testset_read(const char *file, dnx_testset *t, dnx_err *err);
/* Reads the list `valid` (list.h), whose classes are below `classes`. A line without a class has
 * that of the one line of `labels` that the path contains. DNX_EOPTION: also without classes= or
 * valid=. */
dnx_status dnx_testset_list(dnx_testset *t, dnx_err *err);
/* The names of the classes, as many as `classes`: of `file`, or where that is NULL those of the
 * data file's names=, or labels=. DNX_EOPTION: none, or too few. */
dnx_status dnx_testset_names(const dnx_testset *t, const char *file, int classes,
                             dnx_labels *names, dnx_err *err);
void dnx_testset_free(dnx_testset *t);
#endif
