"""Measures of verification: accuracy over folds, ROC, and a paired test of two networks. scores:
the cosine of each pair; same: True for each pair of one person."""
import math

import numpy as np
from scipy.special import bdtr  # scipy.stats would add half a second to each start

FARS = (1e-1, 1e-2, 1e-3, 1e-4)
FEWEST = 10  # TAR at a FAR is reported only when the FAR allows at least 10 false accepts


def cosine(a, b):
    """Returns, for each i, the cosine of row i of a and row i of b; 0 when a row is zero."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(1) / np.where(norms > 0, norms, 1)


def cosines(vectors, pairs):
    """Returns the cosine of each pair of names. vectors: {name: feature}."""
    return cosine(*(np.array([vectors[p[k]] for p in pairs], np.float64) for k in (0, 1)))


def best_threshold(scores, same):
    """Returns the threshold with the fewest errors, the middle one when several tie. A pair is
    accepted when score > threshold."""
    order = np.argsort(scores, kind="stable")
    s, y = scores[order], same[order]
    # right[k]: the number of right decisions when the k lowest scores are rejected
    right = np.concatenate([[0], np.cumsum(~y)]) + (y.sum() - np.concatenate([[0], np.cumsum(y)]))
    possible = np.concatenate([[True], s[1:] > s[:-1], [True]])
    right = np.where(possible, right, -1)
    best = np.flatnonzero(right == right.max())
    k = best[len(best) // 2]
    edges = np.concatenate([[s[0] - 1e-6], s, [s[-1] + 1e-6]])
    return float((edges[k] + edges[k + 1]) / 2)


def by_folds(scores, same, folds):
    """Returns (accuracy of each fold, threshold of each fold, array with True for each right
    decision). A fold's threshold is fitted on the other folds or, without others, on itself."""
    accuracies, thresholds, right = [], [], np.zeros(len(scores), bool)
    for f in np.unique(folds):
        test = folds == f
        train = ~test if (~test).any() else test
        t = best_threshold(scores[train], same[train])
        right[test] = (scores[test] > t) == same[test]
        accuracies.append(float(right[test].mean()))
        thresholds.append(t)
    return accuracies, thresholds, right


def roc(scores, same):
    """Returns arrays (FAR, TAR), from no accepted pair to all pairs accepted."""
    order = np.argsort(-scores, kind="stable")
    s, y = scores[order], same[order]
    ends = np.append(s[1:] < s[:-1], True)
    tar = np.concatenate([[0], np.cumsum(y)[ends] / y.sum()])
    far = np.concatenate([[0], np.cumsum(~y)[ends] / (~y).sum()])
    return far, tar


def threshold_at(falling, rate, trials):
    """Returns (threshold, number of scores above it). The number is at most rate * trials. trials:
    the number of all scores. falling: only the largest of them, from the largest down. Returns
    (None, 0) when `falling` has too few scores."""
    k = math.floor(rate * trials * (1 + 1e-12))
    if k >= len(falling):
        return None, 0
    above = len(falling) - int(np.searchsorted(falling[::-1], falling[k], "right"))
    next_above = float(falling[above - 1]) if above else float(falling[0]) + 2e-6
    return (float(falling[k]) + next_above) / 2, above


def share_above(rising, threshold):
    return (len(rising) - int(np.searchsorted(rising, threshold, "right"))) / len(rising)


def at_rates(scores, same, rates):
    """Returns {rate: (TAR, threshold)}. rates: false accept rates. A value is (None, None) when its
    rate allows fewer than FEWEST false accepts."""
    falling, rising = -np.sort(-scores[~same]), np.sort(scores[same])
    out = {}
    for rate in rates:
        threshold, above = threshold_at(falling, rate, len(falling))
        is_known = threshold is not None and above >= FEWEST
        out[rate] = (share_above(rising, threshold), threshold) if is_known else (None, None)
    return out


def area(scores, same):
    """Returns the area under the ROC curve."""
    far, tar = roc(scores, same)
    return float(((far[1:] - far[:-1]) * (tar[1:] + tar[:-1]) / 2).sum())


def equal_error_rate(far, tar):
    k = int(np.argmax(far >= 1 - tar))  # the first point at or past the equal error rate
    if k == 0:
        return float(far[0])
    d0, d1 = far[k - 1] - (1 - tar[k - 1]), far[k] - (1 - tar[k])
    return float(far[k - 1] + (far[k] - far[k - 1]) * (-d0 / (d1 - d0)))  # linear interpolation


def standard_error(values):
    """Returns the standard error of the mean, or None for a single value."""
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))


def metrics(scores, same, folds):
    """Returns the measures for results.json. TAR is None at a FAR with too few impostor pairs."""
    accuracies, thresholds, right = by_folds(scores, same, folds)
    far, tar = roc(scores, same)
    impostors, n = int((~same).sum()), len(accuracies)
    points = {f"{f:.0e}": point for f, point in at_rates(scores, same, FARS).items()}
    return {
        "accuracy": float(np.mean(accuracies)),
        "std": float(np.std(accuracies, ddof=1)) if n > 1 else None,
        "standard_error": standard_error(accuracies), "fold_accuracies": accuracies,
        "thresholds": thresholds,
        "threshold_fitted_on": "the other folds" if n > 1 else "the tested pairs",
        "auc": area(scores, same),
        "eer": equal_error_rate(far, tar),
        "tar_at_far": {f: tar for f, (tar, _) in points.items()},
        "threshold_at_far": {f: at for f, (_, at) in points.items()},
        "pairs": len(scores), "impostor_pairs": impostors, "right": right.astype(int).tolist(),
    }


def mcnemar(right_a, right_b):
    """McNemar's exact test. right_a, right_b: True for each pair that network a or b decides right.
    Returns (number of pairs that only a decides right, number that only b decides right, p)."""
    a, b = np.asarray(right_a, bool), np.asarray(right_b, bool)
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    both_tails = 2 * bdtr(min(only_a, only_b), only_a + only_b, .5)
    return only_a, only_b, min(1., float(both_tails))


def p_text(p):
    """Returns a p value as text. Below 1e-16 the text is "<1e-16": rounding may have made p 0, but
    a true p is never 0."""
    return "<1e-16" if p < 1e-16 else f"{p:.2g}"


def percent(share):
    return "-" if share is None else f"{100 * share:.2f}"
