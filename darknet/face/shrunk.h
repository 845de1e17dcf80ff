/* shrunk.h - an image and its halves, and pieces of it at any size. */
#ifndef DNX_SHRUNK_H
#define DNX_SHRUNK_H
#include "data/decode.h"

enum { DNX_HALVES = 16, DNX_PIECE_MOST = 256 };

typedef struct {
    dnx_image half[DNX_HALVES]; /* 0 is the caller's image; each next one has half its sides,
                                 * rounded up, and each of its pixels is the mean of up to four */
    int n;
} dnx_shrunk;

/* Computes the halves down to one pixel. false: no memory. The image must outlive s. */
bool dnx_shrunk_make(dnx_shrunk *s, const dnx_image *image);
void dnx_shrunk_free(dnx_shrunk *s); /* the halves, not the image */

/* The rectangle of the image whose corner is (x, y) and whose sides are w and h pixels (it may
 * reach over the edge: black is there) as H x W x 3 floats, (pixel - 127.5) / 128. `ld` floats lie
 * between the rows of out; W and H are at most DNX_PIECE_MOST. Shrinking takes the mean of the area
 * of each pixel, in the half that is nearest and not smaller; enlarging is bilinear. Thread
 * safe. */
void dnx_shrunk_piece(const dnx_shrunk *s, double x, double y, double w, double h, int W, int H,
                      float *out, size_t ld);
#endif
