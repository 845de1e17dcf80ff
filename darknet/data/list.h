/* list.h - reads lists of images, for training, validation and embedding.
 *
 * A line has one of these forms. When a line has a tab, only tabs separate its fields, so the path
 * may contain spaces:
 *
 *   PATH                      without a class; labels.h may find the class in the path
 *   PATH CLASS                CLASS is a whole number after a space, a tab or a comma
 *   CLASS PATH                with a tab
 *   INDEX CLASS PATH          with tabs: MXNet's list, from im2rec
 *   1 PATH CLASS ...          with tabs: InsightFace's .lst; a box and landmarks may follow
 *   0 PATH CLASS ...          is refused: in a .lst, 0 means that the face is not cropped yet
 *
 * In `a b 007`, 007 is a class unless the file `a b 007` exists. In `a.jpg 007`, it is always a
 * class. A path in double quotes may contain commas. A first line such as `path,class` or
 * `class,path` is a header. Backslashes of a path from Windows become '/'.
 *
 * All relative paths of a list start in one folder. This is the folder of the list if the first
 * image that is found lies there, else the current folder. */
#ifndef DNX_LIST_H
#define DNX_LIST_H
#include "base/lines.h"
#include "dnx.h"

typedef struct {
    char *path;
    char *number;    /* the number at the end of the line: list.c decides whether it is the class */
    double class_of; /* not checked yet; NaN when the line has no class */
    int line;
} dnx_listed;

typedef struct {
    dnx_lines lines; /* owns the text of the paths */
    dnx_listed *image;
    size_t n;
    char *base; /* the folder of relative paths, with '/' at its end; "": the current folder */
} dnx_image_list;

/* Reads a list. Errors: DNX_EIO, DNX_EMEM; DNX_EPARSE for a wrong line. Free l, also after an
 * error. */
dnx_status dnx_image_list_open(const char *file, dnx_image_list *l, dnx_err *err);
/* Like dnx_image_list_open(), but the list is in memory: copies the len bytes of `text`. `file` is
 * the list's name, for messages and for the folder of relative paths. */
dnx_status dnx_image_list_copy(const char *text, size_t len, const char *file, dnx_image_list *l,
                               dnx_err *err);
void dnx_image_list_free(dnx_image_list *l);

/* Returns the path of image i; free() it. NULL when memory runs out. */
char *dnx_image_list_path(const dnx_image_list *l, size_t i);
/* Checks that no two lines give one path different classes. Errors: DNX_EOPTION, DNX_EMEM. */
dnx_status dnx_image_list_check(const dnx_image_list *l, dnx_err *err);
/* Stores the class of image i. Returns DNX_EOPTION unless the line has a class from 0 to
 * classes - 1. */
dnx_status dnx_listed_class(const dnx_image_list *l, size_t i, int classes, int *class_of,
                            dnx_err *err);
#endif
