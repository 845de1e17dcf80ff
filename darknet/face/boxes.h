/* boxes.h - the boxes of possible faces in MTCNN: suppression and calibration. Coordinates are as
 * in the code of its authors: the first pixel is 1, and a box covers the pixels from x1 to x2 and
 * from y1 to y2, both included. */
#ifndef DNX_BOXES_H
#define DNX_BOXES_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    double x1, y1, x2, y2;
    double score;     /* probability of a face */
    double shift[4];  /* the network's corrections of x1, y1, x2, y2, in widths and heights */
    double point[10]; /* five x, then five y, in widths and heights; set only by O-Net */
} dnx_box;

typedef struct {
    dnx_box *box;
    size_t n, capacity;
} dnx_boxes;

/* Appends a copy of *b. Returns false, with the list unchanged, when memory runs out. */
bool dnx_boxes_add(dnx_boxes *l, const dnx_box *b);
void dnx_boxes_free(dnx_boxes *l);

/* The overlap of two boxes is the area of their intersection, divided by another area. */
typedef enum { DNX_BY_UNION, DNX_BY_SMALLER_BOX } dnx_overlap;
/* Non-maximum suppression of the boxes with index `first` and above. Sorts them by falling score.
 * Removes each box whose overlap with a box of higher score is more than `most`. */
void dnx_boxes_suppress(dnx_boxes *l, size_t first, double most, dnx_overlap by);
/* Moves the sides by `shift` times width and height. The width is x2 - x1 + more, the height
 * y2 - y1 + more. The authors use more = 0 after P-Net and 1 after R-Net and O-Net. */
void dnx_box_calibrate(dnx_box *b, double more);
/* Replaces the box by a square around the same centre, whose side is the box's longer side. The
 * coordinates are cut to whole numbers. */
void dnx_box_square(dnx_box *b);
#endif
