/* landmark_forms.h - recognises the order (form) of the numbers of a face, which differs among face
 * detectors. Several forms have the same count of numbers, so all of them are tried. In the right
 * form the points look like eyes, nose and mouth inside the box. The score is between -1 and 1. */
#ifndef DNX_LANDMARK_FORMS_H
#define DNX_LANDMARK_FORMS_H
#include "face/align.h"

enum { DNX_ROW_MOST = 20 }; /* the most numbers that a row stores */

typedef struct {
    size_t image; /* index of the image; later rows have the same or a larger index */
    int line, n;  /* line of the file; count of numbers in the line, or DNX_ROW_LST for a .lst */
    double v[DNX_ROW_MOST];
} dnx_landmark_row;

/* Counts of numbers for which only one order exists. `v` then has the corners of the box, if there
 * is a box, and the points. */
enum { DNX_ROW_106 = 212, DNX_ROW_106_BOX = 216, DNX_ROW_LST = 17 };

/* The names of the forms for -form, see landmarks.h. x-first: five x, then five y. */
#define DNX_LANDMARK_FORMS                                                                         \
    "points|points-x-first|label|points-score|mtcnn|mtcnn-x-first|scrfd|wider|yunet|retinaface|"   \
    "labelv2"

/* Returns true when a form other than DNX_ROW_LST has n numbers. */
bool dnx_landmark_count(int n);
/* Converts rows[i] to faces[i] for n rows. form: the index of a name above, or -1 to recognise the
 * form. Rows with the same count of numbers have the same form. DNX_EPARSE, with the line: with
 * form = -1, when no form fits half of the rows, or two forms fit and give different faces; else
 * when `form` does not have this count of numbers. Counts with only one order pass with any
 * `form`. */
dnx_status dnx_landmark_faces(const dnx_landmark_row *rows, size_t n, int form, const char *file,
                              dnx_face *faces, dnx_err *err);
#endif
