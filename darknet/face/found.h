/* found.h - the record of the finished photographs of a folder and their faces. With this record an
 * interrupted `darknet faces` can continue. The record is a text:
 *
 *   darknet faces 1 OPTIONS
 *   N PATH                                  the photograph has N faces
 *   x1 y1 x2 y2 score x y x y x y x y x y   one line for each face: box, score, points; pixels
 *
 * The reader ignores an incomplete photograph at the end, which a killed process may leave. */
#ifndef DNX_FOUND_H
#define DNX_FOUND_H
#include <stdio.h>

#include "face/mtcnn.h"

enum { DNX_FOUND_OPTIONS = 4400 }; /* most bytes of OPTIONS, which contain a path */

typedef struct {
    char *path;
    size_t first, n; /* the faces of the photograph are face[first..first + n - 1] */
} dnx_found_photo;

typedef struct {
    char options[DNX_FOUND_OPTIONS]; /* OPTIONS of the first line; "" when there is no record */
    dnx_found_photo *photo;
    size_t n, capacity;
    dnx_found *face;
    size_t faces, face_capacity;
    size_t bytes; /* length of the text up to the end of the last complete photograph */
} dnx_found_list;

/* Reads a record. text: the len bytes of the record and then a NUL. `file` is for messages.
 * Errors: DNX_EPARSE when a line is wrong; DNX_EMEM. Free l, also after an error. */
dnx_status dnx_found_parse(const char *text, size_t len, const char *file, dnx_found_list *l,
                           dnx_err *err);
/* Appends the photograph `path` with copies of its n faces; n may be 0. Errors: DNX_EMEM. */
dnx_status dnx_found_add(dnx_found_list *l, const char *path, const dnx_found *faces, size_t n,
                         dnx_err *err);
/* Sorts the photographs by path, as dnx_found_get() needs them. */
void dnx_found_sort(dnx_found_list *l);
/* Returns the photograph `path` of a sorted list, or NULL when the list lacks it. */
const dnx_found_photo *dnx_found_get(const dnx_found_list *l, const char *path);
/* Frees the names and faces of a list that was zeroed at first. */
void dnx_found_free(dnx_found_list *l);

/* Returns the reason why neither a record nor a file for `darknet align` can contain this path, a
 * constant. Returns NULL when they can. */
const char *dnx_found_refuses(const char *path);
/* Prints the lines of a record for one photograph: `n path`, then a line for each face. */
void dnx_found_print(FILE *f, const char *path, const dnx_found *faces, size_t n);
/* Prints one line for each face, in the form "mtcnn" of landmarks.h. */
void dnx_found_print_for_align(FILE *f, const char *path, const dnx_found *faces, size_t n);
#endif
