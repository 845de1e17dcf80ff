"""Writes a cfg and weights with which the stock libdarknet of 2018 computes the same as our
network. Convolutions replace layers that libdarknet lacks."""
import numpy as np

from exchange.cfg_out import Layer, text_of, weights_of
from lib.errors import Failure

ACTIVATIONS = ("linear", "relu", "leaky", "logistic", "tanh", "elu", "selu", "loggy", "relie",
               "ramp", "plse", "stair", "hardtan", "lhtan")
USUAL = 0, 1 / 255  # libdarknet always uses this input_mean and input_scale


class Writer:
    def __init__(self, network):
        self.layers, self.number, self.shapes = [], {-1: -1}, {-1: network.input}
        mean, scale = network.net["input_mean"], network.net["input_scale"]
        if abs(mean - USUAL[0]) > 1e-7 or abs(scale / USUAL[1] - 1) > 1e-6:
            h, w, c = network.input
            self.number[-1] = self.conv("the input: (pixel - input_mean) * input_scale", -1,
                                        network.input, np.full((c, 1, 1, 1), 255 * scale),
                                        np.full(c, -mean * scale), c)

    def add(self, section, options, inputs, shape, note, **params):
        self.layers.append(Layer(section, options, inputs, shape, note, **params))
        return len(self.layers) - 1

    def conv(self, note, source, shape, w, b, groups=1, stride=1, pad=0, act="linear"):
        """Adds a convolution. shape: (h, w, c) of its input. A 1x1 filter with a stride becomes
        3x3, because libdarknet ignores the stride of a 1x1 convolution."""
        if w.shape[2:] == (1, 1) and stride > 1:
            w, pad = np.pad(w, ((0, 0), (0, 0), (1, 1), (1, 1))), pad + 1
        n, size = len(w), w.shape[2]
        out = [(s + 2 * pad - size) // stride + 1 for s in shape[:2]] + [n]
        return self.add("convolutional", {
            "filters": n, "size": size, "stride": stride, "pad": 0, "padding": pad,
            "groups": groups, "activation": act}, [source], out, note, weights=w, biases=b)

    def bent(self, note, source, slopes, shape):
        """Computes PReLU as relu(z) - slope * relu(-z). `source` is a layer with the filters w0,
        -w0, w1, -w1, ... and ReLU, so its channels are relu(z0), relu(-z0), relu(z1), ..."""
        n = len(slopes)
        w = np.stack([np.ones(n), -slopes.astype(np.float64)], 1).reshape(n, 2, 1, 1)
        return self.conv(note + ", its slopes", source, (*shape[:2], 2 * n), w, np.zeros(n), n)


def both_signs(a):
    return np.stack([a, -a], 1).reshape(2 * len(a), *a.shape[1:])


def check(layer):
    act, o = layer.activation, layer.options
    if act not in ACTIVATIONS and (act != "prelu" or layer.section == "shortcut"):
        raise Failure(f"{layer.at} activation={act}: stock Darknet has no such function")
    if layer.section == "binary" and o["mode"] in ("xnor", "bnn"):
        raise Failure(f"{layer.at} mode={o['mode']}: stock Darknet takes no signs of the input")
    if layer.section == "global_depthwise" and layer.inputs[0][0] != layer.inputs[0][1]:
        raise Failure(f"{layer.at} has filters of {layer.inputs[0][0]} x {layer.inputs[0][1]}: "
                      "those of stock Darknet are square")


def convolution(t, layer, note, x):
    w, b = layer.folded()
    shape, groups = layer.inputs[0], layer.groups
    kh, _, stride, pad = layer.window
    if layer.section == "low_rank":
        basis = layer.params["basis"]
        x = t.conv(note + ", its basis", x, shape, basis, np.zeros(len(basis)), 1, stride, pad)
        shape, stride, pad = (*layer.out[:2], len(basis)), 1, 0
    if layer.activation != "prelu":
        return t.conv(note, x, shape, w, b, groups, stride, pad, layer.activation)
    x = t.conv(note, x, shape, both_signs(w), both_signs(b), groups, stride, pad, "relu")
    return t.bent(note, x, layer.params["slopes"], layer.out)


def connected(t, layer, note, x):
    w, b = layer.folded()
    act, is_bent = layer.activation, layer.activation == "prelu"
    if is_bent:
        w, b, act = both_signs(w), both_signs(b), "relu"
    x = t.add("connected", {"output": len(w), "activation": act}, [x], (1, 1, len(w)), note,
              weights=w, biases=b)
    return t.bent(note, x, layer.params["slopes"], layer.out) if is_bent else x


def channelwise(t, layer, note, x):
    """Converts [batchnorm] or [activation]: a scale and shift per channel, then the activation."""
    scale, shift = layer.norm()
    w, c = scale.reshape(-1, 1, 1, 1), layer.out[2]
    if layer.activation == "prelu":
        x = t.conv(note, x, layer.out, both_signs(w), both_signs(shift), c, act="relu")
        return t.bent(note, x, layer.params["slopes"], layer.out)
    if layer.section == "activation":
        return t.add("activation", {"activation": layer.activation}, [x], layer.out, note)
    return t.conv(note, x, layer.out, w, shift, c, act=layer.activation)


def chosen(t, note, x, shape, channels):
    """Adds a convolution that copies the given channels of x."""
    w = np.zeros((len(channels), shape[2], 1, 1))
    w[np.arange(len(channels)), channels] = 1
    return t.conv(note, x, shape, w, np.zeros(len(channels)))


def route(t, layer, note, *inputs):
    o, parts = layer.options, []
    for x, shape in zip(inputs, layer.inputs):
        part = shape[2] // o["groups"]
        first = part * o["group_id"]
        parts.append(x if o["groups"] == 1 else
                     chosen(t, note, x, shape, np.arange(first, first + part)))
    return parts[0] if len(parts) == 1 else t.add("route", {}, parts, layer.out, note)


def channel_shuffle(t, layer, note, x):
    c, groups = layer.out[2], layer.options["groups"]
    return chosen(t, note, x, layer.out, np.arange(c).reshape(groups, -1).T.ravel())


def avgpool(t, layer, note, x):
    o, c = layer.options, layer.out[2]
    if o["size"] == 0:
        return t.add("avgpool", {}, [x], layer.out, note)
    w = np.full((c, 1, o["size"], o["size"]), 1 / o["size"] ** 2)
    return t.conv(note, x, layer.inputs[0], w, np.zeros(c), c, o["stride"],
                  o["size"] // 2 if o["pad"] else 0)


def same(*keys):
    """Returns a function that copies a section of libdarknet with the options `keys`."""
    def take(t, layer, note, *inputs):
        options = {k: layer.options[k] for k in keys if k in layer.options}
        return t.add(layer.section, options, inputs, layer.out, note)
    return take


def maxpool(t, layer, note, x):
    size, stride, first, rest = layer.pooling
    return t.add("maxpool", {"size": size, "stride": stride, "padding": first + rest}, [x],
                 layer.out, note)


SECTIONS = {
    "convolutional": convolution, "depthwise": convolution, "global_depthwise": convolution,
    "low_rank": convolution, "binary": convolution, "connected": connected,
    "batchnorm": channelwise, "activation": channelwise,
    "shortcut": same("alpha", "beta", "activation"), "route": route,
    "channel_shuffle": channel_shuffle, "avgpool": avgpool, "maxpool": maxpool,
    "upsample": same("stride", "scale"), "dropout": lambda t, layer, note, x: x,
    "softmax": same("groups", "temperature"), "l2norm": same(), "logistic": same(),
}


def files_of(network):
    for layer in network.used:
        check(layer)
    t = Writer(network)
    for layer in network.used:
        note = f"layer {layer.number} [{layer.section}] {layer.name or ''}".strip()
        t.number[layer.number] = SECTIONS[layer.section](
            t, layer, note, *(t.number[i] for i in layer.sources))
    if not t.layers:
        raise Failure(f"{network.last.at} does nothing: no layer is left")
    h, w, c = network.input
    remarks = ["For stock Darknet. The remark above a section is the layer that it is made from.",
               "Input: RGB from 0 to 1, as Darknet loads images."]
    return text_of(t.layers, {"batch": 1, "height": h, "width": w, "channels": c}, remarks), \
        weights_of(t.layers)
