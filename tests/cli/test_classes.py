"""Tests classes=auto in a cfg, and the class names that a run stores."""
import os
import re

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
UNKNOWN = "a.cfg:18: [margin_softmax] classes=auto: the number is known only with the images: " \
    "write it here, or give check, init or bench -data FILE"


def start():
    expect_end(darknet("synth", "syn", "-identities", "3", "-images", "4", "-size", "32"))
    write("a.cfg", AUTO)
    write("five.cfg", AUTO.replace("auto", "3"))
    write("raw.f32", b"\0" * (32 * 32 * 3 * 4))


def train(cfg, folder, *more):
    return darknet("classifier", "train", "syn/faces.data", cfg, "-out", folder, *more)


def given_twice():
    """When a section has two lines classes=, the first counts: a later auto has no effect."""
    write("twice.cfg", AUTO.replace("classes=auto", "classes=7\nclasses=auto"))
    done = darknet("check", "twice.cfg", "-data", "syn/faces.data")
    expect(re.search(r"margin_softmax .* 21 +21\n", done.stdout), done.stdout)


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


def timed():
    for more in (("-data", "syn/faces.data"), ("a/a.weights",)):
        expect_end(darknet("bench", "a.cfg", *more, "-train", "-runs", "1"))
    expect_end(darknet("bench", "a.cfg", "-train", "-data", "none.data"), 1,
               "none.data: [data] needs classes=: the cfg says classes=auto")


def refused():
    for words in (("init", "a.cfg", "o"), ("bench", "a.cfg", "-train")):
        expect_end(darknet(*words), 1, UNKNOWN)
    expect_end(darknet("init", "a.cfg", "o", "-data", "none.data"), 1,
               "none.data: [data] needs classes=")
    write("class.data", "train=syn/train\nclass=3\n")
    expect_end(train("five.cfg", "o3"))
    expect_end(darknet("embed", "five.cfg", "o3/five.weights", "syn/faces.data", "f"), 1,
               "syn/faces.data: is a .data file: name a folder or a list")
    expect_end(darknet("classifier", "train", "class.data", "five.cfg"), 1,
               "class.data:2: [data] class=3: no such option; did you mean 'classes'?")
    wide = AUTO.replace("auto", "3").replace("filters=4", "filters=6")
    write("wide.cfg", wide.replace("output=3", "output=4"))
    expect_end(darknet("classifier", "train", "syn/faces.data", "wide.cfg", "o3/five.weights",
                       "-from-backbone", "-from-cfg", "five.cfg", "-out", "o4"), 1,
               "no layer fits one of five.cfg, by name or from the front; `darknet init -from` ")
    write("bad.cfg", AUTO.replace("auto", "automatic"))
    expect_end(darknet("check", "bad.cfg"), 1,
               "bad.cfg:18: [margin_softmax] classes=automatic: must "
               "be a whole number from 1 to 100000000")


def same(words, *outputs):
    """Runs a verb with classes=auto and with classes=3. Both must print and write the same."""
    results = []
    for cfg in ("a.cfg", "five.cfg"):
        done = darknet(*(cfg if w == "CFG" else w for w in words))
        expect_end(done)
        said = re.sub(r"[\d.]+ s\b", "", (done.stdout + done.stderr).replace(cfg, "CFG"))
        results.append((said, [read(o).replace(cfg.encode(), b"CFG")
                               for o in outputs]))
        for o in outputs:
            os.remove(o)
    expect(results[0] == results[1], f"{words}: {results[0][0]} {results[1][0]}")


def found_in_the_weights():
    weights = "a/a.weights"
    same(("embed", "CFG", weights, "syn/train", "f", "-force"), "f")
    same(("partial", "CFG", weights, "o", "1"), "o")
    same(("partial", "CFG", weights, "o", "3"), "o")
    same(("strip", "CFG", weights, "s2.cfg", "o"), "o", "s2.cfg")
    same(("strip", "CFG", weights, "s2.cfg", "o", "-to", "2"), "o", "s2.cfg")
    same(("compress", "pack", "CFG", weights, "o"), "o")
    same(("compress", "low-rank", "CFG", weights, "syn/train", "low.cfg", "o", "-rank", "2",
          "-all", "-force"), "o")
    same(("classifier", "raw", "CFG", weights, "raw.f32", "o"), "o")
    done = darknet("check", "a.cfg", weights)
    expect_end(done)
    expect(" 9               9\n" in done.stdout and not done.stderr,
           f"{done.stdout} {done.stderr}")
    expect_end(darknet("compress", "pack", "a.cfg", weights, "p.packed"))
    same(("compress", "unpack", "p.packed", "CFG", "o"), "o")
    same(("embed", "CFG", "p.packed", "syn/train", "f", "-force"), "f")
    one, other = (f"syn/train/id0000/{n}.jpg" for n in ("0001", "0002"))
    same(("compare", "CFG", weights, one, other, "-aligned"))
    same(("init", "CFG", "o", "-data", "syn/faces.data"), "o")
    same(("init", "CFG", "o", "-from", "CFG", weights), "o")
    done = train("five.cfg", "o2", weights, "-from-backbone", "-from-cfg", "a.cfg")
    expect_end(done, 0, "3 x 3          9         left      of a.cfg\n")
    done = darknet("init", "five.cfg", "i.weights", "-from", "a.cfg", weights)
    expect_end(done)
    expect("3200 floats taken, 0 of the source's left" in done.stderr, done.stderr)
    expect(read("i.weights")[20:] == read(weights)[20:], "init -from took other weights")


def classifies_beside_a_loss():
    """`classifier predict` prints probabilities though the last layer, [center_loss], has none."""
    write("c.cfg", AUTO + "[center_loss]\nfrom=1\nclasses=3\n")
    expect_end(train("c.cfg", "c"))
    done = darknet("classifier", "predict", "syn/faces.data", "c.cfg", "c/c.weights",
                   "syn/train/id0000/0001.jpg")
    expect_end(done)
    expect("%: id000" in done.stdout, done.stdout)


def teaches():
    for loss in ("[kd_feature]", "[kd_probability]"):
        files = []
        for teacher in ("a.cfg", "five.cfg"):
            write("student.cfg", AUTO + f"{loss}\nteacher={teacher}\nweights=a/a.weights\n")
            folder = f"by-{loss[1:-1]}-{teacher}"
            done = train("student.cfg", folder)
            expect_end(done)
            files.append(read(f"{folder}/student.weights"))
            expect_end(darknet("embed", "student.cfg", f"{folder}/student.weights", "syn/train",
                               "f", "-force"))
        expect(files[0] == files[1], f"{loss}: another student than with classes=3")


def student_of_both():
    """check takes classes=auto from the weights file, and compares classes= with the teacher's."""
    loss = "[kd_feature]\nteacher=a.cfg\nweights=a/a.weights\n" \
        "[kd_probability]\nfrom=2\nteacher=a.cfg\nweights=a/a.weights\n"
    for output in ("3", "5"):
        write("both.cfg", AUTO.replace("output=3", f"output={output}") + loss)
        write("both3.cfg", read("both.cfg").decode().replace("auto", "3"))
        expect_end(train("both.cfg", f"both{output}"))
        weights = f"both{output}/both.weights"
        expect_end(darknet("strip", "both.cfg", weights, "s.cfg", "s.weights", "-force"))
        expect_end(darknet("embed", "both.cfg", weights, "syn/train", "f", "-force"))
        written = darknet("check", "both3.cfg", weights)
        expect_end(written)
        count = 3 * int(output)
        expect(re.search(rf"margin_softmax .* {count} +{count}\n", written.stdout), written.stdout)
        done = darknet("check", "both.cfg", weights)
        expect_end(done)
        expect(done.stdout.split("training  ")[0] == written.stdout.split("training  ")[0],
               done.stdout)
        done = darknet("check", "both.cfg")
        expect_end(done)
        expect("classes=auto: the number is known only with the images" in done.stdout,
               done.stdout)
        wrong = read("both.cfg").decode().replace("auto", "4")
        write("both4.cfg", wrong)
        expect_end(darknet("check", "both4.cfg"), 1,
                   "[kd_probability] the teacher has 3 classes, the student 4")


def maps():
    """[kd_feature] trains a linear map when the teacher's features have another length."""
    write("wide.cfg", AUTO.replace("auto", "3").replace("output=3", "output=5"))
    write("map.cfg", AUTO + "[kd_feature]\nteacher=wide.cfg\nweights=w.weights\n")
    expect_end(darknet("init", "wide.cfg", "w.weights", "-force"))
    said = "3 channels, the teacher's 5: trains a map between them, which `darknet strip` removes\n"
    done = darknet("check", "map.cfg", "-data", "syn/faces.data")
    expect_end(done, 0, said)
    expect_end(train("map.cfg", "map"), 0, "map.cfg:19: [kd_feature] " + said)


def never_occurring():
    write("more.data", read("syn/faces.data").decode().replace("classes=3", "classes=5"))
    said = "more.data: images of 3 of 5 classes: 2 classes never occur\n"
    done = darknet("check", "a.cfg", "-data", "more.data")
    expect_end(done)
    expect(done.stderr == said, done.stderr)
    done = darknet("classifier", "train", "more.data", "a.cfg", "-out", "more")
    expect_end(done)
    expect(done.stderr == said, done.stderr)
    write("seven.cfg", AUTO.replace("auto", "7"))
    for words in (("check", "seven.cfg", "-data", "more.data"),
                  ("classifier", "train", "more.data", "seven.cfg", "-out", "more")):
        done = darknet(*words)
        expect_end(done)
        expect(done.stderr == "seven.cfg:17: [margin_softmax] has 7 classes, but more.data has 5\n"
               + said, done.stderr)
    write("more.data", read("more.data").decode().replace("classes=5", "classes=4"))
    done = darknet("check", "a.cfg", "-data", "more.data")
    expect("of 4 classes: 1 class never occurs\n" in done.stderr, done.stderr)
    expect(not darknet("check", "a.cfg", "-data", "syn/faces.data").stderr, "a note on all classes")


def named():
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
    wide = write("wide.data", read("syn/faces.data") + b"top=4\nvalid=syn/train\n")
    for verb, more, why in (("predict", (image, "-t", "5"), "-t 5"), ("predict", (image,), None),
                            ("valid", (), None)):
        expect_end(darknet("classifier", verb, wide, "a.cfg", "a/a.weights", *more), 1,
                   f"{why or wide + ': [data] top=4'}: is more than the number of classes, 3\n")
    write("own.txt", "Ann\n")
    done = darknet("classifier", "predict", "syn/faces.data", "a.cfg", "a/a.weights", image,
                   "-names",
                   "own.txt")
    expect_end(done, 1, "own.txt: has 1 name, but the network has 3 classes")
    write("bare.weights", read("a/a.weights"))
    expect_end(darknet("classifier", "predict", "syn/faces.data", "a.cfg", "bare.weights", image),
               1,
               "[data] needs names= or labels=")


attempt_all(start, given_twice, as_if_written, checked, timed, refused, found_in_the_weights,
            classifies_beside_a_loss, teaches, student_of_both,
            maps, never_occurring, named)
summary()
