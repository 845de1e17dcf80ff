"""The rows of a comparison: accuracies over seeds, and p between rows with the same training
images."""
from evaluation.all_pairs import difference, mean
from experiments.methods import METHODS
from lib.metrics import mcnemar, standard_error

AGAINST = ("scratch", "feature")  # the columns of p in a table


def mean_error(values, folds_error):
    """Returns (mean, its standard error over the seeds). With one seed the error is folds_error,
    the error over the folds, which may be None."""
    return sum(values) / len(values), \
        folds_error if len(values) == 1 else standard_error(values)


def row(method, width, images, source, seeds, results, seconds, measured):
    """Makes a row. results: the results.json of each seed. source: the fingerprint of the training
    images."""
    mean, error = mean_error([r["accuracy"] for r in results], results[0]["standard_error"])
    return dict(measured, method=method, width=width, images=images, source=source, seeds=seeds,
                accuracy=mean, error=error, accuracies=[r["accuracy"] for r in results],
                seconds=seconds, p={}, tar=tar_of(results), right=[r["right"] for r in results],
                pairs=[r["made_from"]["pairs"] for r in results])


def tar_of(results):
    """Returns the mean over the seeds of TAR over all pairs, with the draws that serve to compare
    two rows, or None when it was not measured."""
    if not all("all_pairs" in r for r in results):
        return None
    first = results[0]["all_pairs"]
    return dict({k: first[k] for k in ("rate", "genuine_pairs", "impostor_pairs", "people")},
                **mean([r["all_pairs"] for r in results]),
                each=[r["all_pairs"]["tar"] for r in results])


def add_differences(rows):
    """Sets row["tar"]["minus"] = {method: difference}, for the methods that METHODS names and for
    the teacher. Only rows with the same training images and test pairs are compared."""
    for r in rows:
        if not r["tar"] or r["method"] == "teacher":
            continue
        r["tar"]["minus"] = {}
        for base in rows:
            known = base["method"] == "teacher" or base["method"] in METHODS[r["method"]].against \
                and alike(base, r) and base["source"] == r["source"]
            if known and base["tar"] and base["pairs"][0] == r["pairs"][0]:
                r["tar"]["minus"][base["method"]] = difference(r["tar"], base["tar"])


def add_p(rows):
    """Adds McNemar's p for each seed, against the methods that METHODS names. Only rows with the
    same training images and test pairs are compared."""
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
    """Returns True when two rows have the same width and length of training. The caller compares
    their images."""
    return all(a.get(k) == b.get(k) for k in ("width", "batches"))


def stored(rows):
    """Returns the rows for results.json: without the answers to every pair."""
    out = [{k: v for k, v in r.items() if k not in ("right", "pairs", "made_from")} for r in rows]
    return [dict(r, tar=r["tar"] and {k: v for k, v in r["tar"].items() if k != "draws"})
            for r in out]


def has_other_images(rows):
    return any(b["method"] == "scratch" and b["source"] != r["source"] and b["width"] == r["width"]
               for r in rows if r["method"] != "teacher" for b in rows)
