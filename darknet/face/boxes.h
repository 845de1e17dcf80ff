/* boxes.h - the boxes of possible faces in MTCNN. Pixels count from 1, as in the code of MTCNN's
 * authors. A box covers the pixels x1..x2 and y1..y2, both ends included. */
#ifndef DNX_BOXES_H
#define DNX_BOXES_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    double x1, y1, x2, y2;
    double score;     /* probability of a face */
    double shift[4];  /* the network's corrections of x1, y1, x2, y2 as shares of width or height */
    double point[10]; /* O-Net's points: five x, then five y */
} dnx_box;

typedef struct {
    dnx_box *box;
    size_t n, capacity;
} dnx_boxes;

/* Appends a copy of a box to a list, which starts as zeros. Returns false when memory runs out. */
bool dnx_boxes_add(dnx_boxes *l, const dnx_box *b);
/* Frees the boxes and empties the list. */
void dnx_boxes_free(dnx_boxes *l);

/* Overlap of two boxes: the area of their intersection, divided by the area of their union or by
 * the area of the smaller box. */
typedef enum { DNX_BY_UNION, DNX_BY_SMALLER_BOX } dnx_overlap;
/* Non-maximum suppression of the boxes from index `first` on. Sorts these boxes by falling score.
 * Removes each box whose overlap with a remaining box of higher score is larger than `most`. */
void dnx_boxes_suppress(dnx_boxes *l, size_t first, double most, dnx_overlap by);
/* Moves each side by its `shift`, times the width x2 - x1 + more or the height y2 - y1 + more.
 * MTCNN's authors use more = 0 after P-Net, more = 1 after R-Net and O-Net. */
void dnx_box_calibrate(dnx_box *b, double more);
/* Makes the box a square with the same centre and the longer of its sides. Truncates the corners to
 * whole numbers. */
void dnx_box_square(dnx_box *b);
#endif
