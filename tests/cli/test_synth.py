"""Tests darknet synth."""
import hashlib
import os
import resource
import signal
import subprocess
import tempfile
import time

import common
from common import DARKNET, ROOT, check, has, needed, read, script, skip, summary, write

with needed():
    import numpy as np
    from PIL import Image
from experiments.verification import find_images
from lib.pairs import read_pairs

FEW = ("-identities", "3", "-images", "4", "-seed", "7")


def darknet(*words, before=None):
    done = common.darknet(*words, preexec_fn=before)
    return done.returncode, done.stdout, done.stderr


def synth(out, *words, before=None):
    return darknet("synth", out, *words, before=before)


def tree(folder):
    """Returns {path in folder: hash}, without faces.data, which contains the folder's name."""
    return {os.path.relpath(os.path.join(at, n), folder):
            hashlib.sha1(read(os.path.join(at, n))).hexdigest()
            for at, _, names in os.walk(folder) for n in names if n != "faces.data"}


def drawn(folder):
    return sum(n.endswith(".jpg") for _, _, names in os.walk(folder) for n in names)


def test_same_bytes(tmp):
    trees = []
    for threads in ("1", "2", "5"):
        out = os.path.join(tmp, threads)
        status, text, error = synth(out, *FEW, "-pairs", "20", "-threads", threads)
        check(status == 0 and "92 synthetic images" in text, f"{threads} threads", text + error)
        trees.append(tree(out))
    check(trees[0] == trees[1] == trees[2], "the threads change nothing")
    check(len(set(trees[0].values())) == len(trees[0]), "no two images are the same")
    other = os.path.join(tmp, "more")
    synth(other, "-identities", "5", "-images", "6", "-seed", "7", "-pairs", "40")
    more = {p: h for p, h in tree(other).items() if p.startswith("train")}
    few = {p: h for p, h in trees[0].items() if p.startswith("train")}
    check(few.items() <= more.items(), "more identities and images leave the first as they were")
    other = os.path.join(tmp, "seed")
    synth(other, "-identities", "3", "-images", "4", "-seed", "8", "-pairs", "20")
    images = [{h for p, h in t.items() if p.endswith(".jpg")} for t in (trees[0], tree(other))]
    check(not images[0] & images[1], "another seed gives other images")


def test_layout(tmp):
    out = os.path.join(tmp, "o")
    status, _, error = synth(out + "//", *FEW, "-pairs", "60")
    check(status == 0, "drawn", error)
    check(sorted(os.listdir(out)) == ["faces.data", "pairs.txt", "synth.txt", "test", "train"],
          "files", os.listdir(out))
    train = os.path.join(out, "train")
    check(sorted(os.listdir(train)) == ["id0000", "id0001", "id0002"], "identities")
    check(sorted(os.listdir(os.path.join(train, "id0002"))) == [f"000{i}.jpg" for i in range(4)],
          "images")
    with Image.open(os.path.join(train, "id0001", "0003.jpg")) as image:
        check((image.size, image.mode, image.format) == ((112, 112), "RGB", "JPEG"), "an image")
        check(np.asarray(image).std() > 8, "an image is not empty")
    text = read(os.path.join(out, "synth.txt")).decode()
    for line in ("synthetic", "identities=3\n", "images=4\n", "seed=7\n", "pairs=60\n",
                 "size=112\n"):
        check(line in text, f"synth.txt has {line}", text)
    data = read(os.path.join(out, "faces.data")).decode()
    check("classes=3\n" in data and f"train={train}\n" in data, "faces.data", data)
    synth(os.path.join(tmp, "s"), "-identities", "1", "-images", "1", "-size", "64")
    with Image.open(os.path.join(tmp, "s", "train", "id0000", "0000.jpg")) as image:
        check(image.size == (64, 64), "-size", image.size)
    check(not os.path.exists(os.path.join(tmp, "s", "test")), "no pairs, no test set")


def test_pairs(tmp):
    for number in (20, 40, 60, 140):
        out = os.path.join(tmp, str(number))
        synth(out, "-identities", "1", "-images", "1", "-pairs", str(number))
        path = os.path.join(out, "pairs.txt")
        first = read(path).decode().split("\n")[0]
        check(first == f"10\t{number // 20}", "first line", first)
        pairs = read_pairs(path)
        _, kept, missing = find_images(os.path.join(out, "test"), pairs, False)
        check(len(kept) == number and not missing, f"{number} pairs have their images", missing)
        check(len({frozenset(p[:2]) for p in pairs}) == number, f"{number} pairs differ")
        people = [{n.split("/")[0] for p in pairs if p[3] == f for n in p[:2]} for f in range(10)]
        check(sum(map(len, people)) == len(set().union(*people)), "no identity is in two folds")
        for fold in range(10):
            same = [p[2] for p in pairs if p[3] == fold]
            check(same == sorted([True, False] * (number // 20))[::-1], "same, then different")
        check(all((p[0].split("/")[0] == p[1].split("/")[0]) == p[2] for p in pairs), "who is same")


def test_options(tmp):
    out = os.path.join(tmp, "o")
    for words, text in (
            (("-identities", "0"), "-identities 0: must be a whole number from 1 to 1000000"),
            (("-images", "100001"), "-images 100001: must be a whole number from 1 to 100000"),
            (("-seed", "-1"), "-seed -1: must be a whole number from 0 to 2147483647"),
            (("-seed", "x"), "-seed x: must be a whole number"),
            (("-pairs", "30"), "-pairs 30: must be a multiple of 20: 10 folds, half of each"),
            (("-pairs", "200020"), "-pairs 200020: must be a whole number from 0 to 200000"),
            (("-size", "31"), "-size 31: must be a whole number from 32 to 512"),
            (("-threads", "65"), "-threads 65: must be a whole number from 1 to 64"),
            (("-colour", "1"), "usage: darknet synth out")):
        few = [w for pair in zip(FEW[::2], FEW[1::2]) if words[0] not in pair for w in pair]
        status, _, error = synth(out, *words, *few)
        check(status == 2 and text in error, f"{words}", error)
    for words in ((), FEW, (out,), (out, "-images", "1"), (out, "-identities", "1")):
        status, _, error = darknet("synth", *words)
        check(status == 2 and "usage" in error, f"usage {words}", error)
    for name in ("", "a\nb", "x" * 4096):
        status, _, error = synth(name, *FEW)
        check((status, error) == (2, "darknet: the folder's name is empty, too long or has a line "
                                     "break\n"), f"name {name[:4]!r}", error)
    check(not os.path.exists(out), "nothing was made")


def small_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def test_folders(tmp):
    out, mine = os.path.join(tmp, "o"), os.path.join(tmp, "mine")
    fails = lambda name, text, folder, *words, **more: check(
        (got := synth(folder, *words, **more))[0] == 1 and got[2] == text + "\n", name, got[2])
    os.mkdir(mine)
    check(synth(mine, *FEW)[0] == 0, "an empty folder is taken")
    status, text, _ = synth(mine, *FEW)
    check((status, text) == (0, f"{mine}: these synthetic faces are there already\n"), "there",
          text)
    before = tree(mine)
    fails("other parameters", f"{mine}/synth.txt: was made with other options; remove the "
          "folder or choose another", mine, *FEW, "-size", "96")
    check(tree(mine) == before, "and they stay")
    paired, pairs = os.path.join(tmp, "paired"), ("-pairs", "20")
    check(synth(paired, *FEW, *pairs)[0] == 0, "with pairs")
    for name in ("pairs.txt", "faces.data", "train/id0001/0002.jpg"):
        os.rename(os.path.join(paired, name), os.path.join(tmp, "away"))
        fails(f"{name} is gone", f"{paired}/{name}: No such file or directory, though synth.txt "
              "says that all is there; remove the folder or choose another", paired, *FEW, *pairs)
        os.rename(os.path.join(tmp, "away"), os.path.join(paired, name))
    os.mkdir(out)
    write(os.path.join(out, ".kept"), b"mine")
    fails("a user's folder", f"{out}: is not empty, and nothing in it is overwritten; name a new "
          "folder", out, *FEW)
    check(os.listdir(out) == [".kept"], "and it stays", os.listdir(out))
    write(os.path.join(tmp, "file"), b"")
    fails("a file", f"{tmp}/file: cannot open: Not a directory", os.path.join(tmp, "file"), *FEW)
    fails("no parent", f"{tmp}/no/o: cannot make this folder: No such file or directory",
          os.path.join(tmp, "no", "o"), *FEW)
    full = os.path.join(tmp, "full")
    fails("no room", f"{full}/train/id0000/0000.jpg: cannot write: File too large", full, *FEW,
          "-threads", "1", before=small_files)
    check(not os.path.exists(os.path.join(full, "synth.txt")), "not called complete")
    fails("other parameters, cut short", f"{full}/synth.partial: was made with other options; "
          "remove the folder or choose another", full, *FEW, "-size", "96")
    check(synth(full, *FEW)[0] == 0 and tree(full) == before, "an interrupted folder is continued")
    stopped(os.path.join(tmp, "stopped"))


def stopped(folder):
    """An interrupted and continued synth gives the same files as one run."""
    many = ("-identities", "40", "-images", "10", "-pairs", "40", "-threads", "1")
    command = [common.DARKNET, "synth", folder, *many]
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        count = drawn(folder)
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while run.poll() is None and drawn(folder) < count + 30:
            time.sleep(.01)
        run.send_signal(number)
        error = run.communicate()[1].decode()
        if number != signal.SIGKILL:
            check(run.returncode == 1 and "stopped by SIG" in error, f"{run.returncode} {error}")
    check(synth(folder, *many)[0] == 0, "continues to the end")
    whole = folder + ".whole"
    check(synth(whole, *many)[0] == 0 and tree(whole) == tree(folder), "the same images")


NET = """[net]
batch=8
height=112
width=112
channels=3
input_mean=127.5
input_scale=0.0078125
max_batches=2
learning_rate=0.01
policy=constant
[convolutional]
filters=4
size=3
stride=4
activation=leaky
[connected]
output=3
[softmax]
"""


def test_use(tmp):
    out, cfg = os.path.join(tmp, "o"), os.path.join(tmp, "net.cfg")
    synth(out, *FEW, "-pairs", "400")
    write(cfg, NET)
    status, text, error = darknet("classifier", "train", os.path.join(out, "faces.data"), cfg)
    check(status == 0 and "12 images" in text and "3 classes" in text, "trains", text + error)
    if not has("matplotlib"):
        skip("eval_lfw.py", "matplotlib is not installed")
        return
    net, weights = os.path.join(ROOT, "cfg", "mobilefacenet-eighth.cfg"), os.path.join(tmp, "w")
    darknet("init", net, weights)
    result = os.path.join(tmp, "result")
    done = script("eval_lfw.py", net, weights, os.path.join(out, "test"),
                  os.path.join(out, "pairs.txt"), "--out", result,
                  env={**os.environ, "DARKNET_BIN": DARKNET})
    check(done.returncode == 0 and "accuracy" in done.stdout, "eval_lfw.py", done.stderr)
    if done.returncode == 0:
        accuracy = float(done.stdout.split()[1])
        # An untrained network is expected to get 50 to 70 % of the pairs right. Three standard
        # errors of 400 pairs are 7.5 %.
        check(43 < accuracy < 77, "an untrained network is near chance", accuracy)


for test in (test_same_bytes, test_layout, test_pairs, test_options, test_folders, test_use):
    with tempfile.TemporaryDirectory() as folder:
        test(folder)
summary()
