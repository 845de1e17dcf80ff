/* folds.h - LFW's accuracy: the threshold of each fold is fitted on the other folds. */
#ifndef DNX_FOLDS_H
#define DNX_FOLDS_H
#include <stdbool.h>

typedef struct {
    int a, b, fold; /* a, b: indices of images; fold: from 0 */
    bool same;
    float score;
} dnx_scored_pair;

/* Sorts n pairs by their scores. Returns the mean accuracy of the folds, each of which has a pair.
 * In each, the threshold has the fewest errors on the other folds, or on itself when it is the only
 * one. */
double dnx_folds_accuracy(dnx_scored_pair *pairs, int n, int folds);
#endif
