"""Tests eval_lfw.py and embeddings.py, with a fake darknet command."""
import contextlib
import io
import json
import os
import pickle
import subprocess
import sys
import tempfile

from common import ROOT, check, dnxe, needed, needs, python2, read, skip, summary, write

needs("scipy")
with needed():
    import numpy as np
import eval_lfw as e
from evaluation import threshold
from experiments.verification import find_images
from lib import embeddings, metrics as m
from lib.errors import Failure
from lib.lock import folder_lock
from lib.pairs import read_pairs, unpack_bin


def fails(name, text, call, *args):
    try:
        got = call(*args)
    except Failure as error:
        check(text in str(error), name, str(error))
    else:
        check(False, name, got)


def near(name, got, want):
    check(abs(got - want) < 1e-9, name, got)


def test_metrics():
    # each of the three folds has two pairs of one person, then two pairs of different people
    scores = np.array([.9, .8, .1, .2, .9, .8, .1, .2, .9, .15, .1, .85])
    same, folds = np.array([1, 1, 0, 0] * 3, bool), np.repeat([0, 1, 2], 4)
    got = m.metrics(scores, same, folds)
    check(got["fold_accuracies"] == [1, 1, .5], "fold accuracies", got["fold_accuracies"])
    near("accuracy", got["accuracy"], 2.5 / 3)
    near("deviation", got["std"], (1 / 12) ** .5)
    near("standard error", got["standard_error"], 1 / 6)
    near("threshold of fold 2", got["thresholds"][2], .5)
    check(got["right"] == [1] * 9 + [0, 1, 0], "right", got["right"])
    wins = sum((a > b) + .5 * (a == b) for a in scores[same] for b in scores[~same])
    near("AUC is the share of pairs in order", got["auc"], wins / 36)
    near("EER", got["eer"], 1 / 6)
    check(got["tar_at_far"] == dict.fromkeys(("1e-01", "1e-02", "1e-03", "1e-04")),
          "6 pairs of different people measure no rate", got["tar_at_far"])
    check(got["threshold_fitted_on"] == "the other folds", "where thresholds come from")
    perfect = m.metrics(np.array([.9, .1] * 4), np.array([1, 0] * 4, bool), np.repeat([0, 1], 4))
    check((perfect["accuracy"], perfect["auc"], perfect["eer"]) == (1, 1, 0), "perfect", perfect)
    equal = m.metrics(np.zeros(8), np.array([1, 0] * 4, bool), np.repeat([0, 1], 4))
    check((equal["accuracy"], equal["auc"], equal["eer"]) == (.5, .5, .5), "all equal", equal)
    check_rates()
    one = m.metrics(scores, same, np.zeros(12, int))
    check((one["std"], one["standard_error"]) == (None, None), "one fold has no error", one)
    check(one["threshold_fitted_on"] == "the tested pairs", "one fold's threshold")
    near("threshold above all", m.best_threshold(np.array([.1, .2]), np.array([False] * 2)),
         .2 + .5e-6)
    vectors = {"a": [1, 0], "b": [2, 2], "c": [0, 0]}
    c = m.cosines(vectors, [("a", "b"), ("a", "c")])
    check(abs(c[0] - .5 ** .5) < 1e-12 and c[1] == 0, "cosines", c)


def check_rates():
    """Of 200 pairs of different people, FAR .1 accepts 20, FAR .01 only two: too few to measure."""
    scores = np.concatenate([np.arange(200) / 1000, .15 + np.arange(100) / 1000])
    same = np.arange(300) >= 200
    got = m.metrics(scores, same, np.arange(300) % 2)
    near("TAR at 1e-1", got["tar_at_far"]["1e-01"], .7)
    near("its threshold", got["threshold_at_far"]["1e-01"], .1795)
    at = got["threshold_at_far"]["1e-01"]
    check(((scores > at) & ~same).sum() == 20 and ((scores > at) & same).sum() == 70,
          "what the threshold accepts")
    written, _ = threshold.of_pairs(scores, same, [(str(i), str(i)) for i in range(300)], .1)
    check((written["threshold"], written["tar"]) == (at, got["tar_at_far"]["1e-01"]),
          "threshold.json has the same threshold and TAR", written)
    uneven = np.concatenate([np.arange(200) / 100, 1.79 + np.arange(10) / 1000])
    same = np.arange(210) >= 200
    got_of = m.metrics(uneven, same, np.arange(210) % 2)
    written, _ = threshold.of_pairs(uneven, same, [(str(i), str(i)) for i in range(210)], .1)
    near("TAR with people between two impostors", got_of["tar_at_far"]["1e-01"], .4)
    check((written["threshold"], written["tar"]) ==
          (got_of["threshold_at_far"]["1e-01"], got_of["tar_at_far"]["1e-01"]),
          "one threshold for one rate", written)
    check(got["tar_at_far"]["1e-02"] is None and got["threshold_at_far"]["1e-02"] is None,
          "two false accepts measure nothing", got["tar_at_far"])


def test_mcnemar():
    for only_a, only_b, p in ((0, 0, 1), (1, 0, 1), (0, 5, .0625), (10, 1, 24 / 2048),
                              (8, 2, 112 / 1024), (5, 5, 1), (0, 2000, 0)):
        a = [1] * only_a + [0] * only_b + [1] * 7 + [0] * 3
        b = [0] * only_a + [1] * only_b + [1] * 7 + [0] * 3
        got = m.mcnemar(a, b)
        check(got[:2] == (only_a, only_b) and abs(got[2] - p) < 1e-12, f"McNemar {only_a}", got)
    for p, text in ((0, "<1e-16"), (1e-300, "<1e-16"), (.0144, "0.014"), (1, "1")):
        check(m.p_text(p) == text, f"p {p}", m.p_text(p))


def test_embeddings(folder):
    good = dnxe(["a.jpg", "b/\u00e4.png"], [[1, 2, 3], [4, 5, 6]])
    path = write(os.path.join(folder, "x.dnxe"), good)
    names, v = embeddings.read(path)
    check(names == ["a.jpg", "b/\u00e4.png"], "names", names)
    check(v.tolist() == [[1, 2, 3], [4, 5, 6]], "numbers", v)
    rows = np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)
    file = embeddings.Embeddings(write(path, dnxe([f"{i}.jpg" for i in range(9)], rows)))
    index = np.array([8, 0, 3, 3, 2, 7, 1])
    for embeddings.TAKEN in (2, 4, 1 << 15):
        check((file.take(index) == rows[index]).all(), f"take by {embeddings.TAKEN}", index)
        check(file.take(index[:0]).shape == (0, 3), "take of nothing", embeddings.TAKEN)
    for data, text in ((b"", "not a file"), (b"JUNK" + good[4:], "not a file"),
                       (good[:4] + b"\5" + good[5:], "version 5"), (good[:18], "cut short"),
                       (good[:-1], "23 bytes of numbers, 24"), (good + b"x", "25 bytes")):
        fails("embeddings " + text, text, embeddings.read, write(path, data))


def test_pairs(folder):
    path = os.path.join(folder, "pairs.txt")
    for text, want in (("", ": no pairs"), ("x\t1\n", ": the last pair has one image"),
                       ("10\t0\nA\t1\t2\n", ":1: must be"), ("0\t1\n", ":1: must be"),
                       ("1\t1\nA\t1\t2\n", ": 1 pairs of one person and 0 of two, but the first "
                        "line promises 1 folds of 1 and 1"),
                       ("1\t1\nA\t1\n", ": the last pair has one image"),
                       ("1\t1\nA\t1\tx\n", ":2: must be")):
        fails("pairs " + want, want, read_pairs, write(path, text))
    fails("no pairs", "No such file", read_pairs, path + ".none")
    pairs = read_pairs(write(path, "2\t1\nA\t1\t2\nA\t1\tB\t12\nC\t1\t2\nA\t3\tD\t1\n"))
    check(pairs[1] == ("A/A_0001", "B/B_0012", False, 0) and pairs[3][3] == 1, "pairs", pairs)
    for name in ("A/A_0001.jpg", "A/A_0002.jpg", "B_0012.png", "C/C_0001.jpg", "C/C_0002.jpeg"):
        write(os.path.join(folder, name), "x")
    fails("missing", "2 images of the pairs are missing", find_images, folder, pairs, False)
    fails("missing by name", "A/A_0003\n  D/D_0001", find_images, folder, pairs, False)
    found, kept, missing = find_images(folder, pairs, True)
    check(len(kept) == 3 and missing == ["A/A_0003", "D/D_0001"], "allow missing", missing)
    check(found["B/B_0012"] == "B_0012.png", "one folder, png", found)
    fails("nothing left", "no same or no different", find_images, folder,
          [p for p in pairs if p[2]], True)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_bin(folder):
    path = os.path.join(folder, "set.bin")
    images = [bytes([i]) * (1 + 70 * i) for i in range(1, 43)]
    images[3] = images[2]  # both are one object, which pickle stores only once
    same = [i % 3 == 0 for i in range(21)]
    sets = {f"protocol {p}": pickle.dumps((images, same), p) for p in (3, 4, 5)}
    sets["protocol 2"] = python2(images, same)
    sets["a list of lists"] = pickle.dumps([images, same], 4)
    sets["numbers"] = pickle.dumps((images, [int(v) for v in same]), 4)
    for name, data in sets.items():
        write(path, data)
        pairs = unpack_bin(path, folder)
        files = [read(os.path.join(folder, f"set/set_{k + 1:04d}.jpg")) for k in range(42)]
        check((files, [p[2] for p in pairs]) == (images, same), name)
    write(path, sets["protocol 2"])
    for n in (0, 1, 2, 20, 400, len(sets["protocol 2"]) - 1):
        write(path, sets["protocol 2"][:n])
        fails(f"cut at {n}", "set.bin: ", read_pairs, path)
    one = [b"a", b"b"]
    for name, data, text in (
            ("a call", pickle.dumps(([Evil(), b"x"], [True]), 4), "names a class or a function"),
            ("a call", pickle.dumps(([Evil(), b"x"], [True]), 2), "names a class or a function"),
            ("a class", pickle.dumps((one, [Evil]), 3), "names a class or a function"),
            ("a dictionary", pickle.dumps({}), "opcode 0x7d"),
            ("a memo of 2^32", b"\x80\x02]r\xff\xff\xff\xff.", "does not count up"),
            ("bytes of 2^63", b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.", "a length in it is wrong"),
            ("a list", pickle.dumps([[]]), "must be a pair of lists"),
            ("three lists", pickle.dumps([one, [True], []]), "must be a pair of lists"),
            ("two images, two pairs", pickle.dumps((one, [True] * 2)), "2 images for 2 pairs"),
            ("no pair", pickle.dumps(([], [])), "0 images for 0 pairs"),
            ("text", pickle.dumps((["a", b"b"], [True])), "image 0: must be bytes"),
            ("empty", pickle.dumps(([b"a", b""], [True])), "image 1: is empty"),
            ("a number", pickle.dumps((one * 2, [True, 2])), "pair 1: must be True or False")):
        write(path, data)
        fails(name, text, read_pairs, path)
    check(not os.path.exists("evil"), "nothing was called")
    fails("no file", "No such file", read_pairs, path[:-4] + "-none.bin")
    write(path, sets["protocol 4"].replace(images[9], b"\x89PNG" + images[9][4:]))
    folder = os.path.join(folder, "png")
    pairs = unpack_bin(path, folder)
    check([p[3] for p in pairs] == [0] * 3 + [k // 2 for k in range(2, 20)], "folds",
          [p[3] for p in pairs])
    check(pairs[2] == ("set/set_0005", "set/set_0006", False, 0), "pair", pairs[2])
    found, kept, missing = find_images(folder, pairs, False)
    check(len(kept) == 21 and not missing, "all images are there", missing)
    check(found["set/set_0010"] == "set/set_0010.png", "a PNG's name")
    check(read(os.path.join(folder, found["set/set_0011"])) == images[10], "an image's bytes")


REAL = os.path.abspath(os.environ.get("DARKNET_BIN") or
                       os.path.join(ROOT, "bin", "darknet"))
FAKE = '''#!{python}
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, {tests!r})
import os, test_eval
if sys.argv[1] == "pairs":
    os.execv({real!r}, sys.argv)
names = [n for n in open(sys.argv[4]).read().split("\\n") if n]
if "bad" in sys.argv[3]:
    sys.exit("x.weights: too short")
# P's images look alike; the second image of the last person looks like no other image
turn = lambda n: ord(os.path.basename(n)[0]) + (1.5 if "J_0002" in n else 0)
vectors = [[test_eval.np.cos(turn(n)), test_eval.np.sin(turn(n))] for n in names]
open(sys.argv[5], "wb").write(test_eval.dnxe(names, vectors))
'''


# A fake darknet. Images 4i and 4i + 1 get equal features, images 4i + 2 and 4i + 3 orthogonal ones.
FAKE2 = '''#!{python}
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, {tests!r})
import os, test_eval
if sys.argv[1] == "pairs":
    os.execv({real!r}, sys.argv)
names = [n for n in open(sys.argv[4]).read().split("\\n") if n]
vectors = [[1, 0] if k % 4 < 3 else [0, 1] for k in range(len(names))]
open(sys.argv[5], "wb").write(test_eval.dnxe(names, vectors))
'''


def run(*words):
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["eval_lfw.py", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = e.main()
    return status, out.getvalue(), err.getvalue()


def test_run(folder):
    try:
        import matplotlib.image as image
    except ImportError:
        skip("test_run", "matplotlib is not installed")
        return
    people, lines = "ABCDEFGHIJ", ["10\t1"]
    for i, p in enumerate(people):
        lines += [f"{p}\t1\t2", f"{p}\t1\t{people[(i + 1) % 10]}\t1"]
        for k in (1, 2):
            path = write(os.path.join(folder, "lfw", p, f"{p}_000{k}.png"), "")
            image.imsave(path, np.full((4, 4, 3), .5))
    pairs = write(os.path.join(folder, "lfw", "pairs.txt"), "\n".join(lines))
    tests = os.path.join(ROOT, "tests", "scripts")
    fake = write(os.path.join(folder, "fake"), FAKE.format(real=REAL, python=sys.executable,
                                                           tests=tests))
    os.chmod(fake, 0o755)
    os.environ["DARKNET_BIN"] = fake
    out, lfw = os.path.join(folder, "out"), os.path.join(folder, "lfw")
    os.chdir(folder)
    for name in ("net.cfg", "x.weights", "bad"):
        write(name, f"[net]\n# {name}\n")
    status, text, error = run("net.cfg", "x.weights", lfw, pairs, "--out", out, "--flip", "sum")
    check(status == 0 and "accuracy 95.00 %" in text, "whole run", text + error)
    if status:
        return
    result = json.loads(read(os.path.join(out, "results.json")))
    check(result["pairs"] == 20 and sum(result["right"]) == 19, "results.json", result["right"])
    for name in ("roc.png", "worst.png"):
        check(read(os.path.join(out, name))[:4] == b"\x89PNG", name)
    check(result["same"] == [1, 0] * 10 and len(result["scores"]) == 20, "labels beside scores")
    check(result["folds"][:4] == [0, 0, 1, 1], "folds", result["folds"])
    check(set(result["made_from"]) == {"network", "weights", "images", "pairs", "flip",
                                       "darknet build"}, "fingerprint", result["made_from"])
    refusals(lfw, pairs, out)
    broken_images(lfw, pairs, out)
    one_fold(lfw, os.path.join(folder, "one.txt"), lines, out)
    results = os.path.join(out, "results.json")
    run("net.cfg", "x.weights", lfw, pairs, "--out", out, "--flip", "sum")
    for other in (results, out):
        status, text, error = run("net.cfg", "x.weights", lfw, pairs, "--out", out, "--versus",
                                  other)
        check(status == 0 and "exact p 1" in text, f"versus {other}", text + error)
    status, text, error = run("net.cfg", "x.weights", lfw, pairs, "--out", out, "--versus", pairs)
    check(status == 1 and f"{pairs}: is not JSON" in error, "versus rubbish", error)
    status, text, error = run("net.cfg", "bad", lfw, pairs, "--out", out)
    check((status, error) == (1, "eval_lfw.py: x.weights: too short\n"), "the command's error",
          error)
    os.remove(os.path.join(lfw, "A", "A_0001.png"))
    status, text, error = run("net.cfg", "x.weights", lfw, pairs, "--out", out)
    check(status == 1 and "A/A_0001" in error, "missing image", error)
    status, text, error = run("net.cfg", "x.weights", lfw, pairs, "--out", out, "--allow-missing")
    check(status == 0 and "3 dropped" in text and "missing: A/A_0001" in error, "dropped", text)
    status, text, error = run("net.cfg", "x.weights", lfw, "--out", out)
    check(status == 1 and "a folder needs a pairs file" in error, "no pairs", error)
    data = [read(os.path.join(lfw, p, f"{p}_0002.png")) for p in people]
    faces = write(os.path.join(folder, "faces.bin"), pickle.dumps((data * 2, [True, False] * 5)))
    fake = FAKE2.format(real=REAL, python=sys.executable,
                        tests=os.path.join(ROOT, "tests", "scripts"))
    os.environ["DARKNET_BIN"] = write(os.path.join(folder, "fake2"), fake)
    os.chmod(os.environ["DARKNET_BIN"], 0o755)
    status, text, error = run("net.cfg", "x.weights", faces, "--out", out)
    check(status == 0 and "accuracy 100.00 %" in text and "10 folds, 10 pairs" in text, "a .bin",
          text + error)
    os.environ["DARKNET_BIN"] = fake + ".none"
    status, text, error = run("net.cfg", "x.weights", lfw, pairs, "--out", out, "--allow-missing")
    check(status == 1 and "make builds it" in error, "no command", error)


def broken_images(lfw, pairs, out):
    """--allow-missing leaves out the pairs of a broken image."""
    fake = os.environ["DARKNET_BIN"]
    os.environ["DARKNET_BIN"] = REAL
    write("real.cfg", "[net]\nheight=4\nwidth=4\nchannels=3\n[connected]\noutput=3\n"
          "activation=linear\n")
    subprocess.run([REAL, "init", "real.cfg", "real.weights"], check=True, capture_output=True)
    whole = read(os.path.join(lfw, "C", "C_0002.png"))
    write(os.path.join(lfw, "C", "C_0002.png"), whole[:50])
    words = ("real.cfg", "real.weights", lfw, pairs, "--out", out + "-broken")
    status, text, error = run(*words)
    check(status == 1 and "1 of 20 images cannot be used (--allow-missing" in error and
          "C_0002.png: " in error, "a broken image", text + error)
    status, text, error = run(*words, "--allow-missing")
    check(status == 0 and "1 dropped" in text and "broken: " in error and "C_0002.png" in error,
          "its pair is dropped", text + error)
    result = json.loads(read(os.path.join(out + "-broken", "results.json")))
    check(result["dropped_pairs"] == 1 and len(result["broken"]) == 1 and result["images"] == 19 and
          not any("C/C_0002" in p for p in result["pair_names"]), "results.json", result["broken"])
    write(os.path.join(lfw, "C", "C_0002.png"), whole)
    os.environ["DARKNET_BIN"] = fake


def refusals(lfw, pairs, out):
    """Each mistake gives one line on stderr, and the old results stay."""
    before = read(os.path.join(out, "results.json"))
    write("list.json", "[1]")
    write("torn.json", '{"right": [1')
    write("other.json", '{"right": [1], "pair_names": [["a", "b"]]}')
    for words, text in ((("--out", pairs), f"{pairs}: is a file, not a folder"),
                        (("--out", "/proc/none"), "/proc/none: "),
                        (("--out", out, "--versus", "list.json"), "list.json: holds no JSON"),
                        (("--out", out, "--versus", "torn.json"), "torn.json: is not JSON"),
                        (("--out", out, "--versus", "other.json"), 'other.json: has no "scores"'),
                        (("--out", out, "--versus", "none"), "none: No such file")):
        status, said, error = run("net.cfg", "x.weights", lfw, pairs, *words)
        check(status == 1 and error.startswith("eval_lfw.py: " + text) and error.count("\n") == 1
              and not said, f"refuses {words}", status, said, error)
    for words, text in ((("none.cfg", "x.weights"), "none.cfg: No such file"),
                        (("net.cfg", "none"), "none: No such file")):
        status, said, error = run(*words, lfw, pairs, "--out", out)
        check(status == 1 and error.startswith("eval_lfw.py: " + text), f"refuses {words}", error)
    with folder_lock(out):
        status, said, error = run("net.cfg", "x.weights", lfw, pairs, "--out", out)
    check(status == 1 and f"{out}: is in use by process" in error, "two in one folder", error)
    check(read(os.path.join(out, "results.json")) == before, "a refusal leaves the results")


def one_fold(lfw, path, lines, out):
    same = [l for l in lines[1:] if l.count("\t") == 2]
    write(path, "\n".join(["10"] + same + [l for l in lines[1:] if l.count("\t") == 3]))
    status, text, error = run("net.cfg", "x.weights", lfw, path, "--out", out, "--no-pictures")
    check(status == 0 and "standard error - (1 fold, 20 pairs" in text and
          "fitted on the tested pairs" in text, "one fold", text + error)
    check("FAR 1e-01: not measurable" in text, "rates of ten impostors", text)


def main():
    test_metrics()
    test_mcnemar()
    for test in (test_embeddings, test_pairs, test_bin, test_run):
        with tempfile.TemporaryDirectory() as folder:
            test(folder)
    summary()


if __name__ == "__main__":
    main()
