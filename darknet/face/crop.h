/* crop.h - faces of a photograph as networks expect them: which one is meant, and cut out. */
#ifndef DNX_CROP_H
#define DNX_CROP_H
#include "face/mtcnn.h"

enum { DNX_CROP = 112, DNX_CROP_QUALITY = 95 }; /* pixels; of JPEG */

/* Sorts faces: the main face of the photograph first, which has the largest area of its box less
 * twice the squared distance of its centre from that of the w x h image; the others by area. */
void dnx_faces_sort(dnx_found *faces, size_t n, int w, int h);

/* From the pixels of an image that was decoded smaller (dnx_image.shrink) to those of the file. */
void dnx_found_enlarge(dnx_found *f, int by);

/* Cuts a face out by its five points: a side x side crop of ArcFace's template (align.h), scaled to
 * that side. A face that is more than twice as large is taken from a half of the image, so that no
 * pixel is left out. out: side x side x 3 bytes. false: the points fall together. */
bool dnx_face_crop(const dnx_shrunk *image, const dnx_face *points, int side, unsigned char *out);
#endif
