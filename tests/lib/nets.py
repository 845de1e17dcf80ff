"""nets.py - writes random weights, and computes outputs with darknet, ONNX Runtime and OpenCV."""
import os
import struct
import tempfile

import numpy as np

from bench import peer_process
from common import raw
from exchange.network import Network

SPREAD = {"scales": (.5, 1.5), "variance": (.5, 1.5), "slopes": (-.1, .6), "biases": (-.3, .3),
          "shifts": (-.3, .3), "mean": (-.3, .3)}


def randomise(cfg, path, seed=3):
    rng = np.random.default_rng(seed)
    with open(path, "wb") as f:
        f.write(struct.pack("<iiiQ", 0, 2, 0, 0))
        for layer in Network(cfg).layers:
            for name, count in layer.counts.items():
                if name in SPREAD:
                    values = rng.uniform(*SPREAD[name], count)
                else:
                    shape = layer.shape_of(name)
                    fan_in = count / shape[0] if len(shape) > 1 else layer.inputs[0][2]
                    values = rng.normal(0, np.sqrt(1.5 / fan_in), count)
                f.write(values.astype("<f4").tobytes())
    return path


def settle(cfg, weights, x):
    """Sets the running means and variances of batch norm in the file `weights` to those that the
    images x give. With random statistics a deep network amplifies rounding errors."""
    import torch
    from bench import peer_torch
    module, network = peer_torch.build(cfg, weights), Network(cfg)
    network.read(weights)
    norms = [block.norm for block in module.blocks]
    for norm in filter(None, norms):
        norm.momentum = 1
        norm.train()
    with torch.no_grad():
        module(torch.from_numpy(x))
    with open(weights, "wb") as f:
        f.write(struct.pack("<iiiQ", 0, 2, 0, 0))
        for layer, norm in zip(network.layers, norms):
            now = {} if norm is None else {"mean": norm.running_mean, "variance": norm.running_var}
            for name, values in layer.params.items():
                values = now[name].numpy() if name in now else values
                f.write(np.ascontiguousarray(values, "<f4").tobytes())


def images(shape, count, seed=5):
    """Returns random images, count x C x H x W. shape: (h, w, c)."""
    h, w, c = shape
    return np.random.default_rng(seed).uniform(-1, 1, (count, c, h, w)).astype(np.float32)


def ours(cfg, weights, x, *options):
    """Returns darknet's outputs for images x, B x C x H x W: one row for each image, in the order
    channel, row, column."""
    network = Network(cfg)
    network.end_at()
    h, w, c = network.last.out
    rows = raw(cfg, weights, x.transpose(0, 2, 3, 1), "-threads", "2", *options)
    return rows.reshape(len(x), h, w, c).transpose(0, 3, 1, 2).reshape(len(x), -1)


def onnx_runtime(model, x, output=""):
    with tempfile.TemporaryDirectory() as folder:
        planes, fout = os.path.join(folder, "in"), os.path.join(folder, "out")
        x.tofile(planes)
        with peer_process.onnx(model, planes, x.shape, 1, output) as peer:
            peer.output(fout)
        return np.fromfile(fout, np.float32).reshape(len(x), -1)


def difference(a, b):
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(a - b).max() / np.abs(b).max())


def opencv(model, x):
    import cv2
    cv2.setNumThreads(1)  # OpenCV's threads would keep the processors busy while they wait
    net = cv2.dnn.readNetFromONNX(model)
    net.setInput(x)
    return net.forward().reshape(len(x), -1)
