#!/usr/bin/python3
"""Measures face verification: LFW by its official protocol, or an InsightFace verification set.

    eval_lfw.py net.cfg net.weights lfw_folder pairs.txt --out DIR
    eval_lfw.py net.cfg net.weights agedb_30.bin --out DIR

Runs `bin/darknet embed` (or $DARKNET_BIN) on the images that the pairs name. For each fold it
chooses the threshold on the other nine folds and measures the accuracy on this fold. Writes into
DIR: results.json (all results: scores, labels of the pairs, thresholds), roc.png (ROC and
histograms of scores), worst.png (worst false accepts and rejects), and threshold.json for `darknet
compare` and `darknet find` (the cosine above which two faces match, at the false-match rate
--threshold-rate). Rates in results.json lie between 0 and 1. A number that cannot be measured is
null: the standard error when there is one fold, and TAR at a FAR with fewer than ten false accepts.
"""
import sys

from lib.errors import Failure, needs, run_main

needs("numpy", "scipy")
import numpy as np

from evaluation import threshold
from experiments.verification import verify, verify_bin
from lib import fingerprints
from lib.arguments import evaluation, real
from lib.lock import folder_lock
from lib.metrics import p_text, percent
from lib.pairs import read_pairs
from lib.text import counted

THRESHOLD_RATE = 1e-2  # LFW's 3,000 pairs of two people are too few to measure lower FARs well


def evaluate(args):
    more = {"flip": args.flip, "threads": args.threads, "allow_missing": args.allow_missing,
            "other": args.versus, "pictures": args.pictures}
    with folder_lock(args.out):
        if args.pairs:
            result = verify(args.cfg, args.weights, args.folder, read_pairs(args.pairs), args.out,
                            **more)
        elif args.folder.endswith(".bin"):
            result = verify_bin(args.cfg, args.weights, args.folder, args.out, **more)
        else:
            raise Failure(f"{args.folder}: a folder needs a pairs file beside it; a verification "
                          "set ends in .bin")
        for name in result["missing"]:
            print(f"missing: {name}", file=sys.stderr)
        for line in result["broken"]:
            print(f"broken: {line}", file=sys.stderr)
        report(result, args.out)
        write_threshold(args, result)


def write_threshold(args, result):
    rate = args.threshold_rate or THRESHOLD_RATE
    got, counts = threshold.of_pairs(np.array(result["scores"]), np.array(result["same"], bool),
                                     result["pair_names"], rate)
    about = {"network": got and fingerprints.of_features(args.cfg, args.weights),
             "flip": args.flip, "cfg": args.cfg, "weights": args.weights,
             "faces": f"{counts['impostor_pairs']} pairs of two people of {result['faces']}"}
    why_not = threshold.save(args, rate, got, counts, about)
    print(why_not or f"threshold {got['threshold']:.4f} at a false-match rate of {rate:g} "
          f"({percent(got['false_match_low'])} to {percent(got['false_match_high'])} %): "
          "threshold.json")


def rates(r):
    for far, tar in r["tar_at_far"].items():
        if tar is None:
            yield f"{far}: not measurable"
        else:
            yield f"{far}: {percent(tar)} % (threshold {r['threshold_at_far'][far]:.4f})"


def report(r, out):
    n = len(r["thresholds"])
    print(f"accuracy {percent(r['accuracy'])} %, standard deviation {percent(r['std'])}, "
          f"standard error {percent(r['standard_error'])} ({counted(n, 'fold')}, "
          f"{counted(r['pairs'], 'pair')}, {r['dropped_pairs']} dropped)")
    if n == 1:
        print("The threshold was fitted on the tested pairs: the accuracy is too good by a little, "
              "and has no standard error.")
    print(f"threshold {sum(r['thresholds']) / n:.4f}, AUC {r['auc']:.5f}, "
          f"EER {percent(r['eer'])} %")
    print("TAR at FAR " + ", ".join(rates(r)))
    if None in r["tar_at_far"].values():
        print(f"Not measurable: {r['impostor_pairs']} pairs of different people allow fewer than "
              "ten false accepts there.")
    print(f"{r['images']} images in {r['seconds']:.1f} s; results in {out}")
    if "versus" in r:
        v = r["versus"]
        print(f"versus {v['other']}: right only here {v['only_this_right']}, only there "
              f"{v['only_other_right']} of {v['pairs']} pairs, McNemar's exact p "
              f"{p_text(v['p'])}")
        if not v["same_images"]:
            print("The other run saw other images of these pairs, or more of them.")


def main():
    parser = evaluation(__doc__)
    parser.add_argument("cfg")
    parser.add_argument("weights")
    parser.add_argument("folder", help="the images: NAME/NAME_0001.jpg, or all in one folder; "
                                       "or a verification set of InsightFace's, named *.bin")
    parser.add_argument("pairs", nargs="?", help="pairs.txt; a .bin has its own")
    parser.add_argument("--allow-missing", action="store_true",
                        help="drop pairs whose images are missing or broken")
    parser.add_argument("--versus", metavar="JSON",
                        help="results.json of another run, or its folder")
    parser.add_argument("--threshold-rate", type=real(above=0, most=.5), metavar="RATE",
                        help="the false-match rate of threshold.json; default 1e-2")
    args = parser.parse_args()
    if args.pictures:
        needs("matplotlib")
    return run_main(evaluate, args)


if __name__ == "__main__":
    sys.exit(main())
