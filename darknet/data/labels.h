/* labels.h - the host's way to label images: the class is that of the label in the path. */
#ifndef DNX_LABELS_H
#define DNX_LABELS_H
#include "base/lines.h"
#include "dnx.h"

typedef struct {
    dnx_lines lines; /* the labels lie in its text */
    char **label;    /* class c is label[c] */
    int *order;          /* the classes, sorted by label */
    int first[257];      /* order[first[b]..first[b+1]-1] are the labels that start with byte b */
    int n;
} dnx_labels;

/* The first `most` lines of file that are not blank. DNX_EIO, DNX_EPARSE, DNX_EMEM. Free it in
 * any case. */
dnx_status dnx_labels_read(const char *file, int most, dnx_labels *l, dnx_err *err);
void dnx_labels_free(dnx_labels *l);

/* The classes whose labels path contains anywhere: returns 0, 1, or 2 for two and more; the lowest
 * two go to found. */
int dnx_labels_find(const dnx_labels *l, const char *path, int found[2]);
/* The class of the one label in a path that stands at `at`. DNX_EOPTION: none or two, or l is
 * empty. */
dnx_status dnx_labels_class(const dnx_labels *l, const char *path, dnx_loc at, int *class_of,
                            dnx_err *err);
#endif
