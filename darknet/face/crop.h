/* crop.h - chooses the main face of a photograph, and crops faces for face networks. */
#ifndef DNX_CROP_H
#define DNX_CROP_H
#include "face/mtcnn.h"

/* The side of a crop in pixels, and the quality of its JPEG file. */
enum { DNX_CROP = 112, DNX_CROP_QUALITY = 95 };

/* Sorts the faces of a w x h image by falling area of the box, but the main face first. The main
 * face has the largest (area - 2 d^2); d: distance of the centres of box and image, pixels. */
void dnx_faces_sort(dnx_found *faces, size_t n, int w, int h);

/* Converts *f from pixels of an image decoded at 1/by of its size to pixels at full size. */
void dnx_found_enlarge(dnx_found *f, int by);

/* Crops a face: moves its five points to the template of align.h, scaled to `side` pixels. out:
 * side x side x 3 bytes. Returns false when dnx_similarity() or dnx_warp() does. */
bool dnx_face_crop(const dnx_shrunk *image, const dnx_face *points, int side, unsigned char *out);
#endif
