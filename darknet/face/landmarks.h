/* landmarks.h - the text files in which face detectors leave five points of each face. A line is
 * read by how many numbers follow the path; spaces, tabs and commas separate them. A path with
 * spaces is ended by a tab.
 *
 *   path x1 y1 ... x5 y5                 our own form; also sphereface_pytorch's lfw_landmark.txt,
 *                                        which MTCNN found
 *   path label x1 y1 ... x5 y5           RFW's _lmk.txt, which FaceX-Zoo's crop_rfw_by_arcface.py
 *                                        reads; sphereface_pytorch's casia_landmark.txt (MTCNN)
 *   path x1 y1 x2 y2 [score] x1 ... y5   a box (corners) and perhaps its score before the points,
 *                                        the order in which MTCNN ports return them
 *   path [x1,y1,x2,y2] x1,...,y106       FaceX-Zoo's facescrub_face_info.txt: a box and 106 points,
 *                                        of which 105, 106, 55, 85 and 91 are our five
 *   1 path label x1 y1 x2 y2 x1 ... x5 y1 ... y5   InsightFace's .lst (tabs; MTCNN): first all x
 *   path                                 no face was found, unless the next line is a number N >= 0
 *                                        alone: then N lines without a path follow, each a face as
 *                                        above (the layout of FDDB's and WIDER FACE's results)
 *
 * A path that is on several lines has several faces. Empty lines and lines that begin with # do
 * not count. */
#ifndef DNX_LANDMARKS_H
#define DNX_LANDMARKS_H
#include "face/align.h"

typedef struct {
    char *path;
    size_t first, n; /* its faces */
} dnx_landmarked;

typedef struct {
    dnx_landmarked *image; /* sorted by path, each path once */
    size_t n;
    dnx_face *face; /* an image's faces in the order of the file */
    size_t faces;
} dnx_landmarks;

/* DNX_EIO: unreadable; DNX_EPARSE: a line of another form, or no line; DNX_EMEM. Free l in any
 * case. */
dnx_status dnx_landmarks_read(const char *file, dnx_landmarks *l, dnx_err *err);
void dnx_landmarks_free(dnx_landmarks *l);
#endif
