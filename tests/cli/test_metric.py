"""Tests metric losses in training."""
import csv
import os
import tempfile

from common import ROOT, attempt, darknet, expect, expect_end, summary, write

NET = """[net]
batch=24
subdivisions={parts}
height=32
width=32
channels=3
max_batches={batches}
learning_rate=.05
policy=constant
sampler={sampler}
flip=1
[convolutional]
filters=8
size=3
stride=2
pad=1
batch_normalize=1
activation=relu
[convolutional]
filters=16
size=3
stride=2
pad=1
batch_normalize=1
activation=relu
[connected]
name=embedding
output=16
activation=linear
{loss}
"""
BALANCED = "balanced\nidentities=8\nimages=3"


def train(name, loss, sampler=BALANCED, batches=40, parts=1, data="faces/faces.data"):
    cfg = write(name + ".cfg", NET.format(loss=loss, sampler=sampler, batches=batches, parts=parts))
    return darknet("classifier", "train", data, cfg, "-out", name, "-threads", "2")


def column(name, title):
    log = next(f for f in os.listdir(name) if f.endswith(".csv"))
    with open(os.path.join(name, log), newline="", encoding="utf-8") as f:
        return [float(row[title]) for row in csv.DictReader(f)]


def learns(loss):
    name = "".join(c if c.isalnum() else "_" for c in loss)
    expect_end(train(name, loss))
    losses = column(name, "loss")
    first, last = sum(losses[:8]) / 8, sum(losses[-8:]) / 8
    expect(last < .9 * first, f"the loss goes from {first:.3f} to {last:.3f}")


def counts(loss, title, sampler, parts, least, most):
    """The log must show from `least` to `most` used triplets or pairs for each batch."""
    name = "counts" + "".join(c for c in loss if c.isalnum()) + str(parts)
    done = train(name, loss, sampler, 4, parts)
    expect_end(done)
    used = column(name, title)
    expect(len(used) == 4 and all(least <= n <= most for n in used), f"used {used}")
    expect(f"({used[-1]:.0f} used)" in done.stdout, done.stdout)
    expect(any(used) or not any(column(name, "loss")), "nothing was used, but there is a loss")


def listed(name, every):
    """Writes a .data file, and a list of images: the first every(k) images of each class k."""
    lines = []
    for k, person in enumerate(sorted(os.listdir("faces/train"))):
        at = os.path.join("faces/train", person)
        lines += [f"{os.path.join(at, f)} {k}" for f in sorted(os.listdir(at))[:every(k)]]
    write(name + ".txt", "\n".join(lines) + "\n")
    return write(name + ".data", f"classes=16\ntrain={name}.txt\nbackup=backup\n")


def refused(loss, text, sampler, parts, data="faces/faces.data"):
    done = train("refused", loss, sampler, parts=parts, data=data)
    expect_end(done, 1, text)
    expect(not os.path.exists("refused"), "something was written")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    expect_end(darknet("synth", "faces", "-identities", "16", "-images", "6", "-size", "32"))
    for text in ("[triplet]\nfrom=embedding", "[triplet]\nfrom=-1\nmining=all",
                 "[triplet]\nfrom=-1\ndistance=plain", "[contrastive]\nfrom=embedding"):
        attempt(text.replace("\n", " "), learns, text)
    attempt("semihard", lambda: expect_end(train("semi", "[triplet]\nfrom=-1\nmining=semihard",
                                                 batches=4)))
    attempt("center loss beside a margin", learns,
            "[margin_softmax]\nclasses=16\ns=8\n[center_loss]\nfrom=embedding\nclasses=16\n"
            "weight=.01")
    for kind in ("triplet", "contrastive"):
        attempt(kind + ", one image of each", refused, f"[{kind}]\nfrom=-1",
                f"refused.cfg:32: [{kind}] learns from two images of a class, but [net] images=1 "
                "shows one of each", "balanced\nidentities=24\nimages=1", 1)
        attempt(kind + ", one image", refused, f"[{kind}]\nfrom=-1",
                f"refused.cfg:30: [{kind}] learns from two images of a class, but "
                "batch/subdivisions is 1", "permutation", 24)
        attempt(kind + ", one image of a class", refused, f"[{kind}]\nfrom=-1",
                f"refused.cfg:30: [{kind}] learns from two images of a class, but no class of "
                "singles.data has two", "permutation", 1, listed("singles", lambda k: 1))
        attempt(kind + ", one class", refused, f"[{kind}]\nfrom=-1",
                f"refused.cfg:30: [{kind}] compares images of two classes, but those of "
                "alone.data have one", "permutation", 1, listed("alone", lambda k: 6 * (k == 3)))
    # A batch has 8 identities x 3 images. Each image has 1 hardest triplet, or 2 x 21 triplets with
    # 2 images of its class and 21 of other classes.
    attempt("all hardest", counts, "[triplet]\nfrom=-1", "triplet_3_used", BALANCED, 1, 24, 24)
    attempt("all triplets", counts, "[triplet]\nfrom=-1\nmining=all\nmargin=4", "triplet_3_used",
            BALANCED, 1, 1008, 1008)
    attempt("pairs", counts, "[contrastive]\nfrom=-1\nmargin=2", "contrastive_3_used", BALANCED, 1,
            24, 276)
    attempt("a pair has no triplet", counts, "[triplet]\nfrom=-1", "triplet_3_used", "permutation",
            12, 0, 0)
    os.chdir(ROOT)
summary()
