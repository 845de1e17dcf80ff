/* class_sample.h - the classes of one update when a loss uses a sample of them: partial FC
 * (An 2021, algorithm 1).
 *
 * The sample holds the classes of the batch, and random others up to ceil(share N) in all. All
 * sub-batches of an update draw the same others, and each adds the classes of its images. */
#ifndef DNX_CLASS_SAMPLE_H
#define DNX_CLASS_SAMPLE_H
#include "dnx.h"

typedef struct {
    int *rows;    /* the classes of this update in rising order; NULL when all classes are used */
    int *present; /* batch: scratch for the classes of the batch */
    int n, most;  /* the number of classes in this update; the largest that there can be */
    int classes;
    float share;
} dnx_class_sample;

/* Allocates. With share 1, or in a network that only predicts, the sample is all classes. DNX_EMEM.
 */
dnx_status dnx_class_sample_make(dnx_class_sample *s, dnx_node *n, int classes, float share,
                                 dnx_err *err);
void dnx_class_sample_unmake(dnx_class_sample *s);
/* Draws the classes of update p->update. Truths outside 0..classes-1 are ignored. Does nothing when
 * the sample is all classes. */
void dnx_class_sample_draw(dnx_class_sample *s, const dnx_node *n, const dnx_pass *p);
/* Returns the place of class y in the sample, 0 if it is not there. */
int dnx_class_sample_place(const dnx_class_sample *s, int y);
#endif
