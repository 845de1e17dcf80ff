/* boxes.h - rectangles of candidates for faces, and what MTCNN does to them. Coordinates are those
 * of its authors' code: pixels from 1 on, and a box covers x1..x2 and y1..y2, both included. */
#ifndef DNX_BOXES_H
#define DNX_BOXES_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    double x1, y1, x2, y2;
    double score;     /* probability of a face */
    double shift[4];  /* what a network says of x1, y1, x2, y2, as parts of width and height */
    double point[10]; /* x of five points, then y, as parts of width and height; of O-Net only */
} dnx_box;

typedef struct {
    dnx_box *box;
    size_t n, capacity;
} dnx_boxes;

/* false: no memory, and the list is as it was. */
bool dnx_boxes_add(dnx_boxes *l, const dnx_box *b);
void dnx_boxes_free(dnx_boxes *l);

/* Non-maximum suppression: sorts the boxes from number `first` on by falling score and leaves only
 * those that overlap none of higher score by more than `most`. The overlap is the intersection's
 * area by that of the union, or with by_minimum by that of the smaller box. */
void dnx_boxes_suppress(dnx_boxes *l, size_t first, double most, bool by_minimum);
/* Moves the sides by `shift`. `more` is added to x2 - x1 and y2 - y1: the authors take 0 behind
 * P-Net, 1 behind R-Net and O-Net. */
void dnx_box_calibrate(dnx_box *b, double more);
/* A square about the same centre, as large as the longer side, with whole numbers (cut off). */
void dnx_box_square(dnx_box *b);
#endif
