/* found.h - the record of a folder of photographs: which have been looked at, and the faces found.
 * It is written while the work goes on, so that an interrupted run continues. Text:
 *
 *   darknet faces 1 OPTIONS
 *   N PATH                                  N faces were taken of the photograph
 *   x1 y1 x2 y2 score x y x y x y x y x y   a line for each: box, then five points; pixels
 *
 * A line without its end, or a photograph without all its faces, is what a killed process left: it
 * does not count. */
#ifndef DNX_FOUND_H
#define DNX_FOUND_H
#include <stdio.h>

#include "face/mtcnn.h"

typedef struct {
    char *path;
    size_t first, n; /* its faces */
} dnx_found_photo;

typedef struct {
    char options[200]; /* of its first line; "": there is no record */
    dnx_found_photo *photo;
    size_t n, capacity;
    dnx_found *face;
    size_t faces, face_capacity;
    size_t bytes;      /* of the text that counts */
} dnx_found_list;

/* Reads the text, len bytes and a NUL. DNX_EPARSE: it is no such record; DNX_EMEM. Free l in any
 * case. */
dnx_status dnx_found_parse(const char *text, size_t len, const char *file, dnx_found_list *l,
                           dnx_err *err);
/* Adds a photograph with n faces. DNX_EMEM. */
dnx_status dnx_found_add(dnx_found_list *l, const char *path, const dnx_found *faces, size_t n,
                         dnx_err *err);
/* Sorts the photographs by path, for dnx_found_get. */
void dnx_found_sort(dnx_found_list *l);
/* NULL: that photograph is not there. */
const dnx_found_photo *dnx_found_get(const dnx_found_list *l, const char *path);
void dnx_found_free(dnx_found_list *l);

/* Whether a path can stand in the record, and in the files that `darknet align` reads. NULL: yes;
 * else why not, a constant. */
const char *dnx_found_refuses(const char *path);
/* Prints one photograph as the record has it; or, for_align, as a line for each face in the form
 * "mtcnn" of landmarks.h. */
void dnx_found_print(FILE *f, const char *path, const dnx_found *faces, size_t n, bool for_align);
#endif
