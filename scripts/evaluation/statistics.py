"""Rates with intervals, from scores of pairs. Pure functions of arrays: no file, no network.

Two faces match when score > threshold. People are numbered from 0. Pairs that share a person are no
independent trials, so intervals count people, not pairs: Wilson's interval takes the number of
independent trials that would vary as much, and TAR is bootstrapped over people (Fogliato, Patil and
Perona, "Confidence intervals for error rates in 1:1 matching tasks", arXiv 2306.01198)."""
import math

import numpy as np

from lib.metrics import FEWEST

Z = 1.959963984540054  # the normal distribution has 95 % within +-Z
DRAWS = 1000  # of the bootstrap
WORK = 2e9  # entries that all draws together look at: with more pairs there are fewer draws


def wilson(rate, trials):
    """(low, high): Wilson's 95 % interval of a rate that `trials` independent trials gave."""
    if rate is None or not trials:
        return None, None
    z2 = Z * Z / trials
    middle = (rate + z2 / 2) / (1 + z2)
    half = Z / (1 + z2) * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials))
    low = 0. if rate == 0 else max(0., middle - half)
    return low, 1. if rate == 1 else min(1., middle + half)


def people_trials(errors, trials):
    """Independent trials that would vary as much: p (1 - p) / var, with the variance of the rate
    between people. errors, trials: of each person. Where nobody errs, or everybody always does, it
    is the number of people: more cannot be known."""
    errors, trials = (np.asarray(v, float)[np.asarray(trials) > 0] for v in (errors, trials))
    n, people = trials.sum(), len(trials)
    if people < 2:
        return float(people)
    p = errors.sum() / n
    var = ((errors - p * trials) ** 2).sum() / n ** 2
    return float(min(n, p * (1 - p) / var)) if p * (1 - p) > 0 and var > 0 else float(people)


def pair_trials(a, b, images, others=0):
    """The same for a rate of false matches. Each pair of faces of two people is a trial. a, b: the
    people of each false match; b >= len(images): one of `others` faces whose people are unknown,
    each of which counts as a person and was compared with all. images: of each known person."""
    images = np.asarray(images, float)
    people, faces = len(images), images.sum()
    a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
    pairs, counts = np.unique(np.minimum(a, b) * (people + others) + np.maximum(a, b),
                              return_counts=True)
    one, two = pairs // (people + others), pairs % (people + others)
    # m_ab trials and e_ab errors of a pair of people; r_ab = e_ab - p m_ab
    m_two = (two < people) * np.append(images, 1)[np.minimum(two, people)] + (two >= people)
    m = images[one] * m_two
    trials = (faces ** 2 - (images ** 2).sum()) / 2 + others * faces
    if not trials or not len(a):
        return None
    p = counts.sum() / trials
    square = ((images ** 2).sum() ** 2 - (images ** 4).sum()) / 2 + others * (images ** 2).sum()
    residuals = (counts ** 2).sum() - 2 * p * (counts * m).sum() + p * p * square
    e = np.bincount(np.concatenate([one, two]), np.concatenate([counts, counts]), people + others)
    of_person = np.append(images * (faces - images + others), np.full(others, faces))
    shared = ((e - p * of_person) ** 2).sum() - 2 * residuals
    var = (residuals + max(0., shared)) / trials ** 2
    return float(min(trials, p * (1 - p) / var)) if p < 1 and var > 0 else float(people)


def listed_trials(a, b, errors):
    """The same for a list of pairs, each of one trial, of the people a and b."""
    a, b, errors = (np.asarray(v) for v in (a, b, errors))
    n, p = len(errors), errors.mean()
    r, two = errors - p, a != b
    person, residual = np.concatenate([a, b[two]]), np.concatenate([r, r[two]])
    shared = (np.bincount(person, residual) ** 2 - np.bincount(person, residual ** 2)).sum()
    var = ((r * r).sum() + max(0., shared)) / n ** 2
    return float(min(n, p * (1 - p) / var)) if 0 < p < 1 and var > 0 else \
        float(len(np.unique(person)))


def rate_name(rate):
    """1e-03 of .001; the key of a rate in results."""
    text = f"{rate:.0e}"
    return text if float(text) == rate else f"{rate:g}"


class Tail:
    """The `keep` largest of any number of scores, and what each belongs to; exact. Takes memory for
    twice as many."""

    def __init__(self, keep):
        self.keep, self.n, self.bound = max(1, int(keep)), 0, -np.inf
        room = 2 * self.keep + 1
        self.scores, self.a, self.b = (np.empty(room, t) for t in (np.float32, np.int32, np.int32))

    def add(self, scores, a, b):
        """Arrays of one length."""
        for first in range(0, len(scores), self.keep):
            part = slice(first, first + self.keep)
            s = scores[part]
            at = np.flatnonzero(s > self.bound)
            if self.n + len(at) > len(self.scores):
                self.cut()
                at = np.flatnonzero(s > self.bound)
            to = slice(self.n, self.n + len(at))
            self.scores[to], self.a[to], self.b[to] = s[at], a[part][at], b[part][at]
            self.n += len(at)

    def cut(self):
        """Leaves the largest; of equal ones any."""
        if self.n <= self.keep:
            return
        at = np.argpartition(-self.scores[:self.n], self.keep - 1)[:self.keep]
        for v in (self.scores, self.a, self.b):
            v[:self.keep] = v[at]
        self.n = self.keep
        self.bound = self.scores[:self.n].min()

    def sorted(self):
        """(scores falling, a, b); ends the gathering."""
        self.cut()
        order = np.argsort(-self.scores[:self.n], kind="stable")
        return tuple(v[:self.n][order] for v in (self.scores, self.a, self.b))


def threshold_at(falling, rate, trials):
    """(threshold, how many lie above it): the lowest threshold that at most rate x trials of the
    scores exceed; equal scores stay together. falling: the largest scores, sorted; they must be
    more than rate x trials, or all. (None, 0): they are too few, or the rate lets all pass."""
    k = math.floor(rate * trials * (1 + 1e-12))
    if k >= len(falling):
        return None, 0
    above = int(np.searchsorted(-falling, -falling[k], "left"))
    next_above = float(falling[above - 1]) if above else float(falling[0]) + 2e-6
    return (float(falling[k]) + next_above) / 2, above


def share_above(rising, threshold):
    """Of sorted scores."""
    return (len(rising) - int(np.searchsorted(rising, threshold, "right"))) / len(rising)


def impostor_pairs(images, others):
    """How many pairs of two people there are. images: of each person; others: faces that are
    compared with all of these and not among each other."""
    n = int(images.sum())
    return (n * n - int((images ** 2).sum())) // 2 + n * others


def verification(genuine, tail, trials, rates):
    """{rate: None or {"tar", "threshold", "false_matches"}}. genuine: scores of all pairs of one
    person; tail: of Tail.sorted(); trials: how many pairs of two people there were. None: fewer
    than ten of them lie above the threshold."""
    rising, out = np.sort(genuine), {}
    for rate in rates:
        threshold, above = threshold_at(tail[0], rate, trials)
        out[rate] = None
        if above >= FEWEST and threshold is not None and len(rising):
            out[rate] = {"tar": share_above(rising, threshold), "threshold": threshold,
                         "false_matches": above}
    return out


def bootstrap_tar(genuine, person, tail, images, others, rates, seed=1, draws=DRAWS):
    """{rate: TAR of each draw}. In a draw each person, and each of the other faces, takes part or
    not, with probability 1/2 ("double or nothing"); the pairs of those that take part give the
    threshold and the TAR. Equal seeds draw equal people, so that networks can be compared draw by
    draw. NaN: a draw without pairs, or whose threshold lies below the tail."""
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
    """(low, high) that have 95 % of the values between them; None where too few could be drawn."""
    good = values[np.isfinite(values)]
    if len(good) < .9 * len(values) or len(good) < 20:
        return None, None
    return tuple(float(v) for v in np.percentile(good, (2.5, 97.5)))


def two_sided(values):
    """p that a difference is 0, of its draws: twice the smaller share on one side of 0, and never
    below what so many draws can tell."""
    good = values[np.isfinite(values)]
    if len(good) < 20:
        return None
    side = min((good <= 0).sum(), (good >= 0).sum())
    return float(min(1., 2 * (side + 1) / (len(good) + 1)))


def ranks(mates, best):
    """The rank of each mate among the distractors of its probe: 1 + how many of them score higher;
    a tie counts for the mate. mates: n scores; best: n x K, the highest scores of distractors,
    falling. K + 1: all K are higher."""
    return 1 + (best > mates[:, None]).sum(1)


def open_set(own, other, alarms, rates):
    """{rate: None or {"fnir", "threshold", "missed"}}: false negatives of a watch list where `rate`
    of those not on it raise an alarm. own: a search's score with its own person; other: its best
    with another of the list; alarms: the best of each search of somebody not on the list. missed:
    of each search, below the threshold or not first."""
    falling, out = -np.sort(-np.asarray(alarms)), {}
    for rate in rates:
        threshold, above = threshold_at(falling, rate, len(falling))
        out[rate] = None
        if threshold is not None and above >= FEWEST and len(own):
            missed = (own <= threshold) | (own < other)
            out[rate] = {"fnir": float(missed.mean()), "threshold": threshold, "missed": missed}
    return out
