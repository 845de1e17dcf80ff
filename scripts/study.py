#!/usr/bin/python3
"""study.py: compares methods of distillation. It trains all methods, widths and seeds on the same
images with the same batches. The test pairs are never used to choose anything.

  1. --held-out identities of --faces are set aside. For each method, students train on the other
     identities with several loss weights. The best weight on pairs of the held-out people is
     chosen.
  2. Students of each method, width, length and seed train on all of --faces. Methods that need no
     names are trained a second time with --unlabelled.
  3. All are tested on --pairs and on each --test. p is McNemar's exact test between two networks of
     the same seed. Only networks that were trained on the same images are compared.

A finished run has a file OUT/RUN/run.json with the fingerprint of its inputs. The same command
continues an interrupted study and does not repeat finished runs. --plan lists the runs and their
hours, and writes nothing.
"""
import argparse
import fnmatch
import functools
import os
import sys
import tempfile
import time

from lib.errors import Failure, needs

needs("numpy", "scipy", "matplotlib", "PIL")
import homework
from experiments import estimate, runs, study_choice, study_rows, teachers
from experiments.data import Data, Pairs, check_pairs, make_data
from experiments.held_out import hold_out
from experiments.methods import BEST, METHODS, STUDY
from experiments.networks import student_cfg, usual
from lib.arguments import command_line, each, real, whole, words
from lib.processes import on_threads
from lib.text import columns
from report import study as report


def tests_of(args, data):
    """Returns {name: Pairs}. The first one is --pairs."""
    tests = {"lfw": data.test}
    for name, folder, path in args.test:
        tests[name] = Pairs(folder, path, os.path.basename(path))
        check_pairs(tests[name], args.size)
    return tests


def asked(args, planned):
    """Returns the runs of --only, and the runs that teach them."""
    if not args.only:
        return planned
    kept = [r for r in planned if any(fnmatch.fnmatch(r.name, p) for p in args.only)]
    if not kept:
        raise Failure(f"--only {' '.join(args.only)}: names none of the runs (--plan lists them)")
    return list(dict.fromkeys(m for r in kept for m in runs.with_masters(r)))


def show_plan(args, data, planned, embedding):
    """Prints every run and its time, which is estimated from a few batches of each width."""
    @functools.lru_cache(maxsize=None)
    def milliseconds(width):
        text = student_cfg(args, "scratch", width, 1, data.classes, {"embedding": embedding},
                           usual(args, "scratch"))
        return estimate.milliseconds(text, args.batch, "-train", *on_threads(args.threads))

    tried = [run for _, _, run in study_choice.tried(args)] if args.choose else []
    listed = []
    for run in tried + planned:
        done = estimate.is_done(args, run.name)
        seconds = 0 if done else run.batches * args.batch / 1000 * milliseconds(run.width)
        listed.append((run.name, seconds, done))
    estimate.show(listed, "Estimated by timing a few batches of each width, without the teacher's "
                          "cache and tests\n")


def data_of_plan(args):
    """Returns what a plan needs of the data. It writes nothing and draws no faces."""
    if not args.faces:
        return Data("", args.identities, "", "", {}, {}, None)
    with tempfile.TemporaryDirectory() as folder:
        return make_data(argparse.Namespace(**{**vars(args), "out": folder}))


def work(args):
    data = data_of_plan(args) if args.plan else make_data(args)
    text, embedding = teachers.planned(args, data)
    tests = tests_of(args, data)
    planned = asked(args, runs.plan(args))
    show_plan(args, data, planned, embedding)
    if args.plan:
        return
    methods = list(dict.fromkeys([r.method for r in planned]))
    chosen = {}
    if args.choose:
        left = hold_out(args, data.faces, args.held_out, args.development_count)
        for_choice = teachers.make_teacher(args, left, *teachers.planned(args, left), methods,
                                           "development-")
        chosen = study_choice.choose(args, left, for_choice)
    teacher = teachers.make_teacher(args, data, text, embedding, methods)
    drawn = time.time()
    for run in planned:
        runs.finish(args, data, run, teacher,
                    study_choice.tuned_of(args, run.method, chosen), tests)
        if run is planned[-1] or time.time() > drawn + 30:
            found = study_rows.read_rows(args.out)
            report.write_all(args, found, study_choice.kept(args.out, chosen))
            drawn = time.time()
    print(columns(report.table(found)))
    print(f"\ntable: {os.path.join(args.out, 'study.md')}")


def test_set(text):
    """Parses NAME=FOLDER,PAIRS of --test."""
    name, _, rest = text.partition("=")
    folder, _, path = rest.rpartition(",")
    if not (name and folder and path and name != "lfw" and name.replace("-", "").isalnum()):
        raise argparse.ArgumentTypeError(f"{text}: must be NAME=FOLDER,PAIRS, NAME of letters, "
                                         "digits and -, and not lfw")
    for p in (folder, path):
        if not os.path.exists(p):
            raise argparse.ArgumentTypeError(f"{text}: {p}: No such file or folder")
    return name, os.path.abspath(folder), os.path.abspath(path)


def main():
    p = command_line(__doc__, conflict_handler="resolve")
    homework.add_data_options(p, "study")
    p.add_argument("--batches", dest="lengths", type=each(whole(1)), default=[1150],
                   metavar="N,N", help="updates: a short and a long training (1150; 1150,20000)")
    p.add_argument("--methods", type=words(METHODS), default=list(STUDY), metavar="A,B",
                   help=", ".join(METHODS))
    p.add_argument("--best", action="store_true", help="search for the best small student: "
                   "features, with a cosine schedule, averaged weights, an inner target, at width "
                   "1/4 and for 9,375 updates, unless --methods, --widths, --batches say otherwise")
    p.add_argument("--widths", type=each(real(above=0, most=16)), default=[.25, .5, .125],
                   metavar="W,W")
    p.add_argument("--seeds", type=each(whole(0)), default=[1, 2, 3], metavar="N,N")
    p.add_argument("--teacher-batches", type=whole(1), default=600,
                   help="updates of a teacher that is not given")
    p.add_argument("--test", type=test_set, action="append", default=[],
                   metavar="NAME=DIR,PAIRS", help="a further set of pairs, for example cfp-fp")
    p.add_argument("--probes", metavar="DIR", help="a folder of people whom no student trained "
                   "on: rank-1 among --distractors, and TAR at FAR 1e-4 and 1e-5, in the table")
    p.add_argument("--distractors", type=each(os.path.abspath), default=[], metavar="DIR,DIR",
                   help="folders with faces of other people")
    p.add_argument("--only", action="append", default=[], metavar="PATTERN",
                   help="only runs whose name matches, such as 'feature-0.25-*'")
    p.add_argument("--plan", action="store_true", help="only print the runs and their hours")
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
    args, _ = p.parse_known_args()
    if args.best:
        p.set_defaults(methods=list(BEST), widths=[.25], lengths=[9375])
        args, _ = p.parse_known_args()
    p.set_defaults(choose_width=args.choose_width or args.widths[0],
                   choose_batches=args.choose_batches or args.lengths[0], batches=args.lengths[0])
    if bool(args.probes) != bool(args.distractors):
        p.error("--probes and --distractors go together")
    for path in filter(None, [args.probes, *args.distractors]):
        if not os.path.isdir(path):
            p.error(f"{path}: is not a folder")
    if args.probes:
        needs("faiss")
        p.set_defaults(probes=os.path.abspath(args.probes))
    return homework.finish(p, work)


if __name__ == "__main__":
    sys.exit(main())
