"""Metric losses in training: what is refused, and that features of a class come together."""
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


def train(name, loss, sampler=BALANCED, batches=40, parts=1):
    cfg = write(name + ".cfg", NET.format(loss=loss, sampler=sampler, batches=batches, parts=parts))
    return darknet("classifier", "train", "faces/faces.data", cfg, "-out", name, "-threads", "2")


def learns(loss):
    name = "".join(c if c.isalnum() else "_" for c in loss)
    expect_end(train(name, loss))
    log = next(f for f in os.listdir(name) if f.endswith(".csv"))
    with open(os.path.join(name, log), newline="", encoding="utf-8") as f:
        losses = [float(row["loss"]) for row in csv.DictReader(f)]
    first, last = sum(losses[:8]) / 8, sum(losses[-8:]) / 8
    expect(last < .9 * first, f"the loss goes from {first:.3f} to {last:.3f}")


def refused(loss, text, sampler, parts):
    done = train("refused", loss, sampler, parts=parts)
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
    os.chdir(ROOT)
summary()
