/* list.h - the one reader of lists of images: to train, to validate, to embed.
 *
 * A line has one of these forms. Where it has a tab, tabs separate, so that a path may have spaces:
 *
 *   PATH                      the class is unknown, or that of a label in the path (labels.h)
 *   PATH CLASS                CLASS: a whole number; a space, a tab or a comma before it
 *   CLASS PATH                with a tab
 *   INDEX CLASS PATH          with tabs: MXNet's list, from im2rec
 *   1 PATH CLASS ...          with tabs: InsightFace's .lst; a box and landmarks may follow. 0 for
 *                             1 means that the face is not cut out yet, and is refused
 *
 * Of `a b 007` the last word is a class if the file `a b` exists or `a b 007` does not; if both
 * exist, the line is refused. After a name that ends like an image's (dnx_image_is_named) a number
 * is a class, and the disk is not asked. A path in double quotes may contain commas. A first line
 * such as `path,class` is a header; below `class,path` the class comes first. Windows' back slashes
 * are read as '/', where no file has such a name.
 *
 * Relative paths begin in the folder of the list if the first image that exists lies there, else
 * in the current folder: one of the two, for all lines of a list. */
#ifndef DNX_LIST_H
#define DNX_LIST_H
#include "base/lines.h"
#include "dnx.h"

typedef struct {
    char *path;      /* as listed */
    char *number;    /* private */
    double class_of; /* NaN: the line has none; not checked otherwise */
    int line;
} dnx_listed;

typedef struct {
    dnx_lines lines; /* the paths lie in its text */
    dnx_listed *image;
    size_t n;
    char *base; /* the folder that relative paths begin in, with a '/'; "" the current one */
} dnx_image_list;

/* DNX_EIO; DNX_EPARSE: a line of another form, no text; DNX_EMEM. Free l
 * in any case. */
dnx_status dnx_image_list_open(const char *file, dnx_image_list *l, dnx_err *err);
/* The same of text in memory. */
dnx_status dnx_image_list_copy(const char *text, size_t len, const char *file, dnx_image_list *l,
                               dnx_err *err);
void dnx_image_list_free(dnx_image_list *l);

/* Where image i lies, free() it; NULL: no memory. */
char *dnx_image_list_path(const dnx_image_list *l, size_t i);
/* DNX_EOPTION: two lines give one path different classes. DNX_EMEM. */
dnx_status dnx_image_list_check(const dnx_image_list *l, dnx_err *err);
/* The class of image i, from 0 to classes - 1. DNX_EOPTION: it is none. */
dnx_status dnx_listed_class(const dnx_image_list *l, size_t i, int classes, int *class_of,
                            dnx_err *err);
#endif
