/* pyramid.h - where the scales of an image lie on pages that P-Net looks at.
 *
 * Scale k shrinks the image by 12/least * 0.709^k, so that a face of `least` pixels fills P-Net's
 * window of 12 x 12 in scale 0. Scales that are larger than a page are cut into pieces that overlap
 * by 10 pixels, so that every window lies in one piece; the pieces of all scales share the pages. A
 * large photograph then takes no more memory than a page, and small scales cost no pass each. */
#ifndef DNX_PYRAMID_H
#define DNX_PYRAMID_H
#include <stdbool.h>

enum { DNX_CELL = 12, DNX_PAGE = 192 }; /* P-Net's window; the longest side of a page, pixels */

typedef struct {
    double scale; /* pixels of the scale by pixels of the image */
    int level;    /* number of the scale */
    int left, top, w, h; /* of the piece, in pixels of its scale */
    int page, x, y;      /* where it lies; even numbers */
} dnx_piece;

typedef struct {
    dnx_piece *piece; /* in the order of their scales */
    int n, capacity;
    int levels, pages, page_w, page_h;
} dnx_pyramid;

/* Plans the pyramid of a w x h image for faces of `least` pixels and more. *p may hold an earlier
 * pyramid, whose memory is used again. No scale: p->n is 0. false: no memory. */
bool dnx_pyramid_plan(dnx_pyramid *p, int w, int h, double least);
void dnx_pyramid_free(dnx_pyramid *p);
#endif
