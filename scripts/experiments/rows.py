"""The rows of a comparison: accuracies over seeds, and p between rows of equal images only."""
import math

from lib.metrics import mcnemar

AGAINST = ("scratch", "feature")  # what p compares with; feature: only EC-KD, which extends it


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
    pairs."""
    for r in rows:
        for name in AGAINST[:1 + (r["method"] == "exclusive")]:
            base = next((b for b in rows if b["method"] == name and b["width"] == r["width"]), None)
            if not base or base is r or r["method"] == "teacher":
                continue
            if base["source"] != r["source"] or base["pairs"] != r["pairs"]:
                continue
            r["p"][name] = [mcnemar(a, b)[2] for a, b in zip(r["right"], base["right"])]


def stored(rows):
    """The rows as results.json has them: without the answers to every pair."""
    return [{k: v for k, v in r.items() if k not in ("right", "pairs", "made_from")} for r in rows]


def has_other_images(rows):
    return any(b["method"] == "scratch" and b["source"] != r["source"] and b["width"] == r["width"]
               for r in rows if r["method"] != "teacher" for b in rows)
