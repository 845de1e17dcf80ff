#!/usr/bin/python3
"""homework.py: trains a MobileFaceNet teacher, then narrower students from scratch and by
distillation, and compares them by face verification.

Without --faces it draws synthetic faces, and each result says so. Work that is finished in --out is
not repeated. A training that was interrupted continues from its checkpoint.
"""
import argparse
import os
import shlex
import sys
import time

from lib.errors import needs, run_main

needs("numpy", "scipy", "matplotlib", "PIL")
from experiments import choice, estimate, rows as table, teachers
from experiments.data import check_paths, make_data, watched_pairs
from experiments.evaluation import evaluate, measure
from experiments.methods import HOMEWORK, METHODS
from experiments.networks import WEIGHTS, student_cfg
from experiments.training import (cache_option, curve_options, other_seconds, train,
                                  training_seconds)
from lib.arguments import each, real, whole, words
from lib.lock import folder_lock
from lib.processes import darknet
from report.experiment import report, show, summary


def students(args, data, teacher, method, width):
    """Trains and verifies a student with each seed. Returns a row of the table."""
    which = data.labelled if METHODS[method].labels else data.every
    options = cache_option(args, which) if args.cache and method != "scratch" else []
    results, names, seconds = [], [], []
    for seed in args.seeds:
        names.append(f"{method}-{width:g}-seed{seed}")
        text = student_cfg(args, method, width, seed, data.classes, teacher)
        trained = train(args, names[-1], text, which, data.sources[which],
                        teachers.files(teacher, method),
                        [*options, *curve_options(args.batches, args.points, data.watched)])
        results.append(evaluate(args, names[-1], *trained, data.test, every_pair=True))
        seconds.append(training_seconds(args, names[-1]))
    return dict(table.row(method, width, data.images[which], data.sources[which], args.seeds,
                          results, sum(seconds) / len(seconds),
                          measure(args, f"student-{width:g}", text)), networks=names)


def teacher_row(args, data, teacher, text):
    given = bool(args.teacher_weights)
    result = evaluate(args, "teacher", teacher["cfg"], teacher["weights"], data.test,
                      every_pair=True)
    return dict(table.row("teacher", 1, None if given else data.images[data.labelled],
                          data.sources[data.labelled], [1], [result],
                          None if given else training_seconds(args, "teacher"),
                          measure(args, "teacher-net", text)), networks=["teacher"])


def cache_words(args, rows):
    """Returns a text about the time that the teacher's outputs took: the time of all trainings with
    distillation, without their updates."""
    if not args.cache:
        return "no cache was used"
    taught = [n for r in rows if r["method"] not in ("teacher", "scratch") for n in r["networks"]]
    return f"{sum(other_seconds(args, n) for n in taught):.0f} s in all, starting included"


def check_networks(args, data, text, embedding):
    """Builds and times every network that will be trained, so that a width that cannot be built is
    an error before the first hour of training."""
    measure(args, "teacher-net", text)
    for width in args.widths:
        measure(args, f"student-{width:g}", student_cfg(
            args, "scratch", width, args.seeds[0], data.classes, {"embedding": embedding}))


def work(args):
    data = make_data(args)
    data.watched = watched_pairs(args) if args.points else None
    text, embedding = teachers.planned(args, data)
    check_networks(args, data, text, embedding)
    estimate.show(estimate.stages(args, data, text, embedding))
    teacher = teachers.make_teacher(
        args, data, text, embedding, args.methods,
        options=curve_options(args.teacher_batches, args.points, data.watched))
    rows = [teacher_row(args, data, teacher, text)]
    chosen = choice.choose(args, data, teacher) if args.choose else ""
    drawn = time.time()
    for width in args.widths:
        for method in args.methods:
            rows.append(students(args, data, teacher, method, width))
            table.add_p(rows)
            table.add_differences(rows)
            if (method, width) == (args.methods[-1], args.widths[-1]) or time.time() > drawn + 30:
                report(args, rows, data, {"cache": cache_words(args, rows),
                                          "weights": (chosen + " " + choice.note(args)).strip()})
                drawn = time.time()
    print(f"\n{summary(args, data)}\n")
    print(show(rows))
    if table.has_other_images(rows):
        print("\nNo p between rows of different images: they compare faces as well as losses.")
    for line in filter(None, (chosen, choice.note(args))):
        print(f"\n{line}")
    print(f"\nnext: {with_width(args)}\nadds a width to these results; "
          "README.md tells how to change a network"
          + ("" if args.faces else "; make run OUT=real FACES=folder LFW=folder PAIRS=file\n"
             "takes real faces"))
    print(f"what the networks confuse most: {os.path.join(args.out, 'confused.png')}")
    print(f"report: {os.path.join(args.out, 'report.html')}")


def with_width(args):
    """Returns this command with one width more. Of an option that stands twice the last counts."""
    widths = [*args.widths, min(args.widths) / 2]
    return shlex.join([*sys.argv, "--widths", ",".join(f"{w:g}" for w in widths)])


def add_data_options(p, out):
    """Adds the options of all scripts that train on these faces."""
    p.add_argument("--out", default=out, metavar="DIR",
                   help=f"the folder of all results; default {out}")
    p.add_argument("--faces", metavar="DIR", help="a folder of identity folders, aligned faces")
    p.add_argument("--unlabelled", metavar="DIR,DIR",
                   help="more faces, for the losses without labels")
    p.add_argument("--lfw", metavar="DIR", help="the faces of the pairs")
    p.add_argument("--pairs", metavar="FILE", help="LFW's pairs.txt")
    p.add_argument("--teacher-cfg", metavar="CFG", help="a teacher that is trained already")
    p.add_argument("--teacher-weights", metavar="FILE")
    p.add_argument("--batch", type=whole(1, 65536), default=64)
    p.add_argument("--batches", type=whole(1), default=700, help="updates of each student")
    p.add_argument("--rate", type=real(above=0), default=.05, help="learning rate at the start")
    p.add_argument("--size", type=whole(32, 512), help="pixels of the networks' input; default 112 "
                   "for real faces, 56 for synthetic ones")
    p.add_argument("--identities", type=whole(2, 1000000), default=300,
                   help="synthetic identities to train on; default 300")
    p.add_argument("--images", type=whole(1, 100000), default=30, help="images of each identity")
    p.add_argument("--synthetic-pairs", type=whole(20, 200000), default=6000, help="pairs of "
                   "other people, for the test; four images of each; TAR counts all pairs of these "
                   "images; default 6000")
    p.add_argument("--threads", type=whole(0, 64), default=0,
                   help="threads of training; 0: all processors")
    p.add_argument("--force", action="store_true", help="train again a network that was made from "
                   "other inputs; the old one is kept under another name")
    p.add_argument("--any-build", action="store_true",
                   help="keep networks that another build of darknet has trained")


def finish(p, do):
    """Parses and checks the arguments, then calls do() with the folder --out locked. Returns the
    exit status."""
    args = p.parse_args()
    if args.faces and not (args.lfw and args.pairs):
        p.error("--faces needs --lfw and --pairs")
    if bool(args.teacher_cfg) != bool(args.teacher_weights):
        p.error("--teacher-cfg and --teacher-weights go together")
    if not args.faces and args.synthetic_pairs % 20:
        p.error(f"--synthetic-pairs {args.synthetic_pairs}: must be a multiple of 20")
    if args.unlabelled and not args.faces:
        p.error("--unlabelled needs --faces")
    args.size = args.size or (112 if args.faces else 56)
    for key in ("out", "faces", "lfw", "pairs", "teacher_cfg", "teacher_weights",
                "development_faces", "development_pairs"):
        if getattr(args, key, None):
            setattr(args, key, os.path.abspath(getattr(args, key)))
    if args.unlabelled:
        args.unlabelled = ",".join(map(os.path.abspath, args.unlabelled.split(",")))

    def locked():
        darknet()
        check_paths(args)
        if getattr(args, "plan", False):
            return do(args)  # writes nothing
        with folder_lock(args.out):
            do(args)

    return run_main(locked, again=True)


def choices(text):
    """Parses METHOD=W,W of --choose."""
    method, _, weights = text.partition("=")
    if method not in WEIGHTS or not weights:
        raise argparse.ArgumentTypeError(f"{text}: must be {' or '.join(WEIGHTS)}, =, weights")
    return method, each(real(least=0))(weights)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    add_data_options(p, "homework")
    p.add_argument("--points", type=whole(0, 1000), help="points of the curves of verification in "
                   "training. Default 8 for synthetic faces, on pairs of people who are neither "
                   "trained on nor reported; 0 for real ones, where it needs --development-pairs")
    p.add_argument("--methods", type=words(HOMEWORK), default=list(HOMEWORK), metavar="A,B")
    p.add_argument("--widths", type=each(real(above=0, most=16)), default=[.5], metavar="W,W")
    p.add_argument("--seeds", type=each(whole(0)), default=[1], metavar="N,N")
    p.add_argument("--teacher-batches", type=whole(1), default=1200)
    for method in WEIGHTS:
        own, given = METHODS[method].usual["weight"], METHODS[method].given["weight"]
        p.add_argument(f"--{method}-weight", type=real(least=0), metavar="W",
                       help=f"default {own:g}, with a given teacher {given:g}; both were chosen "
                       "on pairs like the reported ones")
    p.add_argument("--choose", type=choices, action="append", metavar="METHOD=W,W",
                   help="choose the weight of a loss among these on development pairs: synthetic "
                   "faces of another seed, or --development-pairs")
    p.add_argument("--development-faces", metavar="DIR")
    p.add_argument("--development-pairs", metavar="FILE")
    p.add_argument("--exclusivity", type=real(least=0), default=1e-4)
    p.add_argument("--no-cache", dest="cache", action="store_false",
                   help="run the teacher for every batch, without a cache")
    args, _ = p.parse_known_args()
    if args.points and args.faces and not args.development_pairs:
        p.error("--points with --faces needs --development-pairs and --development-faces")
    for method, _ in args.choose or []:
        if method not in args.methods:
            p.error(f"--choose {method}: is not among --methods")
        if getattr(args, method + "_weight") is not None:
            p.error(f"--choose {method} and --{method}-weight exclude each other")
    return finish(p, lambda a: work(with_choices(a)))


def with_choices(args):
    args.choose = dict(args.choose or [])
    if args.points is None:
        args.points = 0 if args.faces else 8
    return args


if __name__ == "__main__":
    sys.exit(main())
