/* shrunk.h - an image at full size, half size, a quarter and so on; cuts out pieces of any size. */
#ifndef DNX_SHRUNK_H
#define DNX_SHRUNK_H
#include "data/decode.h"

enum { DNX_HALVES = 16, DNX_PIECE_MOST = 256 };

typedef struct {
    dnx_image half[DNX_HALVES]; /* half[k]: the caller's image at 1 / 2^k of its size */
    int n;
} dnx_shrunk;

/* Computes the halves down to one pixel. The image must outlive s. Returns false when memory runs
 * out. Call dnx_shrunk_free(), also after a failure. */
bool dnx_shrunk_make(dnx_shrunk *s, const dnx_image *image);
/* Frees the halves, but not the image. */
void dnx_shrunk_free(dnx_shrunk *s);

/* A rectangle with upper left corner (x, y) and sides w, h, in pixels of the image */
typedef struct {
    double x, y, w, h;
} dnx_rectangle;

/* Cuts out the rectangle r and scales it to W x H pixels, both at most DNX_PIECE_MOST. Pixels
 * outside the image are black. out: H rows of W x 3 floats, (pixel - 127.5) / 128; rows are `ld`
 * floats apart. Shrinking averages areas; enlarging is bilinear. Thread safe. */
void dnx_shrunk_piece(const dnx_shrunk *s, dnx_rectangle r, int W, int H, float *out, size_t ld);
#endif
