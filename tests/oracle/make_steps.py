#!/usr/bin/python3
"""make_steps.py - computes PyTorch's losses for the training in tests/unit/test_steps.c, in double,
and prints them as the array `golden`.

    python3 tests/oracle/make_steps.py"""
import ast
import json
import math
import os
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "..", "scripts")]

import numpy as np
import torch

from common import ROOT, darknet, expect_end, write

SOURCE = os.path.join(ROOT, "tests", "unit", "test_steps.c")
STEPS, BATCH, RATE, MOMENTUM, DECAY = 20, 6, .02, .9, 4e-5
WHOLE = (1 << 64) - 1
HEADER = 20  # bytes of a weights file before its numbers


def normals(seed, stream):
    """Yields the numbers of dnx_rng_normal(): xoshiro256** seeded by splitmix64, Box-Muller."""
    def splitmix(x):
        x = (x + 0x9e3779b97f4a7c15) & WHOLE
        z = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & WHOLE
        z = (z ^ z >> 27) * 0x94d049bb133111eb & WHOLE
        return x, z ^ z >> 31

    def rotl(x, k):
        return (x << k | x >> 64 - k) & WHOLE

    x, s = splitmix(seed)[1] ^ stream, []
    for _ in range(4):
        x, z = splitmix(x)
        s.append(z)

    def draw():
        result, t = rotl(s[1] * 5 & WHOLE, 7) * 9 & WHOLE, s[1] << 17 & WHOLE
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)
        return result >> 11

    while True:
        u, v = (draw() + 1) * 2 ** -53, draw() * 2 ** -53
        yield math.sqrt(-2 * math.log(u)) * math.cos(6.283185307179586 * v)


def cfg_text():
    with open(SOURCE, encoding="utf-8") as f:
        strings = re.search(r"static const char text\[\] =\n(.*?);\n", f.read(), re.S).group(1)
    return ast.literal_eval(f"({strings})")


def tensors_of(layers, floats):
    """Yields the parameters of each layer, {name: tensor}."""
    at = 0
    for layer in layers:
        found = {}
        for p in layer["params"]:
            v = torch.tensor(floats[at:at + p["count"]], dtype=torch.float64)
            at += p["count"]
            if p["name"] == "weights":
                height, width, _ = layer["in"][0]
                is_whole = layer["section"] == "global_depthwise"
                size = layer["options"].get("size", 1)
                v = v.reshape(layer["out"][2], -1, *((height, width) if is_whole else (size, size)))
            found[p["name"]] = v.requires_grad_(p["is_trained"])
        yield found
    assert at == floats.size


def forward(layers, tensors, x):
    """Returns the output before [softmax]. layers: the list that `darknet check -json` prints."""
    outputs = []
    for layer, w in zip(layers, tensors):
        name, o = layer["section"], layer["options"]
        if name in ("convolutional", "depthwise", "global_depthwise"):
            size, is_single = o.get("size", 1), name != "convolutional"
            x = torch.nn.functional.conv2d(
                x, w["weights"], None if "scales" in w else w["biases"], o.get("stride", 1),
                size // 2 if o.get("pad") else 0, groups=x.shape[1] if is_single else 1)
        if "scales" in w:
            x = torch.nn.functional.batch_norm(x, None, None, w["scales"], w["biases"], True)
        if name == "shortcut":
            x = x + outputs[layer["from"][1]]
        act = o.get("activation", "linear")
        if act == "prelu":
            x = torch.nn.functional.prelu(x, w["slopes"])
        elif act == "relu":
            x = torch.relu(x)
        outputs.append(x)
    return x.flatten(1)


def losses():
    with tempfile.TemporaryDirectory() as folder:
        cfg = write(os.path.join(folder, "steps.cfg"), cfg_text())
        weights = os.path.join(folder, "steps.weights")
        expect_end(darknet("init", cfg, weights))
        network = json.loads(darknet("check", cfg, "-json").stdout)
        floats = np.fromfile(weights, np.float32, offset=HEADER)
    tensors = list(tensors_of(network["layers"], floats))
    net = network["net"]
    trained = [(k, t) for a in tensors for k, t in a.items() if t.requires_grad]
    optimiser = torch.optim.SGD(
        [{"params": [t for k, t in trained if k == "weights"], "weight_decay": DECAY},
         {"params": [t for k, t in trained if k != "weights"]}], RATE, MOMENTUM)
    shape = (BATCH, net["height"], net["width"], net["channels"])
    draws = normals(9, 9)
    x = np.array([next(draws) for _ in range(math.prod(shape))], np.float32).reshape(shape)
    x = torch.from_numpy(x).double().permute(0, 3, 1, 2)
    truth, found = torch.arange(BATCH) % 4, []
    for _ in range(STEPS):
        logits = forward(network["layers"][:-1], tensors, x)
        loss = torch.nn.functional.cross_entropy(logits, truth)
        found.append(BATCH * loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return found


def main():
    found = [f"{v:.7g}" for v in losses()]
    rows = [", ".join(found[i:i + 5]) for i in range(0, STEPS, 5)]
    print("static const double golden[STEPS] = {\n    " + ",\n    ".join(rows) + "};")


if __name__ == "__main__":
    main()
