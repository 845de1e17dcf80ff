/* folds.h - LFW's accuracy: the threshold of each fold is fitted on the other folds. */
#ifndef DNX_FOLDS_H
#define DNX_FOLDS_H
#include <stdbool.h>

typedef struct {
    int a, b, fold; /* a, b: indices of images; fold: from 0 */
    bool same;
    float score;
} dnx_scored_pair;

/* Returns the mean accuracy of the folds on n pairs. The threshold of a fold has the fewest errors
 * on the other folds or, when there is only one fold, on the fold itself. Each fold must have a
 * pair. Sorts the pairs by score. */
double dnx_folds_accuracy(dnx_scored_pair *pairs, int n, int folds);
#endif
