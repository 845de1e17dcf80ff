#!/usr/bin/python3
"""scripts/homework.py on a few small synthetic faces: every way of training, the table, and that
nothing is done twice. What the networks learn from this is nothing: the sizes are far too small."""
import argparse
import json
import os
import re
import tempfile

from common import ROOT, check, darknet, expect_end, read, script, summary
import homework

SMALL = ["--size", "32", "--identities", "8", "--images", "4", "--batches", "2",
         "--teacher-batches", "2", "--batch", "8", "--synthetic-pairs", "20", "--widths", "0.125"]


def run(*arguments):
    return script("homework.py", *arguments, cwd=ROOT)


def texts():
    cfg = ("# head\n[net]\nbatch=1 \n# a remark\n\n[convolutional]\nfilters=512\nfixed_width=1\n"
           "\n[kd_x]\n")
    got = homework.edit(cfg, {"net": {"batch": 8, "seed": 3}, "kd_x": {"weight": 2}})
    check(re.findall(r"(?m)^\w+=.*", got) ==
          ["batch=8", "seed=3", "filters=512", "fixed_width=1", "weight=2"], "edit")
    check("# a remark" in got and got.startswith("# head"), "edit keeps remarks")
    check("filters=64" in homework.embedding(got, 64), "embedding")
    check("kd_x" not in homework.without_losses(got), "without_losses")
    mean, error = homework.mean_error([.5, .7], 9)
    check(abs(mean - .6) < 1e-12 and abs(error - .1) < 1e-12, "mean and its standard error")
    check(homework.mean_error([.5], .02) == (.5, .02), "one seed: the folds' error")
    for teacher, given, weight in ((None, None, 1), ("w", None, .1), ("w", 0, 0), (None, 5, 5)):
        args = argparse.Namespace(teacher_weights=teacher, probability_weight=given)
        check(homework.loss_weight(args, "probability") == weight, f"weight {teacher} {given}")


def all_methods(folder):
    out = os.path.join(folder, "all")
    done = run("--out", out, *SMALL)
    check(done.returncode == 0, "all methods: " + done.stderr + done.stdout[-500:])
    if done.returncode:
        return
    with open(os.path.join(out, "results.json"), encoding="utf-8") as f:
        rows = json.load(f)
    check([r["method"] for r in rows] == ["teacher"] + list(homework.METHODS), "a row each")
    check(all(len(r["p"]) == (r["method"] not in ("teacher", "scratch")) for r in rows), "p")
    check(len({(r["parameters"], r["macs"]) for r in rows[1:]}) == 1, "students are of one size")
    check(rows[0]["parameters"] > 10 * rows[1]["parameters"], "the teacher is larger")
    check("SYNTHETIC" in done.stdout, "synthetic results say so")
    files = ("report.html", "table.csv", "accuracy.png", "curves.png")
    check(all(os.path.getsize(os.path.join(out, f)) > 100 for f in files), "report and pictures")
    again = run("--out", out, *SMALL)
    check(again.returncode == 0 and "classifier train" not in again.stdout, "nothing is done twice")
    other = run("--out", out, *SMALL, "--rate", "0.3")
    check(other.returncode == 1 and "other arguments" in other.stderr, "other arguments")


def given_teacher(folder):
    """A teacher without a classifier: one is trained on its frozen features."""
    cfg, weights = (os.path.join(folder, "teacher" + e) for e in (".cfg", ".weights"))
    with open(os.path.join(ROOT, "cfg", "mobilefacenet-eighth.cfg"), encoding="utf-8") as f:
        homework.write(cfg, homework.edit(f.read(), {"net": {"width": 32, "height": 32}}))
    expect_end(darknet("init", cfg, weights))
    out = os.path.join(folder, "given")
    done = run("--out", out, "--teacher-cfg", cfg, "--teacher-weights", weights, "--methods",
               "scratch,probability", "--seeds", "1,2", *SMALL)
    check(done.returncode == 0, "a given teacher: " + done.stderr + done.stdout[-500:])
    if done.returncode:
        return
    given, headed = read(weights), read(os.path.join(out, "teacher-head", "net.weights"))
    check(headed[20:len(given)] == given[20:], "the teacher's own weights are kept")
    check(len(headed) == len(given) + 8 * 512 * 4, "the head follows them")


def refusals():
    for arguments, words in ((["--methods", "x"], "none of"), (["--faces", "x"], "--lfw"),
                             (["--teacher-cfg", "x"], "go together")):
        done = run(*arguments)
        check(done.returncode == 2 and words in done.stderr, " ".join(arguments))


with tempfile.TemporaryDirectory() as temporary:
    texts()
    refusals()
    all_methods(temporary)
    given_teacher(temporary)
summary()
