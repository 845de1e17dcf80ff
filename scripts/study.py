#!/usr/bin/python3
"""study.py: compares methods of distillation. It trains students by all methods, with all widths
and seeds. The test pairs are never used to choose anything.

  1. --held-out identities of --faces are set aside. For each method, students train on the other
     identities with several loss weights. The best weight on pairs of the held-out people is
     chosen.
  2. Students of each method, width, --batches and seed train on all of --faces. Methods that need
     no labels are trained a second time with --unlabelled.
  3. All students are tested on --pairs and on each --test. p is McNemar's exact test between two
     networks of the same seed. Only networks that were trained on the same images are compared.

A finished run has a file OUT/RUN/run.json with the fingerprint of its inputs. The same command
continues an interrupted study and does not repeat finished runs. --plan lists the runs and their
hours, and writes nothing.
"""
import argparse
import os
import sys

from lib.errors import needs

needs("numpy", "scipy", "matplotlib", "PIL")
from experiments import choice, command, driver, rows, runs
from experiments.held_out import hold_out
from experiments.methods import BEST, GROUPS, METHODS, STUDY
from lib.arguments import command_line, each, path, real, whole
from lib.text import columns
from report import study as report

OWN = ("lfw", "identification")  # folders of each run, so no --test may have these names


def development(args, data):
    return hold_out(args, data.faces, args.held_out, args.development_count)


def write_report(args, _data, _teacher, _runs, chosen):
    """Writes the results of all finished runs in --out. Returns a function that prints them."""
    found = rows.read_rows(args.out, args.any_build)
    report.write_all(args, found, choice.kept(args.out, chosen))

    def tell():
        print(columns(report.table(found)))
        print(f"\ntable: {os.path.join(args.out, 'study.md')}")
    return tell


def test_set(text):
    """Parses NAME=FOLDER,PAIRS of --test."""
    name, _, rest = text.partition("=")
    folder, _, pairs = rest.rpartition(",")
    if not (folder and pairs and name not in OWN and name.replace("-", "").isalnum()):
        raise argparse.ArgumentTypeError(f"{text}: must be NAME=FOLDER,PAIRS, NAME of letters, "
                                         f"digits and -, and not {' or '.join(OWN)}")
    for p in (folder, pairs):
        if not os.path.exists(p):
            raise argparse.ArgumentTypeError(f"{text}: {p}: No such file or folder")
    return name, os.path.abspath(folder), os.path.abspath(pairs)


def main():
    p = command_line(__doc__, conflict_handler="resolve")
    command.add_data_options(p, "study")
    command.add_run_options(p, METHODS, STUDY, [.25, .5, .125], [1, 2, 3], 600)
    p.add_argument("--batches", dest="lengths", type=each(whole(1)), default=[1150],
                   metavar="N,N", help="updates: a short and a long training (1150; 1150,20000)")
    p.add_argument("--best", action="store_true", help="search for the best small student: "
                   "features, with a cosine schedule, averaged weights, an inner target, at width "
                   "1/4 and for 9,375 updates, unless --methods, --widths, --batches say otherwise")
    p.add_argument("--test", type=test_set, action="append", default=[],
                   metavar="NAME=DIR,PAIRS", help="a further set of pairs, for example cfp-fp")
    p.add_argument("--probes", type=path, metavar="DIR", help="a folder of people whom no student "
                   "trained on: rank-1 among --distractors, and TAR at FAR 1e-4 and 1e-5, in the "
                   "table")
    p.add_argument("--distractors", type=each(path), default=[], metavar="DIR,DIR",
                   help="folders with faces of other people")
    p.add_argument("--points", type=whole(0, 1000), default=3,
                   help="points of the curve of accuracy over training (3)")
    p.add_argument("--no-more", dest="more", action="store_false",
                   help="leave out the rows with --unlabelled")
    p.add_argument("--only-more", dest="own", action="store_false",
                   help="leave out the rows without --unlabelled")
    p.add_argument("--no-choose", dest="choose", action="store_false",
                   help="use the default loss weights")
    p.add_argument("--held-out", type=whole(1), default=40, metavar="N",
                   help="identities that choose (40)")
    p.add_argument("--development-count", type=whole(20), default=6000, metavar="N",
                   help="the largest number of their pairs (6000)")
    p.add_argument("--choose-width", type=real(above=0, most=16), metavar="W",
                   help="the width of the students that choose; default the first of --widths")
    p.add_argument("--choose-batches", type=whole(1), metavar="N",
                   help="the updates of these students; default the first of --batches")
    args = p.parse_args()
    if args.best:
        p.set_defaults(methods=list(BEST), widths=[.25], lengths=[9375])
        args = p.parse_args()
    if bool(args.probes) != bool(args.distractors):
        p.error("--probes and --distractors go together")
    for folder in filter(None, [args.probes, *args.distractors]):
        if not os.path.isdir(folder):
            p.error(f"{folder}: is not a folder")
    if len({name for name, _, _ in args.test}) < len(args.test):
        p.error("--test: two sets of pairs have one name")
    grouped = [m for m in args.methods if METHODS[m].edit.get("net") is GROUPS]
    if grouped and args.batch % GROUPS["images"]:
        p.error(f"--batch {args.batch}: must be a multiple of {GROUPS['images']} for {grouped[0]}")
    if args.probes:
        needs("faiss")
    args.batches, args.choose_seeds = args.lengths[0], args.seeds[:1]
    args.choose = choice.choices(args.methods) if args.choose else {}
    args.pictures, args.any_results = False, args.any_build
    return command.finish(p, args, driver.work, driver.Experiment(
        runs.plan, lambda args, data: data.test, development, write_report))


if __name__ == "__main__":
    sys.exit(main())
