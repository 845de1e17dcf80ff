#!/usr/bin/python3
"""Runs scripts/compression.py on a few small synthetic faces. A second call repeats no work."""
import argparse
import json
import os
import tempfile

from common import ROOT, check, needs, script, summary

SMALL = ["--size", "64", "--identities", "8", "--images", "20", "--batches", "2", "--batch", "8",
         "--synthetic-pairs", "20", "--modes", "full,xnor", "--methods", "linear", "--speedups",
         "2", "--samples", "160", "--tune-batches", "2", "--turns", "1"]

needs("matplotlib", "numpy", "PIL", "scipy")
import compression


def run(*arguments):
    return script("compression.py", *arguments, cwd=ROOT)


def whole(folder):
    done = run("--out", folder, *SMALL)
    check(done.returncode == 0, done.stderr + done.stdout[-500:])
    if done.returncode:
        return
    with open(os.path.join(folder, "compression.json"), encoding="utf-8") as f:
        found = json.load(f)
    bits, ranks = found["binary"], found["low_rank"]
    check([(r["mode"], r["taught"]) for r in bits] ==
          [("full", False), ("xnor", False), ("xnor", True)], "binary's rows")
    check(bits[0]["bytes"] > 15 * bits[1]["bytes"], "binary networks are small")
    check(bits[1]["bytes"] == bits[2]["bytes"], "and of one size, whatever their loss")
    check(len(ranks) == 1 and abs(ranks[0]["theory"] - 2) < .2 and ranks[0]["measured"] > 0,
          f"low rank's row: {ranks}")
    check("SYNTHETIC" in done.stdout, "synthetic results say so")
    check([r["p"] is None for r in bits] == [True, False, False], "p against full precision")
    check({r["images"] for r in bits} == {160} and "160 images" in found["data"], "images")
    again(folder, "nothing is done twice", [])
    name = os.path.join(folder, "low-rank-2-linear", "low-rank.json")
    with open(name, "w", encoding="utf-8") as f:
        f.write('{"theory": ')
    again(folder, "a torn file", ["compressing: low-rank-2-linear"])
    weights = os.path.join(folder, "low-rank-2-linear", "net.weights")
    with open(weights, "r+b") as f:
        f.truncate(100)
    again(folder, "cut weights", ["compressing: low-rank-2-linear"])
    other = run("--out", folder, *SMALL, "--rate", "0.3")
    check(other.returncode == 1 and "learning_rate: was 0.05, is 0.3" in other.stderr,
          "another rate", other.stderr)


def again(folder, what, lines):
    done = run("--out", folder, *SMALL)
    said = [l for l in done.stdout.split("\n")
            if l.startswith(("compressing", "verifying")) or "classifier train" in l]
    check(done.returncode == 0 and said == lines, what, said, done.stderr)


def compared():
    """The network in full precision must be trained once. A p value must compare only networks that
    saw the same images. The test replaces all functions that train or measure."""
    made = []
    compression.evaluate = lambda *_: {"right": [1, 0], "accuracy": .5, "standard_error": .1}
    compression.by_labels = compression.by_features = \
        lambda args, data, name, *_: made.append(name) or ("cfg", "weights")
    compression.packed_bytes = compression.training_seconds = lambda *_: 1
    labelled, every = (argparse.Namespace(images=n) for n in (5, 9))
    for given, more, names, expected in (
            (None, labelled, ["bwn-labels", "bwn-taught"],
             [("full", False, 5, None), ("bwn", False, 5, 1.), ("bwn", True, 5, 1.)]),
            (None, every, ["bwn-labels", "bwn-taught"],
             [("full", False, 5, None), ("bwn", False, 5, 1.), ("bwn", True, 9, None)]),
            ("w", every, ["full-labels", "bwn-labels", "bwn-taught"],
             [("full", False, 5, None), ("bwn", False, 5, 1.), ("full", True, 9, None),
              ("bwn", True, 9, 1.)])):
        args = argparse.Namespace(teacher_weights=given, modes=["full", "bwn"], batches=1, rate=1)
        data = argparse.Namespace(labelled=labelled, every=more, test=None)
        made.clear()
        rows = compression.binary(args, data, ("cfg", "weights"))
        check(made == names, "trained", made)
        got = [(r["mode"], r["taught"], r["images"], r["p"]) for r in rows]
        check(got == expected, "rows", got)


def refuses():
    for arguments, text in ((["--modes", "full,none"], "none is none of full, bwn"),
                            (["--parts", "x"], "x is none of binary, low-rank"),
                            (["--speedups", "1"], "must be above 1"),
                            (["--tune-rate", "nan"], "must be above 0"),
                            (["--turns", "0"], "must be at least 1"),
                            (["--synthetic-pairs", "7"], "from 20")):
        done = run("--out", "nowhere", *arguments)
        check(done.returncode == 2 and text in done.stderr, done.stderr)


with tempfile.TemporaryDirectory() as temporary:
    whole(temporary)
refuses()
compared()
summary()
