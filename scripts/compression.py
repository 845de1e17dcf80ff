#!/usr/bin/python3
"""compression.py: one residual face network in full precision, then with binary weights, with
binary weights and inputs, and by lower rank, compared by face verification.

The binary networks are trained twice with the same schedule: from labels alone, and to give the
features of the full-precision network. Low rank is measured before and after training it further
with those features. Without --faces it draws synthetic faces. What is done already in --out is not
done again.
"""
import argparse
import json
import os
import re
import sys

import homework
from lib.cfg_text import edit, without_losses
from homework import CFG, DARKNET, evaluate, read, run, schedule, train
from report.experiment import write

MODES = {"full": ("am", {}), "bwn": ("bwn", {}), "xnor": ("xnor", {}),
         "binaryconnect": ("bwn", {"mode": "binaryconnect", "clamp": 1}),
         "bnn": ("xnor", {"mode": "bnn", "clamp": 1})}
METHODS = ("linear", "nonlinear", "asymmetric")
MARGIN = "\n[margin_softmax]\nclasses={}\nmargin=am\nm=.2\ns=32\nwarmup=200\n"
FEATURE = "\n[kd_feature]\nteacher={}\nweights={}\ndistance=squared\nnormalize=1\nweight=100\n"


def body(mode):
    file, options = MODES[mode]
    text = read(os.path.join(CFG, f"resnet-face-small-{file}.cfg"))
    return edit(without_losses(text), {"binary": options})


def cfg_text(args, net, loss, batches, rate):
    return edit(net.rstrip() + "\n" + loss,
                {"net": dict(schedule(args, batches, rate), seed=args.seed)})


def cached(args, data):
    return ["-cache", os.path.join(args.out, "cache-" + os.path.basename(data))]


def full_precision(args, data, every):
    """The network that is compressed: taught by --teacher-weights where it is given."""
    if not args.teacher_weights:
        return train(args, "full", cfg_text(args, body("full"), MARGIN.format(args.classes),
                                            args.batches, args.rate), data)
    loss = FEATURE.format(args.teacher_cfg, args.teacher_weights)
    return train(args, "full", cfg_text(args, body("full"), loss, args.full_batches,
                                        args.full_rate), every, cached(args, every))


def bench(cfg, weights):
    return json.loads(run([DARKNET, "bench", cfg, weights, "-batch", "1", "-json", "-threads", "1"],
                          log=cfg + ".bench"))["ms_per_image"]


def ratio(args, one, other):
    """The time of one network over the other's, the median of turns taken."""
    got = sorted(bench(*one) / bench(*other) for _ in range(args.turns))
    return got[len(got) // 2]


# ---- binary ----

def binary(args, data, every, lfw, pairs, full):
    rows = []
    for taught in (False, True):
        versus = None
        for mode in args.modes:
            name = f"{mode}-{'taught' if taught else 'labels'}"
            loss = FEATURE.format(*full) if taught else MARGIN.format(args.classes)
            if mode == "full" and taught:
                name, (cfg, weights) = "full", full
            else:
                cfg, weights = train(args, name, cfg_text(args, body(mode), loss, args.batches,
                                                          args.rate), every if taught else data,
                                     cached(args, every) if taught else [])
            r = evaluate(args, name, cfg, weights, lfw, pairs, versus)
            versus = versus or os.path.join(args.out, name, "lfw", "results.json")
            rows.append({"mode": mode, "taught": taught, "accuracy": r["accuracy"],
                         "error": r["standard_error"],
                         "bytes": packed_bytes(args, name, cfg, weights),
                         "seconds": homework.seconds(args, name)})
    return rows


def plain(args, name, cfg, weights):
    """The trained network without its loss: cfg and weights."""
    kept = tuple(os.path.join(args.out, name, "plain" + end) for end in (".cfg", ".weights"))
    if not os.path.exists(kept[1]):
        write(kept[0], without_losses(read(cfg)))
        homework.fit_weights(read(kept[0]), weights, kept[1])
    return kept


def packed_bytes(args, name, cfg, weights):
    """Of the file that keeps binary filters as bits and the rest in single precision."""
    packed = os.path.join(args.out, name, "plain.packed")
    if not os.path.exists(packed):
        run([DARKNET, "compress", "pack", *plain(args, name, cfg, weights), packed])
    return os.path.getsize(packed)


# ---- low rank ----

def compress(args, name, full, images, speedup, method):
    folder = os.path.join(args.out, name)
    small = tuple(os.path.join(folder, "net" + end) for end in (".cfg", ".weights"))
    log = os.path.join(folder, "compress.txt")
    if not os.path.exists(small[1]):
        os.makedirs(folder, exist_ok=True)
        run([DARKNET, "compress", "low-rank", *full, images, *small, "-speedup",
             str(speedup), "-method", method, "-samples", str(args.samples),
             "-multiple", str(16 if speedup <= 3 else 8), "-csv",  # more needs smaller ranks
             os.path.join(folder, "energy.csv"), "-force"], log=log)
    text = read(log)
    theory = re.search(r"theoretical speed-up ([\d.]+)", text)
    off = re.search(r"relative error ([\d.]+)%, mean cosine ([\d.-]+)", text)
    return small, float(theory.group(1)), float(off.group(1)), float(off.group(2))


def low_rank(args, every, images, lfw, pairs, trained):
    rows, full = [], plain(args, "full", *trained)
    for speedup in args.speedups:
        for method in args.methods:
            name = f"low-rank-{speedup:g}-{method}"
            small, theory, error, cosine = compress(args, name, full, images, speedup, method)
            row = {"speedup": speedup, "method": method, "theory": theory, "cosine": cosine,
                   "relative_error": error, "small": small,
                   "before": evaluate(args, name, *small, lfw, pairs)["accuracy"]}
            text = cfg_text(args, read(small[0]), FEATURE.format(*full), args.tune_batches,
                            args.tune_rate)
            tuned = train(args, name + "-tuned", text, every, cached(args, every),
                          start=[small[1], "-clear"])
            row["after"] = evaluate(args, name + "-tuned", *tuned, lfw, pairs)["accuracy"]
            rows.append(row)
    for row in rows:  # at the end, so that nothing but time is measured here
        row["measured"] = ratio(args, full, row.pop("small"))
    return rows


# ---- the whole ----

def show(rows, columns, cells):
    if not rows:
        return
    table = [columns] + [cells(r) for r in rows]
    print("\n| " + " | ".join(table[0]) + " |\n|" + "---|" * len(columns))
    for line in table[1:]:
        print("| " + " | ".join(line) + " |")


def work(args):
    os.makedirs(args.out, exist_ok=True)
    data, every, args.classes, pairs, lfw, label = homework.make_data(args)
    images = args.faces or os.path.join(args.out, "synthetic", "train")
    full = full_precision(args, data, every)
    bits = binary(args, data, every, lfw, pairs, full) if "binary" in args.parts else []
    ranks = low_rank(args, every, images, lfw, pairs, full) if "low-rank" in args.parts else []
    write(os.path.join(args.out, "compression.json"), json.dumps([bits, ranks], indent=1))
    print(f"\n{label}, {args.classes} identities, seed {args.seed}")
    show(bits, ("filters", "trained by", "pairs right", "packed, MB", "training, s"),
         lambda r: (r["mode"], "features" if r["taught"] else "labels",
                    f"{100 * r['accuracy']:.2f} +- {100 * r['error']:.2f} %",
                    f"{r['bytes'] / 1e6:.3f}", f"{r['seconds']:.0f}"))
    show(ranks, ("speed-up asked", "method", "of multiply-adds", "of time", "mean cosine",
                 "pairs right", "trained further"),
         lambda r: (f"{r['speedup']:g}", r["method"], f"{r['theory']:.2f}", f"{r['measured']:.2f}",
                    f"{r['cosine']:.3f}", f"{100 * r['before']:.2f} %",
                    f"{100 * r['after']:.2f} %"))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    homework.add_data_options(p, "compression")
    p.add_argument("--parts", type=homework.words(("binary", "low-rank")),
                   default=["binary", "low-rank"], metavar="A,B")
    p.add_argument("--modes", type=homework.words(MODES), default=list(MODES), metavar="A,B")
    p.add_argument("--methods", type=homework.words(METHODS), default=list(METHODS),
                   metavar="A,B")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--full-batches", type=int, default=1600,
                   help="updates of the full-precision network, where it has a teacher")
    p.add_argument("--full-rate", type=float, default=.1, help="its learning rate")
    p.add_argument("--speedups", type=homework.numbers(float), default=[1.5, 2, 3, 4])
    p.add_argument("--samples", type=int, default=1000, help="images for the responses")
    p.add_argument("--tune-batches", type=int, default=150)
    p.add_argument("--tune-rate", type=float, default=.002)
    p.add_argument("--turns", type=int, default=5, help="of the two networks that are timed")
    return homework.finish(p, work)


if __name__ == "__main__":
    sys.exit(main())
