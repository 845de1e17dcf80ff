/* landmark_forms.h - recognises the order (form) of the numbers of a face, which differs among face
 * detectors. In the right form the points look like eyes, nose and mouth inside the box. */
#ifndef DNX_LANDMARK_FORMS_H
#define DNX_LANDMARK_FORMS_H
#include "face/align.h"

enum { DNX_ROW_MOST = 20 }; /* the most numbers that a row stores */

typedef struct {
    size_t image; /* number of the image; the rows of an image are adjacent */
    int line, n;  /* line of the file; count of numbers in the line, or DNX_ROW_LST for a .lst */
    double v[DNX_ROW_MOST];
} dnx_landmark_row;

/* Values of n in rows of 106 points, of a box and 106 points, and of a .lst. Only one form has each
 * of these values. In such rows, v has the corners of the box, if any, and then five points. */
enum { DNX_ROW_106 = 212, DNX_ROW_106_BOX = 216, DNX_ROW_LST = 17 };

/* The names of the forms, as in the option -form; landmarks.h explains them. x-first means five x,
 * then five y. */
#define DNX_LANDMARK_FORMS                                                                         \
    "points|points-x-first|label|points-score|mtcnn|mtcnn-x-first|scrfd|wider|yunet|retinaface|"   \
    "labelv2"

/* Returns true when a form other than DNX_ROW_LST has n numbers. */
bool dnx_landmark_count(int n);
/* Converts n rows to faces. form: the index of a name above, or -1 to recognise the form. Rows with
 * the same count of numbers get the same form. Errors: DNX_EPARSE when no form fits, or when two
 * forms fit almost equally well. */
dnx_status dnx_landmark_faces(const dnx_landmark_row *rows, size_t n, int form, const char *file,
                              dnx_face *faces, dnx_err *err);
#endif
