"""Reads and writes our cfg and .weights files in Python, for networks of a few layer types.

    net, layers = plan("cfg/mobilefacenet.cfg")
    arrays = read_weights("some.weights", layers)

Knows [net], [convolutional], [depthwise], [global_depthwise] and linear [shortcut], no more. It
shares no code with the C side: the tests use it as a second opinion."""
import math
import re
import struct
import sys

import numpy as np

from lib.errors import Failure

BN_EPS = 1e-5
LARGEST = 65536  # of the numbers in a cfg that are read here
# Options of each section, and those of training, which change no output
SECTIONS = {
    "convolutional": {"filters", "size", "stride", "pad", "padding", "groups", "batch_normalize",
                      "activation"},
    "depthwise": {"size", "stride", "pad", "padding", "multiplier", "batch_normalize",
                  "activation"},
    "global_depthwise": {"batch_normalize", "activation"},
    "shortcut": {"from", "activation"},
}
TRAINING = {"name", "fixed_width", "stopbackward", "learning_rate", "decay", "exclusivity"}


def read_cfg(path):
    """The sections of a cfg: a list of (name, {option: text}, line)."""
    sections = []
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            if not line or line[0] in "#;":
                continue
            if line[0] == "[":
                sections.append((line.strip("[]"), {}, number))
            elif "=" in line and sections:
                key, value = line.split("=", 1)
                sections[-1][1][key.strip()] = value.strip()
            else:
                raise Failure(f"{path}:{number}: not a section and not option=value")
    return sections


def whole(o, option, default, at, least=1):
    """The whole number of an option; at: file, line and section."""
    text = o.get(option, str(default))
    if not text.isdecimal():
        raise Failure(f"{at} {option}={text}: not a whole number")
    if not least <= int(text) <= LARGEST:
        raise Failure(f"{at} {option}={text}: must be {least} to {LARGEST}")
    return int(text)


def width_of(o, at):
    """A function of filters=: times width_multiplier (a float32), as a multiple of divisor."""
    text = o.get("width_multiplier", "1")
    try:
        by = float(np.float32(text))
    except ValueError:
        by = math.nan
    if not .001 <= by <= 64:
        raise Failure(f"{at} width_multiplier={text}: must be 0.001 to 64")
    divisor = whole(o, "divisor", 1, at)

    def width(filters):
        exact = filters * by
        if by == 1:
            return filters
        if divisor == 1:
            return max(1, math.floor(exact + .5))
        near = max(divisor, math.floor(exact + divisor // 2) // divisor * divisor)
        return near + divisor if near < .9 * exact else near
    return width


def plan(path):
    """(net, layers): net has height, width, channels; a layer is a dict with its geometry and
    `params`, a list of (name, shape) in the order of the weights file. Layers end at the first
    loss of training."""
    sections = read_cfg(path)
    if not sections or sections[0][0] != "net":
        raise Failure(f"{path}: the first section must be [net]")
    _, o, line = sections[0]
    width = width_of(o, f"{path}:{line}: [net]")
    for k in ("height", "width", "channels"):
        if k not in o:
            raise Failure(f"{path}:{line}: [net] {k} is missing")
    net = {k: whole(o, k, 1, f"{path}:{line}: [net]") for k in ("height", "width", "channels")}
    h, w, c = net["height"], net["width"], net["channels"]
    layers, shapes = [], []
    for i, (name, o, line) in enumerate(sections[1:]):
        at = f"{path}:{line}: [{name}]"
        if i and (name == "margin_softmax" or name.startswith("kd_")):
            break  # the layer before is the embedding
        if name not in SECTIONS:
            raise Failure(f"{at} is not known here, only {', '.join(SECTIONS)}")
        for option in sorted(set(o) - SECTIONS[name] - TRAINING):
            raise Failure(f"{at} {option}= is not known here")
        act = o.get("activation", "logistic" if name == "convolutional" else "linear")
        if act not in ("prelu", "linear"):
            raise Failure(f"{at} activation={act}: only prelu and linear are known here")
        layer = {"name": name, "act": act, "bn": o.get("batch_normalize", "0") == "1", "params": []}
        if name == "shortcut":
            text = o.get("from", "")
            if not re.fullmatch(r"-?[0-9]+", text):
                raise Failure(f"{at} from={text}: only one layer is known here")
            source = layer["from"] = int(text) + (i if int(text) < 0 else 0)
            if not 0 <= source < i:
                raise Failure(f"{at} from={text}: not a layer before this one")
            if act != "linear" or shapes[source] != (h, w, c):
                raise Failure(f"{at} only linear, of equal shapes, is known here")
        else:
            if name == "global_depthwise":
                kh, kw, stride, pad, groups, filters = h, w, 1, 0, c, c
            else:
                kh = kw = whole(o, "size", 3 if name == "depthwise" else 1, at)
                stride = whole(o, "stride", 1, at)
                pad = kh // 2 if o.get("pad", "0") == "1" else whole(o, "padding", 0, at, 0)
                groups = c if name == "depthwise" else whole(o, "groups", 1, at)
                filters = whole(o, "filters", 1, at)
                if o.get("fixed_width", "0") != "1":
                    filters = width(filters)
                if name == "depthwise":
                    filters = c * whole(o, "multiplier", 1, at)
            if c % groups or filters % groups:
                raise Failure(f"{at} groups={groups}: must divide {c} channels and {filters} "
                              "filters")
            shape = (filters, c // groups, kh, kw)
            layer.update(cin=c, stride=stride, pad=pad, groups=groups, shape=shape)
            names = ["biases"] + (["scales", "mean", "variance"] if layer["bn"] else [])
            layer["params"] = [(n, (filters,)) for n in names] + [("weights", shape)]
            if act == "prelu":
                layer["params"].append(("slopes", (filters,)))
            if h + 2 * pad < kh or w + 2 * pad < kw:
                raise Failure(f"{at} the filter is larger than the input")
            h, w = (h + 2 * pad - kh) // stride + 1, (w + 2 * pad - kw) // stride + 1
            c = filters
        layer["out"] = (h, w, c)
        layers.append(layer)
        shapes.append((h, w, c))
    return net, layers


def read_weights(path, layers, behind=0):
    """Per layer a dict of arrays. Fails when the file is longer or shorter than the network, but
    it may have a head behind it, a row for each class, or `behind` floats of further layers."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 20:
        raise Failure(f"{path}: not a weights file")
    major, minor, _ = struct.unpack_from("<iii", data)
    at = 12 + (8 if major * 10 + minor >= 2 else 4)
    values = np.frombuffer(data[at:len(data) - (len(data) - at) % 4], "<f4")
    need = sum(math.prod(shape) for layer in layers for _, shape in layer["params"])
    width = math.prod(layers[-1]["out"]) if layers else 0
    if behind and values.size == need + behind:
        pass
    elif width and values.size > need and (values.size - need) % width == 0 and \
            len(data) % 4 == 0:
        print(f"{path}: {values.size - need} floats behind the embedding are left out",
              file=sys.stderr)
    elif need * 4 != len(data) - at:
        raise Failure(f"{path}: {values.size} floats, the network has {need}")
    out, at = [], 0
    for layer in layers:
        arrays = {}
        for name, shape in layer["params"]:
            count = math.prod(shape)
            arrays[name] = values[at:at + count].reshape(shape)
            if not np.isfinite(arrays[name]).all():
                raise Failure(f"{path}: {name} of layer {len(out)}: not all are finite numbers")
            if name == "variance" and (arrays[name] < 0).any():
                raise Failure(f"{path}: variance of layer {len(out)}: has a negative number")
            at += count
        out.append(arrays)
    return out


def write_weights(path, layers, arrays):
    """The reverse of read_weights."""
    with open(path, "wb") as f:
        f.write(struct.pack("<iiiQ", 0, 2, 0, 0))
        for layer, a in zip(layers, arrays):
            for name, shape in layer["params"]:
                assert a[name].shape == tuple(shape)
                f.write(np.ascontiguousarray(a[name], "<f4").tobytes())
