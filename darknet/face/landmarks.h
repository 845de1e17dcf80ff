/* landmarks.h - reads landmark files: text files with five points of each face, as face detectors
 * write them.
 *
 * A line has a path and numbers, separated by spaces, tabs, commas or semicolons. A path with
 * spaces needs a tab after it, or a table with commas or semicolons. In the layouts below, B is a
 * box, as x1 y1 x2 y2 (corners) or x y w h; P is five points, x1 y1 ... x5 y5.
 *
 *   path P                   form points: CelebA's lists; with commas, tables of CelebA and of
 *                            VGGFace2, where paths have no suffix
 *   path label P             form label: RFW's _lmk.txt, sphereface_pytorch's casia_landmark.txt
 *   path B [score] P         forms mtcnn (corners) and wider (x y w h)
 *   path B P score           forms scrfd (corners) and yunet (x y w h)
 *   # path                   names the image of the rows below. Forms retinaface (x y w h, as in
 *   B x1 y1 flag ... [score] RetinaFace's label.txt) and labelv2 (corners, as for SCRFD and YuNet).
 *                            A face whose first flag is below 0 has no points and is ignored
 *   path [B] x1,y1 ... y106  FaceX-Zoo's facescrub_face_info.txt: 106 points. Our five points are
 *                            numbers 105, 106, 55, 85 and 91, counted from 1
 *   1 path label B x1 ... x5 y1 ... y5   InsightFace's .lst (tabs; corners); the 1 may be 0
 *   path                     an image without a face. If the next line is only a number N >= 0, N
 *                            lines without a path follow, one for each face (the layout of FDDB's
 *                            and WIDER FACE's results)
 *
 * A path that occurs in several lines has several faces. The reader ignores empty lines and other
 * lines that begin with #. The first line may have column names, or a number with the column names
 * in the next line. */
#ifndef DNX_LANDMARKS_H
#define DNX_LANDMARKS_H
#include "face/landmark_forms.h"

typedef struct {
    char *path;
    size_t first, n; /* the image's faces are face[first..first + n - 1] of dnx_landmarks */
} dnx_landmarked;

typedef struct {
    dnx_landmarked *image; /* sorted by path; each path once */
    size_t n;
    dnx_face *face; /* the faces of an image are in the order of the file */
    size_t faces;
} dnx_landmarks;

/* Reads a file. form: an index in DNX_LANDMARK_FORMS, or -1 to recognise the form. Errors: DNX_EIO
 * when the file cannot be read; DNX_EPARSE for another layout, or when the order of the numbers is
 * not clear; DNX_EMEM. Free l, also after an error. */
dnx_status dnx_landmarks_read(const char *file, int form, dnx_landmarks *l, dnx_err *err);
void dnx_landmarks_free(dnx_landmarks *l);
#endif
