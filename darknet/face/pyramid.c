/* pyramid.c - cuts the scales of an image into pieces and places the pieces in rows on pages. */
#include "face/pyramid.h"

#include <math.h>
#include <stdlib.h>

#define FACTOR 0.709 /* ratio of two neighbouring scales, as the authors chose it: half the area */
enum { OVERLAP = DNX_CELL - 2, ROUND = 16 };

/* The row of pieces that is being filled. */
typedef struct {
    int x, y, height;
} shelf;

/* Places a piece beside the last one, or in a new row or on a new page when there is no room. */
static void place(dnx_pyramid *p, shelf *s, dnx_piece *piece) {
    const int w = (piece->w + 1) & ~1, h = (piece->h + 1) & ~1;
    if (s->x + w > DNX_PAGE) {
        s->y += s->height;
        s->x = s->height = 0;
    }
    if (s->y + (h > s->height ? h : s->height) > DNX_PAGE) {
        p->pages++;
        *s = (shelf){0, 0, 0};
    }
    if (h > s->height) s->height = h;
    piece->page = p->pages - 1;
    piece->x = s->x;
    piece->y = s->y;
    s->x += w;
    if (s->x > p->page_w) p->page_w = s->x;
    if (s->y + s->height > p->page_h) p->page_h = s->y + s->height;
}

static bool add(dnx_pyramid *p, const dnx_piece *piece, shelf *s) {
    if (p->n == p->capacity) {
        int capacity = p->capacity ? 2 * p->capacity : 64;
        dnx_piece *more = realloc(p->piece, (size_t)capacity * sizeof *more);
        if (!more) return false;
        p->piece = more;
        p->capacity = capacity;
    }
    p->piece[p->n] = *piece;
    place(p, s, &p->piece[p->n++]);
    return true;
}

/* Cuts a scale of w x h pixels. Pieces begin at even numbers, as P-Net's cells do. */
static bool cut(dnx_pyramid *p, double scale, int w, int h, shelf *s) {
    enum { STEP = DNX_PAGE - OVERLAP };
    for (int y = 0; y == 0 || y + OVERLAP < h - 1; y += STEP)
        for (int x = 0; x == 0 || x + OVERLAP < w - 1; x += STEP) {
            dnx_piece piece = {.scale = scale, .level = p->levels, .left = x, .top = y,
                               .w = w - x < DNX_PAGE ? w - x : DNX_PAGE,
                               .h = h - y < DNX_PAGE ? h - y : DNX_PAGE};
            if (!add(p, &piece, s)) return false;
        }
    p->levels++;
    return true;
}

bool dnx_pyramid_plan(dnx_pyramid *p, int w, int h, double least) {
    shelf s = {0, 0, 0};
    p->n = p->levels = p->page_w = p->page_h = 0;
    p->pages = 1;
    for (double scale = DNX_CELL / least;; scale *= FACTOR) {
        const int sw = (int)ceil(w * scale), sh = (int)ceil(h * scale);
        if (fmin(w, h) * scale < DNX_CELL) break;
        if (!cut(p, scale, sw, sh, &s)) return false;
    }
    if (p->pages > 1) p->page_w = p->page_h = DNX_PAGE;
    p->page_w = (p->page_w + ROUND - 1) / ROUND * ROUND; /* so P-Net is rarely resized */
    p->page_h = (p->page_h + ROUND - 1) / ROUND * ROUND;
    return true;
}

void dnx_pyramid_free(dnx_pyramid *p) {
    free(p->piece);
    *p = (dnx_pyramid){0};
}
