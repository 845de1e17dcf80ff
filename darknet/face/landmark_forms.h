/* landmark_forms.h - the order of the numbers of a face, which differs among detectors. The order
 * is recognised by where the points lie: two eyes, a nose and the corners of a mouth inside the
 * box, with a score from -1 to 1. The count of numbers alone is not enough. */
#ifndef DNX_LANDMARK_FORMS_H
#define DNX_LANDMARK_FORMS_H
#include "face/align.h"

enum { DNX_ROW_MOST = 20 }; /* a row keeps at most so many numbers */

typedef struct {
    size_t image; /* rows of one image are neighbours, and `image` rises */
    int line, n;  /* line of the file; count of numbers in the line */
    double v[DNX_ROW_MOST];
} dnx_landmark_row;

/* Counts of numbers whose order is known. `v` then has the corners of a box, if there is one, and
 * the points. */
enum { DNX_ROW_106 = 212, DNX_ROW_106_BOX = 216, DNX_ROW_LST = 17 };

/* The names of the forms, for -form. x, y: five points. w, h: the size of a box. x-first: five x,
 * then five y. */
#define DNX_LANDMARK_FORMS \
    "points|points-x-first|label|points-score|mtcnn|mtcnn-x-first|scrfd|wider|yunet|retinaface|" \
    "labelv2"

/* Returns true when a form has n numbers. */
bool dnx_landmark_count(int n);
/* Converts rows[i] to faces[i]. form: the index of a name above, or -1 to choose the one that fits.
 * DNX_EPARSE, with the line: no form fits more than half of the rows with as many numbers; two
 * forms fit and give different faces; or `form` has another count of numbers. */
dnx_status dnx_landmark_faces(const dnx_landmark_row *rows, size_t n, int form, const char *file,
                              dnx_face *faces, dnx_err *err);
#endif
