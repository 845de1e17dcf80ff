#!/usr/bin/python3
"""compression.py: compresses one residual face network (binary weights; binary weights and inputs;
low rank) and compares face verification with the network in full precision.

The binary networks are trained twice with the same schedule: from labels only, and to imitate the
features of the network in full precision. Work that is finished in --out is not repeated."""
import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile

from lib.errors import Failure, needs

needs("numpy", "scipy", "matplotlib", "PIL")
import plot_energy
from experiments import command, estimate
from experiments.data import make_data
from experiments.evaluation import evaluate, reusable
from experiments.networks import CFG, embedding_of, schedule
from experiments.training import train, training_seconds
from lib import fingerprints
from lib.arguments import each, real, whole, words
from lib.cfg_text import edit, without_losses
from lib.files import read, write_json
from lib.metrics import mcnemar, p_text, percent
from lib.processes import darknet, run, timed
from lib.text import markdown
from report.experiment import summary
from report.machine import made_here

# {mode: (end of the cfg's name, options to set in [binary])}
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


def by_labels(args, data, name, net):
    text = cfg_text(args, net, MARGIN.format(data.classes), args.batches, args.rate)
    return train(args, name, text, data.labelled)


def by_features(args, data, name, net, teacher, batches, rate, start=()):
    """Trains a network to imitate the features of `teacher`, a pair (cfg, weights). Returns (cfg,
    weights) of the trained network. start: weights to start from, and options of the trainer."""
    text = cfg_text(args, net, FEATURE.format(*teacher), batches, rate)
    return train(args, name, text, data.every, teacher, start=start)


def full_precision(args, data):
    """Trains the network to be compressed: from the given teacher or from labels. Returns (cfg,
    weights)."""
    if not args.teacher_weights:
        return by_labels(args, data, "full", body("full"))
    return by_features(args, data, "full", body("full"), (args.teacher_cfg, args.teacher_weights),
                       args.full_batches, args.full_rate)


def ratio(args, one, other):
    """Returns the time of the network `one` divided by the time of `other`, the median over turns.
    """
    def ms(network):
        return timed(*network, "-batch", 1, "-threads", 1)["ms_per_image"]

    return statistics.median(ms(one) / ms(other) for _ in range(args.turns))


# ---- binary ----

def binary(args, data, full):
    """Returns the rows of the table: first a row for each mode trained from labels, then for each
    mode trained to imitate features. full: (cfg, weights) of the trained network in full precision.
    It has learned from args.teacher_weights or, without a teacher, from labels."""
    given, rows, base = bool(args.teacher_weights), [], None
    for taught, mode in itertools.product((False, True), args.modes):
        if mode == "full" and taught and not given:
            continue
        name, faces = f"{mode}-labels", data.labelled
        if taught:
            name, faces = f"{mode}-taught", data.every
        if mode == "full" and taught == given:
            name, trained = "full", full
        elif taught:
            trained = by_features(args, data, name, body(mode), full, args.batches, args.rate)
        else:
            trained = by_labels(args, data, name, body(mode))
        r = evaluate(args, name, *trained, data.test)
        p = None
        if mode == "full":
            base = faces, r["right"]
        elif base and base[0] is faces:  # p compares only networks that saw the same images
            p = mcnemar(r["right"], base[1])[2]
        rows.append({"mode": mode, "taught": taught, "accuracy": r["accuracy"],
                     "error": r["standard_error"], "p": p, "images": faces.images,
                     "bytes": packed_bytes(args, name, *trained),
                     "seconds": training_seconds(args, name)})
    return rows


def plain(args, name, cfg, weights):
    """Writes the trained network without its loss. Returns the paths of the new cfg and weights."""
    kept = tuple(os.path.join(args.out, name, "plain" + end) for end in (".cfg", ".weights"))
    run([darknet(), "strip", cfg, weights, *kept, "-force"], capture=True)
    return kept


def packed_bytes(args, name, cfg, weights):
    with tempfile.TemporaryDirectory() as folder:
        packed = os.path.join(folder, "packed")
        run([darknet(), "compress", "pack", *plain(args, name, cfg, weights), packed], capture=True)
        return os.path.getsize(packed)


# ---- low rank ----

def compress(args, name, full, images, speedup, method):
    """Compresses the network `full`, a pair (cfg, weights), by low rank. Returns (cfg, weights) of
    the new network, and a dict. It has "theory": multiply-adds before / after; "cosine" and
    "relative_error" (in %) of the new outputs compared with the old outputs; and more."""
    folder = os.path.join(args.out, name)
    small = tuple(os.path.join(folder, "net" + end) for end in (".cfg", ".weights"))
    path, options = os.path.join(folder, "low-rank.json"), [
        "-speedup", f"{speedup:g}", "-method", method, "-samples", str(args.samples),
        "-multiple", str(16 if speedup <= 3 else 8)]  # step of ranks: finer for small ranks
    now = {"network": fingerprints.of_network(read(full[0])),
           "weights": fingerprints.of_file(full[1]), "images": fingerprints.of_data(images),
           "options": " ".join(options), "darknet build": fingerprints.of_build()}
    old = reusable(path, now, "theory", "relative_error", "cosine", "files")
    if old is None or old["files"] != digests(small):
        os.makedirs(folder, exist_ok=True)
        print(f"compressing: {name}", flush=True)
        said = json.loads(with_the_rest([darknet(), "compress", "low-rank", *full, images, *small,
                                         *options, "-csv", os.path.join(folder, "energy.csv"),
                                         "-force", "-json"]))
        if said["cosine"] is None:
            raise Failure(f"{name}: too few images to measure the error on; give --samples more")
        old = {"made_from": now, "theory": said["speedup"], "files": digests(small),
               "relative_error": 100 * said["relative_error"], "cosine": said["cosine"],
               "said": said}
        plot_energy.draw(os.path.join(folder, "energy.csv"), os.path.join(folder, "energy.png"),
                         f"{full[0]}\n{args.samples} images of {images}")
        write_json(path, old)
    return small, old


def with_the_rest(command):
    """Runs `darknet compress low-rank`. Returns its output, even if the command fails because of
    skipped images."""
    try:
        return run(command, capture=True)
    except Failure as e:
        if not str(e).endswith(".skipped names them"):
            raise
        print(e, file=sys.stderr)
        return e.output


def digests(paths):
    return [fingerprints.of_file(p) if os.path.exists(p) else "missing" for p in paths]


def low_rank(args, data, trained):
    rows, full = [], plain(args, "full", *trained)
    images = args.faces or os.path.join(args.out, "synthetic", "train")
    for speedup in args.speedups:
        for method in args.methods:
            name = f"low-rank-{speedup:g}-{method}"
            small, said = compress(args, name, full, images, speedup, method)
            tuned = by_features(args, data, name + "-tuned", read(small[0]), full,
                                args.tune_batches, args.tune_rate, [small[1], "-clear"])
            before = evaluate(args, name, *small, data.test)
            after = evaluate(args, name + "-tuned", *tuned, data.test)
            rows.append({"speedup": speedup, "method": method, "theory": said["theory"],
                         "cosine": said["cosine"], "relative_error": said["relative_error"],
                         "small": small, "images": data.every.images,
                         "before": before["accuracy"], "after": after["accuracy"],
                         "error": after["standard_error"]})
    for row in rows:  # all times are measured together at the end, so that they are comparable
        row["measured"] = ratio(args, full, row.pop("small"))
    return rows


# ---- the whole comparison ----

def stages(args, data):
    """Returns the trainings for estimate.show(): [(name, estimated seconds, is done)]. Other work
    is left out."""
    def stage(name, mode, batches):
        text = cfg_text(args, body(mode), MARGIN.format(data.classes), args.batches, args.rate)
        return estimate.training(args, name, text, batches)

    out = [stage("full", "full", args.full_batches if args.teacher_weights else args.batches)]
    if "binary" in args.parts:
        out += [stage(f"{m}-{kind}", m, args.batches) for kind in ("labels", "taught")
                for m in args.modes if m != "full" or kind == "labels" and args.teacher_weights]
    if "low-rank" in args.parts:
        out += [stage(f"low-rank-{speedup:g}-{m}-tuned", "full", args.tune_batches)
                for speedup in args.speedups for m in args.methods]
    return out


def show(rows, columns, cells):
    if rows:
        print()
        print("\n".join(markdown([columns, *map(cells, rows)], "|" + "---|" * len(columns))))


def work(args):
    args.seeds = [args.seed]  # summary() reads args.seeds
    data = make_data(args)
    if args.teacher_weights:
        run([darknet(), "check", args.teacher_cfg, args.teacher_weights], capture=True)
        embedding_of(args.teacher_cfg)
    estimate.show(stages(args, data))
    full = full_precision(args, data)
    bits = binary(args, data, full) if "binary" in args.parts else []
    ranks = low_rank(args, data, full) if "low-rank" in args.parts else []
    write_json(os.path.join(args.out, "compression.json"), {
        "made": made_here(), "data": summary(args, data), "binary": bits, "low_rank": ranks})
    print(f"\n{summary(args, data)}")
    show(bits, ("filters", "trained by", "images", "pairs right", "p against full", "packed, MB",
                "training, s"),
         lambda r: (r["mode"], "features" if r["taught"] else "labels", f"{r['images']:,}",
                    f"{percent(r['accuracy'])} +- {percent(r['error'])} %",
                    "-" if r["p"] is None else p_text(r["p"]),
                    f"{r['bytes'] / 1e6:.3f}", f"{r['seconds']:.0f}"))
    show(ranks, ("speed-up asked", "method", "of multiply-adds", "of time", "mean cosine",
                 "pairs right", "trained further"),
         lambda r: (f"{r['speedup']:g}", r["method"], f"{r['theory']:.2f}", f"{r['measured']:.2f}",
                    f"{r['cosine']:.3f}", f"{percent(r['before'])} %",
                    f"{percent(r['after'])} +- {percent(r['error'])} %"))
    print(f"\nresults: {os.path.join(args.out, 'compression.json')}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    command.add_data_options(p, "compression")
    p.add_argument("--parts", type=words(("binary", "low-rank")), default=["binary", "low-rank"],
                   metavar="A,B")
    p.add_argument("--modes", type=words(MODES), default=list(MODES), metavar="A,B")
    p.add_argument("--methods", type=words(METHODS), default=list(METHODS), metavar="A,B")
    p.add_argument("--seed", type=whole(0), default=1)
    p.add_argument("--full-batches", type=whole(1), default=1600,
                   help="updates of the full-precision network, where it has a teacher")
    p.add_argument("--full-rate", type=real(above=0), default=.1,
                   help="the learning rate of this network")
    p.add_argument("--speedups", type=each(real(above=1, most=100)), default=[1.5, 2, 3, 4])
    p.add_argument("--samples", type=whole(1, 10000000), default=1000,
                   help="images for the responses")
    p.add_argument("--tune-batches", type=whole(1), default=150)
    p.add_argument("--tune-rate", type=real(above=0), default=.002)
    p.add_argument("--turns", type=whole(1), default=5,
                   help="turns of the two networks that are timed")
    return command.finish(p, p.parse_args(), work)


if __name__ == "__main__":
    sys.exit(main())
