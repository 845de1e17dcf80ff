/* align.h - five landmarks of a face, and the transform to the template of face networks. */
#ifndef DNX_ALIGN_H
#define DNX_ALIGN_H
#include "dnx.h"

/* Left eye, right eye, nose, left and right corner of the mouth, as seen in the image. */
enum { DNX_POINTS = 5 };

typedef struct {
    double x[DNX_POINTS], y[DNX_POINTS]; /* pixels; (0, 0) is the centre of the first pixel */
    double size;                         /* area of the face, pixels */
} dnx_face;

/* Sets *f to ArcFace's five points in a crop of 112 rows and `width` columns, 112 or 96. */
void dnx_face_template(int width, dnx_face *f);

/* Fits a similarity transform (rotation, scale, shift) from the points of `from` to those of
 * `target`, by least squares: Umeyama, PAMI 1991, eq. 40-42.
 *   x' = m[0] x + m[1] y + m[2],   y' = m[3] x + m[4] y + m[5]
 * *rms: root mean square distance of the moved points from `target`, pixels of `target`. Returns
 * false when the points of a face coincide or are not finite. */
bool dnx_similarity(const dnx_face *from, const dnx_face *target, double m[6], double *rms);

typedef enum { DNX_LARGEST, DNX_CENTER, DNX_SKIP } dnx_several;
/* Chooses one of n > 0 faces: the largest, or the face whose mean point is nearest to the centre of
 * a w x h image. Returns its index. DNX_SKIP is for callers that skip images with several faces. */
size_t dnx_face_choose(const dnx_face *faces, size_t n, dnx_several how, int w, int h);
/* Returns true when all five points of a face lie in a w x h image. */
bool dnx_face_is_inside(const dnx_face *f, int w, int h);
#endif
