"""Chooses the values of every method on development pairs: identities that are held out of the
faces. The reported pairs choose nothing."""
import os

from experiments.evaluation import evaluate
from experiments.methods import METHODS
from experiments.networks import student_cfg, usual
from experiments.runs import Run, options_of
from experiments.teachers import files
from experiments.training import train
from lib.files import read_result


def words(tuned):
    return ",".join(f"{k}={v:g}" for k, v in sorted(tuned.items())) or "usual"


def sources(method):
    """The method and those whose choices it takes over, the farthest first."""
    other = METHODS[method].tuned_as
    return (sources(other) if other else []) + [method]


def tried(args):
    """[(method, values, run)] of all trainings of the choice, in the order in which they depend on
    each other."""
    methods = dict.fromkeys(s for m in args.methods for s in sources(m))
    return [(method, values, Run(f"choose-{method}-{words(values)}", args.choose_width,
                                 args.choose_batches, args.seeds[0]))
            for method in methods if len(METHODS[method].choices) > 1
            for values in METHODS[method].choices]


def tuned_of(args, method, chosen):
    """The values that a method trains with."""
    values = usual(args, method)
    for source in sources(method):
        values.update((k, v) for k, v in chosen.get(source, ({}, {}))[0].items() if k in values)
    return values


def choose(args, data, teacher):
    """{method: (values, {words: accuracy})}. data: of hold_out()."""
    got, chosen = {}, {}
    for method, values, run in tried(args):
        own = options_of(args, run)
        text = student_cfg(own, method, run.width, run.seed, data.classes, teacher,
                           {**tuned_of(args, method, chosen), **values})
        asked = files(teacher, method)
        network = train(own, run.name, text, data.labelled, data.sources[data.labelled], asked,
                        ["-cache", f"{args.out}/cache-development.data"] if asked else [])
        r = evaluate(own, run.name, *network, data.test, "development", args.any_build, False)
        got.setdefault(method, []).append((r["accuracy"], values))
        best = max(got[method], key=lambda each: each[0])  # the first of equals
        chosen[method] = best[1], {words(v): a for a, v in got[method]}
    for method, (best, all_) in chosen.items():
        print(f"{method}: {words(best)}, of " + ", ".join(
            f"{w}: {100 * a:.2f} %" for w, a in all_.items()), flush=True)
    return chosen


def kept(out, chosen):
    """chosen, with what earlier commands chose for other methods."""
    old = read_result(os.path.join(out, "study.json"), "chosen") or {"chosen": {}}
    return {**{m: (c["values"], c["tried"]) for m, c in old["chosen"].items()}, **chosen}
