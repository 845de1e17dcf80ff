"""test_steps.py - compares with PyTorch the losses listed in tests/unit/test_steps.c, and the
outputs of [activation]."""
import re

from common import (attempt, attempt_all, darknet, expect, expect_end, needed, raw, read, summary,
                    write)

with needed():
    import numpy as np
    import torch
    from torch import nn

    import make_steps

ACTIVATIONS = {"swish": nn.SiLU(), "mish": nn.Mish(), "hswish": nn.Hardswish(), "relu": nn.ReLU(),
               "relu6": nn.ReLU6(), "hsigmoid": nn.Hardsigmoid(), "tanh": nn.Tanh(),
               "logistic": nn.Sigmoid(), "elu": nn.ELU()}


def losses():
    text = re.search(r"golden\[STEPS\] = {(.*?)};", read(make_steps.SOURCE).decode(), re.S)
    listed = np.array([float(v) for v in text.group(1).split(",")])
    found = np.array(make_steps.losses())
    expect(np.abs(listed / found - 1).max() < 1e-5, f"listed {listed}, PyTorch has {found}")


def activations():
    x = np.linspace(-9, 9, 4 * 4 * 8, dtype=np.float32).reshape(1, 4, 4, 8)
    for name, module in ACTIVATIONS.items():
        attempt(name, agrees, name, module, x)


def agrees(name, module, x):
    cfg = write("act.cfg", "[net]\nheight=4\nwidth=4\nchannels=8\n"
                           f"[activation]\nactivation={name}\n")
    expect_end(darknet("init", cfg, "act.weights", "-force"))
    got = raw(cfg, "act.weights", x).ravel()
    expected = module(torch.from_numpy(x).double()).numpy().ravel()
    off = np.abs(got - expected).max()
    expect(off < 2e-6, f"differs by {off}")


torch.set_num_threads(1)
attempt("losses", losses)
attempt_all(activations)
summary()
