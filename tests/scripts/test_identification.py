#!/usr/bin/python3
"""test_identification.py - runs eval_identification.py as a user does."""
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys

from os.path import abspath, dirname, join

sys.path.insert(0, join(dirname(dirname(abspath(__file__))), "lib"))
from common import (DARKNET, ROOT, attempt_all, darknet, dnxe, expect, expect_end,  # noqa: E402
                    needed, needs, read, summary, write)

needs("scipy", "faiss")
with needed():
    import numpy as np
import eval_identification  # noqa: E402


def face_files(folder="."):
    rng = np.random.default_rng(8)
    names, rows = [], []
    for p in range(32):
        base = rng.normal(size=8)
        for k in range(4 if p < 30 else 1):
            names.append(f"p{p:02d}/{k}.jpg")
            rows.append(base + .4 * rng.normal(size=8))
    write(join(folder, "probes.dnxe"), dnxe(names, rows))
    others = rng.normal(size=(500, 8))
    write(join(folder, "distractors.dnxe"), dnxe([f"{i}.jpg" for i in range(500)], others))
    return names, np.array(rows), others


def evaluate(*words):
    """Runs eval_identification.py in this process, which is faster than in a new one."""
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["eval_identification.py", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = eval_identification.main()
        except SystemExit as e:
            status = e.code
    return subprocess.CompletedProcess(sys.argv, status, out.getvalue(), err.getvalue())


def whole_run():
    names, rows, others = face_files()
    done = evaluate("probes.dnxe", "distractors.dnxe", "--out", "out", "--suspects", "5")
    expect_end(done)
    expect("2 people have one image: they cannot be probes" in done.stdout, done.stdout)
    result = json.loads(read("out/results.json"))
    r = result["networks"][0]
    expect(r["identification"]["trials"] == 30 * 12 and r["faces"]["distractors"] == 500,
           r["faces"])
    expect([c["distractors"] for c in r["identification"]["by_distractors"]] == [10, 100, 500],
           "other numbers of distractors")
    unit = rows / np.linalg.norm(rows, axis=1)[:, None]
    best = (unit @ (others / np.linalg.norm(others, axis=1)[:, None]).T).max(1)
    owner = [n[:3] for n in names]
    hits = [unit[i] @ unit[j] >= best[i] for i in range(len(rows)) for j in range(len(rows))
            if i != j and owner[i] == owner[j]]
    expect(abs(r["identification"]["rank1"]["rate"] - np.mean(hits)) < 1e-9, "another rank-1")
    expect(r["verification"]["tar_at_far"]["1e-06"] is None, "FAR 1e-6 of 60,000 pairs")
    t = json.loads(read("out/threshold.json"))
    expect(t["format"] == "darknet threshold 1" and t["network"] is None, t)
    expect(t["false_matches"] <= 1e-3 * t["impostor_pairs"] and t["false_match_rate_low"] <
           t["false_matches"] / t["impostor_pairs"] < t["false_match_rate_high"], t)
    expect(read("out/identification.png")[:4] == b"\x89PNG", "no picture")
    expect(read("out/suspects.png")[:4] == b"\x89PNG" and
           len(set(read("out/suspects.txt").split())) == 5, "no suspects")
    again = evaluate("probes.dnxe", "distractors.dnxe", "--out", "again", "--no-pictures",
                     "--ignore", "out/suspects.txt")
    expect_end(again)
    expect("--ignore left out 5 of its 5 lines' images." in again.stdout, again.stdout)
    more = json.loads(read("again/results.json"))["networks"][0]
    expect(more["identification"]["rank1"]["rate"] >= r["identification"]["rank1"]["rate"] and
           more["faces"]["distractors"] == 495, "ignoring changes nothing")


def templates():
    names, rows, _ = face_files()
    expect_end(evaluate("probes.dnxe", "distractors.dnxe", "--out", "pairs", "--no-pictures",
                        "--template", "2"))
    unit = rows / np.linalg.norm(rows, axis=1)[:, None]
    want = [float(np.dot(x, y) / np.linalg.norm(x) / np.linalg.norm(y))
            for x, y in ((unit[4 * p] + unit[4 * p + 1], unit[4 * p + 2] + unit[4 * p + 3])
                         for p in range(30))]
    r = json.loads(read("pairs/results.json"))["networks"][0]
    expect(r["verification"]["genuine_pairs"] == 30, "other templates")
    v = r["verification"]["tar_at_far"]["1e-03"]
    expect(abs(v["tar"] - np.mean(np.array(want) > v["threshold"])) < 1e-9, f"TAR {v}")


def two_networks():
    names, rows, others = face_files()
    rng = np.random.default_rng(9)
    write("worse-p.dnxe", dnxe(names, rows + .8 * rng.normal(size=rows.shape)))
    write("worse-d.dnxe", dnxe([f"{i}.jpg" for i in range(500)], others))
    done = evaluate("probes.dnxe", "distractors.dnxe", "--out", "two", "--versus", "worse-p.dnxe",
                    "worse-d.dnxe", "--versus", "probes.dnxe", "distractors.dnxe")
    expect_end(done)
    worse, same = [n["versus"] for n in json.loads(read("two/results.json"))["networks"][1:]]
    expect(worse["rank1"]["difference"] < 0 and worse["rank1"]["p"] < .05 and
           worse["rank1"]["high"] < 0, worse["rank1"])
    expect(worse["tar_at_far"]["1e-03"]["high"] < 0, worse["tar_at_far"])
    expect(same["rank1"]["difference"] == 0 and same["rank1"]["mcnemar_p"] == 1 and
           same["tar_at_far"]["1e-03"]["p"] == 1, same)
    expect("probes (1)" in done.stdout and "probes (2)" in done.stdout, done.stdout)


def three_people():
    """Three people are too few for a confidence interval of the difference in rank-1."""
    rng = np.random.default_rng(3)
    names = [f"p{i // 4}/{i}.jpg" for i in range(12)]
    for name in ("few", "few-other"):
        write(f"{name}.dnxe", dnxe(names, rng.normal(size=(12, 8))))
    face_files()
    done = evaluate("few.dnxe", "distractors.dnxe", "--out", "three", "--no-pictures", "--versus",
                    "few-other.dnxe", "distractors.dnxe")
    expect_end(done)
    got = json.loads(read("three/results.json"))["networks"][1]["versus"]["rank1"]
    expect(got["low"] is None and got["p"] is None and abs(got["difference"]) <= 1, got)


def with_a_network():
    """Features of folders are stored, and computed again for other weights."""
    expect_end(darknet("synth", "syn", "-identities", "6", "-images", "5", "-size", "32", "-pairs",
                       "20"))
    write("net.cfg", "[net]\nheight=32\nwidth=32\nchannels=3\n[convolutional]\nfilters=8\nsize=3\n"
          "stride=4\nactivation=linear\n")
    for seed in ("1", "2"):
        write("seed.cfg", read("net.cfg").decode().replace("[net]", f"[net]\nseed={seed}"))
        expect_end(darknet("init", "seed.cfg", f"{seed}.weights"))
    done = evaluate("net.cfg", "1.weights", "syn/train", "syn/test", "--out", "net",
                    "--no-pictures", "--threshold-rate", ".05", "--versus", "net.cfg", "2.weights")
    expect_end(done)
    expect(done.stdout.count("features of syn/") == 4, done.stdout)
    t = json.loads(read("net/threshold.json"))
    check_ = json.loads(darknet("check", "net.cfg", "1.weights", "-json").stdout)
    expect(t["network"] == check_["fingerprint"] and t["cfg"] == "net.cfg", t)
    words = ("net.cfg", "1.weights", "syn/train", "syn/test", "--out", "net", "--no-pictures")
    expect("features of" not in evaluate(*words).stdout, "features are not used again")
    expect_end(evaluate(*words, "--threshold-rate", "1e-5"), 1,
               "pairs of different people cannot show a false-match rate of 1e-05: fewer than 10 "
               "of them would match; 1,000,000 are needed")
    expect(not os.path.exists("net/threshold.json"), "an old threshold.json stays")
    expect_end(evaluate("net.cfg", "1.weights", "syn/train", "syn/train", "--out", "net"), 1,
               "30 distractors are probes, too (--keep-equal keeps them, --ignore leaves them out)")
    expect_end(evaluate("net.cfg", "1.weights", "syn/train", "syn/train", "--out", "net",
                        "--keep-equal", "--no-pictures"))
    kept = [f for f in os.listdir("net/embeddings") if f.endswith(".dnxe")]
    one = next(f for f in kept if f.startswith("train"))
    record = json.loads(read(f"net/embeddings/{one}.json"))
    other = next(f for f in kept if f.startswith("test") and
                 json.loads(read(f"net/embeddings/{f}.json"))["network"] != record["network"])
    expect_end(evaluate(f"net/embeddings/{one}", f"net/embeddings/{other}", "--out", "mixed"), 1,
               ": features of network ", f"but net/embeddings/{one} of {record['network']}")


def files_of_two_networks():
    """Features of different networks, or with different -flip, are refused."""
    net = ("net.cfg", "1.weights")
    for words in ((*net, "syn/train", "one.dnxe"), ("net.cfg", "2.weights", "syn/test", "two.dnxe"),
                  (*net, "syn/test", "sum.dnxe", "-flip", "sum"), (*net, "syn/test", "same.dnxe")):
        expect_end(darknet("embed", *words))
    for other, flip in (("two", "none"), ("sum", "sum")):
        expect_end(evaluate("one.dnxe", f"{other}.dnxe", "--out", "files"), 1,
                   f"{other}.dnxe: features of network ", f", flip {flip}, but one.dnxe of ")
    expect_end(evaluate("one.dnxe", "same.dnxe", "--out", "files", "--no-pictures",
                        "--threshold-rate", ".05"))
    check_ = json.loads(darknet("check", *net, "-json").stdout)
    expect(json.loads(read("files/threshold.json"))["network"] == check_["fingerprint"],
           "another network")


def broken_images():
    """--allow-broken leaves broken images out, also after a call without the option. A later call,
    which reads stored features, reports them again."""
    shutil.copytree("syn/train", "some")
    write("some/notes.txt", "no image")
    words = ("net.cfg", "1.weights", "some", "--out", "notes", "--no-pictures")
    for _ in range(2):
        done = evaluate(*words)
        expect_end(done)
        expect("left out" not in done.stdout, done.stdout)
    write(f"some/{sorted(os.listdir('some'))[0]}/broken.png", "text")
    words = ("net.cfg", "1.weights", "some", "--out", "broken", "--no-pictures")
    for _ in range(2):
        expect_end(evaluate(*words), 1, "some: 1 image cannot be used (--allow-broken leaves them "
                   "out):\n  ", "broken.png: is not an image")
    for _ in range(2):
        done = evaluate(*words, "--allow-broken")
        expect_end(done)
        expect("some: 1 broken image is left out" in done.stdout, done.stdout)
    expect("features of" not in done.stdout, "features are not used again")
    expect_end(evaluate(*words), 1, "some: 1 image cannot be used")


def shared_features():
    """Two processes that share --embeddings compute each feature once."""
    write("slow", "#!/bin/sh\ncase $1 in embed) echo >> log; sleep 1;; esac\n"
          f"exec {DARKNET} \"$@\"\n")
    os.chmod("slow", 0o755)
    calls = [subprocess.Popen([sys.executable, join(ROOT, "scripts", "eval_identification.py"),
                               "net.cfg", "1.weights", "syn/train", "syn/test", "--embeddings",
                               "shared", "--out", f"out-{i}", "--no-pictures"],
                              env=dict(os.environ, DARKNET_BIN=abspath("slow")), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for i in range(2)]
    for call in calls:
        said = call.communicate()[0]
        expect(call.returncode == 0, said)
    expect(len(read("log").splitlines()) == 2, "features were computed twice")


def mistakes():
    names, rows, others = face_files()
    os.makedirs("empty", exist_ok=True)
    write("short.dnxe", dnxe(["a.jpg"], [[1, 2, 3]]))
    write("loose.dnxe", dnxe(["a.jpg", "b.jpg"], np.eye(8)[:2]))
    write("single.dnxe", dnxe(["a/a.jpg", "b/b.jpg"], np.eye(8)[:2]))
    bad = rows.copy()
    bad[7, 3] = np.nan
    write("nan.dnxe", dnxe(names, bad))
    bad[7] = 0
    write("zero.dnxe", dnxe(names, bad))
    write("twice.dnxe", dnxe(names + names[:1], np.concatenate([rows, rows[:1]])))
    write("equal.dnxe", dnxe(["x.jpg"], rows[5:6]))
    write("blank.txt", "\n\n")
    write("net.cfg", "[net]\nheight=8\nwidth=8\nchannels=3\n[convolutional]\nfilters=8\nsize=3\n"
          "stride=4\nactivation=linear\n")
    expect_end(darknet("init", "net.cfg", "net.weights"))
    for words, text in (
            (("none.dnxe",), "none.dnxe: No such file or folder"),
            (("empty", "distractors.dnxe"), "empty: is not a file of features; images need net.cfg "
             "net.weights in front of them"),
            (("net.cfg", "net.weights", "empty"), "empty: "),
            (("net.cfg",), "net.cfg: needs its weights after it"),
            (("net.cfg", "net.weights"), "net.cfg: no faces are named"),
            (("probes.dnxe", "short.dnxe"), "short.dnxe: features of 3 numbers, probes.dnxe has 8: "
             "they are of different networks"),
            (("loose.dnxe",), "loose.dnxe: a.jpg lies in no folder: the folder of a probe is its "
             "person"),
            (("single.dnxe",), "no identity has two images"),
            (("nan.dnxe", "distractors.dnxe"), "nan.dnxe: the features of 1 image are not finite "
             "numbers, of p01/3.jpg for example"),
            (("zero.dnxe", "distractors.dnxe"), "zero.dnxe: the features of 1 image are all zero, "
             "of p01/3.jpg for example"),
            (("probes.dnxe", "zero.dnxe"), "zero.dnxe: the features of 1 image are all zero, of "),
            (("distractors.dnxe", "probes.dnxe"), "distractors.dnxe: 0.jpg lies in no folder"),
            (("probes.dnxe", "nan.dnxe"), "nan.dnxe: the features of 1 image are not finite"),
            (("probes.dnxe", "equal.dnxe"), "1 distractors are probes, too (--keep-equal keeps "
             "them, --ignore leaves them out):\n  x.jpg is p01/1.jpg"),
            (("probes.dnxe", "equal.dnxe", "--template", "2"), "1 distractors are probes, too"),
            (("probes.dnxe", "distractors.dnxe", "./distractors.dnxe"),
             "./distractors.dnxe: is given twice"),
            (("twice.dnxe", "distractors.dnxe"), "twice.dnxe: p00/0.jpg is given twice"),
            (("probes.dnxe", "--ignore", "blank.txt"), "blank.txt: has no lines"),
            (("probes.dnxe", "--ignore", "none.txt"), "none.txt: No such file"),
            (("probes.dnxe", "--threshold-rate", "1e-6"),
             "cannot show a false-match rate of 1e-06"),
            (("probes.dnxe", "distractors.dnxe", "--versus", "probes.dnxe"),
             "--versus probes.dnxe: 1 file of features for 2 inputs")):
        done = evaluate(*words, "--out", "wrong", "--no-pictures")
        expect_end(done, 1, text)
        expect("Traceback" not in done.stderr, done.stderr)
    os.makedirs("inner/a")
    done = evaluate("net.cfg", "net.weights", "inner", "--out", "inner/a/o", "--no-pictures")
    expect_end(done, 1, "/inner/a/o: must be outside of inner, whose images are read\n")
    for words in (("--far", "0"), ("--far", "1e-3,1e-3"), ("--draws", "0"), ("--template", "0"),
                  ("--threshold-rate", "2")):
        expect_end(evaluate("probes.dnxe", "--out", "wrong", *words), 2, words[0])
    expect_end(evaluate("probes.dnxe", "--out", "wrong", "--suspects", "5"), 1,
               "eval_identification.py: --suspects needs distractors\n")
    text = subprocess.run([sys.executable, "-c", "import sys; sys.modules['faiss'] = None; "
                           "sys.argv[0] = 'x.py'; sys.path.insert(0, 'scripts'); "
                           "import importlib.util as u; u.find_spec = lambda n: None; "
                           "from lib.errors import needs; needs('faiss')"], cwd=ROOT, check=False,
                          capture_output=True, text=True).stderr
    expect("x.py: python3-faiss is not installed" in text and text.endswith(": make eval-deps\n"),
           text)


def without_darknet():
    """The script evaluates files of features without the darknet command."""
    face_files()
    before = os.environ.get("DARKNET_BIN")
    os.environ["DARKNET_BIN"] = "/nowhere/darknet"
    try:
        expect_end(evaluate("probes.dnxe", "distractors.dnxe", "--out", "alone", "--no-pictures"))
        expect(json.loads(read("alone/results.json"))["made"]["build"] is None, "another build")
    finally:
        if before is None:
            del os.environ["DARKNET_BIN"]
        else:
            os.environ["DARKNET_BIN"] = before


def probes_alone():
    """Without distractors the script measures verification, but no ranks. It accepts 2000
    identities."""
    rng = np.random.default_rng(10)
    base = rng.normal(size=(2000, 8))
    rows = np.repeat(base, 2, 0) + .2 * rng.normal(size=(4000, 8))
    write("many.dnxe", dnxe([f"{i // 2}/{i % 2}.jpg" for i in range(4000)], rows))
    done = evaluate("many.dnxe", "--out", "many", "--far", "1e-2", "--bootstrap", "50")
    expect_end(done)
    r = json.loads(read("many/results.json"))["networks"][0]
    expect("identification" not in r and r["verification"]["impostor_pairs"] == 4000 * 3998 // 2 and
           r["verification"]["tar_at_far"]["1e-02"]["low"], r)
    expect("No distractors" in done.stdout, done.stdout)


attempt_all(lambda: None, whole_run, templates, two_networks, three_people, with_a_network,
            files_of_two_networks, broken_images, shared_features, mistakes,
            without_darknet, probes_alone)
summary()
