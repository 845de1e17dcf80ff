/* testset.h - the entries of a .data file that `classifier predict` and `valid` read. */
#ifndef DNX_TESTSET_H
#define DNX_TESTSET_H
#include "data/datafile.h"
#include "data/labels.h"

typedef struct {
    char *file; /* the path of the .data file */
    dnx_data_opts o;
    char **path; /* paths of the images of valid= */
    int *class_of;
    size_t n;
} dnx_testset;

/* Errors: those of dnx_datafile_read(). Free t in any case. */
dnx_status dnx_testset_read(const char *file, dnx_testset *t, dnx_err *err);
/* Reads the list valid= (list.h); its classes are below classes=. A line without a class gets the
 * class whose label (labels=) occurs in its path. DNX_EOPTION also when classes= or valid= is
 * missing. */
dnx_status dnx_testset_list(dnx_testset *t, dnx_err *err);
/* Reads the names of `classes` classes from `file`; when that is NULL, from names= or labels= of
 * the data file. DNX_EOPTION when there are no names, or too few. */
dnx_status dnx_testset_names(const dnx_testset *t, const char *file, int classes, dnx_labels *names,
                             dnx_err *err);
void dnx_testset_free(dnx_testset *t);
#endif
