#!/usr/bin/python3
"""scripts/compression.py on a few small synthetic faces: binary networks and low rank, both tables,
and that nothing is done twice. What the networks learn from this is nothing."""
import json
import os
import tempfile

from common import ROOT, check, needed, script, summary

SMALL = ["--size", "64", "--identities", "8", "--images", "20", "--batches", "2", "--batch", "8",
         "--synthetic-pairs", "20", "--modes", "full,xnor", "--methods", "linear", "--speedups",
         "2", "--samples", "160", "--tune-batches", "2", "--turns", "1"]


def run(*arguments):
    return script("compression.py", *arguments, cwd=ROOT)


def whole(folder):
    done = run("--out", folder, *SMALL)
    check(done.returncode == 0, done.stderr + done.stdout[-500:])
    if done.returncode:
        return
    with open(os.path.join(folder, "compression.json"), encoding="utf-8") as f:
        bits, ranks = json.load(f)
    check([(r["mode"], r["taught"]) for r in bits] ==
          [("full", False), ("xnor", False), ("full", True), ("xnor", True)], "binary's rows")
    check(bits[0]["bytes"] > 15 * bits[1]["bytes"], "binary networks are small")
    check(bits[0]["bytes"] == bits[2]["bytes"], "and of one size, whatever their loss")
    check(len(ranks) == 1 and abs(ranks[0]["theory"] - 2) < .2 and ranks[0]["measured"] > 0,
          f"low rank's row: {ranks}")
    check("SYNTHETIC" in done.stdout, "synthetic results say so")
    again = run("--out", folder, *SMALL)
    check("classifier train" not in again.stdout, "nothing is trained twice")


def refuses():
    for arguments, text in ((["--modes", "full,none"], "none is none of full, bwn"),
                            (["--parts", "x"], "x is none of binary, low-rank")):
        done = run("--out", "nowhere", *arguments)
        check(done.returncode == 2 and text in done.stderr, done.stderr)


with needed():
    import matplotlib  # noqa: F401
    import numpy  # noqa: F401
with tempfile.TemporaryDirectory() as temporary:
    whole(temporary)
refuses()
summary()
