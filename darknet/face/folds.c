/* folds.c - accuracy on pairs by cross-validation. */
#include "face/folds.h"

#include <stdlib.h>

typedef dnx_scored_pair pair;

typedef struct {
    pair *pairs; /* sorted by score */
    int n, folds;
} all;

static int by_score(const void *a, const void *b) {
    float x = ((const pair *)a)->score, y = ((const pair *)b)->score;
    return (x > y) - (x < y);
}

static bool is_outside(const all *v, int i, int fold) {
    return v->folds == 1 || v->pairs[i].fold != fold;
}

/* Returns the threshold with the fewest errors on the pairs outside `fold`; of equally good
 * thresholds, the middle one. */
static double threshold(const all *v, int fold) {
    int best = -1, ties = 0, seen = 0;
    for (int pass = 0; pass < 2; pass++) {
        const pair *before = NULL;
        int right = 0;
        for (int i = 0; i < v->n; i++) right += is_outside(v, i, fold) && v->pairs[i].same;
        for (int i = 0; i <= v->n; i++) {
            const pair *p = i < v->n ? &v->pairs[i] : NULL;
            if (p && !is_outside(v, i, fold)) continue;
            bool fits = !p || !before || p->score > before->score;
            if (fits && pass == 0 && right > best) {
                best = right;
                ties = 0;
            }
            if (fits && right == best && pass == 0) ties++;
            if (fits && right == best && pass == 1 && seen++ == ties / 2) {
                double low = before ? (double)before->score : (double)p->score - 1e-6;
                return (low + (p ? (double)p->score : low + 2e-6)) / 2;
            }
            if (p) right += p->same ? -1 : 1;
            before = p;
        }
    }
    return 0;
}

double dnx_folds_accuracy(pair *pairs, int n, int folds) {
    const all v = {pairs, n, folds};
    double sum = 0;
    qsort(pairs, (size_t)n, sizeof *pairs, by_score);
    for (int f = 0; f < folds; f++) {
        double t = threshold(&v, f);
        int right = 0, tested = 0;
        for (int i = 0; i < n; i++)
            if (pairs[i].fold == f) {
                right += ((double)pairs[i].score > t) == pairs[i].same;
                tested++;
            }
        sum += (double)right / tested;
    }
    return sum / folds;
}
