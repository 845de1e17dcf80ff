"""Tests darknet check -netron: the written cfg has only sections that Netron knows. From these
sections, Netron's rules (its source/darknet.js) give the right output shapes."""
import json
import os
import re
import tempfile

import common
from common import ROOT, attempt, darknet, expect, expect_end, summary

SMALL = """[net]
height=8
width=8
channels=4
[low_rank]
filters=6
rank=2
size=3
stride=2
pad=1
activation=relu
[channel_shuffle]
groups=2
[depthwise]
multiplier=2
pad=1
[avgpool]
size=2
stride=2
[global_depthwise]
[margin_softmax]
classes=3
"""
# Netron would find wrong shapes if the command copied these sections
TRAPS = """[net]
height=9
width=8
channels=4
[convolutional]
filters=6
size=3
stride=2
pad=1
batch_normalize=1
activation=hswish
[upsample]
stride=2
[upsample]
stride=-2
[maxpool]
size=3
stride=1
[route]
layers=-1,0
groups=2
group_id=1
[batchnorm]
[avgpool]
size=2
stride=2
pad=0
[global_depthwise]
[batchnorm]
[connected]
output=12
[batchnorm]
activation=relu
[dropout]
[connected]
output=10
[convolutional]
filters=8
activation=linear
[shortcut]
from=-4
activation=linear
[activation]
activation=prelu
[l2norm]
[softmax]
"""


def sections_of(text):
    """Returns [(section, {option: text})] of the text of a cfg."""
    out = []
    for line in re.sub(r"(?m)^[#;].*$", "", text).split():
        if line[0] == "[":
            out.append((line[1:-1], {}))
        else:
            key, _, value = line.partition("=")
            out[-1][1][key] = value
    return out


def netron(text):
    """Returns [(section, (w, h, c))] of a cfg. Computes the output shapes by Netron's rules."""
    (name, o), *sections = sections_of(text)
    expect(name == "net", name)
    w, h, c = (int(o[k]) for k in ("width", "height", "channels"))
    before = {"shape": (w, h, c), "map": (w, h, c), "length": w * h * c}
    made = []

    def number(o, key, default):
        return int(o.get(key, default))
    for section, o in sections:
        (w, h, c), length = before["map"], before["length"]
        if section in ("convolutional", "maxpool", "avgpool", "crop", "local"):
            expect(before["shape"] == (w, h, c), f"[{section}]: the layer before gives no image")
        size, stride = number(o, "size", 1), number(o, "stride", 1)
        if section == "convolutional":
            pad = size // 2 if number(o, "pad", 0) else number(o, "padding", 0)
            w, h = ((n + 2 * pad - size) // stride + 1 for n in (w, h))
            expect(c % number(o, "groups", 1) == 0, o)
            c = number(o, "filters", 1)
        elif section == "maxpool":
            size = number(o, "size", stride)
            w, h = ((n + number(o, "padding", size - 1) - size) // stride + 1 for n in (w, h))
        elif section == "avgpool":
            w = h = 1
        elif section == "upsample":
            w, h = w * stride, h * stride
        elif section == "connected":
            expect(length, "[connected]: the length of its input is lost")
            w, h, c = 1, 1, number(o, "output", 1)
        elif section == "route":
            parts = [made[int(i)] for i in o["layers"].split(",")]
            w, h = parts[0]["map"][:2]
            groups = number(o, "groups", 1)
            expect(groups == 1 or len(parts) == 1, "[route]: groups of several are not counted")
            c = sum(p["map"][2] for p in parts) // groups
        elif section == "shortcut":
            expect(0 <= int(o["from"]) < len(made), o)
        else:
            expect(section in ("batchnorm", "activation", "softmax", "dropout", "scale_channels",
                               "sam", "cost"), f"[{section}]: Netron does not know it")
        if section in ("scale_channels", "sam"):
            w, h, c = made[int(o["from"])]["map"]
        lost = section in ("batchnorm", "activation", "route")
        keeps = section in ("softmax", "dropout", "cost")
        length = None if lost else length if keeps else w * h * c
        expect(length or not keeps, f"[{section}]: the length of its input is lost")
        shape = (length,) if section in ("connected", "softmax", "cost") else (w, h, c)
        before = {"section": section, "shape": shape, "map": (w, h, c), "length": length}
        made.append(before)
    return [(m["section"], m["map"]) for m in made]


def shapes_of(cfg):
    """Returns [(w, h, c)], the output shapes of [softmax] and of all layers that are no losses."""
    done = darknet("check", cfg, "-json")
    expect_end(done)
    told = json.loads(done.stdout)
    return [(*layer["out"][1::-1], layer["out"][2]) for layer in told["layers"]
            if not layer["is_loss"] or layer["section"] == "softmax"]


def draws(name):
    with tempfile.TemporaryDirectory() as folder:
        cfg, out = os.path.join(folder, "a.cfg"), os.path.join(folder, "n.cfg")
        if name in OURS:
            common.write(cfg, OURS[name])
        else:
            cfg = os.path.join(ROOT, "cfg", name + ".cfg")
        done = darknet("check", cfg, "-netron", out)
        expect_end(done)
        text = common.read(out).decode()
        drawn = netron(text)
        expect(done.stdout == f"{out}: {len(drawn)} sections\n", done.stdout)
        at = -1
        for shape in shapes_of(cfg):  # the drawn network may have other sections between the layers
            at = next((i for i in range(at + 1, len(drawn)) if drawn[i][1] == shape), None)
            expect(at is not None, f"{shape} is missing: {drawn}")
        predicts = [d for d in drawn if d[0] != "cost"]
        expect(predicts[-1][1] == shape, f"ends with {predicts[-1]}")
        if name == "small":
            expect("activation=channel_shuffle" in text and "type=margin_softmax" in text, text)
            refusals(cfg, out)
        if name == "mobilefacenet-xnor":
            expect(text.count("xnor=1") > 10, text)


def refusals(cfg, out):
    before = common.read(out)
    for words, status, said in (
            ((out,), 1, f"{out}: exists; -force replaces it"),
            ((cfg, "-force"), 1, f"{cfg}: cannot write: it is an input of this command"),
            ((out, "-svg"), 2, "-json, -dot, -svg and -netron exclude each other"),
            ((out, "-data", "x.data"), 2, "-dot, -svg and -netron need no -data")):
        done = darknet("check", cfg, "-netron", *words)
        expect(done.returncode == status and said in done.stderr, done.stderr)
        expect(common.read(out) == before, f"{words}: the file has changed")
    expect_end(darknet("check", cfg, "-netron", out, "-force"))
    done = darknet("check", cfg, "-force")
    expect(done.returncode == 2 and "-force is for -netron" in done.stderr, done.stderr)


OURS = {"small": SMALL, "traps": TRAPS}
for each in (*OURS, "shufflenet-v2-face", "mobilenet-v3-small", "mobilefacenet-xnor",
             "mobilefacenet-half-kd-relation"):
    attempt(each, draws, each)
summary()
