/* align.h - the landmarks of a face, and the transform that moves it to where face networks expect
 * it. */
#ifndef DNX_ALIGN_H
#define DNX_ALIGN_H
#include "dnx.h"

enum { DNX_POINTS = 5 }; /* left eye, right eye, nose, corners of the mouth; left as seen */

typedef struct {
    double x[DNX_POINTS], y[DNX_POINTS]; /* pixels; 0 is the centre of the first one */
    double size;                         /* area of the box; of the points when there is no box */
} dnx_face;

/* The template of ArcFace: where the five points lie in a crop of 112 rows and 112 or 96
 * columns. */
void dnx_face_template(int width, dnx_face *f);

/* Finds the similarity (rotation, scale, shift; no reflection) with the least squared distance
 * between the moved points and the target: Umeyama, PAMI 1991, eq. 40-42, which in the plane is one
 * division.
 *   x' = m[0] x + m[1] y + m[2],   y' = m[3] x + m[4] y + m[5]
 * *rms: root of the mean squared distance that remains, in pixels of the target. Returns false when
 * all points coincide or one is not finite. */
bool dnx_similarity(const dnx_face *from, const dnx_face *target, double m[6], double *rms);

typedef enum { DNX_LARGEST, DNX_CENTER, DNX_SKIP } dnx_several;
/* Returns the index of one of n > 0 faces: the largest, or the one whose mean point is nearest to
 * the centre of a w x h image; the first of equal ones. */
size_t dnx_face_choose(const dnx_face *faces, size_t n, dnx_several how, int w, int h);
bool dnx_face_is_inside(const dnx_face *f, int w, int h); /* all points lie in the image */
#endif
