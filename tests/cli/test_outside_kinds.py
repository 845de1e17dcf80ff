"""test_outside_kinds.py - layers from outside of the project that behave like a convolution, a sum
and a classifier: [pointwise], [sum] and [linear_softmax] of tests/data/layers. The first two give
the same bits as [convolutional] and [shortcut]."""
import json
import os
import re

from common import attempt_all, expect, expect_end, needed, read, run, summary, write
from outside import build_command
from small_run import CFG, data, make_inputs

with needed():
    import numpy as np

HEAD = CFG[:CFG.index("[dropout]")]
OWN = HEAD + """[pointwise]
name=wide
filters=16
[pointwise]
name=narrow
filters=16
activation=linear
batch_normalize=0
[sum]
from=-2
[connected]
output=6
activation=linear
[linear_softmax]
classes=auto
"""
STOCK = OWN.replace("[pointwise]\nname=wide\n", """[convolutional]
name=wide
batch_normalize=1
activation=relu
""").replace("[pointwise]", "[convolutional]").replace("[sum]", "[shortcut]\nactivation=linear")
WIDE, NARROW, SUM, HEAD_LAYER = 1, 2, 3, 5
FIRST_FLOATS = 8 * 27 + 4 * 8  # the parameters of layer 0
KINDS = ("own", "stock")


def command(*words):
    return run(COMMAND, *words, timeout=120)


def check_json(cfg, *words):
    done = command("check", cfg, *words, "-json")
    expect_end(done)
    return json.loads(done.stdout)


def start():
    global COMMAND
    COMMAND = build_command()
    make_inputs()
    # same/ gets only the images that have the size of the network's input
    for i, name in enumerate(sorted(os.listdir("faces"))):
        os.makedirs(f"same/{name}")
        for image in sorted(os.listdir(f"faces/{name}")):
            if int(image[:2]) % 4:
                os.link(f"faces/{name}/{image}", f"same/{name}/{image}")
                with open("list", "a", encoding="utf-8") as f:
                    f.write(f"same/{name}/{image}\n")
    write("labels", "ann\nbob\ncid\n")
    for kind, text in zip(KINDS, (OWN, STOCK)):
        write(f"{kind}.cfg", text)
        data("faces", kind, valid="list", labels="labels", top=2)


def trains_alike():
    for kind in KINDS:
        done = command("classifier", "train", f"{kind}.data", f"{kind}.cfg", "-batches", "40",
                       "-threads", "2")
        expect_end(done)
        expect("linear_softmax" in done.stdout, done.stdout)
    expect(read("own/own.weights") == read("stock/stock.weights"), "other weights")


def predicts_alike():
    features = []
    for kind in KINDS:
        files = f"{kind}.cfg", f"{kind}/{kind}.weights"
        expect_end(command("embed", *files, "same", f"{kind}.emb"))
        features.append(np.frombuffer(read(f"{kind}.emb")[32:], np.uint8))
        done = command("classifier", "valid", f"{kind}.data", *files)
        expect_end(done)
        expect(re.search(r"44: top 1: (0\.9|1\.)\d+, top 2: 1\.0+\n$", done.stdout),
               done.stdout[-300:])
        done = command("classifier", "predict", f"{kind}.data", *files, "same/bob/01.jpg")
        expect(re.match(r" ?\d+\.\d+%: bob\n", done.stdout), done.stdout + done.stderr)
    expect(np.array_equal(*features), "other features")


def is_checked():
    own, stock = (check_json(f"{kind}.cfg", "-data", f"{kind}.data") for kind in KINDS)
    expect(own["layers"][-1]["is_classifier"], own["layers"][-1])
    for key in "parameters", "multiply_adds":
        counts = [[layer[key] for layer in net["layers"]] for net in (own, stock)]
        expect(counts[0] == counts[1] and counts[0][WIDE], f"{key}: {counts}")
    done = command("check", "own.cfg", "-data", "own.data")
    expect(f"+ layer {WIDE}, merged into {NARROW}" in done.stdout, done.stdout)
    write("four.cfg", OWN.replace("auto", "2"))
    expect_end(command("check", "four.cfg", "-data", "own.data"), 1,
               "[linear_softmax] has 2 classes, but own.data has 3")


def is_drawn():
    write("three.cfg", OWN.replace("auto", "3"))
    expect_end(command("check", "three.cfg", "-netron", "drawn.cfg"))
    for layer, name in (WIDE, "wide"), (NARROW, "narrow"):
        expect(f"# layer {layer} [pointwise] {name}\n[convolutional]\nfilters=16\nsize=1\n" in
               read("drawn.cfg").decode(), read("drawn.cfg").decode())


def width_is_multiplied():
    write("half.cfg", OWN.replace("seed=3", "seed=3\nwidth_multiplier=.5")
          .replace("auto", "3"))
    done = command("check", "half.cfg")
    expect(re.search(r"pointwise +8 x 8 x 4 +8 x 8 x 8 ", done.stdout), done.stdout)
    expect_end(command("init", "half.cfg", "half.weights", "-from", "own.cfg", "own/own.weights"))


def weights_move():
    """`init -from` matches layers by name; pack and unpack keep the weights."""
    found = OWN.index("[pointwise]")
    write("deeper.cfg",
          (OWN[:found] + "[pointwise]\nfilters=8\n" + OWN[found:]).replace("auto", "3"))
    expect_end(command("init", "deeper.cfg", "deeper.weights", "-from", "own.cfg",
                       "own/own.weights"))
    named = read("own/own.weights")[20 + 4 * FIRST_FLOATS:]
    expect(read("deeper.weights").endswith(named), "layers with a name have other weights")
    expect_end(command("compress", "pack", "own.cfg", "own/own.weights", "own.packed"))
    expect_end(command("compress", "unpack", "own.packed", "own.cfg", "again.weights"))
    expect(read("again.weights")[20:] == read("own/own.weights")[20:], "other weights")


def rank_is_lowered():
    """`compress low-rank` writes equal sections for [pointwise] and [convolutional]."""
    for kind in KINDS:
        done = command("compress", "low-rank", f"{kind}.cfg", f"{kind}/{kind}.weights", "same",
                       f"{kind}-low.cfg", f"{kind}-low.weights", "-rank", "6", "-all", "-threads",
                       "1")
        expect_end(done)
        expect("3 of 3 convolutions replaced" in done.stdout, done.stdout)
    expect(read("own-low.weights") == read("stock-low.weights"), "other weights")
    nets = [check_json(f"{kind}-low.cfg")["layers"][:HEAD_LAYER] for kind in KINDS]
    options = [[layer["options"] for layer in net if layer["section"] == "low_rank"]
               for net in nets]
    expect(options[0] == options[1] and len(options[0]) == 3, options)
    refused = command("compress", "low-rank", "own.cfg", "own/own.weights", "same", "x.cfg",
                      "x.weights", "-rank", f"{SUM}:2")
    expect_end(refused, 1, f"layer {SUM} is no convolution without groups before the first loss")


def head_is_replaced():
    expect_end(command("strip", "own.cfg", "own/own.weights", "bare.cfg", "bare.weights"))
    expect("linear_softmax" not in read("bare.cfg").decode(), "the head is there")
    expect_end(command("embed", "bare.cfg", "bare.weights", "same", "bare.emb"))
    expect(read("bare.emb")[32:] == read("own.emb")[32:], "other features")
    expect_end(command("strip", "own.cfg", "own/own.weights", "whole.cfg", "whole.weights", "-to",
                       str(HEAD_LAYER)))
    expect("classes=3" in read("whole.cfg").decode(), "the number of classes is not there")
    done = command("classifier", "train", "own.data", "own.cfg", "own/own.weights", "-out", "new",
                   "-from-backbone", "-batches", "1", "-threads", "1")
    expect_end(done)
    expect(re.search(r"linear_softmax.*initial", done.stdout + done.stderr),
           done.stdout + done.stderr)


def teaches():
    loss = "[kd_probability]\nteacher=own.cfg\nweights=own/own.weights\n"
    body = HEAD + "[connected]\noutput=4\nactivation=linear\n"
    write("student.cfg", body + f"[linear_softmax]\nclasses=auto\n{loss}".replace("seed=3", ""))
    write("plain.cfg", body.replace("output=4", "output=3") + loss)
    for name in "student", "plain":
        done = command("classifier", "train", "own.data", f"{name}.cfg", "-out", name, "-batches",
                       "60", "-threads", "2")
        expect_end(done)
        losses = np.loadtxt(f"{name}/{name}.csv", delimiter=",", skiprows=1, usecols=-1)
        expect(losses[-5:].mean() < .3 * losses[0], f"{name}: the loss does not fall: {losses}")
    write("two.cfg", body.replace("output=4", "output=2") + loss)
    expect_end(command("classifier", "train", "own.data", "two.cfg", "-out", "two"), 1,
               "the teacher has 3 classes, the student 2")


attempt_all(start, trains_alike, predicts_alike, is_checked, is_drawn, width_is_multiplied,
            weights_move, rank_is_lowered, head_is_replaced, teaches)
summary()
