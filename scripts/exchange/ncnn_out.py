"""Writes a network as ncnn's two files: the .param text and the .bin with the weights.
https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure describes the format."""
import struct
from collections import Counter

import numpy as np

from exchange.network import Tensor
from lib.darknet_files import BN_EPS
from lib.errors import Failure

MAGIC, HALF, INT8 = 7767517, 0x01306B47, 0x000D4B38
LARGEST_HALF = 65504
ADD, MUL = 0, 2  # the operations of a BinaryOp layer
# {activation: (type, parameters) of the ncnn layer that computes the activation}
ACTIVATIONS = {
    "relu": ("ReLU", {}), "leaky": ("ReLU", {0: .1}), "relie": ("ReLU", {0: .01}),
    "relu6": ("Clip", {0: 0., 1: 6.}), "hardtan": ("Clip", {0: -1., 1: 1.}),
    "logistic": ("Sigmoid", {}), "tanh": ("TanH", {}), "elu": ("ELU", {0: 1.}),
    "selu": ("SELU", {0: 1.6732, 1: 1.0507}), "swish": ("Swish", {}), "mish": ("Mish", {}),
    "hswish": ("HardSwish", {0: 1 / 6, 1: .5}), "hsigmoid": ("HardSigmoid", {0: 1 / 6, 1: .5}),
    "hard_mish": ("HardSwish", {0: .5, 1: 1.}),
}
# {activation: parameters of a convolution that also computes it}. Parameter 9 names the function,
# parameter -23310 has the function's arguments.
FUSED = {"relu": {9: 1}, "leaky": {9: 2, -23310: [.1]}, "relu6": {9: 3, -23310: [0., 6.]},
         "logistic": {9: 4}, "mish": {9: 5}}


def text_of(value):
    """Returns a value as text for the .param file. ncnn reads a number without a point as an
    integer."""
    if isinstance(value, list):
        return ",".join([str(len(value)), *map(text_of, value)])
    return str(value) if isinstance(value, int) else f"{value:e}"


def rounded(a):
    """Rounds to integers from -127 to 127 as ncnn does: halves are rounded away from 0."""
    return np.clip(np.trunc(a + np.copysign(.5, a)), -127, 127).astype(np.int8)


class Writer:
    """Collects the layers and weights. half: filters are 16-bit floats. ranges: {layer: the
    |output| that the largest 8-bit value, 127, stands for}. quantized: the number of layers with
    8-bit filters."""

    def __init__(self, network, half, ranges):
        self.half, self.rows, self.data, self.at = half, [], [], "input"
        self.ranges, self.quantized = ranges, 0
        h, w, c = network.input
        self.blobs = {-1: Tensor("input", network.input)}
        self.rows.append(("Input", "input", [], ["input"], {0: w, 1: h, 2: c}))

    def layer(self, kind, inputs, params, label=""):
        """Adds a layer; returns the name of its output. params: {ncnn's number: value}."""
        out = f"{self.at}_{label}" if label else self.at
        self.rows.append((kind, out, [getattr(i, "name", i) for i in inputs], [out], params))
        return out

    def filters(self, where, a):
        """Adds filters, after a tag that names their number format."""
        a = np.ascontiguousarray(a, np.float32)
        if not self.half:
            self.data += [struct.pack("<I", 0), a.astype("<f4").tobytes()]
            return
        if np.abs(a).max(initial=0) > LARGEST_HALF:
            raise Failure(f"{where} has filters above {LARGEST_HALF}: too large for --fp16")
        raw = a.astype("<f2").tobytes()
        self.data += [struct.pack("<I", HALF), raw, bytes(-len(raw) % 4)]

    def weights(self, layer, kind, w, b, params, source):
        """Adds filters w and biases b, which may be None. w is stored in 8 bits when self.ranges
        has the range of the input, which is the output of layer `source`. kind, params: type and
        parameters of the ncnn layer."""
        if source not in self.ranges:
            self.filters(layer.at, w)
            return self.floats(*([] if b is None else [b]))
        rows = w.astype(np.float64).reshape(
            params[7] if kind == "ConvolutionDepthWise" else len(w), -1)
        largest = np.abs(rows).max(1)
        scales = np.divide(127, largest, where=largest > 0, out=np.zeros_like(largest))
        raw = rounded(rows * scales[:, None]).tobytes()
        params[8] = 1
        self.quantized += 1
        self.data += [struct.pack("<I", INT8), raw, bytes(-len(raw) % 4)]
        return self.floats(*([] if b is None else [b]), scales, [127 / self.ranges[source]])

    def floats(self, *arrays):
        self.data += [np.ascontiguousarray(a, "<f4").tobytes() for a in arrays]

    def map(self, blob):
        """Returns the blob reshaped to three dimensions."""
        if not blob.is_flat:
            return blob
        h, w, c = blob.shape
        return Tensor(self.layer("Reshape", [blob], {0: w, 1: h, 2: c}, f"map{len(self.rows)}"),
                      blob.shape)

    def done(self, layer, x, is_flat=False, is_fused=False):
        """Adds the activation, unless ncnn's convolution or InnerProduct computes it (is_fused).
        Returns the layer's output. x: the name of the activation's input."""
        act = layer.activation
        if act == "linear" or is_fused:
            return Tensor(x, layer.out, is_flat)
        if act == "prelu":
            slopes = layer.params["slopes"]
            name = self.layer("PReLU", [x], {0: len(slopes)})
            self.floats(slopes)
        elif act == "loggy":  # 2 sigmoid(x) - 1 = tanh(x/2)
            name = self.layer("TanH", [self.times(x, .5, "half")], {})
        else:
            name = self.layer(ACTIVATIONS[act][0], [x], ACTIVATIONS[act][1])
        return Tensor(name, layer.out, is_flat)

    def times(self, x, by, label):
        return self.layer("BinaryOp", [x], {0: MUL, 1: 1, 2: float(by)}, label)

    def conv(self, layer, x, w, b, label, window, groups=1, fuses=(), source=None):
        kh, kw, stride, pad = window
        kind = "Convolution" if groups == 1 else "ConvolutionDepthWise"
        params = {0: w.shape[0], 1: kw, 11: kh, 3: stride, 4: pad, 5: int(b is not None),
                  6: int(w.size), **({7: groups} if groups > 1 else {}), **dict(fuses)}
        self.weights(layer, kind, w, b, params, source)
        return self.layer(kind, [x], params, label)


def convolution(t, layer, x):
    w, b = layer.folded()
    x, window, groups, source = t.map(x), layer.window, layer.groups, layer.sources[0]
    if layer.section == "low_rank":
        x = t.conv(layer, x, layer.params["basis"], None, "basis", window, source=source)
        window, source = (1, 1, 1, 0), None
    fused = FUSED.get(layer.activation)
    label = "" if fused else layer.sum_label
    name = t.conv(layer, x, w, b, label, window, groups, fused or {}, source)
    return t.done(layer, name, is_fused=bool(fused))


def connected(t, layer, x):
    w, b = layer.folded()
    fused = FUSED.get(layer.activation)
    params = {0: layer.out[2], 1: 1, 2: int(w.size), **(fused or {})}
    t.weights(layer, "InnerProduct", w, b, params, layer.sources[0])
    name = t.layer("InnerProduct", [x], params, "" if fused else layer.sum_label)
    return t.done(layer, name, True, bool(fused))


def batchnorm(t, layer, x):
    p, x = layer.params, t.map(x)
    name = t.layer("BatchNorm", [x], {0: layer.out[2], 1: BN_EPS}, layer.sum_label)
    t.floats(p["scales"], p["mean"], p["variance"], p.get("biases", np.zeros(layer.out[2])))
    return t.done(layer, name)


def activation(t, layer, x):
    return x if layer.activation == "linear" else t.done(layer, t.map(x).name)


def shortcut(t, layer, x, f):
    o, x, f = layer.options, t.map(x), t.map(f)
    if x.shape != f.shape:
        raise Failure(f"{layer.at} adds {f.shape} to {x.shape}: ncnn adds equal shapes alone")
    if o["alpha"] == o["beta"] == 1:
        name = t.layer("BinaryOp", [x, f], {0: ADD}, layer.sum_label)
    else:
        name = t.layer("Eltwise", [x, f],
                       {0: 1, -23301: [float(o["alpha"]), float(o["beta"])]}, layer.sum_label)
    return t.done(layer, name)


def route(t, layer, *inputs):
    o, names = layer.options, []
    if len(inputs) == 1 and o["groups"] == 1:
        return inputs[0]
    for i, x in enumerate(t.map(x) for x in inputs):
        part, name = x.shape[2] // o["groups"], x.name
        if o["groups"] > 1:
            first = o["group_id"] * part
            name = t.layer("Crop", [x], {-23309: [first], -23310: [first + part], -23311: [0]},
                           f"part{i}" if len(inputs) > 1 else "")
        names.append(name)
    return Tensor(names[0] if len(names) == 1 else t.layer("Concat", names, {0: 0}), layer.out)


def avgpool(t, layer, x):
    o, x = layer.options, t.map(x)
    if o["size"] == 0:  # the mean of the whole map; ncnn's output has one dimension
        return Tensor(t.layer("Pooling", [x], {0: 1, 4: 1}), layer.out, True)
    return Tensor(t.layer("Pooling", [x], {
        0: 1, 1: o["size"], 2: o["stride"], 3: o["size"] // 2 if o["pad"] else 0, 5: 1, 6: 1}),
        layer.out)


def pool(kind):
    """Returns the function that adds [maxpool] (kind 0) or [local_avgpool] (kind 1)."""
    def take(t, layer, x):
        size, stride, first, rest = layer.pooling
        return Tensor(t.layer("Pooling", [t.map(x)], {
            0: kind, 1: size, 2: stride, 3: first, 13: first, 14: rest, 15: rest, 5: 1}), layer.out)
    return take


def upsample(t, layer, x):
    stride, scale, x = layer.options["stride"], layer.options["scale"], t.map(x)
    label = "" if scale == 1 and stride > 0 else "resized"
    if stride > 0:
        name = t.layer("Interp", [x], {0: 1, 1: float(stride), 2: float(stride)}, label)
    else:
        name = t.layer("Pooling", [x], {0: 1, 1: -stride, 2: -stride, 5: 1}, label)
        scale *= stride * stride
    return Tensor(t.times(name, scale, "") if label else name, layer.out)


def softmax(t, layer, x):
    o = layer.options
    if o["groups"] > 1:
        raise Failure(f"{layer.at} groups={o['groups']}: has no ncnn form here")
    name = x.name if x.is_flat else t.layer("Flatten", [x], {}, "flat")
    if o["temperature"] != 1:
        name = t.times(name, 1 / o["temperature"], "cool")
    return Tensor(t.layer("Softmax", [name], {0: 0, 1: 1}), layer.out, True)


def l2norm(t, layer, x):
    name = t.layer("Normalize", [t.map(x)], {0: 0, 4: 1, 1: 1, 2: 1e-12, 9: 1, 3: 1})
    t.floats([1])
    return Tensor(name, layer.out)


def product(t, layer, x, f):
    return t.done(layer, t.layer("BinaryOp", [t.map(f), t.map(x)], {0: MUL}, layer.sum_label))


SECTIONS = {
    "convolutional": convolution, "depthwise": convolution, "global_depthwise": convolution,
    "low_rank": convolution, "binary": convolution, "connected": connected,
    "batchnorm": batchnorm, "activation": activation, "shortcut": shortcut, "route": route,
    "channel_shuffle": lambda t, layer, x: Tensor(
        t.layer("ShuffleChannel", [t.map(x)], {0: layer.options["groups"]}), layer.out),
    "avgpool": avgpool, "local_avgpool": pool(1), "maxpool": pool(0), "upsample": upsample,
    "dropout": lambda t, layer, x: x, "softmax": softmax, "l2norm": l2norm,
    "scale_channels": product, "sam": product,
    "logistic": lambda t, layer, x: Tensor(t.layer("Sigmoid", [x], {}), layer.out, x.is_flat),
}


def check(layer):
    if layer.section == "binary" and layer.options["mode"] in ("xnor", "bnn"):
        raise Failure(f"{layer.at} mode={layer.options['mode']}: ncnn takes no signs of the input; "
                      "bwn and binaryconnect have a form")
    if layer.activation not in ("linear", "prelu", "loggy", *ACTIVATIONS):
        raise Failure(f"{layer.at} activation={layer.activation}: has no ncnn form here")


def with_splits(rows):
    """Inserts a Split after each blob with several readers: ncnn allows only one reader."""
    uses = Counter(i for _, _, inputs, _, _ in rows for i in inputs)
    out, taken = [], Counter()
    for kind, name, inputs, outputs, params in rows:
        renamed = []
        for i in inputs:
            renamed.append(f"{i}_splitncnn_{taken[i]}" if uses[i] > 1 else i)
            taken[i] += 1
        out.append((kind, name, renamed, outputs, params))
        for o in outputs:
            if uses[o] > 1:
                out.append(("Split", f"splitncnn_{o}", [o],
                            [f"{o}_splitncnn_{k}" for k in range(uses[o])], {}))
    return out


FILTERS = ("convolutional", "depthwise", "global_depthwise", "low_rank", "binary", "connected")


def files_of(network, half=False, ranges=None):
    """Returns (text of the .param, bytes of the .bin, number of layers with 8-bit filters)."""
    t = Writer(network, half, ranges or {})
    for layer in network.used:
        check(layer)
    for layer in network.used:
        t.at = f"{layer.number}_{layer.name or layer.section}"
        t.blobs[layer.number] = SECTIONS[layer.section](
            t, layer, *(t.blobs[i] for i in layer.sources))
    last = t.blobs[network.last.number]
    if last.name == "input":
        raise Failure(f"{network.last.at} does nothing: ncnn has no network without a layer")
    rename = {last.name: "output"}
    rows = [(kind, name, [rename.get(i, i) for i in ins], [rename.get(o, o) for o in outs], p)
            for kind, name, ins, outs, p in t.rows]
    rows = with_splits(rows)
    blobs = sum(len(r[3]) for r in rows)
    lines = [str(MAGIC), f"{len(rows)} {blobs}"]
    for kind, name, ins, outs, params in rows:
        lines.append(" ".join([f"{kind:<20}", f"{name:<24}", str(len(ins)), str(len(outs)), *ins,
                               *outs, *(f"{k}={text_of(v)}" for k, v in params.items())]))
    return "\n".join(lines) + "\n", b"".join(t.data), t.quantized
