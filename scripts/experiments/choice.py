"""Chooses the values of methods (loss weights, margins) on development pairs."""
import os

from experiments.evaluation import evaluate
from experiments.methods import METHODS
from experiments.networks import usual
from experiments.runs import Run, trained
from lib.files import read_result


def words(tuned):
    return ",".join(f"{k}={v:g}" for k, v in sorted(tuned.items())) or "usual"


def sources(method):
    """Returns a list of methods: first the methods whose chosen values `method` also uses
    (tuned_as), and last `method` itself."""
    other = METHODS[method].tuned_as
    return (sources(other) if other else []) + [method]


def choices(methods):
    """Returns {method: values to try} for `methods` and the methods whose values they use."""
    return {s: METHODS[s].choices for m in methods for s in sources(m)
            if len(METHODS[s].choices) > 1}


def tried(args):
    """Returns [(method, values, run)] for each training that tries candidate values."""
    def name(values):
        return words(values).removeprefix("weight=") if args.is_short else words(values)
    return [(method, values, Run(f"choose-{method}-{name(values)}", args.choose_width,
                                 args.choose_batches, seed, is_short=args.is_short))
            for method, several in args.choose.items() for values in several
            for seed in args.choose_seeds]


def tuned_of(args, method, chosen):
    """Returns the values for training a method. chosen: the result of choose()."""
    values = usual(args, method)
    for source in sources(method):
        values.update((k, v) for k, v in chosen.get(source, ({}, {}))[0].items() if k in values)
    return values


def choose(args, data, teacher, chosen):
    """Trains each method with each of its candidate values. Returns a copy of the earlier `chosen`
    with {method: (best values, {values as text: mean accuracy over the seeds})} added."""
    got, chosen = {}, dict(chosen)
    for method, values, run in tried(args):
        network = trained(args, data, run, method, teacher,
                          {**tuned_of(args, method, chosen), **values})
        r = evaluate(args, run.name, *network, data.test, "development")
        got.setdefault(method, {}).setdefault(words(values), (values, []))[1].append(r["accuracy"])
        means = {w: sum(a) / len(a) for w, (_, a) in got[method].items()}
        best = max(means, key=means.get)  # the first of several equal means
        chosen[method] = got[method][best][0], means
    for line in notes(args, chosen):
        print(line, flush=True)
    return chosen


def notes(args, chosen):
    """Returns a text for each method whose values were chosen by trainings."""
    return [f"{method}: {words(best)} was chosen on {args.where}: " + ", ".join(
        f"{w}: {100 * a:.2f} %" for w, a in all_.items()) + "."
        for method, (best, all_) in chosen.items() if all_]


def kept(out, chosen):
    """Returns `chosen`, completed by the choices for other methods that earlier commands stored."""
    old = read_result(os.path.join(out, "study.json"), "chosen") or {"chosen": {}}
    return {**{m: (c["values"], c["tried"]) for m, c in old["chosen"].items()}, **chosen}
