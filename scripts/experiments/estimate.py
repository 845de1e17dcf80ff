"""Estimates how long an experiment will take, from the time of a few batches of each network."""
import os
import tempfile

from experiments.methods import METHODS
from experiments.networks import student_cfg
from experiments.teachers import needs_head
from experiments.training import RECORD
from lib.cfg_text import without_losses
from lib.files import read_result, write
from lib.processes import on_threads, timed

RUNS = 3


def milliseconds(text, batch, *more):
    """Returns milliseconds per image, measured by `darknet bench`."""
    with tempfile.TemporaryDirectory() as folder:
        cfg = os.path.join(folder, "net.cfg")
        write(cfg, text)
        return timed(cfg, "-batch", batch, "-runs", RUNS, *more)["ms_per_image"]


def is_done(args, name):
    record = read_result(os.path.join(args.out, name, RECORD), "done")
    return bool(record and record["done"])


def stages(args, data, teacher_text, embedding):
    """Returns [(name, estimated seconds, is done)]. It does not need a trained teacher."""
    out, threads = [], on_threads(args.threads)
    images, faces = args.batch / 1000, data.images[data.every]
    forward = {"teacher": milliseconds(without_losses(teacher_text), 32, *threads)}
    if not args.teacher_weights:
        ms = milliseconds(teacher_text, args.batch, "-train", *threads)
        out.append((f"teacher, {args.teacher_batches} batches",
                    args.teacher_batches * images * ms, is_done(args, "teacher")))
    elif needs_head(args, teacher_text, args.methods):
        batches = max(1, args.batches // 4)
        out.append((f"a head for the teacher, {batches} batches",
                    batches * images * forward["teacher"], is_done(args, "teacher-head")))
    taught = [m for m in args.methods if m != "scratch"]
    if taught and args.cache:
        out.append((f"the teacher's outputs for {faces:,} images and their mirror images",
                    2 * faces / 1000 * forward["teacher"],
                    all(is_done(args, f"{m}-{w:g}-seed{s}") for m in taught for w in args.widths
                        for s in args.seeds)))
    no_teacher = {"embedding": embedding}
    for width in args.widths:
        text = student_cfg(args, "scratch", width, args.seeds[0], data.classes, no_teacher)
        ms = milliseconds(text, args.batch, "-train", *threads)
        forward[width] = milliseconds(without_losses(text), 32, *threads)
        if width == args.widths[0]:
            out += [tried(args, method, width, weights, images * (
                ms + (0 if args.cache else forward["teacher"])))
                    for method, weights in args.choose.items()]
        for method in args.methods:
            more = 0 if method == "scratch" or args.cache else forward["teacher"]
            left = [s for s in args.seeds if not is_done(args, f"{method}-{width:g}-seed{s}")]
            out.append((f"{method}, width {width:g}, {args.batches} batches"
                        + (f", {len(left)} seeds" if len(left) > 1 else ""),
                        len(left) * args.batches * images * (ms + more), not left))
    if args.points:
        watched = len({name for p in data.watched.read() for name in p[:2]})
        students = sum(len(args.methods) * len(args.seeds) * forward[w] for w in args.widths)
        out.append((f"the curves: {watched:,} images, {args.points} times for each network",
                    args.points * watched / 1000 * (students + (
                        0 if args.teacher_weights else forward["teacher"])), False))
    pairs = len({name for p in data.test.read() for name in p[:2]})
    each = len(METHODS.keys() & set(args.methods)) * len(args.seeds)
    seconds = pairs / 1000 * (forward["teacher"] + sum(each * forward[w] for w in args.widths))
    networks = 1 + each * len(args.widths)
    out.append((f"verification of {networks} networks with {pairs:,} images",
                seconds + 5 * networks, False))  # 5 s for all pairs and the pictures of each
    return out


def tried(args, method, width, weights, seconds):
    """Returns the stage in which the weights of a loss are tried. seconds: the time of a batch."""
    left = [1 for w in weights for s in args.seeds
            if not is_done(args, f"choose-{method}-{w:g}-{width:g}-seed{s}")]
    return (f"choosing the weight of {method} among {len(weights)}",
            len(left) * args.batches * seconds, not left)


def show(listed, about="Estimated by timing a few batches "):
    """Prints the stages and their sum."""
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
