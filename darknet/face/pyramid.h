/* pyramid.h - plans the scales of an image, and their places on pages, which are P-Net's inputs.
 *
 * Scale k multiplies the sides of the image by 12/least * 0.709^k, so in scale 0 a face of `least`
 * pixels fills P-Net's window of 12 x 12. A scale that is larger than a page is cut into pieces.
 * Neighbouring pieces overlap by 10 pixels, so every window lies in one piece. A page has at most
 * DNX_PAGE x DNX_PAGE pixels, which limits the memory of a pass. */
#ifndef DNX_PYRAMID_H
#define DNX_PYRAMID_H
#include <stdbool.h>
#include <stddef.h>

/* In pixels: the side of P-Net's window, and the longest side of a page. */
enum { DNX_CELL = 12, DNX_PAGE = 192 };

typedef struct {
    double scale;        /* width of the scaled image divided by width of the image */
    int level;           /* k, the number of the scale */
    int left, top, w, h; /* the piece's rectangle, in pixels of its scale */
    int page, x, y;      /* the piece's page, and its upper left corner there; x and y are even */
} dnx_piece;

typedef struct {
    dnx_piece *piece; /* in the order of the scales */
    size_t capacity;
    int n, levels, pages, page_w, page_h;
} dnx_pyramid;

/* Plans the pyramid of a w x h image for faces of `least` pixels and more. *p must be zeroed or
 * from an earlier call. If the image is too small, p->n becomes 0. Returns false when memory runs
 * out. */
bool dnx_pyramid_plan(dnx_pyramid *p, int w, int h, double least);
void dnx_pyramid_free(dnx_pyramid *p);
#endif
