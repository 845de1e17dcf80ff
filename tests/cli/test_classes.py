"""classes=auto in a cfg, and the class names that a run stores for `classifier predict`."""
from common import attempt_all, darknet, expect, expect_end, read, summary, write

CFG = """[net]
height=32
width=32
channels=3
batch=4
max_batches=6
learning_rate=0.01
[convolutional]
filters=4
size=3
stride=2
pad=1
activation=prelu
[connected]
output=3
activation=linear
"""
AUTO = CFG + "[margin_softmax]\nclasses=auto\n"
UNKNOWN = "a.cfg:18: [margin_softmax] classes=auto: the number is known only with the images; " \
    "write it here"


def start():
    expect_end(darknet("synth", "syn", "-identities", "3", "-images", "4", "-size", "32"))
    write("a.cfg", AUTO)
    write("five.cfg", AUTO.replace("auto", "3"))


def train(cfg, folder, *more):
    return darknet("classifier", "train", "syn/faces.data", cfg, "-out", folder, *more)


def as_if_written():
    expect_end(train("a.cfg", "a"))
    expect_end(train("five.cfg", "b"))
    expect(read("a/a.weights") == read("b/five.weights"), "other weights than with classes=3")
    expect_end(train("a.cfg", "a", "-resume", "-batches", "6"), 1, "nothing is left to train")
    expect_end(darknet("embed", "a.cfg", "a/a.weights", "syn/train", "features"))
    expect_end(darknet("strip", "a.cfg", "a/a.weights", "s.cfg", "s.weights"))


def checked():
    done = darknet("check", "a.cfg")
    expect_end(done)
    expect(f"training         not here: {UNKNOWN}" in done.stdout, done.stdout)
    done = darknet("check", "a.cfg", "-data", "syn/faces.data")
    expect_end(done)
    expect("training         " in done.stdout and "not here" not in done.stdout, done.stdout)
    expect(" 9               9\n" in done.stdout, f"the head has not 3 x 3 weights: {done.stdout}")
    write("none.data", "train=syn/train\n")
    said = "none.data: [data] needs classes=: the cfg says classes=auto"
    expect_end(darknet("check", "a.cfg", "-data", "none.data"), 1, said)
    expect_end(darknet("classifier", "train", "none.data", "a.cfg"), 1, said)


def refused():
    for words in (("init", "a.cfg", "o"), ("partial", "a.cfg", "s.weights", "o", "1"),
                  ("bench", "a.cfg", "-train")):
        expect_end(darknet(*words), 1, UNKNOWN)
    write("bad.cfg", AUTO.replace("auto", "automatic"))
    expect_end(darknet("check", "bad.cfg"), 1,
               "bad.cfg:18: [margin_softmax] classes=automatic: must "
               "be a whole number from 1 to 100000000")


def named():
    """The names of the folders become the class names, for the last and for the best network."""
    names = read("a/a.names").decode().split()
    expect(names == ["id0000", "id0001", "id0002"], f"{names}")
    write("a/a-best.weights", read("a/a.weights"))
    image = f"syn/train/{names[0]}/0001.jpg"
    for weights in ("a/a.weights", "a/a-best.weights"):
        done = darknet("classifier", "predict", "syn/faces.data", "a.cfg", weights, image, "-t",
                       "3")
        expect_end(done)
        expect(sorted(l.split(": ")[-1] for l in done.stdout.splitlines()
                      if "%" in l) == sorted(names), done.stdout)
    write("own.txt", "Ann\nBob\nEve\n")
    done = darknet("classifier", "predict", "syn/faces.data", "a.cfg", "a/a.weights", image,
                   "-names",
                   "own.txt", "-t", "3")
    expect_end(done)
    expect(all(n in done.stdout for n in ("Ann", "Bob", "Eve")), done.stdout)
    write("own.txt", "Ann\n")
    done = darknet("classifier", "predict", "syn/faces.data", "a.cfg", "a/a.weights", image,
                   "-names",
                   "own.txt")
    expect_end(done, 1, "own.txt: has 1 names, but the network has 3 classes")
    write("bare.weights", read("a/a.weights"))
    expect_end(darknet("classifier", "predict", "syn/faces.data", "a.cfg", "bare.weights", image),
               1,
               "[data] needs names= or labels=")


attempt_all(start, as_if_written, checked, refused, named)
summary()
