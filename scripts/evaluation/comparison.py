"""Compares two networks on the same faces."""
import numpy as np

from evaluation import statistics
from lib.metrics import mcnemar


def differences(mine, theirs):
    """Returns {rate: {"difference", "low", "high", "p"}, or None with too few draws}. mine, theirs:
    {rate: draws of TAR}."""
    out = {}
    for rate in mine:
        if rate not in theirs or len(mine[rate]) != len(theirs[rate]):
            continue
        d = mine[rate] - theirs[rate]
        out[statistics.rate_name(rate)] = None if statistics.percentiles(d)[0] is None else \
            statistics.paired(np.nanmean(d), d)
    return out


def rank1_draws(right, person, seed, draws=1000):
    """Returns the difference in rank-1 in each of `draws` random subsets of people. right: for each
    trial, +1 when only the first network is right, -1 when only the second is right, else 0."""
    people = int(person.max()) + 1
    sums, n = np.bincount(person, right, people), np.bincount(person, minlength=people)
    takes = np.random.default_rng(seed).random((draws, people)) < .5
    with np.errstate(invalid="ignore"):
        return (takes @ sums) / (takes @ n)


def compare(name, mine, theirs, seed=1):
    """Compares two networks. mine, theirs: the arrays that eval_identification.one() returns.
    Returns {"other": name, "tar_at_far", "rank1"} (rank1 only when there are distractors), or
    {"other": name, "not_compared": reason}."""
    if mine["probes"].names != theirs["probes"].names:
        return {"other": name, "not_compared": "the probes are others"}
    if len(mine["others"]) != len(theirs["others"]):
        return {"other": name, "not_compared": "the distractors are others"}
    out = {"other": name, "tar_at_far": differences(mine["drawn"], theirs["drawn"])}
    if mine["person"] is not None:
        only_this, only_other, p = mcnemar(mine["right"], theirs["right"])
        d = rank1_draws(mine["right"].astype(float) - theirs["right"], mine["person"], seed)
        out["rank1"] = dict(statistics.paired(mine["right"].mean() - theirs["right"].mean(), d),
                            only_this_right=only_this, only_other_right=only_other, mcnemar_p=p)
    return out
