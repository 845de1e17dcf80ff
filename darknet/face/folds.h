/* folds.h - LFW's accuracy: the threshold of each fold is fitted on the other folds. */
#ifndef DNX_FOLDS_H
#define DNX_FOLDS_H
#include <stdbool.h>

typedef struct {
    int a, b, fold; /* a, b: indices of images; fold: from 0 */
    bool same;
    float score;
} dnx_scored_pair;

/* Returns the mean accuracy of the folds, and sorts the pairs by score. With a single fold, the
 * threshold is fitted on the pairs that test it. Each fold must have a pair. */
double dnx_folds_accuracy(dnx_scored_pair *pairs, int n, int folds);
#endif
