#!/usr/bin/python3
"""Measures several verification sets and prints one table:

    eval_sets.py net.cfg net.weights --sets lfw=lfw:pairs.txt,cfp-fp=cfp_fp.bin --out DIR

A set is NAME=FILE.bin (InsightFace has LFW, CFP-FF, CFP-FP, AgeDB-30, CALFW, CPLFW), or
NAME=FOLDER:PAIRS: a folder of images and a list of pairs in any format that `darknet pairs` reads.
Each set is measured as by eval_lfw.py, and its results are in DIR/NAME. A set is not measured again
while its inputs stay the same. Writes DIR/table.csv and DIR/results.json.
"""
import argparse
import os
import sys
import tempfile

from lib.errors import Failure, needs, run_main

needs("numpy", "scipy")
from experiments.evaluation import RESULTS, reusable
from experiments.verification import find_images, images_of, made_from, verify
from lib.arguments import evaluation
from lib.files import write_csv, write_json
from lib.lock import folder_lock
from lib.metrics import percent
from lib.pairs import read_pairs, unpack_bin
from lib.text import columns, counted
from report.machine import made_here

COLUMNS = ("set", "pairs right, %", "standard error", "TAR at FAR 1e-2, %", "AUC", "EER, %",
           "pairs", "images", "threshold")
KEPT = ("accuracy", "standard_error", "fold_accuracies", "thresholds", "auc", "eer", "tar_at_far",
        "pairs", "images", "dropped_pairs", "made_from")


def a_set(text):
    """Parses NAME=FILE.bin or NAME=FOLDER:PAIRS. Returns (name, .bin or folder, pairs or None)."""
    name, _, path = text.partition("=")
    if not name or not path or "/" in name or name.startswith("."):
        raise argparse.ArgumentTypeError(f"{text}: must be NAME=FILE.bin or NAME=FOLDER:PAIRS")
    if path.endswith(".bin"):
        return name, path, None
    folder, _, pairs = path.rpartition(":")
    if not folder or not pairs:
        raise argparse.ArgumentTypeError(f"{text}: a folder needs its pairs, NAME=FOLDER:PAIRS")
    return name, folder, pairs


def sets(text):
    got = [a_set(t) for t in text.split(",")]
    names = [n for n, _, _ in got]
    for n in names:
        if names.count(n) > 1:
            raise argparse.ArgumentTypeError(f"{text}: {n} is given twice")
    return got


def check_paths(listed):
    for name, path, pairs in listed:
        for p in filter(None, (path, pairs)):
            if not os.path.exists(p):
                raise Failure(f"--sets {name}: {p}: No such file or folder")


def measure(args, name, folder, pairs, shown):
    """Measures a set and returns its results.json. shown: the set's name in titles of pictures."""
    out = os.path.join(args.out, name)
    found, kept, _ = find_images(folder, pairs, args.allow_missing)
    now = made_from(args.cfg, args.weights, images_of(folder, found, kept), args.flip)
    old = reusable(os.path.join(out, "results.json"), now, *RESULTS,
                   picture="roc.png" if args.pictures else None)
    if old:
        return old
    print(f"{name}: {counted(len(kept), 'pair')} of {len(found)} images", flush=True)
    return verify(args.cfg, args.weights, folder, pairs, out, flip=args.flip,
                  threads=args.threads, allow_missing=args.allow_missing, name=shown,
                  pictures=args.pictures)


def measure_set(args, name, path, pairs):
    if pairs:
        return measure(args, name, path, read_pairs(pairs), path)
    with tempfile.TemporaryDirectory() as scratch:
        return measure(args, name, scratch, unpack_bin(path, scratch), os.path.basename(path))


def cells(name, r):
    return [name, percent(r["accuracy"]), percent(r["standard_error"]),
            percent(r["tar_at_far"]["1e-02"]), f"{r['auc']:.5f}", percent(r["eer"]),
            f"{r['pairs']:,}", f"{r['images']:,}",
            f"{sum(r['thresholds']) / len(r['thresholds']):.4f}"]


def work(args):
    check_paths(args.sets)
    with folder_lock(args.out):
        got = {name: measure_set(args, name, path, pairs) for name, path, pairs in args.sets}
        table = [list(COLUMNS)] + [cells(n, r) for n, r in got.items()]
        write_csv(os.path.join(args.out, "table.csv"), table)
        write_json(os.path.join(args.out, "results.json"), {
            "made": made_here(), "cfg": args.cfg, "weights": args.weights, "flip": args.flip,
            "sets": {n: {k: r[k] for k in KEPT} for n, r in got.items()}})
    print(columns(table))
    for name, r in got.items():
        if r["dropped_pairs"]:
            print(f"{name}: {counted(r['dropped_pairs'], 'pair was', 'pairs were')} dropped: "
                  "images are missing or broken")
        if r["standard_error"] is None:
            print(f"{name}: one fold: its threshold was fitted on the tested pairs")
    print(f"results in {args.out}")


def main():
    parser = evaluation(__doc__)
    parser.add_argument("cfg")
    parser.add_argument("weights")
    parser.add_argument("--sets", required=True, type=sets, metavar="NAME=SET,NAME=SET")
    parser.add_argument("--allow-missing", action="store_true",
                        help="drop pairs whose images are missing or broken")
    args = parser.parse_args()
    if args.pictures:
        needs("matplotlib")
    return run_main(work, args)


if __name__ == "__main__":
    sys.exit(main())
