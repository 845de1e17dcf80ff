"""The rows of a study: the finished runs in a folder. A row joins the runs that differ only in the
seed."""
import collections
import math
import os

from scipy.stats import t

from experiments import rows
from experiments.methods import METHODS
from experiments.runs import RUN
from lib.files import read_json, read_result
from lib.metrics import standard_error

KEYS = ("method", "width", "batches", "more", "seed", "source", "images", "tests", "tuned")


def interval(values):
    """Returns half of the 95 % interval of a mean over seeds, by Student's t. None for one seed."""
    n = len(values)
    if n < 2:
        return None
    return float(t.ppf(.975, n - 1)) * standard_error(values)


def difference(a, b):
    """Compares the accuracies of seeds. Returns (mean of a minus mean of b, half of its 95 %
    interval by Welch's test), or None when a or b has only one seed."""
    if min(len(a), len(b)) < 2:
        return None
    parts = [standard_error(v) ** 2 for v in (a, b)]
    both = sum(parts)
    minus = sum(a) / len(a) - sum(b) / len(b)
    if not both:
        return minus, 0.
    freedom = both ** 2 / sum(p ** 2 / (len(v) - 1) for p, v in zip(parts, (a, b)))
    return minus, float(t.ppf(.975, freedom)) * math.sqrt(both)


def read_runs(out):
    """Returns the contents of run.json of every finished run, with its `name`."""
    found = []
    for name in sorted(os.listdir(out)):
        value = read_result(os.path.join(out, name, RUN), *KEYS)
        if value and ".old-" not in name:
            found.append(dict(value, name=name))
    return found


def right_of(out, name, test):
    got = read_json(os.path.join(out, name, test, "results.json"), "right", "made_from")
    return got["right"], got["made_from"]["pairs"]


def read_rows(out):
    """Returns the rows: [{method, width, batches, more, seeds, images, runs, tests: {name:
    {accuracies, mean, interval, p: {method: {seed: p}}}}}]."""
    grouped = collections.OrderedDict()
    for run in read_runs(out):
        key = (run["batches"], -run["width"], run["more"],
               list(METHODS).index(run["method"]) if run["method"] in METHODS else len(METHODS),
               run["method"], tuple(sorted(run["source"].items())))
        grouped.setdefault(key, []).append(run)
    made = [row_of(sorted(grouped[key], key=lambda r: r["seed"])) for key in sorted(grouped)]
    for test in dict.fromkeys(n for r in made for n in r["tests"]):
        add_tests(out, [r for r in made if test in r["tests"]], test)
    return made


def row_of(runs):
    first = runs[0]
    tests = {}
    for name in first["tests"]:
        values = [r["tests"][name]["accuracy"] for r in runs]
        error = interval(values)
        if error is None:  # one seed: a normal interval over its folds
            folds = first["tests"][name]["standard_error"]
            error = None if folds is None else 1.96 * folds
        tests[name] = {"accuracies": values, "mean": sum(values) / len(values), "interval": error}
    return {**{k: first[k] for k in ("method", "width", "batches", "more", "images", "source",
                                     "tuned")},
            "seeds": [r["seed"] for r in runs], "runs": runs, "tests": tests,
            "identification": identification_of(runs)}


def identification_of(runs):
    """Returns {name of a rate: {"mean", "low", "high", "seeds"}}. The interval is over seeds, or
    over people when there is one seed. None when the rate was not measurable."""
    found = [r["identification"] for r in runs if r.get("identification")]
    out = {}
    for name in dict.fromkeys(n for f in found for n in f):
        rates = [f[name] for f in found if f.get(name)]
        if len(rates) < 2:
            out[name] = rates and {"mean": rates[0]["rate"], "low": rates[0]["low"],
                                   "high": rates[0]["high"], "seeds": 1} or None
            continue
        mean = sum(r["rate"] for r in rates) / len(rates)
        half = interval([r["rate"] for r in rates])
        out[name] = {"mean": mean, "low": max(0., mean - half),
                     "high": min(1., mean + half), "seeds": len(rates)}
    return out


def add_tests(out, made, test):
    """Adds p for a test set, by experiments/rows.py."""
    as_rows = []
    for r in made:
        got = [right_of(out, run["name"], test) for run in r["runs"]]
        as_rows.append({**{k: r[k] for k in ("method", "width", "batches", "source", "seeds")},
                        "right": [g[0] for g in got], "pairs": [g[1] for g in got], "p": {}})
    rows.add_p(as_rows)
    for r, with_p in zip(made, as_rows):
        r["tests"][test]["p"] = with_p["p"]
        r["tests"][test]["minus"] = {
            name: difference(r["tests"][test]["accuracies"], b["tests"][test]["accuracies"])
            for name in with_p["p"] for b in made
            if b["method"] == name and rows.alike(b, r) and b["source"] == r["source"]}
