"""Rates and their confidence intervals, from scores of pairs.

Two faces match when score > threshold. People are numbered from 0. Pairs that share a person are
not independent trials. So Wilson's interval uses the number of independent trials that would have
the same variance, and TAR is bootstrapped over people (Fogliato, Patil and Perona, "Confidence
intervals for error rates in 1:1 matching tasks", arXiv 2306.01198)."""
import math

import numpy as np

from lib.metrics import FEWEST, share_above, threshold_at

Z = 1.959963984540054  # 95 % of the normal distribution lie between -Z and Z
WORK = 2e9  # limits draws * scores in a bootstrap, but a bootstrap has at least 100 draws


def wilson(rate, trials):
    """Returns Wilson's 95 % interval (low, high) of a rate in `trials` independent trials."""
    if rate is None or not trials:
        return None, None
    z2 = Z * Z / trials
    middle = (rate + z2 / 2) / (1 + z2)
    half = Z / (1 + z2) * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials))
    low = 0. if rate == 0 else max(0., middle - half)
    return low, 1. if rate == 1 else min(1., middle + half)


def people_trials(errors, trials):
    """Returns p (1 - p) / var, where p is the error rate and var its variance over people. With
    this number of independent trials, p would have the same variance. errors, trials: the number
    of errors and of trials of each person."""
    errors, trials = (np.asarray(v, float)[np.asarray(trials) > 0] for v in (errors, trials))
    n, people = trials.sum(), len(trials)
    if people < 2:
        return float(people)
    p = errors.sum() / n
    var = ((errors - p * trials) ** 2).sum() / n ** 2
    return float(min(n, p * (1 - p) / var)) if p * (1 - p) > 0 and var > 0 else float(people)


def pair_trials(a, b, images, others=0):
    """Like people_trials(), but for a false-match rate. Returns None when nothing matches. A trial
    is a pair of faces of two people. a, b: the people of each false match. images: the number of
    images of each known person. others: the number of further people, who have one face each; their
    numbers begin at len(images)."""
    images = np.asarray(images, float)
    people, faces = len(images), images.sum()
    pairs = np.minimum(a, b).astype(np.int64)
    pairs *= people + others
    pairs += np.maximum(a, b)
    pairs.sort()
    first = np.flatnonzero(np.diff(pairs, prepend=-1))
    counts = np.diff(first, append=len(pairs)).astype(float)
    one, two = (v.astype(np.int32) for v in np.divmod(pairs[first], people + others))
    del pairs, first  # frees memory: there may be ten million pairs
    # Two people a, b have m_ab trials (m), e_ab errors (counts) and the residual e_ab - p m_ab,
    # where p is the error rate.
    m = images[one]
    m *= np.append(images, 1)[np.minimum(two, people)]
    trials = (faces ** 2 - (images ** 2).sum()) / 2 + others * faces
    if not trials or not len(a):
        return None
    p = counts.sum() / trials
    square = ((images ** 2).sum() ** 2 - (images ** 4).sum()) / 2 + others * (images ** 2).sum()
    residuals = counts @ counts - 2 * p * (counts @ m) + p * p * square
    e = sum(np.bincount(v, counts, people + others) for v in (one, two))
    of_person = np.append(images * (faces - images + others), np.full(others, faces))
    shared = ((e - p * of_person) ** 2).sum() - 2 * residuals
    var = (residuals + max(0., shared)) / trials ** 2
    return float(min(trials, p * (1 - p) / var)) if p < 1 and var > 0 else float(people)


def listed_trials(a, b, errors):
    """Like people_trials(), but trial i is a pair of faces of the people a[i] and b[i]. errors[i]:
    whether the decision on this pair was wrong."""
    a, b, errors = (np.asarray(v) for v in (a, b, errors))
    n, p = len(errors), errors.mean()
    r, two = errors - p, a != b
    of_person = np.bincount(np.concatenate([a, b[two]]), np.concatenate([r, r[two]]))
    # Two trials of the same two people count twice in the sum over people. Subtract them once.
    low, high = np.minimum(a, b)[two], np.maximum(a, b)[two]
    same_two = np.unique(low * len(of_person) + high, return_inverse=True)[1]
    var = max(r @ r, of_person @ of_person - (np.bincount(same_two, r[two]) ** 2).sum()) / n ** 2
    return float(min(n, p * (1 - p) / var)) if 0 < p < 1 and var > 0 else \
        float(len(np.unique(np.concatenate([a, b]))))


def rate_name(rate):
    """Returns the key of a rate in results: "1e-03" for .001."""
    text = f"{rate:.0e}"
    return text if float(text) == rate else f"{rate:g}"


class Tail:
    """Collects the `keep` largest of any number of scores. Each score comes with two numbers a and
    b, the people of its pair."""

    SPARE = 1 << 16

    def __init__(self, keep):
        self.keep, self.n, self.bound = max(1, int(keep)), 0, -np.inf
        self.spare = max(self.keep // 4, self.SPARE)
        room = self.keep + self.spare
        self.scores, self.a, self.b = (np.empty(room, t) for t in (np.float32, np.int32, np.int32))

    def add(self, scores, a, b):
        for first in range(0, len(scores), self.spare):
            part = slice(first, first + self.spare)
            s = scores[part]
            at = np.flatnonzero(s > self.bound)
            if self.n + len(at) > len(self.scores):
                self.cut()
                at = np.flatnonzero(s > self.bound)
            to = slice(self.n, self.n + len(at))
            self.scores[to], self.a[to], self.b[to] = s[at], a[part][at], b[part][at]
            self.n += len(at)

    def cut(self):
        """Removes all but the `keep` largest scores."""
        if self.n <= self.keep:
            return
        scores = self.scores[:self.n]
        self.bound = np.partition(scores, self.n - self.keep)[self.n - self.keep]
        stay = scores > self.bound
        stay[np.flatnonzero(scores == self.bound)[:self.keep - stay.sum()]] = True
        for v in (self.scores, self.a, self.b):
            v[:self.keep] = v[:self.n][stay]
        self.n = self.keep

    def sorted(self):
        """Returns (scores, a, b), by falling score. Call it once, after the last add()."""
        self.cut()
        order = np.argsort(self.scores[:self.n])[::-1]
        for v in (self.scores, self.a, self.b):
            v[:self.n] = v[:self.n][order]
        return tuple(v[:self.n] for v in (self.scores, self.a, self.b))


def impostor_pairs(images, others):
    """Returns the number of pairs of two people. images: how many images each person has; others:
    how many faces are compared with all images, but not with each other."""
    n = int(images.sum())
    return (n * n - int((images ** 2).sum())) // 2 + n * others


def verification(genuine, tail, trials, rates):
    """Returns {rate: {"tar", "threshold", "false_matches"}, or None if not measurable}. genuine:
    the scores of pairs of one person; tail: the largest impostor scores, as Tail.sorted() returns
    them; trials: the number of impostor pairs."""
    rising, out = np.sort(genuine), {}
    for rate in rates:
        threshold, above = threshold_at(tail[0], rate, trials)
        out[rate] = None
        if above >= FEWEST and threshold is not None and len(rising):
            out[rate] = {"tar": share_above(rising, threshold), "threshold": threshold,
                         "false_matches": above}
    return out


def bootstrap_tar(genuine, person, tail, images, others, rates, seed=1, draws=1000):
    """Returns {rate: TAR of each draw}. In a draw each person, and each of the `others` distractors
    takes part with probability 1/2 ("double or nothing"). The same seed draws the same people. A
    draw without a TAR is NaN. person: the person of each genuine score; tail: the largest impostor
    scores, as Tail.sorted() returns them; images: how many images each person has."""
    falling, a, b = tail
    draws = int(min(draws, max(100, WORK / (len(falling) + len(genuine) + others + 1))))
    order = np.argsort(genuine, kind="stable")
    rising, owner = np.asarray(genuine)[order], np.asarray(person)[order]
    images, people = np.asarray(images, float), len(images)
    out = {rate: np.full(draws, np.nan) for rate in rates}
    for d in range(draws):
        takes = np.random.default_rng((seed, d)).random(people + others) < .5
        n = images[takes[:people]]
        trials = (n.sum() ** 2 - (n ** 2).sum()) / 2 + n.sum() * takes[people:].sum()
        kept, mine = falling[takes[a] & takes[b]], rising[takes[owner]]
        for rate in rates if len(mine) else ():
            threshold, _ = threshold_at(kept, rate, trials)
            if threshold is not None:
                out[rate][d] = share_above(mine, threshold)
    return out


def percentiles(values):
    """Returns (low, high) with 95 % of the values between them. Returns (None, None) when more than
    a tenth of the values are not finite, or fewer than 20 are finite."""
    good = values[np.isfinite(values)]
    if len(good) < .9 * len(values) or len(good) < 20:
        return None, None
    return tuple(float(v) for v in np.percentile(good, (2.5, 97.5)))


def paired(difference, draws):
    """Returns {"difference", "low", "high", "p"}: a difference of two networks with its interval,
    and the two-sided p value of the hypothesis that it is 0. With too few finite draws, low, high
    and p are None. draws: the difference in each draw of people."""
    low, high = percentiles(draws)
    good = draws[np.isfinite(draws)]
    side = min((good <= 0).sum(), (good >= 0).sum())
    p = None if low is None else float(min(1., 2 * (side + 1) / (len(good) + 1)))
    return {"difference": float(difference), "low": low, "high": high, "p": p}


def ranks(mates, best):
    """Returns the rank of each mate among the distractors of its probe, at most K + 1. mates: n
    scores; best: n x K, the K highest scores of distractors."""
    return 1 + (best > mates[:, None]).sum(1)


def open_set(own, other, alarms, rates):
    """Returns {rate: {"fnir", "threshold", "missed"}} of a watch list, with None for a rate that
    allows too few alarms. missed: True for each search that fails to find its person. own, other:
    for each search for a person on the list, the score of this person and the best score of another
    person. alarms: the best score of each search for a person not on the list. rates: FPIRs."""
    falling, out = -np.sort(-np.asarray(alarms)), {}
    for rate in rates:
        threshold, above = threshold_at(falling, rate, len(falling))
        out[rate] = None
        if threshold is not None and above >= FEWEST and len(own):
            missed = (own <= threshold) | (own < other)
            out[rate] = {"fnir": float(missed.mean()), "threshold": threshold, "missed": missed}
    return out
