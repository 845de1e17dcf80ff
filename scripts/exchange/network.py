"""Reads a network and its weights. `darknet check -json` reads the cfg."""
import math

import numpy as np

from lib.darknet_files import BN_EPS, read_weights
from lib.errors import Failure
from lib.processes import checked

PREDICTS = ("softmax", "logistic")  # losses whose output is a prediction
WINDOWS = ("convolutional", "depthwise", "low_rank", "binary")


class Tensor:
    """The output of a layer in the file to be written: N x C x H x W, or N x C*H*W when it is flat.
    shape: (h, w, c)."""

    def __init__(self, name, shape, is_flat=False):
        self.name, self.shape, self.is_flat = name, tuple(shape), is_flat


class Layer:
    """A layer. sources: the layers that it reads, -1 for the network's input. inputs, out: shapes
    as (height, width, channels). params: {name: array}. at: file and line, for messages."""

    def __init__(self, cfg, told):
        self.number, self.section, self.name = told["layer"], told["section"], told["name"]
        self.options, self.sources, self.is_loss = told["options"], told["from"], told["is_loss"]
        self.inputs, self.out = [tuple(s) for s in told["in"]], tuple(told["out"])
        self.counts = {p["name"]: p["count"] for p in told["params"]}
        self.macs, self.at = told["multiply_adds"], f"{cfg}:{told['line']}: [{told['section']}]"
        self.params = {}

    @property
    def predicts(self):
        return not self.is_loss or self.section in PREDICTS

    @property
    def activation(self):
        return self.options.get("activation", "linear")

    @property
    def sum_label(self):
        """Label of the node whose output the activation reads; "" without an activation."""
        return "" if self.activation == "linear" else "sum"

    @property
    def window(self):
        """The geometry of a convolution: (height, width, stride, pad)."""
        o = self.options
        if self.section == "global_depthwise":
            return self.inputs[0][0], self.inputs[0][1], 1, 0
        size = o["size"]
        return size, size, o["stride"], size // 2 if o["pad"] else o["padding"]

    @property
    def pooling(self):
        """The geometry of [maxpool] and [local_avgpool]: (size, stride, pad before, pad after)."""
        o = self.options
        size = o["size"] or o["stride"]
        both = size - 1 if o["padding"] < 0 else o["padding"]
        return size, o["stride"], both // 2, both - both // 2

    @property
    def groups(self):
        if self.section in ("depthwise", "global_depthwise"):
            return self.inputs[0][2]
        return self.options.get("groups", 1)

    def shape_of(self, name):
        """Returns the shape of a parameter. Filters: outputs x channels/groups x height x width."""
        count, (h, w, c), n = self.counts[name], self.inputs[0], self.out[2]
        if name == "basis":
            rank, size = self.options["rank"], self.options["size"]
            return rank, c, size, size
        if name != "weights":
            return (count,)
        if self.section == "connected":
            return n, h * w * c
        if self.section == "low_rank":
            return n, self.options["rank"], 1, 1
        if self.section in WINDOWS or self.section == "global_depthwise":
            kh, kw = self.window[:2]
            return n, count // (n * kh * kw), kh, kw
        return (count,)

    def norm(self):
        """Returns (scale, shift) as float64. Batch norm and biases turn z, the result of the
        filters, into scale * z + shift."""
        p = {k: v.astype(np.float64) for k, v in self.params.items() if v.ndim == 1}
        biases = p.get("biases", np.zeros(self.out[2]))
        if "variance" not in p or "shifts" in p:  # "shifts": batch norm before the filters
            return np.ones(self.out[2]), biases
        scale = p["scales"] / np.sqrt(p["variance"] + BN_EPS)
        return scale, biases - p["mean"] * scale

    def signs(self):
        """Returns the filters of [binary]: sign(v), where v are the weights. With mode=bwn or xnor,
        each filter is multiplied by its mean of |v|. With center=1, v are the weights minus their
        mean over the input channels. A filter whose weights all have the same absolute value is
        binary already and stays uncentred."""
        w = self.params["weights"]
        v = w.astype(np.float64)
        if self.options["center"]:
            flat = np.abs(w.reshape(len(w), -1))
            binary = (flat == flat[:, :1]).all(1)[:, None, None, None]
            v = np.where(binary, v, v - v.mean(1, keepdims=True))
        b = np.where(v < 0, -1., 1.)
        return b * np.abs(v).mean((1, 2, 3), keepdims=True) \
            if self.options["mode"] in ("bwn", "xnor") else b

    def folded(self):
        """Returns (weights, biases) as float32, with the layer's batch norm folded in."""
        scale, shift = self.norm()
        w = self.signs() if self.section == "binary" else self.params["weights"]
        by = scale.reshape((-1,) + (1,) * (w.ndim - 1))
        return (w * by).astype(np.float32), shift.astype(np.float32)


class Network:
    """A cfg. net: the options of [net]; input: (height, width, channels); total: the number of
    floats in the weights file; embedding: the number of the layer whose output `darknet embed`
    writes; used (set by end_at()): the layers that the last layer needs."""

    def __init__(self, cfg):
        told = checked(cfg)
        self.cfg, self.net, self.input = cfg, told["net"], tuple(told["in"])
        self.layers = [Layer(cfg, l) for l in told["layers"]]
        self.embedding, self.total = told["embedding"], told["floats"]

    def end_at(self, to=None):
        """Removes the layers after the layer `to`. to: its number or name, or None for the last
        layer that predicts."""
        last = len(self.layers) - 1
        if to is None:
            while last >= 0 and not self.layers[last].predicts:
                last = self.layers[last].sources[0]
        else:
            named = [l.number for l in self.layers if l.name == to or str(l.number) == to]
            if not named:
                raise Failure(f"{self.cfg}: no layer has the name or number {to}")
            last = named[-1]
            if not self.layers[last].predicts:
                raise Failure(f"{self.layers[last].at} is a loss: it predicts nothing")
        if last < 0:
            raise Failure(f"{self.cfg}: no layers")
        self.layers = self.layers[:last + 1]
        wanted = {last}
        for layer in reversed(self.layers):
            if layer.number in wanted:
                wanted.update(layer.sources)
        self.used = [l for l in self.layers if l.number in wanted]

    def read(self, weights):
        told = [{"params": [(n, l.shape_of(n)) for n in l.counts], "out": l.out}
                for l in self.layers]
        need = sum(sum(l.counts.values()) for l in self.layers)
        for layer, arrays in zip(self.layers,
                                 read_weights(weights, told, behind=self.total - need)):
            layer.params = arrays

    @property
    def last(self):
        return self.layers[-1]

    @property
    def outputs(self):
        return math.prod(self.last.out)


def load(cfg, weights, to, sections, form):
    """Reads a network up to the layer `to`, with its weights. sections: the layer types that the
    target format supports; form: the format's name, for messages."""
    network = Network(cfg)
    network.end_at(to)
    for layer in network.used:
        if layer.section not in sections:
            raise Failure(f"{layer.at} has no {form} form here, only "
                          f"{', '.join(sorted(sections))}")
    network.read(weights)
    return network
