"""Writes a network as an ONNX model."""
import math

import numpy as np

from exchange import onnx_activations
from exchange.network import Tensor
from exchange.onnx_graph import Graph
from lib.darknet_files import BN_EPS
from lib.errors import Failure


class Writer:
    """keeps_norm: True writes batch norm as a node of its own where possible. False multiplies it
    into the filters."""

    def __init__(self, network, keeps_norm):
        self.g, self.keeps_norm = Graph(), keeps_norm
        self.values = {-1: Tensor("input", network.input)}

    def add(self, layer):
        if layer.activation not in ("linear", "prelu", *onnx_activations.TABLE):
            raise Failure(f"{layer.at} activation={layer.activation}: has no ONNX form here")
        self.g.at = f"{layer.number}_{layer.name or layer.section}"
        inputs = [self.values[i] for i in layer.sources]
        self.values[layer.number] = SECTIONS[layer.section](self, layer, *inputs)

    # ---- parts of layers ----

    def map(self, value):
        return self.g.form(value, False)

    def done(self, layer, x, is_flat=False):
        """Adds the activation. Returns the layer's output. x: name of the activation's input."""
        value = Tensor(x, layer.out, is_flat)
        if layer.activation == "linear":
            return value
        name = onnx_activations.activate(self.g, value, layer.activation,
                                         layer.params.get("slopes"))
        return Tensor(name, layer.out, is_flat)

    def normalise(self, x, p, label, biases="biases"):
        zero = np.zeros(len(p["scales"]), np.float32)
        tensors = [("norm_scales", p["scales"]), ("norm_biases", p.get(biases, zero)),
                   ("norm_mean", p["mean"]), ("norm_variance", p["variance"])]
        return self.g.node("BatchNormalization", [x] + [self.g.tensor(*t) for t in tensors], label,
                           epsilon=BN_EPS)

    def conv(self, x, w, biases, label, window, groups=1):
        kh, kw, stride, pad = window
        inputs = [x, self.g.tensor(f"{label}_weights".lstrip("_"), w)]
        if biases is not None:
            inputs.append(self.g.tensor("biases", biases))
        return self.g.node("Conv", inputs, label, group=groups, kernel_shape=[kh, kw],
                           strides=[stride] * 2, pads=[pad] * 4, dilations=[1, 1])


def convolution(t, layer, x):
    label, w = layer.sum_label, layer.params["weights"]
    x, window = t.map(x), layer.window
    if layer.section == "low_rank":
        x = t.conv(x, layer.params["basis"], None, "basis", window)
        window = (1, 1, 1, 0)
    if t.keeps_norm and "variance" in layer.params:
        z = t.conv(x, w, None, "conv", window, layer.groups)
        return t.done(layer, t.normalise(z, layer.params, label))
    w, b = layer.folded()
    return t.done(layer, t.conv(x, w, b, label, window, layer.groups))


def binary(t, layer, x):
    o, g, p, x = layer.options, t.g, layer.params, t.map(x)
    kh, kw = layer.window[:2]
    (w, shift), label = layer.folded(), layer.sum_label
    if o["mode"] in ("bwn", "binaryconnect"):
        return t.done(layer, t.conv(x, w, shift, label, layer.window))
    if "shifts" in p:
        x = Tensor(t.normalise(x, p, "input", "shifts"), x.shape)
    half = g.tensor("half", np.float32([.5]))  # u = sign(sign(x) + 1/2) has u = +1 at x = 0
    u = g.node("Sign", [g.node("Add", [g.node("Sign", [x], "sign"), half], "above")], "signs")
    if o["mode"] == "bnn" or not o["k_map"]:
        return t.done(layer, t.conv(u, w, shift, label, layer.window))
    size = g.node("ReduceMean", [g.node("Abs", [x], "abs")], "mean", axes=[1], keepdims=1)
    ones = np.full((len(w), 1, kh, kw), 1 / (kh * kw))  # a mean filter for each output channel
    k = t.conv(size, ones, None, "map", layer.window)
    z = g.node("Mul", [t.conv(u, w, None, "conv", layer.window), k], "scaled")
    shift = g.tensor("biases", shift.reshape(-1, 1, 1))
    return t.done(layer, g.node("Add", [z, shift], label))


def connected(t, layer, x):
    x, label = t.g.form(x, True), layer.sum_label
    keeps = t.keeps_norm and "variance" in layer.params
    w, b = (layer.params["weights"], np.zeros(layer.out[2])) if keeps else layer.folded()
    z = t.g.node("Gemm", [x, t.g.tensor("weights", w), t.g.tensor("biases", b)],
                 "product" if keeps else label, alpha=1., beta=1., transB=1)
    return t.done(layer, t.normalise(z, layer.params, label) if keeps else z, True)


def batchnorm(t, layer, x):
    if math.prod(x.shape[:2]) > 1:
        x = t.map(x)
    return t.done(layer, t.normalise(x, layer.params, layer.sum_label), x.is_flat)


def activation(t, layer, x):
    return x if layer.activation == "linear" else t.done(layer, x.name, x.is_flat)


def scaled(t, x, by, label):
    """Multiplies x by a number, or by a constant of shape 1 x C x H x W."""
    if np.ndim(by) == 0 and by == 1:
        return x
    by = np.float32([by] if np.ndim(by) == 0 else by)
    return t.g.node("Mul", [x, t.g.tensor(f"{label}_factor", by)], label)


def fitted(t, layer, f):
    """Brings f, the second input of a [shortcut], to the shape of the layer's output. Returns (the
    name of the result, mask). The mask is 1 where f is added, else 0. layers_ext/shortcut.c has the
    formula."""
    g, (h, w, c), (fh, fw, fc) = t.g, layer.out, f.shape
    step, sample = max(fw // w, 1), max(w // fw, 1)
    nh, nw, nc = min(h, fh), min(w, fw), min(c, fc)
    name = g.node("Slice", [f, g.tensor("starts", [0, 0, 0]),
                            g.tensor("ends", [nc, (nh - 1) * step + 1, (nw - 1) * step + 1]),
                            g.tensor("axes", [1, 2, 3]), g.tensor("steps", [1, step, step])],
                  "part")
    mask = np.zeros((1, c, h, w), np.float32)
    mask[:, :nc, :nh * sample:sample, :nw * sample:sample] = 1
    if sample > 1:
        name = resized(t, name, sample, "wide")
        name = scaled(t, name, mask[:, :nc, :nh * sample, :nw * sample], "spread")
    rest = [0, c - nc, h - nh * sample, w - nw * sample]
    if any(rest):
        name = g.node("Pad", [name], "padded", pads=[0] * 4 + rest)
    return name, mask


def shortcut(t, layer, x, f):
    o, label = layer.options, layer.sum_label
    if x.shape == f.shape:
        if x.is_flat != f.is_flat:
            x, f = t.map(x), t.map(f)
        added, where = f.name, np.float32(1)
    else:
        x, f = t.map(x), t.map(f)
        added, where = fitted(t, layer, f)
    by = o["alpha"] if np.ndim(where) == 0 or o["alpha"] == 1 else 1 + (o["alpha"] - 1) * where
    z = t.g.node("Add", [scaled(t, x.name, by, "alpha"), scaled(t, added, o["beta"], "beta")],
                 label)
    return t.done(layer, z, x.is_flat)


def route(t, layer, *inputs):
    o, g, names = layer.options, t.g, []
    if len(inputs) == 1 and o["groups"] == 1:
        return inputs[0]
    inputs = [t.map(x) for x in inputs]
    for i, x in enumerate(inputs):
        name, part = x.name, x.shape[2] // o["groups"]
        if o["groups"] > 1:
            label, first = f"part{i}" if len(inputs) > 1 else "", o["group_id"] * part
            name = g.node("Slice", [x, g.tensor(f"{label}_start", [first]),
                                    g.tensor(f"{label}_end", [first + part]),
                                    g.tensor(f"{label}_axis", [1])], label)
        names.append(name)
    return Tensor(names[0] if len(names) == 1 else g.node("Concat", names, axis=1), layer.out)


def channel_shuffle(t, layer, x):
    h, w, c = layer.out
    groups, g, x = layer.options["groups"], t.g, t.map(x)
    apart = g.node("Reshape", [x, g.tensor("apart_shape", [0, groups, c // groups, h, w])], "apart")
    mixed = g.node("Transpose", [apart], "mixed", perm=[0, 2, 1, 3, 4])
    return Tensor(g.node("Reshape", [mixed, g.tensor("shape", [0, c, h, w])]), layer.out)


def avgpool(t, layer, x):
    o = layer.options
    if o["size"] == 0:
        return Tensor(t.g.node("GlobalAveragePool", [t.map(x)]), layer.out)
    pad, x = o["size"] // 2 if o["pad"] else 0, t.map(x)
    if pad:  # a Pad node adds the zeros, because OpenCV's mean excludes the padding of AveragePool
        x = t.g.node("Pad", [x], "padded", pads=[0, 0, pad, pad] * 2)
    return Tensor(t.g.node("AveragePool", [x], kernel_shape=[o["size"]] * 2,
                           strides=[o["stride"]] * 2), layer.out)


def pool(operator):
    def take(t, layer, x):
        size, stride, first, rest = layer.pooling
        return Tensor(t.g.node(operator, [t.map(x)], kernel_shape=[size] * 2, strides=[stride] * 2,
                               pads=[first, first, rest, rest]), layer.out)
    return take


def resized(t, x, by, label):
    return t.g.node("Resize", [x, t.g.tensor("scales", np.float32([1, 1, by, by]))], label,
                    mode="nearest")


def upsample(t, layer, x):
    stride, scale, x = layer.options["stride"], layer.options["scale"], t.map(x)
    label = "" if scale == 1 and stride > 0 else "resized"
    if stride > 0:
        name = resized(t, x, stride, label)
    else:  # a negative stride sums each window: its mean times stride^2
        name, scale = t.g.node("AveragePool", [x], label, kernel_shape=[-stride] * 2,
                               strides=[-stride] * 2), scale * stride * stride
    return Tensor(scaled(t, name, scale, "scaled") if label else name, layer.out)


def softmax(t, layer, x):
    o, g, n = layer.options, t.g, math.prod(layer.out)
    name = g.form(x, True).name
    if o["temperature"] != 1:
        name = scaled(t, name, 1 / o["temperature"], "cool")
    if o["groups"] == 1:
        return Tensor(g.node("Softmax", [name], axis=1), layer.out, True)
    shape = g.tensor("groups_shape", [-1, n // o["groups"]])
    each = g.node("Softmax", [g.node("Reshape", [name, shape], "groups")], "each", axis=1)
    return Tensor(g.node("Reshape", [each, g.tensor("shape", [-1, n])]), layer.out, True)


def l2norm(t, layer, x):
    """Adds the nodes that PyTorch exports for F.normalize, because readers of ONNX recognise
    them."""
    g = t.g
    if math.prod(x.shape[:2]) > 1:
        x = t.map(x)
    length = g.node("ReduceL2", [x], "length", axes=[1], keepdims=1)
    length = g.node("Clip", [length], "positive", min=1e-12)
    wide = g.node("Expand", [length, g.node("Shape", [x], "shape")], "wide")
    return Tensor(g.node("Div", [x, wide]), layer.out, x.is_flat)


def product(t, layer, x, f):
    """Adds [sam] or [scale_channels] as a Mul, which broadcasts the smaller map."""
    return t.done(layer, t.g.node("Mul", [t.map(f), t.map(x)], layer.sum_label))


SECTIONS = {
    "convolutional": convolution, "depthwise": convolution, "global_depthwise": convolution,
    "low_rank": convolution, "binary": binary, "connected": connected, "batchnorm": batchnorm,
    "activation": activation, "shortcut": shortcut, "route": route,
    "channel_shuffle": channel_shuffle, "avgpool": avgpool,
    "local_avgpool": pool("AveragePool"), "maxpool": pool("MaxPool"),
    "upsample": upsample, "dropout": lambda t, layer, x: x, "softmax": softmax, "l2norm": l2norm,
    "scale_channels": product, "sam": product,
    "logistic": lambda t, layer, x: Tensor(t.g.node("Sigmoid", [x]), layer.out, x.is_flat),
}


def model_of(network, batch, notes, keeps_norm=False):
    """Returns the ONNX model. batch: the number of images, or a name for a variable number."""
    t = Writer(network, keeps_norm)
    for layer in network.used:
        t.add(layer)
    last, g = t.values[network.last.number], t.g
    if math.prod(last.shape[:2]) == 1:
        last = g.form(last, True)
    g.at = "output"
    if last.name in ("input", *(v.name for v in t.values.values() if v is not last)):
        last = Tensor(g.node("Identity", [last]), last.shape, last.is_flat)
    for node in g.nodes:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                names[i] = "output" if name == last.name else name
    last.name = "output"
    return g.model(t.values[-1], last, batch, notes)
