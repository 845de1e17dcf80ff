/* landmark_forms.h - what the numbers of a face mean, which detectors write in different orders.
 * The count of numbers alone does not tell; where the points lie does: as two eyes, a nose and the
 * corners of a mouth, inside of the box, with a score from -1 to 1. */
#ifndef DNX_LANDMARK_FORMS_H
#define DNX_LANDMARK_FORMS_H
#include "face/align.h"

enum { DNX_ROW_MOST = 20 }; /* numbers of a row that are kept */

typedef struct {
    size_t image; /* rows of one image follow each other with rising `image` */
    int line, n;  /* of the file; how many numbers the line had */
    double v[DNX_ROW_MOST];
} dnx_landmark_row;

/* n of rows whose order is known: `v` has a box by its corners, if any, then the points. */
enum { DNX_ROW_106 = 212, DNX_ROW_106_BOX = 216, DNX_ROW_LST = 17 };

/* The names of the forms, for -form. x, y: five points; w, h: the size of a box; x-first: five x,
 * then five y. */
#define DNX_LANDMARK_FORMS \
    "points|points-x-first|label|points-score|mtcnn|mtcnn-x-first|scrfd|wider|yunet|retinaface|" \
    "labelv2"

/* Whether some form has so many numbers. */
bool dnx_landmark_count(int n);
/* Makes faces[i] of rows[i]. form: the index of a name above, or -1: by what fits. DNX_EPARSE, with
 * the line: no form fits more than half of the rows with as many numbers; two forms fit and give
 * other faces; or `form` has another count of numbers. */
dnx_status dnx_landmark_faces(const dnx_landmark_row *rows, size_t n, int form, const char *file,
                              dnx_face *faces, dnx_err *err);
#endif
