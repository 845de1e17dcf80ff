"""Estimates how long an experiment will take, from the time of a few batches of each network."""
import functools
import os
import tempfile

from experiments.methods import METHODS, asks
from experiments.networks import student_cfg, usual
from experiments.runs import RUN, softening
from experiments.teachers import needs_head
from experiments.training import RECORD
from lib.cfg_text import without_losses
from lib.files import read_result, write
from lib.processes import on_threads, timed

RUNS = 3


@functools.lru_cache(maxsize=None)
def milliseconds(text, batch, *more):
    """Returns milliseconds per image. text: a cfg; more: options of `darknet bench`."""
    with tempfile.TemporaryDirectory() as folder:
        cfg = os.path.join(folder, "net.cfg")
        write(cfg, text)
        return timed(cfg, "-batch", batch, "-runs", RUNS, *more)["ms_per_image"]


def is_done(args, name):
    record = read_result(os.path.join(args.out, name, RECORD), "done")
    return bool(record and record["done"])


def training(args, name, text, batches, more=0):
    """Returns the stage of a training: (name, estimated seconds, is done). more: milliseconds per
    image that are added to the measured ones."""
    done = is_done(args, name)
    ms = 0 if done else more + milliseconds(text, args.batch, "-train", *on_threads(args.threads))
    return name, batches * args.batch / 1000 * ms, done


def stages(args, data, planned, tried, teacher, embedding, tests):
    """Returns the stages of an experiment, [(name, estimated seconds, is done)]. planned: the runs;
    tried: the result of choice.tried(); teacher: the teacher's cfg text; embedding: the length of
    its features; tests: {name: Pairs}."""
    def forward(text):
        return milliseconds(without_losses(text), 32, *on_threads(args.threads)) / 1000

    def student(width):
        return student_cfg(args, "scratch", width, args.batches, 1, data.classes,
                           {"embedding": embedding}, usual(args, "scratch"))

    def seconds(pairs, times, runs, own):
        images = len({name for p in pairs.read() for name in p[:2]})
        return times * images * (sum(forward(student(r.width)) for r in runs) +
                                 (forward(teacher) if own else 0))

    out = []
    if not args.teacher_weights:
        out.append(training(args, "teacher", teacher, args.teacher_batches))
    elif needs_head(args, [r.method for r in planned], data.classes):
        out.append(("teacher-head", max(1, args.batches // 4) * args.batch * forward(teacher),
                    is_done(args, "teacher-head")))
    taught = [r for r in planned if asks(r.method)]
    if taught and args.cache:
        done = all(is_done(args, r.name) for r in taught)
        out.append((f"the teacher's outputs for {data.every.images:,} images and their mirror "
                    "images", 0 if done else 2 * data.every.images * forward(teacher), done))
    for method, run in [(m, r) for m, _, r in tried] + [(r.method, r) for r in planned]:
        more = 1000 * forward(teacher) if asks(method) and not args.cache else 0
        out.append(training(args, run.name, student(run.width), run.batches, more))
    for run in planned:
        if METHODS[run.method].softens:
            out.append(training(args, f"{run.name}-teacher", teacher, softening(run)))
    left = [r for r in planned if not os.path.exists(os.path.join(args.out, r.name, RUN))]
    if data.watched and args.points and left:
        out.append((f"the curves, of {args.points} points", seconds(
            data.watched, args.points, left, not args.teacher_weights), False))
    for name, pairs in tests.items() if left and data.test else ():
        # 5 s for each network: to compute TAR and to draw roc.png and worst.png
        out.append((f"verification of {len(left)} networks on {name}", 5 * len(left) + seconds(
            pairs, 1, left, args.every_pair), False))
    return out


def show(listed, about="Estimated by timing a few batches "):
    left = sum(seconds for _, seconds, done in listed if not done)
    width = max(len(what) for what, _, _ in listed)
    print(f"\n{about}(other programs on this machine make it longer):")
    for what, seconds, done in listed:
        print(f"  {what:{width}}  {'done' if done else in_words(seconds):>8}")
    print(f"  {'in all, about':{width}}  {in_words(left):>8}\n", flush=True)


def in_words(seconds):
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
