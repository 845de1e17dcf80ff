"""Runs check, strip and low-rank on the networks of SMALL and LARGE in cfg_networks.py."""
import json
import os
import tempfile

from common import ROOT, attempt, darknet, expect, expect_end, needed, raw, read, summary, write
from cfg_networks import CFG, LARGE, SMALL

with needed():
    import numpy as np

    from lib.cfg_text import edit

# 330 images with 4 pixels give 1320 samples, more than the 1280 channels of the widest layer.
IMAGES = 330


def narrow(name):
    """Writes the network at an eighth of its width; ShuffleNet, which has groups, at full width."""
    text = read(os.path.join(CFG, name + ".cfg")).decode()
    net = {"width": 64, "height": 64}
    if not name.startswith("shufflenet"):
        net["width_multiplier"] = .125
    return write(name + ".cfg", edit(text, {"net": net}))


def some_layers(cfg):
    layers = json.loads(darknet("check", cfg, "-json").stdout)["layers"]
    fit = [(l["layer"], l["out"][2] // 2) for l in layers if l["section"] == "convolutional"
           and l["options"]["groups"] == 1 and l["out"][0] > 3 and 4 < l["out"][2] < 200]
    return ",".join(f"{layer}:{min(rank, 4)}" for layer, rank in fit[1::9])


def verbs(name):
    cfg, weights = narrow(name), name + ".weights"
    expect_end(darknet("init", cfg, weights))
    expect_end(darknet("check", cfg, weights))
    x = np.random.default_rng(3).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    before = raw(cfg, weights, x)
    plain = "plain.cfg", "plain.weights"
    expect_end(darknet("strip", cfg, weights, *plain, "-force"))
    after = raw(*plain, x)
    if "[softmax]" not in read(cfg).decode():
        expect(np.array_equal(before, after), "outputs differ after strip")
    small = "small.cfg", "small.weights"
    ranks = some_layers(cfg)
    expect_end(darknet("compress", "low-rank", *plain, "faces/train", *small, "-rank", ranks,
                       "-samples", str(IMAGES), "-force"))
    expect(read(small[0]).decode().count("[low_rank]") == len(ranks.split(",")), "ranks " + ranks)
    expect_end(darknet("check", *small))
    expect(np.isfinite(raw(*small, x)).all(), "outputs of lower rank")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    expect_end(darknet("synth", "faces", "-identities", "12", "-images", "28", "-size", "64"))
    for network in [*SMALL, *LARGE]:
        attempt(network, verbs, network)
    os.chdir(ROOT)
summary()
