#!/usr/bin/python3
"""homework.py: trains a MobileFaceNet teacher, then narrower students from scratch and by
distillation, and compares them by face verification.

Without --faces it draws synthetic faces. The same command continues interrupted work."""
import argparse
import dataclasses
import functools
import itertools
import os
import shlex
import sys

from lib.errors import needs

needs("numpy", "scipy", "matplotlib", "PIL")
from experiments import choice, command, driver, rows as table
from experiments.data import development_pairs, watched_pairs
from experiments.evaluation import evaluate, measure
from experiments.methods import HOMEWORK, METHODS
from experiments.networks import usual
from experiments.runs import Run, faces_of
from experiments.training import other_seconds, training_seconds
from lib.arguments import each, path, real, whole
from lib.files import read, read_json
from report.experiment import report, show, summary

# Methods whose default loss weights were chosen on pairs like the test pairs. So their results are
# a little too good. --choose chooses the weights on other pairs.
WEIGHTS = ("probability", "correlation")


def plan(args):
    """Returns the runs. A method that needs no labels also trains on --unlabelled."""
    return [Run(method, width, args.batches, seed,
                bool(args.unlabelled) and not METHODS[method].labels, True)
            for width in args.widths for seed in args.seeds for method in args.methods]


def development(args, data):
    pairs = development_pairs(args)
    args.where = f"{len(pairs.read())} development pairs ({pairs.name}), width {args.widths[0]:g}"
    return dataclasses.replace(data, test=pairs)


def teacher_row(args, data, teacher):
    given = bool(args.teacher_weights)
    result = evaluate(args, "teacher", teacher["cfg"], teacher["weights"], data.test,
                      every_pair=True)
    return dict(table.row("teacher", 1, None if given else data.labelled.images,
                          data.labelled.source, [1], [result],
                          None if given else training_seconds(args, "teacher"),
                          measure(args, "teacher-net", read(teacher["cfg"]))), networks=["teacher"])


def student_row(args, data, runs):
    first, names, faces = runs[0], [r.name for r in runs], faces_of(data, runs[0])
    results = [read_json(os.path.join(args.out, n, "lfw", "results.json")) for n in names]
    seconds = [training_seconds(args, n) for n in names]
    text = read(os.path.join(args.out, names[0], "net.cfg"))
    return dict(table.row(first.method, first.width, faces.images, faces.source,
                          [r.seed for r in runs], results, sum(seconds) / len(seconds),
                          measure(args, f"student-{first.width:g}", text)), networks=names)


def cache_words(args, runs):
    if not args.cache:
        return "They include the teacher's outputs."
    taught = [r.name for r in runs if r.method != "scratch"]
    return ("Students with a teacher took "
            f"{sum(other_seconds(args, n) for n in taught):.0f} s more in all: for starting, for "
            "curves and for the teacher's outputs in the cache.")


def note(args, chosen):
    used = [m for m in args.methods if m in WEIGHTS and m not in chosen]
    listed = " and ".join(f"{usual(args, m)['weight']:g} for {m}" for m in used)
    return [f"The default loss weights ({listed}) were chosen on pairs like the reported ones, "
            "which flatters those rows a little; --choose chooses on development pairs."] \
        if used else []


def write_report(args, data, teacher, runs, chosen):
    """Writes the results of the runs that are finished. Returns a function that prints them."""
    by_row = sorted(runs, key=lambda r: (args.widths.index(r.width), args.methods.index(r.method)))
    rows = [teacher_row(args, data, teacher)]
    rows += [student_row(args, data, list(group))
             for _, group in itertools.groupby(by_row, key=lambda r: r.row)]
    table.add_p(rows)
    table.add_differences(rows)
    notes = choice.notes(args, chosen) + note(args, chosen)
    report(args, rows, data, {"cache": cache_words(args, runs), "weights": " ".join(notes)})
    return functools.partial(tell, args, data, rows, notes)


def tell(args, data, rows, notes):
    print(f"\n{summary(args, data)}\n")
    print(show(rows))
    if table.has_other_images(rows):
        print("\nNo p between rows of different images: they compare faces as well as losses.")
    for line in notes:
        print(f"\n{line}")
    print(f"\nnext: {with_width(args)}\nadds a width to these results; "
          "README.md tells how to change a network"
          + ("" if args.faces else "; make run OUT=real FACES=folder LFW=folder PAIRS=file\n"
             "takes real faces"))
    print(f"what the networks confuse most: {os.path.join(args.out, 'confused.png')}")
    print(f"report: {os.path.join(args.out, 'report.html')}")


def with_width(args):
    """Returns this command with one more width. Appends a --widths, because the last --widths on a
    command line counts."""
    widths = [*args.widths, min(args.widths) / 2]
    return shlex.join([*sys.argv, "--widths", ",".join(f"{w:g}" for w in widths)])


def choices(text):
    """Parses METHOD=W,W of --choose. Returns (method, the values to try)."""
    method, _, weights = text.partition("=")
    if method not in WEIGHTS or not weights:
        raise argparse.ArgumentTypeError(f"{text}: must be {' or '.join(WEIGHTS)}, =, weights")
    return method, [{"weight": w} for w in each(real(least=0))(weights)]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    command.add_data_options(p, "homework")
    command.add_run_options(p, HOMEWORK, HOMEWORK, [.5], [1], 1200)
    p.add_argument("--points", type=whole(0, 1000), help="points of the curves of verification in "
                   "training. Default 8 for synthetic faces, on pairs of people who are neither "
                   "trained on nor reported; 0 for real ones, where it needs --development-pairs")
    for method in WEIGHTS:
        own, given = METHODS[method].usual["weight"], METHODS[method].given["weight"]
        p.add_argument(f"--{method}-weight", type=real(least=0), metavar="W",
                       help=f"default {own:g}, with a given teacher {given:g}; both were chosen "
                       "on pairs like the reported ones")
    p.add_argument("--choose", type=choices, action="append", default=[], metavar="METHOD=W,W",
                   help="choose the weight of a loss among these on development pairs: synthetic "
                   "faces of another seed, or --development-pairs")
    p.add_argument("--development-faces", type=path, metavar="DIR")
    p.add_argument("--development-pairs", type=path, metavar="FILE")
    p.add_argument("--exclusivity", type=real(least=0), default=1e-4)
    p.add_argument("--no-cache", dest="cache", action="store_false",
                   help="run the teacher for every batch, without a cache")
    args = p.parse_args()
    if bool(args.development_faces) != bool(args.development_pairs):
        p.error("--development-faces and --development-pairs go together")
    for option in "points", "choose":  # neither may use the test pairs
        if getattr(args, option) and args.faces and not args.development_pairs:
            p.error(f"--{option} with --faces needs --development-pairs and --development-faces")
    if len(dict(args.choose)) < len(args.choose):
        p.error("--choose: names a method twice")
    if args.points is None:
        args.points = 0 if args.faces else 8
    args.choose = dict(args.choose)
    args.given = {"exclusive": ({"exclusivity": args.exclusivity}, {})}
    for method in WEIGHTS:
        weight = getattr(args, method + "_weight")
        if method in args.choose and method not in args.methods:
            p.error(f"--choose {method}: is not among --methods")
        if method in args.choose and weight is not None:
            p.error(f"--choose {method} and --{method}-weight exclude each other")
        if weight is not None:
            args.given[method] = {"weight": weight}, {}
    args.every_pair = args.is_short = True
    return command.finish(p, args, driver.work, driver.Experiment(
        plan, lambda args, data: watched_pairs(args), development, write_report))


if __name__ == "__main__":
    sys.exit(main())
