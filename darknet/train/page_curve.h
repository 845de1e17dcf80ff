/* page_curve.h - the lines of a log as at most DNX_CURVE_POINTS points.
 *
 * At first each line is a point. When the array is full, each pair of neighbours becomes one point,
 * and each later point has twice as many lines. A point has the batch and the epoch of its last
 * line, and the result of its last verification. The other columns are means. */
#ifndef DNX_PAGE_CURVE_H
#define DNX_PAGE_CURVE_H
#include "train/log.h"

enum { DNX_CURVE_POINTS = 4096 };

typedef struct {
    int columns;
    size_t n;         /* number of complete points; point n is incomplete */
    size_t stride;    /* lines in a complete point */
    size_t lines;     /* lines in point n so far */
    unsigned version; /* 1 at first; rises when complete points change */
    float *value;     /* `columns` numbers for each point; NAN without a value */
    float *line;      /* memory for the numbers of one line */
    double *batch;    /* the batch of each point; a float would round large numbers */
} dnx_curve;

/* Makes an empty curve. Errors: DNX_EMEM. Call dnx_curve_free() also after an error. */
dnx_status dnx_curve_make(dnx_curve *c, int columns, dnx_err *err);
void dnx_curve_free(dnx_curve *c);
/* Adds a line of the log. A second line of the last batch adds only its verification. */
void dnx_curve_add(dnx_curve *c, const char *line);
/* Makes a point from the remaining lines. Call it after the last line. */
void dnx_curve_end(dnx_curve *c);
/* Copies the complete points into `to`, which was made with the same number of columns. */
void dnx_curve_copy(dnx_curve *to, const dnx_curve *from);
/* Writes point i to `out` as a line of the log, without a newline. `out` must have room for
 * DNX_CURVE_TEXT bytes in each column. Returns the length of the text. */
enum { DNX_CURVE_TEXT = 24 };
size_t dnx_curve_text(const dnx_curve *c, size_t i, char *out);
#endif
