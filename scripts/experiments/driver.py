"""Runs an experiment, such as homework.py and study.py, from the plan to the report."""
import collections
import time

from experiments import choice, estimate, runs, teachers
from experiments.data import data_of_plan, make_data, tests_of
from experiments.training import curve_options

# An experiment is four functions. plan(args) returns the runs. watched(args, data) returns the
# pairs whose accuracy is measured during training, for curves. development(args, data) returns a
# Data; loss weights and margins are chosen on its test pairs. report(args, data, teacher, runs,
# chosen) writes the results and returns a function that prints them.
Experiment = collections.namedtuple("Experiment", "plan watched development report")
OFTEN = 30  # seconds between two reports


def work(args, experiment):
    args.choose_width = args.choose_width or args.widths[0]
    args.choose_batches = args.choose_batches or args.batches
    args.choose_seeds = args.choose_seeds or args.seeds
    is_drawn = not args.plan or args.faces
    data = data_of_plan(args) if args.plan else make_data(args)
    data.watched = experiment.watched(args, data) if args.points and is_drawn else None
    text, embedding = teachers.planned(args, data)
    tests = tests_of(args, data)
    planned = runs.asked(args, experiment.plan(args))
    estimate.show(estimate.stages(args, data, planned, choice.tried(args), text, embedding, tests))
    if args.plan:
        return
    left = experiment.development(args, data) if args.choose else data
    methods = list(dict.fromkeys(r.method for r in planned))
    teacher = teachers.make_teacher(args, data, text, embedding, methods, options=curve_options(
        args.teacher_batches, args.points, data.watched))
    chosen = args.given
    if args.choose:
        chosen = choice.choose(args, left, teacher if left.labelled is data.labelled else
                               teachers.make_teacher(args, left, *teachers.planned(args, left),
                                                     methods, "development-"), chosen)
    drawn = time.time()
    for i, run in enumerate(planned, 1):
        runs.finish(args, data, run, teacher, choice.tuned_of(args, run.method, chosen), tests)
        if i == len(planned) or time.time() > drawn + OFTEN:
            tell = experiment.report(args, data, teacher, planned[:i], chosen)
            drawn = time.time()
    tell()
