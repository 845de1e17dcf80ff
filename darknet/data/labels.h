/* labels.h - finds the class of an image as libdarknet does: by the label in the image's path. */
#ifndef DNX_LABELS_H
#define DNX_LABELS_H
#include "base/lines.h"
#include "dnx.h"

typedef struct {
    dnx_lines lines; /* owns the text of the labels */
    char **label;
    int *order;     /* the classes, sorted by label */
    int first[257]; /* labels of classes order[first[b]..first[b+1]-1] start with byte b */
    int n;
} dnx_labels;

/* Reads the labels of classes 0, 1, ..., at most `most` of them. The file has a label on each line;
 * blank lines do not count. *l must be zeroed. Errors: DNX_EIO, DNX_EPARSE, DNX_EMEM. Free l, also
 * after an error. */
dnx_status dnx_labels_read(const char *file, int most, dnx_labels *l, dnx_err *err);
void dnx_labels_free(dnx_labels *l);

/* Finds the classes whose labels occur anywhere in the path. Returns their number, at most 2, and
 * stores the lowest two in `found`, in rising order. Unused elements are -1. */
int dnx_labels_find(const dnx_labels *l, const char *path, int found[2]);
/* Stores the class whose label occurs in the path. Returns DNX_EOPTION unless exactly one label
 * occurs. */
dnx_status dnx_labels_class(const dnx_labels *l, const char *path, dnx_loc at, int *class_of,
                            dnx_err *err);
#endif
