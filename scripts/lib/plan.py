"""Computes what a cfg file builds, in Python: the shapes, sources and parameters of each layer.

    net, layers = plan("cfg/mobilefacenet.cfg")

It shares no code with the C side, because the tests compare the two. It has the sections and
options of the files in cfg/; others are a Failure."""
import math
import re

import numpy as np

from lib.errors import Failure

LARGEST = 65536  # the largest integer that is accepted in a cfg
TRAINING = {"name", "fixed_width", "stopbackward", "learning_rate", "decay", "exclusivity"}


def read_cfg(path):
    """Returns the sections of a cfg: a list of (name, {option: text}, line)."""
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
    """Returns the value of an integer option. at: file, line and section, for messages."""
    text = o.get(option, str(default))
    if not text.isdecimal():
        raise Failure(f"{at} {option}={text}: not a whole number")
    if not least <= int(text) <= LARGEST:
        raise Failure(f"{at} {option}={text}: must be {least} to {LARGEST}")
    return int(text)


def width_of(o, at):
    """Returns a function that multiplies filters= by width_multiplier (a float32) and rounds to a
    multiple of the divisor."""
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


class Plan:
    """Builds one layer after another. add() calls the method with the name of the section."""

    def __init__(self, shape, width):
        self.shapes, self.width = [tuple(shape)], width  # of the input, then of each layer
        self.layer = self.o = self.at = None

    def add(self, name, o, at):
        build, known = SECTIONS[name]
        for option in sorted(set(o) - known - TRAINING):
            raise Failure(f"{at} {option}= is not known here")
        self.o, self.at = o, at
        before = len(self.shapes) - 2
        act = o.get("activation", "logistic" if name in ("convolutional", "connected")
                    else "linear")
        self.layer = {"name": name, "act": act, "at": at, "bn": o.get("batch_normalize") == "1",
                      "params": [], "sources": [before], "in": self.shapes[-1]}
        build(self, *self.shapes[-1])
        self.shapes.append(self.layer["out"])
        return self.layer

    def number(self, option, default, least=1):
        return whole(self.o, option, default, self.at, least)

    def earlier(self, option):
        """Returns the layers that an option lists. Each must come before this one."""
        here, text = len(self.shapes) - 1, self.o.get(option, "")
        if not re.fullmatch(r"-?[0-9]+( *, *-?[0-9]+)*", text):
            raise Failure(f"{self.at} {option}={text}: must list layers by number")
        found = [int(n) + (here if int(n) < 0 else 0) for n in text.split(",")]
        for n in found:
            if not 0 <= n < here:
                raise Failure(f"{self.at} {option}={text}: not a layer before this one")
        return found

    def other(self, shape=None):
        """Adds the layer of from= to the sources and returns its shape, which must be `shape` when
        that is given."""
        found = self.earlier("from")
        other = self.shapes[found[0] + 1]
        if len(found) > 1 or shape not in (None, other):
            raise Failure(f"{self.at} only one layer, of a shape that fits, is known here")
        self.layer["sources"] += found
        return other

    def window(self, h, w, kh, kw, stride, around):
        """Returns the size of an output. around: the sum of the padding on both sides, pixels."""
        if h + around < kh or w + around < kw:
            raise Failure(f"{self.at} the window is larger than the input")
        return (h + around - kh) // stride + 1, (w + around - kw) // stride + 1

    def norm(self, n):
        return [(name, (n,)) for name in ("scales", "mean", "variance")] if self.layer["bn"] else []

    def slopes(self, n):
        return [("slopes", (n,))] if self.layer["act"] == "prelu" else []

    # ---- sections ----

    def filters(self, h, w, c, kh, kw, stride, pad, groups, filters):
        if c % groups or filters % groups:
            raise Failure(f"{self.at} groups={groups}: must divide {c} channels and {filters} "
                          "filters")
        shape = (filters, c // groups, kh, kw)
        self.layer.update(cin=c, stride=stride, pad=pad, groups=groups, shape=shape)
        self.layer["params"] = [("biases", (filters,)), *self.norm(filters), ("weights", shape),
                                *self.slopes(filters)]
        self.layer["out"] = (*self.window(h, w, kh, kw, stride, 2 * pad), filters)

    def size(self, default):
        size = self.number("size", default)
        pad = size // 2 if self.o.get("pad") == "1" else self.number("padding", 0, 0)
        return size, size, self.number("stride", 1), pad

    def outputs(self, option):
        n = self.number(option, 1)
        return n if self.o.get("fixed_width") == "1" else self.width(n)

    def convolutional(self, h, w, c):
        self.filters(h, w, c, *self.size(1), self.number("groups", 1), self.outputs("filters"))

    def depthwise(self, h, w, c):
        self.filters(h, w, c, *self.size(3), c, c * self.number("multiplier", 1))

    def global_depthwise(self, h, w, c):
        self.filters(h, w, c, h, w, 1, 0, c, c)

    def connected(self, h, w, c):
        n = self.number("output", 1)
        self.layer["params"] = [("biases", (n,)), ("weights", (n, c * h * w)), *self.norm(n),
                                *self.slopes(n)]
        self.layer["out"] = (1, 1, n)

    def batchnorm(self, h, w, c):
        self.layer["bn"] = True
        shift = [("biases", (c,))] if self.o.get("shift") == "1" else []
        self.layer["params"] = [*shift, *self.norm(c), *self.slopes(c)]
        self.layer["out"] = (h, w, c)

    def activation(self, h, w, c):
        self.layer["params"] = self.slopes(c)
        self.layer["out"] = (h, w, c)

    def same(self, h, w, c):
        """[dropout], [softmax]: no parameters; the output has the shape of the input."""
        self.layer["out"] = (h, w, c)

    def shortcut(self, h, w, c):
        self.layer["params"] = self.slopes(c)
        self.layer["out"] = self.other((h, w, c))

    def sam(self, h, w, c):
        self.layer["out"] = self.other((h, w, c))

    def scale_channels(self, h, w, c):
        out = self.layer["out"] = self.other()
        by_pixel = self.o.get("scale_wh") == "1"
        if (h, w, c) != ((*out[:2], 1) if by_pixel else (1, 1, out[2])):
            raise Failure(f"{self.at} needs a number for each "
                          f"{'pixel' if by_pixel else 'channel'} of from=")

    def route(self, *_):
        groups, part = self.number("groups", 1), self.number("group_id", 0, 0)
        found = self.layer["sources"] = self.earlier("layers")
        shapes = [self.shapes[n + 1] for n in found]
        if any(s[:2] != shapes[0][:2] or s[2] % groups for s in shapes) or part >= groups:
            raise Failure(f"{self.at} needs maps of one size, whose channels groups= divides")
        self.layer.update(groups=groups, part=part,
                          out=(*shapes[0][:2], sum(s[2] // groups for s in shapes)))

    def channel_shuffle(self, h, w, c):
        self.layer.update(groups=self.number("groups", 2), out=(h, w, c))
        if c % self.layer["groups"]:
            raise Failure(f"{self.at} groups={self.layer['groups']}: must divide {c} channels")

    def avgpool(self, h, w, c):
        size, stride = self.number("size", 0, 0), self.number("stride", 1)
        pad = size // 2 if self.o.get("pad") == "1" else 0
        out = (*self.window(h, w, size, size, stride, 2 * pad), c) if size else (1, 1, c)
        self.layer.update(size=size, stride=stride, pad=pad, out=out)

    def maxpool(self, h, w, c):
        stride = self.number("stride", 1)
        size = self.number("size", 0, 0) or stride
        around = self.number("padding", size - 1, 0)
        self.layer.update(size=size, stride=stride, around=around,
                          out=(*self.window(h, w, size, size, stride, around), c))

    def upsample(self, h, w, c):
        by = self.number("stride", 2)
        self.layer.update(stride=by, out=(h * by, w * by, c))


CONV = {"size", "stride", "pad", "padding", "batch_normalize", "activation"}
SECTIONS = {  # {section: (its method, its options)}
    "convolutional": (Plan.convolutional, CONV | {"filters", "groups"}),
    "depthwise": (Plan.depthwise, CONV | {"multiplier"}),
    "global_depthwise": (Plan.global_depthwise, {"batch_normalize", "activation"}),
    "connected": (Plan.connected, {"output", "batch_normalize", "activation"}),
    "batchnorm": (Plan.batchnorm, {"shift", "activation"}),
    "activation": (Plan.activation, {"activation"}),
    "dropout": (Plan.same, {"probability"}),
    "softmax": (Plan.same, set()),
    "shortcut": (Plan.shortcut, {"from", "activation"}),
    "sam": (Plan.sam, {"from", "activation"}),
    "scale_channels": (Plan.scale_channels, {"from", "scale_wh", "activation"}),
    "route": (Plan.route, {"layers", "groups", "group_id"}),
    "channel_shuffle": (Plan.channel_shuffle, {"groups"}),
    "avgpool": (Plan.avgpool, {"size", "stride", "pad"}),
    "local_avgpool": (Plan.maxpool, {"size", "stride", "padding"}),
    "maxpool": (Plan.maxpool, {"size", "stride", "padding"}),
    "upsample": (Plan.upsample, {"stride"}),
}


def plan(path):
    """Returns (net, layers), up to the first loss that only training uses. net has height, width
    and channels. A layer is a dict with name; act; bn; sources (layer numbers, -1 for the input);
    in and out (shapes as height, width, channels); params (a list of (name, shape) in the order of
    the weights file); and its geometry."""
    sections = read_cfg(path)
    if not sections or sections[0][0] != "net":
        raise Failure(f"{path}: the first section must be [net]")
    _, o, line = sections[0]
    width = width_of(o, f"{path}:{line}: [net]")
    for k in ("height", "width", "channels"):
        if k not in o:
            raise Failure(f"{path}:{line}: [net] {k} is missing")
    net = {k: whole(o, k, 1, f"{path}:{line}: [net]") for k in ("height", "width", "channels")}
    made, layers = Plan(net.values(), width), []
    for i, (name, o, line) in enumerate(sections[1:]):
        if i and (name == "margin_softmax" or name.startswith("kd_")):
            break  # the layer before is the embedding
        at = f"{path}:{line}: [{name}]"
        if name not in SECTIONS:
            raise Failure(f"{at} is not known here, only {', '.join(SECTIONS)}")
        layers.append(made.add(name, o, at))
    return net, layers
