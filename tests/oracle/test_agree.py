"""test_agree.py - `classifier predict` and `valid` print the same as Debian's `darknet`."""
import os
import random
import re
import struct
import tempfile

import common
from common import DARKNET as OURS, check, read, skip, summary, write_png

HOST, STOCK = "/usr/bin/darknet", "/usr/share/darknet/cfg/"

SMALL = """[net]
batch=4
height=16
width=24
channels=3
[convolutional]
batch_normalize=1
filters=12
size=3
stride=1
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[convolutional]
filters=10
size=1
stride=1
pad=1
activation=linear
[avgpool]
[softmax]
groups=1
"""
COST = SMALL + "[cost]\ntype=sse\n"
NEW = SMALL.replace("[avgpool]", "[depthwise]\nsize=3\npad=1\n[activation]\nactivation=hswish\n"
                    "[avgpool]")
MARGIN = SMALL[:SMALL.index("[softmax]")] + "[margin_softmax]\nclasses=10\ns=8\n"


def picture(path, w, h, seed):
    r = random.Random(seed)
    fx, fy, a = [[r.uniform(.02, .4) for _ in range(3)] for _ in range(2)] + [
        [r.uniform(60, 250) for _ in range(3)]]
    rgb = bytearray()
    for y in range(h):
        for x in range(w):
            for c in range(3):
                rgb.append(int(a[c] * (.5 + .5 * ((x * fx[c] + y * fy[c]) % 1))))
    write_png(path, w, h, bytes(rgb))


def run(binary, *args, **more):
    return common.run(binary, *args, timeout=240, **more)


def same_lines(host, ours, digits):
    """Returns true when two printed texts agree. Their numbers may differ by `digits`, which is one
    unit of the last printed digit."""
    a, b = host.splitlines(), ours.splitlines()
    if len(a) != len(b) or not a:
        return False
    number = re.compile(r"-?\d+\.\d+")
    for x, y in zip(a, b):
        if number.sub("#", x) != number.sub("#", y):
            return False
        for p, q in zip(number.findall(x), number.findall(y)):
            if abs(float(p) - float(q)) > 1.01 * digits:
                return False
    return True


def random_weights(path, counts, seed):
    """Writes a weights file. counts: (kind, count, scale) of each tensor. Kind "w": numbers from
    -scale to scale; kind "v", for variances: numbers from .5 to 1.5."""
    r = random.Random(seed)
    with open(path, "wb") as f:
        f.write(struct.pack("<iiiQ", 0, 2, 0, 0))
        for kind, n, scale in counts:
            lo, hi = {"w": (-scale, scale), "v": (.5, 1.5)}[kind]
            f.write(struct.pack("<%df" % n, *[r.uniform(lo, hi) for _ in range(n)]))


SMALL_WEIGHTS = [("w", 12, .2), ("v", 12, 0), ("w", 12, .2), ("v", 12, 0), ("w", 12 * 27, .6),
                 ("w", 10, .5), ("w", 120, 2)]


def main():
    with tempfile.TemporaryDirectory() as d:
        def write(name, text):
            return common.write(os.path.join(d, name), text)

        cfg, weights = write("small.cfg", SMALL), os.path.join(d, "small.weights")
        random_weights(weights, SMALL_WEIGHTS, 3)
        images = []
        for i, (w, h) in enumerate([(24, 16), (40, 31), (17, 60), (90, 7), (16, 16), (1, 9), (9, 1),
                                    (150, 101)]):
            images.append(os.path.join(d, "img%d_%s.png" % (i, "abcdefghij"[i] * 3)))
            picture(images[-1], w, h, i)
        names = write("names", "".join("class %c\n" % c for c in "abcdefghij"))
        labels = write("labels", "".join(c * 3 + "\n" for c in "abcdefghij"))
        listed = write("list", "\n".join(images) + "\n")
        data = write("x.data", "classes=10\ntop=3\nnames = %s\nlabels=%s\nvalid=%s\n"
                     "train=/nowhere\nbackup=/nowhere\n" % (names, labels, listed))
        has_host = os.access(HOST, os.X_OK)

        # predict prints sorted probabilities, which add up to 100 %. It reads the names of images
        # from the command line or from stdin.
        r = run(OURS, "classifier", "predict", data, cfg, weights, images[0])
        lines = r.stdout.splitlines()
        check(r.returncode == 0 and len(lines) == 3, "predict: %s%s" % (r.stdout, r.stderr))
        check(all(re.fullmatch(r"[ \d]+\.\d\d%: class [a-j]", x) for x in lines), r.stdout)
        check(re.fullmatch(re.escape(images[0]) + r": Predicted in \d+\.\d+ seconds\.\n", r.stderr),
              r.stderr)
        r = run(OURS, "classifier", "predict", data, cfg, weights, images[0], "-t", "10")
        shares = [float(x.split("%")[0]) for x in r.stdout.splitlines()]
        check(len(shares) == 10 and abs(sum(shares) - 100) < .06, "sum is %r" % shares)
        check(shares == sorted(shares, reverse=True), "order of %r" % shares)
        r = run(OURS, "classifier", "predict", data, cfg, weights, input="\n%s\n" % images[1])
        alone = run(OURS, "classifier", "predict", data, cfg, weights, images[1])
        check(r.returncode == 0 and r.stdout.count("Enter Image Path: ") == 3 and
              alone.stdout in r.stdout, "typed names: %s%s" % (r.stdout, r.stderr))

        # predict also works with sections that libdarknet does not have.
        new = write("new.cfg", NEW)
        w = os.path.join(d, "new.weights")
        check(run(OURS, "init", new, w, "-force").returncode == 0, "init")
        r = run(OURS, "classifier", "predict", data, new, w, images[2])
        check(r.returncode == 0 and len(r.stdout.splitlines()) == 3, r.stderr)
        margin = write("margin.cfg", MARGIN)
        w = os.path.join(d, "margin.weights")
        check(run(OURS, "init", margin, w, "-force").returncode == 0, "init")
        r = run(OURS, "classifier", "predict", data, margin, w, images[2], "-t", "10")
        shares = [float(x.split("%")[0]) for x in r.stdout.splitlines()]
        check(len(shares) == 10 and abs(sum(shares) - 100) < .06, r.stdout + r.stderr)

        # valid prints the same accuracies for each -batch. Classes may stand in a list or in paths.
        batches = [run(OURS, "classifier", "valid", data, cfg, weights, "-batch", str(b))
                   for b in (1, 3, 16)]
        check(batches[0].returncode == 0 and batches[0].stdout.count("top 3:") == len(images),
              batches[0].stderr)
        check(len({b.stdout for b in batches}) == 1, "valid depends on -batch")
        with_class = write("list2", "".join("%s %d\n" % (p, i) for i, p in enumerate(images)))
        data2 = write("y.data", "classes=10\ntop=3\nvalid=%s\n" % with_class)
        r = run(OURS, "classifier", "valid", data2, cfg, weights)
        check(r.stdout == batches[0].stdout, "classes in the list: " + r.stderr)

        def refused(text, *args):
            r = run(OURS, "classifier", *args)
            check(r.returncode == 1 and text in r.stderr, "%r, not %r" % (r.stderr, text))
        refused("cannot read: No such file", "predict", d + "/none.data", cfg, weights, images[0])
        refused("none.png: cannot read: No such file", "predict", data, cfg, weights,
                d + "/none.png")
        refused("is not an image", "predict", data, cfg, weights, cfg)
        refused("-t 11: is more than the number of classes, 10", "predict", data, cfg, weights,
                images[0], "-t", "11")
        few = write("few", "a\nb\n")
        refused("few: has 2 names, but the network has 10 classes", "predict",
                write("few.data", "names=%s\n" % few), cfg, weights, images[0])
        refused("needs names= or labels=", "predict", write("no.data", "classes=10\n"), cfg,
                weights, images[0])
        refused("needs valid=", "valid", write("no.data", "classes=10\n"), cfg, weights)
        refused("bad.data:2: must be key=value", "valid", write("bad.data", "a=1\nxyz\n"), cfg,
                weights)
        refused("bad.data:1: [data] classes=x: must be a whole number from 0 to 16777216", "valid",
                write("bad.data", "classes=x\n"), cfg, weights)
        refused("[data] classes=11: the network has only 10", "valid",
                write("bad.data", "classes=11\nvalid=%s\n" % with_class), cfg, weights)
        refused("list3:1: class 12: must be from 0 to 9", "valid",
                write("bad.data", "classes=10\nvalid=%s\n" % write("list3", "a.png 12\n")), cfg,
                weights)
        refused("list3:1: a.png: has no class, and [data] no labels=", "valid",
                write("bad.data", "classes=10\nvalid=%s\n" % write("list3", "a.png\n")), cfg,
                weights)
        refused("list3:1: x.png: contains no label", "valid",
                write("bad.data", "classes=10\nlabels=%s\nvalid=%s\n" %
                      (labels, write("list3", "x.png\n"))), cfg, weights)
        refused("contains two labels, 'aaa' and 'bbb'", "valid",
                write("bad.data", "classes=10\nlabels=%s\nvalid=%s\n" %
                      (labels, write("list3", "aaabbb.png\n"))), cfg, weights)
        check(run(OURS, "classifier", "predict", data, cfg).returncode == 2, "usage")
        check(run(OURS, "classifier", "valid", data, cfg).returncode == 2, "usage")

        # Image 3 is left out: libdarknet resizes it to a height of one pixel and then computes NaN.
        if not has_host:
            skip("the host", "no " + HOST)
            return
        cost = write("cost.cfg", COST)
        for c, text in ((cfg, "small"), (cost, "with [cost]")):
            for image in images[:3] + images[4:]:
                args = ("classifier", "predict", data, c, weights, image, "-t", "10")
                a, b = run(HOST, *args, cwd=d), run(OURS, *args)
                check(same_lines(a.stdout, b.stdout, .01), "%s: predict %s: host\n%sours\n%s%s" % (
                    text, os.path.basename(image), a.stdout, b.stdout, b.stderr))
        a = run(HOST, "classifier", "valid", data, cfg, weights, cwd=d)
        b = run(OURS, "classifier", "valid", data, cfg, weights)
        lines = [x for x in a.stdout.splitlines() if "img" in x or "top" in x]
        check(same_lines("\n".join(lines), b.stdout, 1e-5),
              "valid: host\n%sours\n%s%s" % (a.stdout, b.stdout, b.stderr))
        names = write("names1000", "".join("thing %d\n" % i for i in range(1000)))
        for name in ("cifar", "tiny", "darknet19"):
            w = os.path.join(d, "w")
            r = run(OURS, "init", STOCK + name + ".cfg", w, "-force")
            check(r.returncode == 0, "init %s: %s" % (name, r.stderr))
            text = read(STOCK + name + ".cfg").decode()
            # With the batch size of the stock cfg libdarknet would allocate gigabytes.
            one = write("one.cfg", re.sub(r"(?m)^(batch|subdivisions)=.*", r"\1=1", text))
            data = write("z.data", "names=%s\ntop=5\n" % names)
            args = ("classifier", "predict", data, one, w, images[7])
            a, b = run(HOST, *args, cwd=d), run(OURS, *args)
            check(same_lines(a.stdout, b.stdout, .01),
                  "%s: host\n%s%sours\n%s%s" % (name, a.stdout, a.stderr[-300:], b.stdout,
                                                b.stderr))


main()
summary()
