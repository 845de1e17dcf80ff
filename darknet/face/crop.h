/* crop.h - chooses the main face of a photograph, and cuts faces out as networks expect them. */
#ifndef DNX_CROP_H
#define DNX_CROP_H
#include "face/mtcnn.h"

/* The side of a crop in pixels, and the quality of its JPEG file. */
enum { DNX_CROP = 112, DNX_CROP_QUALITY = 95 };

/* Sorts the faces of a w x h image: the main face first, the others by falling area of their boxes.
 * The main face has the largest value of: area of its box, minus twice the squared distance between
 * the centres of box and image. */
void dnx_faces_sort(dnx_found *faces, size_t n, int w, int h);

/* Converts the coordinates of *f from an image that was decoded smaller by the factor `by`
 * (dnx_image.shrink) to pixels of the file. */
void dnx_found_enlarge(dnx_found *f, int by);

/* Cuts out a face: moves its five points to ArcFace's template (align.h), scaled to `side` pixels.
 * For a face more than twice as large as the crop it uses image->half[1], [2] and so on, so that
 * every pixel counts. out: side x side x 3 bytes. Returns false when all points coincide. */
bool dnx_face_crop(const dnx_shrunk *image, const dnx_face *points, int side, unsigned char *out);
#endif
