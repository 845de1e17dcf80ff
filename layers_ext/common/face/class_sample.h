/* class_sample.h - draws the classes that a loss uses in one pass: partial FC. An et al. 2021,
 * algorithm 1. The sample has all classes of the images of the pass. Random other classes fill it
 * up to ceil(share N) of the N classes. An update may have several passes (sub-batches). The sample
 * of one pass may lack classes of another. */
#ifndef DNX_CLASS_SAMPLE_H
#define DNX_CLASS_SAMPLE_H
#include "dnx.h"

typedef struct {
    int *rows;    /* the sample in rising order; NULL when all classes are used */
    int *present; /* B: the classes that occur in the batch */
    int n, most;  /* n: classes of this pass; most: the largest possible n */
    int classes;
    float share;
} dnx_class_sample;

/* Prepares the samples. With share = 1, and when predicting, each sample is all classes. Fails with
 * DNX_EMEM. */
dnx_status dnx_class_sample_make(dnx_class_sample *s, dnx_node *n, int classes, float share,
                                 dnx_err *err);
/* Draws the classes of pass p. Ignores truths outside 0..classes-1. */
void dnx_class_sample_draw(dnx_class_sample *s, const dnx_node *n, const dnx_pass *p);
/* Returns the index of class y in the sample, or y when all classes are used. Returns 0 when the
 * sample lacks y; 0 is also the index of its first class. */
int dnx_class_sample_place(const dnx_class_sample *s, int y);
#endif
