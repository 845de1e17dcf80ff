/* class_sample.h - the classes of one update when a loss uses a sample of them: partial FC.
 * An 2021, algorithm 1.
 *
 * The sample has the classes of the batch, and random other classes up to ceil(share N) of all N.
 * The seed of the draw is the same for all sub-batches of an update. Their samples still differ,
 * because each sub-batch draws from the classes that its images do not have. */
#ifndef DNX_CLASS_SAMPLE_H
#define DNX_CLASS_SAMPLE_H
#include "dnx.h"

typedef struct {
    int *rows;    /* the classes of this update in rising order; NULL when all classes are used */
    int *present; /* batch: scratch for the classes of the batch */
    int n, most;  /* n: classes of this update; most: the largest possible n */
    int classes;
    float share;
} dnx_class_sample;

/* Allocates the sample: all classes when share = 1 or when predicting. Fails with DNX_EMEM. */
dnx_status dnx_class_sample_make(dnx_class_sample *s, dnx_node *n, int classes, float share,
                                 dnx_err *err);
/* Draws the classes of update p->update. Truths outside 0..classes-1 are ignored. Does nothing when
 * the sample is all classes. */
void dnx_class_sample_draw(dnx_class_sample *s, const dnx_node *n, const dnx_pass *p);
/* Returns the position of class y in the sample: y when the sample is all classes, and 0 when the
 * sample does not have y. */
int dnx_class_sample_place(const dnx_class_sample *s, int y);
#endif
