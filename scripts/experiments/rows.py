"""The rows of a comparison: accuracies over seeds, and p between rows of equal images only."""
import math

from experiments.methods import METHODS
from lib.metrics import mcnemar

AGAINST = ("scratch", "feature")  # the columns of p in a table


def mean_error(values, folds_error):
    """Mean, and its standard error over seeds; with one seed that over the folds, which is None
    where there is one fold."""
    m = sum(values) / len(values)
    if len(values) == 1:
        return m, folds_error
    return m, math.sqrt(sum((v - m) ** 2 for v in values) / (len(values) - 1) / len(values))


def row(method, width, images, source, seeds, results, seconds, measured):
    """results: results.json of each seed. source: fingerprint of the images trained on."""
    mean, error = mean_error([r["accuracy"] for r in results], results[0]["standard_error"])
    return dict(measured, method=method, width=width, images=images, source=source, seeds=seeds,
                accuracy=mean, error=error, accuracies=[r["accuracy"] for r in results],
                seconds=seconds, p={}, right=[r["right"] for r in results],
                pairs=[r["made_from"]["pairs"] for r in results])


def add_p(rows):
    """McNemar's p of each seed, of rows that saw the same images and were tested on the same
    pairs. Which methods are compared, METHODS tells."""
    for r in rows:
        for name in METHODS[r["method"]].against if r["method"] in METHODS else ():
            base = next((b for b in rows if b["method"] == name and alike(b, r)), None)
            if not base:
                continue
            if base["source"] != r["source"] or base["pairs"][0] != r["pairs"][0]:
                continue
            theirs = dict(zip(base["seeds"], base["right"]))
            r["p"][name] = [mcnemar(a, theirs[seed])[2] for seed, a in zip(r["seeds"], r["right"])
                            if seed in theirs]


def alike(a, b):
    """Whether two rows differ in the method alone; their images are compared by their source."""
    return all(a.get(k) == b.get(k) for k in ("width", "batches"))


def stored(rows):
    """The rows as results.json has them: without the answers to every pair."""
    return [{k: v for k, v in r.items() if k not in ("right", "pairs", "made_from")} for r in rows]


def has_other_images(rows):
    return any(b["method"] == "scratch" and b["source"] != r["source"] and b["width"] == r["width"]
               for r in rows if r["method"] != "teacher" for b in rows)
