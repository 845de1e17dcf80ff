/* boxes.c - suppression, calibration and squaring of boxes (Zhang et al. 2016, section II). */
#include "face/boxes.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"

bool dnx_boxes_add(dnx_boxes *l, const dnx_box *b) {
    if (!dnx_grow(&l->box, l->n, &l->capacity, sizeof *l->box)) return false;
    l->box[l->n++] = *b;
    return true;
}

void dnx_boxes_free(dnx_boxes *l) {
    free(l->box);
    *l = (dnx_boxes){0};
}

/* Sorts by falling score. Sorts boxes of equal score by position, because qsort() alone would leave
 * their order undefined. */
static int by_score(const void *a, const void *b) {
    const dnx_box *p = a, *q = b;
    if (p->score != q->score) return p->score < q->score ? 1 : -1;
    if (p->y1 != q->y1) return p->y1 < q->y1 ? -1 : 1;
    return p->x1 < q->x1 ? -1 : p->x1 > q->x1;
}

static double area(const dnx_box *b) { return (b->x2 - b->x1 + 1) * (b->y2 - b->y1 + 1); }

static double overlap(const dnx_box *a, const dnx_box *b, dnx_overlap by) {
    double w = fmin(a->x2, b->x2) - fmax(a->x1, b->x1) + 1;
    double h = fmin(a->y2, b->y2) - fmax(a->y1, b->y1) + 1;
    if (w <= 0 || h <= 0) return 0;
    if (by == DNX_BY_SMALLER_BOX) return w * h / fmin(area(a), area(b));
    return w * h / (area(a) + area(b) - w * h);
}

void dnx_boxes_suppress(dnx_boxes *l, size_t first, double most, dnx_overlap by) {
    size_t kept = first;
    if (l->n - first < 2) return;
    qsort(l->box + first, l->n - first, sizeof *l->box, by_score);
    for (size_t i = first; i < l->n; i++) {
        size_t k = first;
        while (k < kept && overlap(&l->box[k], &l->box[i], by) <= most) k++;
        if (k == kept) l->box[kept++] = l->box[i];
    }
    l->n = kept;
}

void dnx_box_calibrate(dnx_box *b, double more) {
    const double w = b->x2 - b->x1 + more, h = b->y2 - b->y1 + more;
    b->x1 += b->shift[0] * w;
    b->y1 += b->shift[1] * h;
    b->x2 += b->shift[2] * w;
    b->y2 += b->shift[3] * h;
}

void dnx_box_square(dnx_box *b) {
    const double w = b->x2 - b->x1, h = b->y2 - b->y1, side = fmax(w, h);
    const double x = b->x1 + .5 * (w - side), y = b->y1 + .5 * (h - side);
    b->x1 = trunc(x);
    b->y1 = trunc(y);
    b->x2 = trunc(x + side);
    b->y2 = trunc(y + side);
}
