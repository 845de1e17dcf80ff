/* list.h - reads lists of images, for training, validating and embedding.
 *
 * A line has one of these forms. In a line with a tab, only tabs separate, so a path may have
 * spaces:
 *
 *   PATH                      without a class; labels.h may find it in the path
 *   PATH CLASS                CLASS is a whole number after a space, a tab or a comma
 *   CLASS PATH                with a tab
 *   INDEX CLASS PATH          with tabs: MXNet's list, from im2rec
 *   1 PATH CLASS ...          with tabs: InsightFace's .lst; a box and landmarks may follow. With 0
 *                             instead of 1 the face is not cut out yet, and the line is refused
 *
 * The last word of `a b 007` is a class if the file `a b` exists or `a b 007` does not; if both
 * exist, the line is refused. After a name that ends like an image's (dnx_image_is_named) a number
 * is always a class. A path in double quotes may contain commas. A first line such as `path,class`
 * is a header; after `class,path` the class comes first. Backslashes of Windows are read as '/',
 * unless a file has such a name.
 *
 * Relative paths start in the folder of the list if the first image that exists is there, else in
 * the current folder. This holds for all lines of a list. */
#ifndef DNX_LIST_H
#define DNX_LIST_H
#include "base/lines.h"
#include "dnx.h"

typedef struct {
    char *path;      /* as listed */
    char *number;    /* used only by list.c */
    double class_of; /* as written; NaN when the line has none */
    int line;
} dnx_listed;

typedef struct {
    dnx_lines lines; /* owns the text of the paths */
    dnx_listed *image;
    size_t n;
    char *base; /* the folder of relative paths, ending in '/'; "": the current */
} dnx_image_list;

/* Reads a list. DNX_EIO. DNX_EPARSE when a line has another form, or the file is not text.
 * DNX_EMEM. Free l in any case. */
dnx_status dnx_image_list_open(const char *file, dnx_image_list *l, dnx_err *err);
/* Reads a list from memory; l gets its own copy of the text. */
dnx_status dnx_image_list_copy(const char *text, size_t len, const char *file, dnx_image_list *l,
                               dnx_err *err);
void dnx_image_list_free(dnx_image_list *l);

/* Returns the path of image i; free() it. NULL when memory runs out. */
char *dnx_image_list_path(const dnx_image_list *l, size_t i);
/* DNX_EOPTION when two lines give one path different classes. DNX_EMEM. */
dnx_status dnx_image_list_check(const dnx_image_list *l, dnx_err *err);
/* Stores the class of image i, 0 to classes - 1. DNX_EOPTION when the line has no such class. */
dnx_status dnx_listed_class(const dnx_image_list *l, size_t i, int classes, int *class_of,
                            dnx_err *err);
#endif
