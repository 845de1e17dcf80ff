"""Chooses the values of every method on development pairs, whose people are held out of the
training faces. The reported pairs are not used."""
import os

from experiments.evaluation import evaluate
from experiments.methods import METHODS
from experiments.networks import student_cfg, usual
from experiments.runs import Run, options_of
from experiments.teachers import files
from experiments.training import cache_option, train
from lib.files import read_result


def words(tuned):
    return ",".join(f"{k}={v:g}" for k, v in sorted(tuned.items())) or "usual"


def sources(method):
    """Returns the method and, before it, the methods whose chosen values it also uses."""
    other = METHODS[method].tuned_as
    return (sources(other) if other else []) + [method]


def tried(args):
    """Returns [(method, values, run)] for all trainings of the choice. A method comes after those
    whose chosen values it uses."""
    methods = dict.fromkeys(s for m in args.methods for s in sources(m))
    return [(method, values, Run(f"choose-{method}-{words(values)}", args.choose_width,
                                 args.choose_batches, args.seeds[0]))
            for method in methods if len(METHODS[method].choices) > 1
            for values in METHODS[method].choices]


def tuned_of(args, method, chosen):
    """Returns the values with which a method is trained."""
    values = usual(args, method)
    for source in sources(method):
        values.update((k, v) for k, v in chosen.get(source, ({}, {}))[0].items() if k in values)
    return values


def choose(args, data, teacher):
    """Trains with all values and returns {method: (best values, {words for the values: accuracy})}.
    data: the result of hold_out()."""
    got, chosen = {}, {}
    for method, values, run in tried(args):
        own = options_of(args, run)
        text = student_cfg(own, method, run.width, run.seed, data.classes, teacher,
                           {**tuned_of(args, method, chosen), **values})
        asked = files(teacher, method)
        network = train(own, run.name, text, data.labelled, data.sources[data.labelled], asked,
                        cache_option(args, data.labelled) if asked else [])
        r = evaluate(own, run.name, *network, data.test, "development", args.any_build, False)
        got.setdefault(method, []).append((r["accuracy"], values))
        best = max(got[method], key=lambda each: each[0])  # the first one when several are equal
        chosen[method] = best[1], {words(v): a for a, v in got[method]}
    for method, (best, all_) in chosen.items():
        print(f"{method}: {words(best)}, of " + ", ".join(
            f"{w}: {100 * a:.2f} %" for w, a in all_.items()), flush=True)
    return chosen


def kept(out, chosen):
    """Returns chosen, completed by the choices of earlier commands for other methods."""
    old = read_result(os.path.join(out, "study.json"), "chosen") or {"chosen": {}}
    return {**{m: (c["values"], c["tried"]) for m, c in old["chosen"].items()}, **chosen}
