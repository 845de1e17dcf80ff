"""twin.py - compares outputs and gradients of darknet and PyTorch."""
import os

import numpy as np
import torch

from bench import peer_torch
from bench.plan import plan
from common import expect, expect_end, program, raw, run
from lib import darknet_files


def random_weights(layers, seed, slopes=(-.1, .6), gain=1.5):
    """Returns a list with {name of a parameter: array} for each layer. slopes: range of the slopes
    of PReLU; gain: variance of a convolution's output when its input has variance 1."""
    rng = np.random.default_rng(seed)

    def draw(name, shape):
        if name == "weights":
            return rng.normal(0, np.sqrt(gain / np.prod(shape[1:])), shape)
        if name in ("scales", "variance"):
            return rng.uniform(.5, 1.5, shape)
        return rng.uniform(*slopes, shape) if name == "slopes" else rng.normal(0, .3, shape)

    return [{name: draw(name, shape).astype(np.float32) for name, shape in layer["params"]}
            for layer in layers]


def made(cfg, folder, **how):
    """Writes random weights for a cfg. Returns their path, and what plan() returns for the cfg."""
    net, layers = plan(cfg)
    weights = os.path.join(folder, "w.weights")
    darknet_files.write_weights(weights, layers, random_weights(layers, 7, **how))
    return weights, net, layers


def images(net, count):
    shape = (count, net["height"], net["width"], net["channels"])
    return np.random.default_rng(8).uniform(-1, 1, shape).astype(np.float32)


def planes(x):
    """Returns x, B x H x W x C, as a tensor B x C x H x W."""
    return torch.from_numpy(x).permute(0, 3, 1, 2)


def output_difference(cfg, folder, count, batch, gain=1.5):
    """Returns the largest difference to PyTorch's outputs, divided by PyTorch's largest output."""
    weights, net, _ = made(cfg, folder, gain=gain)
    x = images(net, count)
    with torch.no_grad():
        want = peer_torch.build(cfg, weights)(planes(x)).numpy()
    got = raw(cfg, weights, x, "-batch", str(batch), "-threads", "2")
    expect(got.shape == want.shape, f"shape {got.shape}, PyTorch has {want.shape}")
    expect(np.isfinite(want).all() and np.ptp(want) > 0, "PyTorch's outputs tell nothing")
    return float(np.abs(got - want).max() / np.abs(want).max())


def gradient_difference(cfg, folder, batch):
    """Compares the gradients of a training step with PyTorch's. Returns (difference, layer) for the
    layer with the largest difference.

    A layer's difference is divided by the largest gradient of all its parameters, because the
    gradient of a bias before a batch norm is only rounding error. The slopes of PReLU are near 1,
    which removes the kink at 0. There, float32 and double can give very different gradients."""
    weights, net, layers = made(cfg, folder, slopes=(.999, 1.001))
    x = images(net, batch)
    peer = peer_torch.build(cfg, weights).double().train()
    y = peer(planes(x).double())
    dy = np.random.default_rng(10).normal(0, 1, tuple(y.shape)).astype(np.float32)
    (y * torch.from_numpy(dy)).sum().backward()
    fx, fdy, fout = (os.path.join(folder, f) for f in ("x", "dy", "out"))
    x.tofile(fx)
    dy.tofile(fdy)
    expect_end(run(program("oracle/tool_gradients"), cfg, weights, fx, fdy, fout, str(batch)))
    got, at, worst = np.fromfile(fout, np.float32), 0, (0, None)
    for number, (layer, block) in enumerate(zip(layers, peer.blocks)):
        wants = [block.trained[name].grad.numpy().ravel() for name, _ in layer["params"]
                 if name in block.trained]
        if not wants:
            continue
        want = np.concatenate(wants)
        expect(np.abs(want).max() > 0, f"layer {number} has no gradient")
        diff = np.abs(got[at:at + want.size] - want).max() / np.abs(want).max()
        worst, at = max(worst, (float(diff), f"layer {number}, {layer['name']}")), at + want.size
    expect(at == got.size, f"{got.size} gradients, PyTorch has {at}")
    return worst
