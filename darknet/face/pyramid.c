/* pyramid.c - cuts the scales of an image into pieces and places the pieces on pages. */
#include "face/pyramid.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"

#define FACTOR 0.709 /* ratio of consecutive scales in the MTCNN paper: about half the area */
enum { OVERLAP = DNX_CELL - 2, ROUND = 16 };

enum { MOST_ROOMS = 64 }; /* more empty rectangles are not stored, so they stay empty */

/* The empty rectangles (rooms) of the pages. */
typedef struct {
    struct room {
        int page, x, y, w, h;
    } room[MOST_ROOMS];
    int n;
} rooms;

static int larger(int a, int b) { return a > b ? a : b; }

static void add_room(rooms *r, int page, int x, int y, int w, int h) {
    if (w < DNX_CELL || h < DNX_CELL || r->n == MOST_ROOMS) return;
    r->room[r->n++] = (struct room){page, x, y, w, h};
}

/* Returns the index of the room in which a piece of w x h pixels makes the pages grow least.
 * Returns -1 when no room is large enough. */
static int best_room(const dnx_pyramid *p, const rooms *r, int w, int h) {
    int best = -1, least = 0, smallest = 0;
    for (int i = 0; i < r->n; i++) {
        const struct room *o = &r->room[i];
        const int page = larger(p->page_w, o->x + w) * larger(p->page_h, o->y + h);
        if (w > o->w || h > o->h) continue;
        if (best >= 0 && (page > least || (page == least && o->w * o->h >= smallest))) continue;
        best = i;
        least = page;
        smallest = o->w * o->h;
    }
    return best;
}

/* Places a piece in the corner of a room, or of a new page. What is left becomes two rooms. */
static void place(dnx_pyramid *p, rooms *r, dnx_piece *piece) {
    const int w = (piece->w + 1) & ~1, h = (piece->h + 1) & ~1;
    int i = best_room(p, r, w, h);
    if (i < 0) {
        if (r->n == MOST_ROOMS) r->n--;
        i = r->n;
        add_room(r, p->pages++, 0, 0, DNX_PAGE, DNX_PAGE);
    }
    const struct room o = r->room[i];
    const bool is_tall = o.w - w > o.h - h; /* the room right of the piece gets the full height */
    r->room[i] = r->room[--r->n];
    add_room(r, o.page, o.x + w, o.y, o.w - w, is_tall ? o.h : h);
    add_room(r, o.page, o.x, o.y + h, is_tall ? w : o.w, o.h - h);
    piece->page = o.page;
    piece->x = o.x;
    piece->y = o.y;
    p->page_w = larger(p->page_w, o.x + w);
    p->page_h = larger(p->page_h, o.y + h);
}

static bool add(dnx_pyramid *p, const dnx_piece *piece, rooms *r) {
    if (!dnx_grow(&p->piece, (size_t)p->n, &p->capacity, sizeof *p->piece)) return false;
    p->piece[p->n] = *piece;
    place(p, r, &p->piece[p->n++]);
    return true;
}

/* Cuts a scale of w x h pixels into pieces that begin at even pixels, as P-Net's windows do. */
static bool cut(dnx_pyramid *p, double scale, int w, int h, rooms *r) {
    enum { STEP = DNX_PAGE - OVERLAP };
    for (int y = 0; y == 0 || y + OVERLAP < h - 1; y += STEP)
        for (int x = 0; x == 0 || x + OVERLAP < w - 1; x += STEP) {
            dnx_piece piece = {.scale = scale,
                               .level = p->levels,
                               .left = x,
                               .top = y,
                               .w = w - x < DNX_PAGE ? w - x : DNX_PAGE,
                               .h = h - y < DNX_PAGE ? h - y : DNX_PAGE};
            if (!add(p, &piece, r)) return false;
        }
    p->levels++;
    return true;
}

bool dnx_pyramid_plan(dnx_pyramid *p, int w, int h, double least) {
    rooms r = {.n = 0};
    p->n = p->levels = p->pages = p->page_w = p->page_h = 0;
    for (double scale = DNX_CELL / least;; scale *= FACTOR) {
        const int sw = (int)ceil(w * scale), sh = (int)ceil(h * scale);
        if (fmin(w, h) * scale < DNX_CELL) break;
        if (!cut(p, scale, sw, sh, &r)) return false;
    }
    if (p->pages > 1) p->page_w = p->page_h = DNX_PAGE;
    /* Rounds up, so that P-Net is rarely resized from one image to the next. */
    p->page_w = (p->page_w + ROUND - 1) / ROUND * ROUND;
    p->page_h = (p->page_h + ROUND - 1) / ROUND * ROUND;
    return true;
}

void dnx_pyramid_free(dnx_pyramid *p) {
    free(p->piece);
    *p = (dnx_pyramid){0};
}
