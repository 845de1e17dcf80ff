#!/usr/bin/python3
"""test_judge.py - compares what `classifier train -judge` measures with other code for the same
weights: TAR at FAR over all pairs with the scripts, the rank-1 rate with a naive search."""
import csv
import os
import shutil
import tempfile

from common import ROOT, check, darknet, needed, needs, read, summary, write

needs("scipy")
with needed():
    import numpy as np
    from evaluation import all_pairs
    from lib import cfg_text, embeddings


def prepare():
    """Writes faces/. Copies some images into the folders of other people, so that scores tie."""
    check(darknet("synth", "s", "-identities", "8", "-images", "4", "-size", "32", "-pairs", "40")
          .returncode == 0, "faces")
    check(darknet("synth", "o", "-identities", "1", "-images", "1", "-size", "32", "-pairs", "40",
                  "-seed", "9").returncode == 0, "distractors")
    shutil.copytree("s/test", "faces")
    people = sorted(os.listdir("faces"))
    for i, person in enumerate(people[:10]):
        for image in sorted(os.listdir(f"s/test/{person}"))[:2]:
            shutil.copy(f"s/test/{person}/{image}", f"faces/{people[-1 - i]}/copy-{image}")
    with open(os.path.join(ROOT, "cfg/mobilefacenet-half-am.cfg"), encoding="utf-8") as f:
        net = dict(width=32, height=32, width_multiplier=.25, batch=8, max_batches=6, burn_in=1,
                   steps="3,5")
        write("net.cfg", cfg_text.edit(f.read(), {"margin_softmax": {"classes": 8}, "net": net}))
    write("faces.data", "classes=8\ntrain=s/train\nbackup=.\n")


def train(out, *options):
    os.makedirs(out, exist_ok=True)
    return darknet("classifier", "train", "faces.data", "net.cfg", "-out", out, *options)


def column(folder, name):
    with open(os.path.join(folder, "net.csv"), newline="", encoding="utf-8") as f:
        return {int(r["batch"]): float(r[name]) for r in csv.DictReader(f) if r[name]}


def features(weights, folder):
    if os.path.exists("x.dnxe"):
        os.remove("x.dnxe")
    check(darknet("embed", "net.cfg", weights, folder, "x.dnxe").returncode == 0, "embed")
    return embeddings.read("x.dnxe")


def naive_rank_1(names, rows, others=None):
    rows = rows / np.linalg.norm(rows, axis=1)[:, None]
    person = np.array([n.split("/")[0] for n in names])
    hits = []
    for i, row in enumerate(rows):
        rivals = rows[person != person[i]] if others is None else \
            others / np.linalg.norm(others, axis=1)[:, None]
        best = (rivals @ row).max()
        hits += [rows[j] @ row >= best - 1e-6 for j in range(len(rows))
                 if j != i and person[j] == person[i]]
    return np.mean(hits)


def tar():
    done = train("t", "-faces", "faces", "-judge", "tar@1e-2", "-verify", "1", "-tensorboard", "tb")
    check(done.returncode == 0, done.stderr)
    seen = column("t", "tar@1e-2")
    check(sorted(seen) == [1, 2, 3, 4, 5, 6] and len(set(seen.values())) > 1, f"verified: {seen}")
    check(b"tar@1e-2" in b"".join(read(os.path.join(at, n)) for at, _, names in os.walk("tb")
                                  for n in names), "no curve in -tensorboard")
    best = dict(line.split("=", 1) for line in read("t/net-best.txt").decode().splitlines())
    chosen = int(best["batch"])
    check(seen[chosen] == max(seen.values()) and
          all(seen[b] < seen[chosen] for b in range(1, chosen)), f"batch {chosen} of {seen}")
    for weights, value in (("net.weights", seen[6]), ("net-best.weights", seen[chosen])):
        names, rows = features("t/" + weights, "faces")
        got = all_pairs.all_pairs(dict(zip(names, rows)), 1e-2, 20)
        check(abs(got["tar"] - value) < 1e-5, f"{weights}: {value}, the scripts say {got['tar']}")
        line = (f"TAR {100 * value:.2f} % at FAR 1e-2 ({got['genuine_pairs']:,} genuine, "
                f"{got['impostor_pairs']:,} impostor pairs)")
        check(line in done.stdout, f"no '{line}' in {done.stdout}")
    check(f"net-best.weights: batch {chosen}, TAR {100 * seen[chosen]:.2f} % at FAR 1e-2, chosen "
          "as the best on these very faces" in done.stdout, done.stdout)
    check("judge=tar@1e-2" in read("t/net.run").decode(), "NAME.run")


def rank_1():
    for out, more in (("r", ()), ("d", ("-distractors", "o/test"))):
        done = train(out, "-faces", "faces", "-judge", "rank-1", "-verify", "3", *more)
        check(done.returncode == 0, done.stderr)
        names, rows = features(f"{out}/net.weights", "faces")
        others = features(f"{out}/net.weights", "o/test")[1] if more else None
        want, got = naive_rank_1(names, rows, others), column(out, "rank-1")[6]
        check(abs(want - got) < 1e-5, f"{out}: rank-1 {got}, naive {want}")
        check("searches among " + ("80 distractors)" if more else "the images of other people)")
              in done.stdout, done.stdout)
    done = train("p", "-pairs", "s/pairs.txt", "-faces", "s/test", "-judge", "rank-1")
    check(done.returncode == 0 and "batch 6: rank-1 " in done.stdout, done.stdout + done.stderr)
    names, rows = features("p/net.weights", "s/test")
    listed = {w for line in read("s/pairs.txt").decode().splitlines()[1:]
              for w in listed_images(line.split("\t"))}
    at = [i for i, n in enumerate(names) if os.path.splitext(n)[0] in listed]
    want = naive_rank_1([names[i] for i in at], rows[at])
    check(abs(want - column("p", "rank-1")[6]) < 1e-5, f"the images of pairs: {want}")


def listed_images(words):
    """Returns the names of two images. words: a line of LFW's pairs.txt, split at tabs."""
    pairs = [(words[0], words[1]), (words[-2] if len(words) == 4 else words[0], words[-1])]
    return [f"{name}/{name}_{int(i):04d}" for name, i in pairs]


def resumed():
    options = ("-faces", "faces", "-judge", "tar@2e-2", "-verify", "1", "-threads", "1")
    check(train("whole", *options).returncode == 0, "in one go")
    check(train("parts", *options, "-batches", "3").returncode == 0, "the first part")
    done = train("parts", *options, "-resume")
    check(done.returncode == 0, done.stderr)
    check(column("whole", "tar@2e-2") == column("parts", "tar@2e-2"), "other results")
    for name in ("net-best.weights", "net-best.txt", "net.weights"):
        check(read(f"whole/{name}") == read(f"parts/{name}"), name)
    again = train("whole", "-faces", "faces", "-judge", "rank-1", "-resume", "-batches", "7",
                  "-force")
    check(again.returncode == 1 and
          "whole/net.csv: has the verifications of another judge than rank-1" in again.stderr,
          again.stderr)
    check(train("none", "-batches", "2").returncode == 0, "without verification")
    done = train("none", *options, "-resume")
    check(done.returncode == 0 and sorted(column("none", "tar@2e-2")) == [2, 3, 4, 5, 6],
          f"verified later: {done.stderr}")
    done = train("none", "-pairs", "s/pairs.txt", "-faces", "s/test", "-force")
    check(done.returncode == 0 and ",pairs," in read("none/net.csv").decode(), done.stderr)


def mistakes():
    os.makedirs("empty")
    for folder, images in (("loose", ("a",)), ("one", ("a/a", "a/b")), ("single", ("a/a", "b/b"))):
        for image in images:
            os.makedirs(os.path.dirname(f"{folder}/{image}"), exist_ok=True)
            shutil.copy("faces/test0000/test0000_0001.jpg", f"{folder}/{image}.jpg")
    for status, text, *options in (
            (2, "-judge: must be accuracy, tar@RATE with a rate above 0 and at most 0.5, or rank-1",
             "-judge", "tar@1", "-faces", "faces"),
            (2, "-judge rank-1 and tar@RATE need -faces", "-judge", "rank-1"),
            (2, "-judge needs -pairs and -faces", "-judge", "accuracy"),
            (2, "-distractors: only -judge rank-1 and tar@RATE take them", "-pairs", "s/pairs.txt",
             "-faces", "s/test", "-distractors", "o/test"),
            (2, "-pairs: a .bin does not tell who is who", "-judge", "rank-1", "-pairs", "a.bin"),
            (1, "pairs of two people cannot show a false-match rate of 1e-6: fewer than 10 of them "
             "would match; 10,000,000 are needed", "-judge", "tar@1e-6", "-faces", "faces"),
            (1, "empty: no images", "-judge", "rank-1", "-faces", "empty"),
            (1, "loose: a.jpg lies in no folder: the folder of an image is its person", "-judge",
             "rank-1", "-faces", "loose"),
            (1, "one: all images are of one person", "-judge", "rank-1", "-faces", "one"),
            (1, "single: no person has two images", "-judge", "rank-1", "-faces", "single"),
            (1, "nowhere: cannot open", "-judge", "rank-1", "-faces", "faces", "-distractors",
             "nowhere")):
        done = train("wrong", *options)
        check(done.returncode == status and text in done.stderr,
              f"{' '.join(options)}: exit {done.returncode}, {done.stderr}")


with tempfile.TemporaryDirectory() as temporary:
    os.chdir(temporary)
    prepare()
    tar()
    rank_1()
    resumed()
    mistakes()
    os.chdir(ROOT)
summary()
