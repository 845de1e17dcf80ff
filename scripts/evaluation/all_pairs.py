"""Verification over all pairs of a set of images: TAR at a low false-match rate, its interval, and
bootstrap draws to compare networks."""
import numpy as np

from evaluation import statistics
from evaluation.scores import DEPTH, genuine, impostors, unit
from lib.errors import Failure

RATE = 1e-3


def all_pairs(vectors, rate=RATE, draws=1000):
    """Measures TAR at the false-match rate `rate`. vectors: {PERSON/IMAGE: feature}. In the result,
    `low` and `high` are the 95 % interval of `tar`. `tar` is None when too few impostor pairs
    exceed the threshold."""
    names = sorted(vectors, key=lambda n: n.rpartition("/")[0])
    people, person = np.unique([n.rpartition("/")[0] for n in names], return_inverse=True)
    if len(people) < 2:
        raise Failure("all images are of one person, or lie in no folder of a person")
    rows, images = unit(np.array([vectors[n] for n in names])), np.bincount(person)
    pairs = statistics.impostor_pairs(images, 0)
    good, a, _ = genuine(rows, person)
    tail = impostors(rows, person, [], min(pairs, DEPTH * rate * pairs + 2))
    got = statistics.verification(good, tail, pairs, [rate])[rate]
    drawn = statistics.bootstrap_tar(good, person[a], tail, images, 0, [rate], draws=draws)[rate]
    known = got or dict.fromkeys(("tar", "threshold", "false_matches"))
    low, high = statistics.percentiles(drawn) if got else (None, None)
    return {"rate": rate, **known, "low": low, "high": high, "genuine_pairs": len(good),
            "impostor_pairs": pairs, "people": len(people),
            "draws": [None if np.isnan(v) else float(v) for v in drawn] if got else []}


def mean(results):
    """Returns the mean {"tar", "low", "high", "draws"} of results that differ only in the seed."""
    if any(r["tar"] is None for r in results):
        return {"tar": None, "low": None, "high": None, "draws": []}
    drawn = np.mean([as_array(r) for r in results], 0)
    low, high = statistics.percentiles(drawn)
    return {"tar": float(np.mean([r["tar"] for r in results])), "low": low, "high": high,
            "draws": drawn.tolist()}


def as_array(result):
    return np.array(result["draws"], float)


def difference(mine, theirs):
    """Returns the TAR of `mine` minus the TAR of `theirs` on the same images: {"difference", "low",
    "high", "p"}, or None when a TAR is missing. Draw k has the same people in both results, so
    draws are subtracted one by one."""
    if mine["tar"] is None or theirs["tar"] is None or len(mine["draws"]) != len(theirs["draws"]):
        return None
    return statistics.paired(mine["tar"] - theirs["tar"], as_array(mine) - as_array(theirs))
