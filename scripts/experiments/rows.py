"""The rows of a comparison. A row joins the runs that differ only in the seed."""
import collections
import math
import os

from scipy.special import stdtrit  # quantiles of Student's t

from evaluation import all_pairs
from experiments.methods import METHODS
from experiments.runs import RUN
from experiments.training import BUILD
from lib.files import read_result
from lib.metrics import mcnemar, standard_error

# tables have a column for each of these methods: McNemar's p of a comparison with the method
AGAINST = ("scratch", "feature")
KEYS = ("method", "width", "batches", "more", "seed", "source", "images", "tests", "tuned",
        "made_from")
# inputs of a training that two methods must share to be compared
SETTING = ("[net] batch", "[net] learning_rate", "[net] height")


# ---- statistics over seeds ----

def mean_error(values, folds_error):
    """Returns (mean, its standard error over seeds). For one seed the error is folds_error, the
    standard error over the folds of the test."""
    error = folds_error if len(values) == 1 else standard_error(values)
    return sum(values) / len(values), error


def interval(values):
    """Returns half the width of the mean's 95 % interval over seeds (Student's t), or None for one
    seed."""
    n = len(values)
    return None if n < 2 else float(stdtrit(n - 1, .975)) * standard_error(values)


def difference(a, b):
    """Returns (mean of a minus mean of b, half the width of this difference's 95 % interval by
    Welch's test), or None when a or b has only one seed."""
    if min(len(a), len(b)) < 2:
        return None
    parts = [standard_error(v) ** 2 for v in (a, b)]
    both = sum(parts)
    minus = sum(a) / len(a) - sum(b) / len(b)
    if not both:
        return minus, 0.
    freedom = both ** 2 / sum(p ** 2 / (len(v) - 1) for p, v in zip(parts, (a, b)))
    return minus, float(stdtrit(freedom, .975)) * math.sqrt(both)


# ---- p and TAR ----

def alike(a, b):
    """True when two rows have the same width, images, settings and test pairs."""
    return all(a.get(k) == b.get(k) for k in ("width", "batches", "source", "setting")) and \
        a["pairs"][0] == b["pairs"][0]


def base_of(rows, row, method):
    """Returns the row of `method` with which `row` is compared, or None without such a row."""
    return next((b for b in rows if b["method"] == method and alike(b, row)), None)


def add_p(rows):
    """Sets row["p"] = {method: [McNemar's p of each seed]}, for the methods in Method.against."""
    for r in rows:
        for name in METHODS[r["method"]].against if r["method"] in METHODS else ():
            base = base_of(rows, r, name)
            if base:
                theirs = dict(zip(base["seeds"], base["right"]))
                r["p"][name] = [mcnemar(a, theirs[seed])[2]
                                for seed, a in zip(r["seeds"], r["right"]) if seed in theirs]


def tar_of(results):
    """Returns TAR over all pairs, averaged over the seeds, or None when a result has no TAR."""
    if not all("all_pairs" in r for r in results):
        return None
    first = results[0]["all_pairs"]
    return dict({k: first[k] for k in ("rate", "genuine_pairs", "impostor_pairs", "people")},
                **all_pairs.mean([r["all_pairs"] for r in results]),
                each=[r["all_pairs"]["tar"] for r in results])


def add_differences(rows):
    """Sets row["tar"]["minus"] = {method: this row's TAR minus the method's TAR}, for the teacher
    and for the methods in Method.against."""
    for r in rows:
        if not r["tar"] or r["method"] == "teacher":
            continue
        r["tar"]["minus"] = {
            b["method"]: all_pairs.difference(r["tar"], b["tar"]) for b in rows
            if b["tar"] and (b["method"] == "teacher" and b["pairs"][0] == r["pairs"][0] or
                             b["method"] in METHODS[r["method"]].against and alike(b, r))}


# ---- the rows of homework.py: one test, with the size and time of the network ----

def row(method, width, images, source, seeds, results, seconds, measured):
    """Returns a row. results: the results.json of each seed; source: the fingerprint of the
    training images; measured: more fields of the row."""
    accuracies = [r["accuracy"] for r in results]
    mean, error = mean_error(accuracies, results[0]["standard_error"])
    return dict(measured, method=method, width=width, images=images, source=source, seeds=seeds,
                accuracy=mean, error=error, accuracies=accuracies, seconds=seconds, p={},
                tar=tar_of(results), right=[r["right"] for r in results],
                pairs=[r["made_from"]["pairs"] for r in results])


def stored(rows):
    """Returns the rows for results.json: without the lists that have an entry for each pair, and
    without the bootstrap draws of TAR."""
    out = [{k: v for k, v in r.items() if k not in ("right", "pairs", "made_from")} for r in rows]
    return [dict(r, tar=r["tar"] and {k: v for k, v in r["tar"].items() if k != "draws"})
            for r in out]


def has_other_images(rows):
    return any(b["method"] == "scratch" and b["source"] != r["source"] and b["width"] == r["width"]
               for r in rows if r["method"] != "teacher" for b in rows)


# ---- the rows of study.py: all finished runs in a folder, with several tests ----

def shared(run):
    """Returns the inputs of a training that all runs of a row share, as a sorted tuple. The runs
    may differ in seed, threads and build."""
    own = ["[net] seed", "threads", BUILD]
    if run["method"] in METHODS and METHODS[run["method"]].pupil_of:
        own.append("teacher's weights")  # the teacher is a student of the same seed
    return tuple(sorted((k, v) for k, v in run["made_from"].items() if k not in own))


def read_rows(out, any_build):
    """Returns the rows of all finished runs in the folder `out`: [{method, width, batches, more,
    images, source, tuned, setting, seeds, runs, identification, tests: {name: {accuracies, mean,
    interval, p: {method: [p of each seed]}, minus: {method: result of difference()}}}}]. any_build:
    True joins runs of several builds of darknet in a row."""
    grouped = collections.defaultdict(list)
    setting = SETTING if any_build else (*SETTING, BUILD)
    for name in sorted(os.listdir(out)):
        run = read_result(os.path.join(out, name, RUN), *KEYS)
        if run and ".old-" not in name:
            key = (run["batches"], -run["width"], run["more"],
                   list(METHODS).index(run["method"]) if run["method"] in METHODS else len(METHODS),
                   run["method"], tuple(run["made_from"].get(k, "") for k in setting), shared(run))
            grouped[key].append({**run, "name": name})
    made = [row_of(sorted(grouped[key], key=lambda r: r["seed"]), key[-2])
            for key in sorted(grouped)]
    for test in dict.fromkeys(n for r in made for n in r["runs"][0]["tests"]):
        add_test(out, made, test)
    return made


def row_of(runs, setting):
    return {**{k: runs[0][k] for k in ("method", "width", "batches", "more", "images", "source",
                                       "tuned")},
            "seeds": [r["seed"] for r in runs], "setting": setting, "runs": runs, "tests": {},
            "identification": identification_of(runs)}


def identification_of(runs):
    """Returns {name of a rate: {"mean", "low", "high", "seeds"}, or None if not measured}. The
    interval is over seeds or, for one seed, over people."""
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


def results_of(out, runs, test):
    """Returns the results of each run on a test set. Returns None when a run has no results, or
    when the runs were tested on different pairs."""
    got = [read_result(os.path.join(out, r["name"], test, "results.json"), "accuracy",
                       "standard_error", "right", "made_from") for r in runs]
    return got if all(got) and len({g["made_from"]["pairs"] for g in got}) == 1 else None


def half_interval(results):
    """Returns half the 95 % interval over seeds or, for one seed, 1.96 standard errors over the
    folds. Returns None for one seed and one fold."""
    if len(results) > 1:
        return interval([r["accuracy"] for r in results])
    folds = results[0]["standard_error"]
    return None if folds is None else 1.96 * folds


def add_test(out, made, test):
    """Adds the accuracies, p and differences on a test set to each row whose runs were all tested
    on it, with the same pairs."""
    tested = []
    for r in made:
        results = results_of(out, r["runs"], test)
        if results:
            values = [g["accuracy"] for g in results]
            r["tests"][test] = {"accuracies": values, "mean": sum(values) / len(values),
                                "interval": half_interval(results)}
            tested.append({**r, "p": {}, "right": [g["right"] for g in results],
                           "pairs": [g["made_from"]["pairs"] for g in results]})
    add_p(tested)
    for r in tested:  # `r` and its row in `made` share the dict r["tests"]: this loop fills both
        mine = r["tests"][test]
        mine["p"] = r["p"]
        mine["minus"] = {name: difference(mine["accuracies"], base_of(tested, r, name)["tests"][
            test]["accuracies"]) for name in r["p"]}
