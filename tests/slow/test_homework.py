#!/usr/bin/python3
"""Runs scripts/homework.py on a few small synthetic faces. A second call repeats no work."""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from common import (DARKNET, ROOT, SCRIPTS, check, darknet, expect_end, needs, read, script,
                    summary, write)

needs("matplotlib", "numpy", "PIL", "scipy")
from experiments import choice, methods, rows as table
from lib import cfg_text
from report import curves

SMALL = ["--size", "32", "--identities", "8", "--images", "4", "--batches", "2",
         "--teacher-batches", "2", "--batch", "8", "--synthetic-pairs", "20", "--widths", "0.125"]


FEW = [*SMALL, "--methods", "scratch,feature"]


def run(*arguments):
    return script("homework.py", *arguments, cwd=ROOT)


def results(out):
    with open(os.path.join(out, "results.json"), encoding="utf-8") as f:
        return json.load(f)


def texts():
    cfg = ("# head\n[net]\nbatch=1 \n# a remark\n\n[convolutional]\nfilters=512\nfixed_width=1\n"
           "\n[kd_feature]\n")
    got = cfg_text.edit(cfg, {"net": {"batch": 8, "seed": 3}, "kd_feature": {"weight": 2}})
    check(re.findall(r"(?m)^\w+=.*", got) ==
          ["batch=8", "seed=3", "filters=512", "fixed_width=1", "weight=2"], "edit")
    check("# a remark" in got and got.startswith("# head"), "edit keeps remarks")
    check("filters=64" in cfg_text.embedding(got, 64), "embedding")
    check("kd_feature" not in cfg_text.without_losses(got), "without_losses")
    mean, error = table.mean_error([.5, .7], 9)
    check(abs(mean - .6) < 1e-12 and abs(error - .1) < 1e-12, "mean and its standard error")
    check(table.mean_error([.5], .02) == (.5, .02), "one seed: the folds' error")
    check(table.mean_error([.5], None) == (.5, None), "one seed, one fold: no error")
    check("filters=64" in cfg_text.embedding(got.replace("=", " = "), 64), "blanks around =")
    results_of = lambda shift: [{"accuracy": .7, "right": [1], "standard_error": .1, "made_from": {
        "pairs": "1"}, "all_pairs": {"rate": 1e-3, "tar": .5 + shift, "genuine_pairs": 9,
                                     "impostor_pairs": 99, "people": 5,
                                     "draws": [.5 + shift + d / 100 for d in range(-20, 20)]}}]
    rows = [table.row(m, w, 5, "s", [1], results_of(shift), 1, {}) for m, w, shift in
            (("teacher", 1, .2), ("scratch", .5, 0.), ("feature", .5, .1), ("feature", .25, .1))]
    table.add_differences(rows)
    minus = [r["tar"].get("minus", {}) for r in rows]
    check(abs(minus[2]["scratch"]["difference"] - .1) < 1e-9 and minus[2]["scratch"]["p"] < .1 and
          abs(minus[2]["teacher"]["difference"] + .1) < 1e-9, "TAR against scratch and teacher",
          minus[2])
    check(list(minus[3]) == ["teacher"] and not minus[0], "only rows of one width are compared")
    check("draws" not in table.stored(rows)[2]["tar"], "draws are not stored with the table")
    for teacher, given, weight in ((None, None, 1), ("w", None, .1), ("w", 0, 0), (None, 5, 5)):
        args = argparse.Namespace(teacher_weights=teacher)
        chosen = {} if given is None else {"probability": ({"weight": given}, {})}
        check(choice.tuned_of(args, "probability", chosen)["weight"] == weight,
              f"weight {teacher} {given}")


def all_methods(folder):
    out = os.path.join(folder, "all")
    done = run("--out", out, *SMALL)
    check(done.returncode == 0, "all methods: " + done.stderr + done.stdout[-500:])
    if done.returncode:
        return
    rows = results(out)["rows"]
    check([r["method"] for r in rows] == ["teacher"] + list(methods.HOMEWORK), "a row each")
    check(all(len(r["p"].get("scratch", [])) == (r["method"] not in ("teacher", "scratch"))
              for r in rows), "p against scratch")
    check([r["method"] for r in rows if "feature" in r["p"]] == ["exclusive"], "p of EC-KD")
    check({r["images"] for r in rows} == {32}, "images of each row")
    one = json.loads(read(os.path.join(out, "feature-0.125-seed1", "run.json")))
    check(one["images seen"] == 16 and one["tuned"] == {"weight": 32} and "made_from" in one,
          "run.json", one)
    check(all(r["tar"]["impostor_pairs"] == 30 * 29 // 2 - 10 and r["tar"]["tar"] is None
              for r in rows), "TAR over all pairs, which are too few here", rows[0]["tar"])
    check("not measurable" in done.stdout and "verification while" not in done.stderr,
          "and says so")
    watched = read(os.path.join(out, "watched", "pairs.txt"))
    check(watched != read(os.path.join(out, "synthetic", "pairs.txt")) and all(
        curves.known(curves.read(os.path.join(out, n, "net.csv")), "pairs")[0] == [1, 2]
        for n in ("teacher", "scratch-0.125-seed1")), "verified while training, on other pairs")
    check(len({(r["parameters"], r["macs"]) for r in rows[1:]}) == 1, "students are of one size")
    check(rows[0]["parameters"] > 10 * rows[1]["parameters"], "the teacher is larger")
    check("SYNTHETIC" in done.stdout, "synthetic results say so")
    files = ("report.html", "table.csv", "accuracy.png", "curves.png", "confused.png")
    check(all(os.path.getsize(os.path.join(out, f)) > 100 for f in files), "report and pictures")
    check(done.stdout.splitlines()[-2:] ==
          [f"what the networks confuse most: {out}/confused.png", f"report: {out}/report.html"],
          "the last lines name the sheet and the report", done.stdout)
    check(f"--out {out} {' '.join(SMALL)} --widths 0.125,0.0625\n" in done.stdout,
          "and the next command, with the same settings", done.stdout)
    again = run("--out", out, *SMALL)
    check(again.returncode == 0 and "classifier train" not in again.stdout, "nothing is done twice")
    check("verifying" not in again.stdout and "made again" not in again.stdout, "nor verified")
    check("default loss weights" in again.stdout, "says where loss weights come from")
    page = read(os.path.join(out, "report.html")).decode()
    for text in ("scratch-0.125-seed1/lfw/roc.png", "scratch-0.125-seed1/lfw/worst.png",
                 '<img src="confused.png"',
                 "darknet build", "2 batches of 8", time.strftime("%Y-%m-%d")):
        check(text in page, f"report.html has {text}")
    torn(out)
    other_inputs(out)


def accuracies(out):
    return {r["method"]: r["accuracy"] for r in results(out)["rows"]}


def torn(out):
    """Results whose file is incomplete are computed again. An incomplete record.json is an error
    without --force."""
    before = accuracies(out)
    for name in ("results.json", "scratch-0.125-seed1/lfw/results.json", "student-0.125.json"):
        write(os.path.join(out, name), '{"torn')
    again = run("--out", out, *FEW)
    check(again.returncode == 0 and "classifier train" not in again.stdout, "torn files",
          again.stderr)
    check(accuracies(out).items() <= before.items(), "the same numbers again")
    write(os.path.join(out, "feature-0.125-seed1", "record.json"), "")
    again = run("--out", out, *FEW)
    check(again.returncode == 1 and "record.json: is missing or torn" in again.stderr,
          "a training without its record", again.stderr)
    again = run("--out", out, *FEW, "--force")
    check(again.returncode == 0 and again.stdout.count("classifier train") == 1 and
          os.path.exists(os.path.join(out, "feature-0.125-seed1.old-1", "net.weights")),
          "--force trains again and keeps the old", again.stderr)


def other_inputs(out):
    """Results that were made from other inputs are not reused. The script prints the difference."""
    other = run("--out", out, *FEW, "--rate", "0.3")
    check(other.returncode == 1 and "was made from other inputs" in other.stderr and
          "[net] learning_rate: was 0.05, is 0.3" in other.stderr, "another rate", other.stderr)
    faces, lfw, pairs = (os.path.join(out, "synthetic", n) for n in ("train", "test", "pairs.txt"))
    mine = os.path.join(out, "mine.txt")
    lines = read(pairs).decode().split("\n")
    write(mine, "\n".join(["5\t2"] + lines[1:]))
    real = ["--out", out, "--faces", faces, "--lfw", lfw, "--pairs", mine, *FEW]
    other = run(*real)
    check(other.returncode == 0 and "classifier train" not in other.stdout and
          other.stdout.count("lfw/results.json: is made again") == 3 and
          "pairs: was" in other.stdout,
          "other pairs: verified again, not trained again", other.stderr)
    copy = os.path.join(out, "copy")
    shutil.copytree(faces, copy)
    real[3] = copy
    moved = run(*real)
    check(moved.returncode == 0 and "classifier train" not in moved.stdout,
          "a copied folder is the same data", moved.stderr)
    some = os.path.join(copy, "id0000", sorted(os.listdir(os.path.join(copy, "id0000")))[0])
    shutil.copy(os.path.join(copy, "id0001", sorted(os.listdir(os.path.join(copy, "id0001")))[0]),
                some)
    changed = run(*real)
    check(changed.returncode == 1 and "faces: was 32 files" in changed.stderr, "a changed image",
          changed.stderr)
    build = write(os.path.join(out, "darknet"), read(DARKNET) + b"another build")
    os.chmod(build, 0o755)
    real[3] = faces
    for words, status in (((), 1), (("--any-build",), 0)):
        done = script("homework.py", *real, *words, cwd=ROOT,
                      env=dict(os.environ, DARKNET_BIN=build))
        check(done.returncode == status, f"another build {words}", done.stderr)
    check("darknet build: was" in done.stdout, "and its evaluations are made again")


def given_teacher(folder):
    """The script trains a classifier on the frozen features of a teacher that has none."""
    cfg, weights = (os.path.join(folder, "teacher" + e) for e in (".cfg", ".weights"))
    with open(os.path.join(ROOT, "cfg", "mobilefacenet-eighth.cfg"), encoding="utf-8") as f:
        write(cfg, cfg_text.edit(f.read(), {"net": {"width": 32, "height": 32}}))
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
    with open(os.path.join(ROOT, "cfg", "mobilefacenet-half-am.cfg"), encoding="utf-8") as f:
        write(cfg, cfg_text.edit(f.read(), {"net": {"width": 32, "height": 32},
                                            "margin_softmax": {"classes": 77}}))
    expect_end(darknet("init", cfg, weights, "-force"))
    out = os.path.join(folder, "other classes")
    done = run("--out", out, "--teacher-cfg", cfg, "--teacher-weights", weights, "--methods",
               "probability", *SMALL)
    own = read(os.path.join(out, "teacher-head", "net.cfg"))
    check(done.returncode == 0 and own.count(b"[margin_softmax]") == 1,
          "a classifier of other people is replaced", done.stderr, done.stdout[-500:])


def hidden(folder):
    """A hidden folder is not an identity. Paths may contain blanks."""
    out = os.path.join(folder, "with out")
    shutil.copytree(os.path.join(folder, "all", "synthetic"), os.path.join(folder, "set"))
    faces, lfw, pairs = (os.path.join(folder, "set", n) for n in ("train", "test", "pairs.txt"))
    os.makedirs(os.path.join(faces, ".thumbnails"))
    done = run("--out", out, "--faces", faces, "--lfw", lfw, "--pairs", pairs, "--unlabelled", lfw,
               "--methods", "feature,scratch", *SMALL)
    check(done.returncode == 0, "hidden folders, a blank in --out", done.stderr)
    if done.returncode:
        return
    rows = results(out)["rows"]
    more = sum(len(f) for _, _, f in os.walk(lfw))
    check([r["images"] for r in rows] == [32, 32, 32 + more], "images", [r["images"] for r in rows])
    check(b"that no network was trained on" not in read(os.path.join(out, "report.html")),
          "nothing is claimed about the training of real faces")
    check(not rows[2]["p"] and "No p between rows of different images" in done.stdout,
          "no p between other images", rows[2]["p"])


def chooses(folder):
    out = os.path.join(folder, "choose")
    done = run("--out", out, *SMALL, "--methods", "probability", "--choose", "probability=1,2")
    check(done.returncode == 0 and "was chosen on 20 development pairs" in done.stdout, "--choose",
          done.stderr)
    if done.returncode:
        return
    kept = os.path.join(out, "choose-probability-2-0.125-seed1", "development", "results.json")
    names = json.loads(read(kept))["faces"]
    check("development" in names, "verified on development pairs", names)
    test, other = (read(os.path.join(out, n, "pairs.txt")) for n in ("synthetic", "development"))
    images = [read(os.path.join(out, n, "test", "test0000", "test0000_0001.jpg"))
              for n in ("synthetic", "development")]
    check(images[0] != images[1] and len(test) > 0 and len(other) > 0, "of other people")


def start(*arguments, **more):
    return subprocess.Popen([sys.executable, os.path.join(SCRIPTS, "homework.py"), *arguments],
                            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            **more)


def wait_for(condition, seconds=60):
    until = time.time() + seconds
    while time.time() < until:
        if condition():
            return True
        time.sleep(.05)
    return False


def trainers(out):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = read(f"/proc/{pid}/cmdline").split(b"\0")
        except OSError:
            continue
        if b"train" in words and any(w.startswith(out.encode()) for w in words):
            found.append(int(pid))
    return found


def signals(folder):
    """The training process saves a checkpoint on Ctrl-C and SIGTERM. It also ends when SIGKILL ends
    the script that started it."""
    out = os.path.join(folder, "stopped")
    long = ["--out", out, *SMALL, "--methods", "scratch", "--batches", "100000"]
    log = os.path.join(out, "scratch-0.125-seed1", "net.csv")
    state = os.path.join(out, "scratch-0.125-seed1", "net.state")
    seen = 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        process = start(*long)
        size = os.path.getsize(log) if os.path.exists(log) else 0
        going = wait_for(lambda: trainers(out + "/scratch") and os.path.exists(log) and
                         os.path.getsize(log) > size + 500)
        check(going, f"{number.name}: trains")
        if number == signal.SIGINT:
            second = run(*long)
            check(second.returncode == 1 and "is in use by process" in second.stderr,
                  "a second start", second.stderr)
        process.send_signal(number)
        said = process.communicate(timeout=60)[0]
        check(wait_for(lambda: not trainers(out), 10), f"{number.name}: the trainer ends")
        if number != signal.SIGKILL:
            check(process.returncode == 1 and "the same command continues from here" in said,
                  f"{number.name}: the message", said[-500:])
            check(os.path.exists(state), f"{number.name}: a checkpoint")
        # the log has a line for each batch
        lines = read(log).count(b"\n")
        check(lines > seen, f"{number.name}: continues from there", lines, seen)
        seen = lines
    record = json.loads(read(os.path.join(out, "scratch-0.125-seed1", "record.json")))
    check(not record["done"] and len(record["sessions"]) == 2, "sessions", record["sessions"])


def drawing(folder):
    out = os.path.join(folder, "drawn")
    words = ["--out", out, *SMALL, "--methods", "scratch"]
    process = start(*words, "--identities", "3000", "--images", "100")
    check(wait_for(lambda: os.path.exists(os.path.join(out, "synthetic", "synth.partial"))),
          "drawing begins")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    check(process.returncode == 1, "drawing stops")
    done = run(*words)
    check(done.returncode == 0 and "drawing was interrupted" in done.stdout, "drawn again",
          done.stderr)


def refusals():
    for arguments, words in ((["--methods", "x"], "none of"), (["--faces", "x"], "--lfw"),
                             (["--teacher-cfg", "x"], "go together"),
                             (["--widths", "0"], "above 0"), (["--widths", "nan"], "above 0"),
                             (["--synthetic-pairs", "0"], "from 20"),
                             (["--synthetic-pairs", "30"], "multiple of 20"),
                             (["--seeds", "1,1"], "is given twice"),
                             (["--faces", ""], "--faces: a path must not be empty"),
                             (["--choose", "probability=1", "--choose", "probability=2"],
                              "--choose: names a method twice"),
                             (["--development-pairs", "x"], "go together"),
                             (["--faces", "x", "--lfw", "x", "--pairs", "x", "--choose",
                               "probability=1"], "--choose with --faces needs --development"),
                             (["--rate", "inf"], "above 0"), (["--batch", "0"], "from 1"),
                             (["--choose", "scratch=1"], "must be probability or correlation"),
                             (["--size", "16"], "from 32")):
        done = run("--out", "nowhere", *arguments)
        check(done.returncode == 2 and words in done.stderr, " ".join(arguments), done.stderr)
        check(not os.path.exists(os.path.join(ROOT, "nowhere")), "and does nothing")


def plans(folder):
    out = os.path.join(folder, "planned")
    done = run("--out", out, *SMALL, "--plan")
    names = [line.split()[0] for line in done.stdout.splitlines() if "-seed1" in line]
    check(done.returncode == 0 and names == [f"{m}-0.125-seed1" for m in methods.HOMEWORK] and
          "in all, about" in done.stdout, "--plan", done.stdout, done.stderr)
    check(not os.path.exists(out), "--plan writes nothing")


def late_refusals(folder):
    """Errors in files are reported before any training."""
    data = os.path.join(folder, "all", "synthetic")
    faces, lfw, pairs = (os.path.join(data, n) for n in ("train", "test", "pairs.txt"))
    bad = write(os.path.join(folder, "bad.cfg"), "[net]\nheight=32\nwidth=32\nchannels=3\n"
                "[convolutional]\nfilters = 8\n\n[shortcut]\nfrom=9\n")
    junk = write(os.path.join(folder, "junk"), "x")
    for arguments, text in (
            (["--lfw", lfw, "--pairs", pairs, "--faces", "/none"], "--faces /none: No such folder"),
            (["--faces", faces, "--pairs", pairs, "--lfw", junk], f"--lfw {junk}: is not a folder"),
            (["--faces", faces, "--lfw", lfw, "--pairs", junk], f"{junk}:1: must be "),
            (["--faces", faces, "--lfw", faces, "--pairs", pairs], "images of the pairs are"),
            (["--faces", faces, "--lfw", lfw, "--pairs", pairs, "--size", "64"],
             "is 32 x 32 pixels, --size is 64"),
            (["--faces", os.path.join(faces, "id0000"), "--lfw", lfw, "--pairs", pairs],
             "has no images in folders of identities"),
            (["--teacher-cfg", bad, "--teacher-weights", junk], "bad.cfg:8: [shortcut]"),
            (["--teacher-cfg", junk, "--teacher-weights", junk], "junk")):
        done = run("--out", os.path.join(folder, "late"), *SMALL, *arguments)
        check(done.returncode == 1 and text in done.stderr and "Traceback" not in done.stderr and
              "classifier train" not in done.stdout, f"late refusal {text}", done.stderr)
    done = run("--out", junk, *SMALL)
    check(done.returncode == 1 and done.stderr == f"homework.py: {junk}: is a file, not a folder\n",
          "--out FILE", done.stderr)


with tempfile.TemporaryDirectory() as temporary:
    texts()
    refusals()
    plans(temporary)
    all_methods(temporary)
    hidden(temporary)
    chooses(temporary)
    late_refusals(temporary)
    drawing(temporary)
    signals(temporary)
    given_teacher(temporary)
summary()
