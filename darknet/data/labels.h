/* labels.h - classes of images in libdarknet's way: an image has the class whose label occurs in
 * its path. */
#ifndef DNX_LABELS_H
#define DNX_LABELS_H
#include "base/lines.h"
#include "dnx.h"

typedef struct {
    dnx_lines lines; /* owns the text of the labels */
    char **label;    /* class c is label[c] */
    int *order;      /* the classes, sorted by label */
    int first[257];  /* order[first[b]..first[b+1]-1] are the labels that start with byte b */
    int n;
} dnx_labels;

/* Reads the first `most` lines of the file that are not blank. DNX_EIO, DNX_EPARSE, DNX_EMEM. Free
 * l in any case. */
dnx_status dnx_labels_read(const char *file, int most, dnx_labels *l, dnx_err *err);
void dnx_labels_free(dnx_labels *l);

/* Finds the labels that occur anywhere in the path. Returns their number, but at most 2. `found`
 * gets the two lowest of their classes. */
int dnx_labels_find(const dnx_labels *l, const char *path, int found[2]);
/* Finds the class whose label occurs in the path. `at` is the path's place in a list, for messages.
 * DNX_EOPTION when no label or more than one occurs, or l is empty. */
dnx_status dnx_labels_class(const dnx_labels *l, const char *path, dnx_loc at, int *class_of,
                            dnx_err *err);
#endif
