"""scripts/to_netron.py: the cfg has only sections of Netron, and the shapes of the network."""
import json
import os
import re
import tempfile

import common
from common import ROOT, attempt, darknet, expect, expect_end, needed, script, summary

with needed():
    import numpy  # pylint: disable=unused-import

# Sections that Netron has
KNOWN = {"net", "convolutional", "connected", "batchnorm", "activation", "shortcut", "softmax",
         "route", "avgpool", "local_avgpool", "maxpool", "upsample", "dropout", "scale_channels",
         "sam", "l2norm", "logistic", "crop", "reorg", "local"}
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


def last_shape(cfg):
    done = darknet("check", cfg, "-json")
    expect_end(done)
    told = json.loads(done.stdout)
    return told["layers"][told["embedding"]]["out"]


def draws(name):
    with tempfile.TemporaryDirectory() as folder:
        cfg, out = os.path.join(folder, "a.cfg"), os.path.join(folder, "n.cfg")
        if name == "small":
            common.write(cfg, SMALL)
        else:
            cfg = os.path.join(ROOT, "cfg", name + ".cfg")
        expect_end(script("to_netron.py", cfg, out))
        text = common.read(out).decode()
        sections = set(re.findall(r"(?m)^\[(\w+)\]", text))
        expect(sections <= KNOWN, sections - KNOWN)
        if "binary=1" not in text:  # which our command refuses
            expect(last_shape(out) == last_shape(cfg), f"{last_shape(out)}, not {last_shape(cfg)}")
        if name == "small":
            done = script("to_netron.py", cfg, out)
            expect_end(done, 1, f"{out}: exists; --force replaces it")
            done = script("to_netron.py", cfg, cfg, "--force")
            expect_end(done, 1, f"{cfg}: is an input of this very command")


for each in ("small", "shufflenet-v2-face", "mobilenet-v3-small", "mobilefacenet-xnor"):
    attempt(each, draws, each)
summary()
