#!/usr/bin/python3
"""Tests classifier train: -pairs gives the same accuracies as scripts/eval_lfw.py, and -cache keeps
the outputs of the teacher."""
import csv
import json
import os
import tempfile

from common import (DARKNET, ROOT, check, column, darknet, needed, read, run, script, summary,
                    write)

with needed():
    from lib import cfg_text, embeddings


def small(name, changes):
    with open(os.path.join(ROOT, "cfg", name), encoding="utf-8") as f:
        net = dict(width=32, height=32, width_multiplier=.25, batch=8, max_batches=6, burn_in=1,
                   steps="3,5", **changes.pop("net", {}))
        return cfg_text.edit(f.read(), dict(changes, net=net))


def lfw_column(folder):
    with open(os.path.join(folder, "net.csv"), newline="", encoding="utf-8") as f:
        return {int(r["batch"]): float(r["pairs"]) for r in csv.DictReader(f) if r["pairs"]}


def verification(here):
    cfg, data, pairs, faces = (os.path.join(here, p) for p in
                               ("net.cfg", "faces.data", "s/pairs.txt", "s/test"))
    write(cfg, small("mobilefacenet-half-am.cfg", {"margin_softmax": {"classes": 8}}))
    write(data, f"classes=8\ntrain={here}/s/train\nbackup={here}\n")
    train = [DARKNET, "classifier", "train", data, cfg, "-pairs", pairs, "-faces", faces]
    done = run(*train, "-verify", "2", "-batches", "4")
    check(done.returncode == 0, done.stderr)
    seen = lfw_column(here)
    check(sorted(seen) == [2, 4], f"verified at {sorted(seen)}")
    for weights, value in (("net.weights", seen[4]), ("net-best.weights", max(seen.values()))):
        result = os.path.join(here, "result-" + weights)
        done = script("eval_lfw.py", cfg, os.path.join(here, weights), faces, pairs, "--out",
                      result)
        check(done.returncode == 0, done.stderr)
        with open(os.path.join(result, "results.json"), encoding="utf-8") as f:
            check(abs(json.load(f)["accuracy"] - value) < 1e-4, weights + ": as eval_lfw.py")
    best = read(os.path.join(here, "net-best.weights"))
    done = run(*train, "-verify", "2", "-resume")
    check(done.returncode == 0, done.stderr)
    seen = lfw_column(here)
    check(sorted(seen) == [2, 4, 6], "resumed: still has the earlier values")
    check((read(os.path.join(here, "net-best.weights")) != best) ==
          (seen[6] > max(seen[2], seen[4])), "resumed: keeps the best")
    check("fitted" not in done.stdout, "ten folds: " + done.stdout)
    one = os.path.join(here, "one.txt")
    lines = read(pairs).decode().splitlines()
    n = int(lines[0].split()[-1])
    same = [w for w in lines[1:] if len(w.split()) == 3]
    other = [w for w in lines[1:] if len(w.split()) == 4]
    write(one, f"{len(same)}\n" + "".join(w + "\n" for w in same + other))
    done = run(*[one if w == pairs else w for w in train], "-name", "one", "-batches", "2")
    check(done.returncode == 0 and n and "batch 2: " in done.stdout and
          "of the pairs are right (threshold fitted on the tested pairs), the best so far" in
          done.stdout, "one fold: " + done.stdout + done.stderr)
    check("fitted on the tested pairs" in read(os.path.join(here, "one-best.txt")).decode(),
          "one-best.txt")
    done = run(*train, "-name", "one", "-batches", "1", "-verify", "1", "-force")
    for end in ("weights", "txt"):
        path = os.path.join(here, "one-best." + end)
        check(done.returncode == 0 and os.path.exists(path) and
              (end == "weights" or "batch=1\n" in read(path).decode()),
              "-force keeps the best weights of its first batch", done.stderr)
    os.remove(os.path.join(faces, "test0001", "test0001_0002.jpg"))
    done = run(*train, "-force")
    check(done.returncode == 1 and "missing" in done.stderr and "test0001_0002" in done.stderr,
          "a missing face is named")
    write(pairs, "10\t1\nnonsense\n")
    done = run(*train, "-force")
    check(done.returncode == 1 and "pairs.txt:2: must be `NAME i j`" in done.stderr,
          "a bad line: " + done.stderr)
    done = run(*train[:-2])
    check(done.returncode == 2 and "go together" in done.stderr, "-pairs without -faces")


def cache(here):
    teacher, weights, cfg, data = (os.path.join(here, p) for p in
                                   ("teacher.cfg", "teacher.weights", "kd.cfg", "kd.data"))
    write(teacher, cfg_text.without_losses(small("mobilefacenet-half-am.cfg", {})))
    check(darknet("init", teacher, weights).returncode == 0, "teacher's weights")
    write(cfg, small("mobilefacenet-half-kd-feature.cfg", {
        "kd_feature": {"teacher": "teacher.cfg", "weights": "teacher.weights"},
        "net": {"seed": 7}}))
    write(data, f"train={here}/s/train\nbackup={here}\n")
    folder = os.path.join(here, "cache")
    losses = []
    for options in ([], ["-cache", folder], ["-cache", folder]):
        done = darknet("classifier", "train", data, cfg, "-force", *options)
        check(done.returncode == 0, done.stderr)
        losses.append(column(os.path.join(here, "kd.csv"), "loss"))
    check(abs(losses[0][0] - losses[1][0]) < 1e-3 * losses[0][0],
          "the cache gives the teacher's outputs, to half precision")
    check(losses[1] == losses[2], "the cache is used again")
    (file,) = os.listdir(folder)
    names, rows = embeddings.read(os.path.join(folder, file))
    check(len(names) == 2 * 8 * 4 and names[1] == names[0] + " mirrored", "names of the rows")
    check(rows.shape == (64, 512), "rows of the cache")
    write(teacher, read(teacher) + b"\n# a comment\n")
    done = darknet("classifier", "train", data, cfg, "-force", "-cache", folder)
    check(done.returncode == 0 and os.listdir(folder) == [file], "a comment changes nothing")
    with open(os.path.join(folder, file), "r+b") as f:
        f.truncate(1000)
    done = darknet("classifier", "train", data, cfg, "-force", "-cache", folder)
    check(done.returncode == 1 and "cut short" in done.stderr, "a cache cut short is refused")


def refused(here, want, cfg, *options):
    done = darknet("classifier", "train", os.path.join(here, "kd.data"),
                   os.path.join(here, cfg), *options)
    check(done.returncode == 2 and done.stderr == f"darknet: {want}\n",
          f"{' '.join(options)}: exit {done.returncode}, {done.stderr}")


def refusals(here):
    teacher = ("-teacher", os.path.join(here, "teacher.cfg"),
               "-teacher-weights", os.path.join(here, "teacher.weights"))
    pairs = ("-pairs", os.path.join(here, "s/pairs.txt"), "-faces", os.path.join(here, "s/test"))
    refused(here, "-verify needs -pairs and -faces", "net.cfg", "-verify", "2")
    for half in (pairs[:2], pairs[2:]):
        refused(here, "-pairs and -faces go together: the pairs, and the folder of their images",
                "net.cfg", *half)
    refused(here, "-teacher and -teacher-weights go together", "kd.cfg", *teacher[2:])
    refused(here, "-clear needs weights, whose count of images it sets to 0", "net.cfg", "-clear")
    refused(here, "-teacher: no loss of the network has one", "net.cfg", *teacher)
    refused(here, "-cache: no loss of the network has a teacher", "net.cfg", "-cache", here)
    write(os.path.join(here, "loss.cfg"),
          "[net]\nwidth=4\nheight=4\nchannels=3\nmax_batches=1\n[softmax]\n")
    refused(here, "-pairs: the network has no layer before its first loss", "loss.cfg", *pairs)
    text = read(os.path.join(here, "kd.cfg")).decode()
    for options in ({"hue": .1}, {"shift": 2}, {"angle": 5}, {"erase": 1}, {"max_ratio": 1.5}):
        write(os.path.join(here, "altered.cfg"), cfg_text.edit(text, {"net": options}))
        path, key = os.path.join(here, "altered.cfg"), list(options)[0]
        line = [s.split("=")[0] for s in read(path).decode().splitlines()].index(key) + 1
        refused(here, f"-cache: line {line} of {path}: [net] {key}= alters every image, which "
                "leaves a teacher no output to keep", "altered.cfg", "-cache",
                os.path.join(here, "cache"))
    write(os.path.join(here, "altered.cfg"), cfg_text.edit(text, {"net": {"erase": .1}}))
    done = darknet("classifier", "train", os.path.join(here, "kd.data"),
                   os.path.join(here, "altered.cfg"), "-cache", os.path.join(here, "cache-new"))
    check(done.returncode == 0, "-cache where some images are altered: " + done.stderr)


with tempfile.TemporaryDirectory() as temporary:
    drawn = darknet("synth", os.path.join(temporary, "s"), "-identities", "8", "-images", "4",
                    "-size", "32", "-pairs", "40")
    check(drawn.returncode == 0, drawn.stderr)
    verification(temporary)
    cache(temporary)
    refusals(temporary)
summary()
