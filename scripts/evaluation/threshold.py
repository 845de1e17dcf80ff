"""Writes threshold.json: the cosine above which two faces match, for a given false-match rate.
scripts/README.md lists the keys."""
import os
import time

import numpy as np

from evaluation import statistics
from lib.errors import Failure
from lib.files import remove, write_json
from lib.metrics import FEWEST

FORMAT = "darknet threshold 1"


def save(args, rate, got, counts, about):
    """Replaces threshold.json in the folder --out. got: the measured threshold with its rates. When
    got is None, save() removes the file. Then it returns the reason, or raises it as a Failure when
    the user gave --threshold-rate."""
    path, pairs = os.path.join(args.out, "threshold.json"), counts["impostor_pairs"]
    remove(path)
    if got is None:
        why = (f"{pairs:,} pairs of different people cannot show a false-match rate of {rate:g}: "
               f"fewer than {FEWEST} of them would match; {round(FEWEST / rate):,} are needed")
        if args.threshold_rate:
            raise Failure(why)
        return f"no threshold.json: {why}"
    write_json(path, {
        "format": FORMAT, "threshold": got["threshold"], "false_match_rate": rate,
        "false_matches": got["false_matches"], "impostor_pairs": pairs,
        "false_match_rate_low": got["false_match_low"],
        "false_match_rate_high": got["false_match_high"], "true_match_rate": got["tar"],
        "true_match_rate_low": got["low"], "true_match_rate_high": got["high"],
        "genuine_pairs": counts["genuine_pairs"], "people": counts["people"],
        **about, "date": time.strftime("%Y-%m-%d %H:%M:%S")})
    return None


def of_pairs(scores, same, names, rate):
    """Returns (got, counts) for save(). got is None when there are too few false matches. names:
    [(image, image)]. The folder of an image counts as its person if this agrees with `same` for all
    pairs. Else each pair counts as a person of its own."""
    people = np.array([[n.rpartition("/")[0] for n in pair] for pair in names])
    number = np.unique(people, return_inverse=True)[1].reshape(-1, 2)
    if ((people[:, 0] == people[:, 1]) != same).any():
        number = np.repeat(np.arange(len(names))[:, None], 2, 1)
    falling, rising = -np.sort(-scores[~same]), np.sort(scores[same])
    threshold, above = statistics.threshold_at(falling, rate, len(falling))
    counts = {"genuine_pairs": len(rising), "impostor_pairs": len(falling),
              "people": len(np.unique(number[same]))}
    if threshold is None or above < FEWEST:
        return None, counts
    false = scores[~same] > threshold
    low, high = statistics.wilson(above / len(falling),
                                  statistics.listed_trials(*number[~same].T, false))
    right = scores[same] > threshold
    own = number[same][:, 0]
    tar = statistics.share_above(rising, threshold)
    tar_low, tar_high = statistics.wilson(tar, statistics.people_trials(
        np.bincount(own, ~right), np.bincount(own)))
    return {"threshold": threshold, "false_matches": above, "false_match_low": low,
            "false_match_high": high, "tar": tar, "low": tar_low, "high": tar_high}, counts
