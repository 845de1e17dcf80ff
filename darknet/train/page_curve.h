/* page_curve.h - the lines of a log as at most DNX_CURVE_POINTS points.
 *
 * At first a point is a line. When there is no room left, two neighbours become one, and from then
 * on a point stands for twice as many lines. batch and epoch of a point are those of its last line,
 * that of the verification is its last one, and the other columns are means. */
#ifndef DNX_PAGE_CURVE_H
#define DNX_PAGE_CURVE_H
#include "train/log.h"

enum { DNX_CURVE_POINTS = 4096 };

typedef struct {
    int columns;
    size_t n;         /* points that are whole */
    size_t stride;    /* lines of a point */
    size_t lines;     /* of the point n, which is not whole yet */
    unsigned version; /* changes when points do that were whole */
    float *value;     /* columns numbers for each point; NAN: no value */
    float *line;      /* room for those of a line */
    double *batch;    /* of each point: a float would round it */
} dnx_curve;

/* DNX_EMEM; dnx_curve_free() then, too. */
dnx_status dnx_curve_make(dnx_curve *c, int columns, dnx_err *err);
void dnx_curve_free(dnx_curve *c);
/* Adds a line of the log, up to its '\n' or 0. A line of the same batch as the last one only brings
 * its verification. One that is no line of numbers changes nothing. */
void dnx_curve_add(dnx_curve *c, const char *line);
/* No line will come: makes a point of those that are no whole one. */
void dnx_curve_end(dnx_curve *c);
/* Copies the whole points into `to`, which was made with as many columns. */
void dnx_curve_copy(dnx_curve *to, const dnx_curve *from);
/* Writes point i as a line of the log, without a newline; returns its length. Needs at most
 * DNX_CURVE_TEXT bytes a column. */
enum { DNX_CURVE_TEXT = 24 };
size_t dnx_curve_text(const dnx_curve *c, size_t i, char *out);
#endif
