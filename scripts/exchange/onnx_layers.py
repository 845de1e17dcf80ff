"""Turns the nodes of an ONNX model into layers of a cfg, one function for each operator.

A value is a constant or stands for a layer. What several nodes compute together, as x * sigmoid(x),
is kept as a value with `parts` until the node comes that completes it; a value that is wanted
before becomes a layer of its own."""
import copy
import math
from collections import Counter

import numpy as np
from onnx import numpy_helper

from exchange.cfg_out import Layer
from exchange.onnx_fold import FOLD, axes_of
from exchange.onnx_windows import embed, pads_of, symmetric
from lib.darknet_files import BN_EPS
from lib.errors import Failure

HAS_ACTIVATION = ("convolutional", "depthwise", "global_depthwise", "connected", "batchnorm",
                  "shortcut")
EXACT = 1e-6  # how near numbers as 1/6 must be


class Value:
    """layer: its number, -1 for the input; form: map (N, C, H, W), flat (N, C*H*W), hwc (N, H, W,
    C), flat_hwc, groups (N, G, C/G, H, W), mixed (N, C/G, G, H, W); shape: (h, w, c). parts: (word,
    ...), what is computed from the layer. name: in the file. is_shared: another name of the same
    numbers has readers of its own."""

    def __init__(self, layer, shape, form="map", parts=None, name="", groups=1):
        self.layer, self.shape, self.form, self.parts = layer, tuple(shape), form, parts
        self.name, self.groups, self.is_shared = name, groups, False

    @property
    def dims(self):
        (h, w, c), g = self.shape, self.groups
        return {"map": (1, c, h, w), "flat": (1, c * h * w), "flat_hwc": (1, c * h * w),
                "hwc": (1, h, w, c), "groups": (1, g, c // g, h, w),
                "mixed": (1, c // g, g, h, w)}[self.form]

    @property
    def is_point(self):
        return self.shape[:2] == (1, 1)

    def like(self, **changes):
        out = copy.copy(self)
        out.__dict__.update(changes)
        return out

    def same(self, other):
        return isinstance(other, Value) and (self.layer, self.form, self.parts) == \
            (other.layer, other.form, other.parts)


def is_near(a, b):
    return np.size(a) == 1 and abs(float(np.ravel(a)[0]) - b) < EXACT * max(1, abs(b))


class Importer:
    """model: onnx_in.Model; size: (height, width) or None; ones: names of BatchNormalization nodes
    whose gamma is read as 1, or "all"."""

    def __init__(self, model, size=None, ones=(), bgr=False):
        self.model, self.ones, self.bgr = model, ones, bgr
        self.layers, self.notes, self.node = [], [], None
        self.made = {}  # values that had parts: the layer that computes them
        self.mean, self.scale = None, None  # what the graph itself does to its input
        self.uses = Counter(i for n in model.nodes for i in n.inputs)
        self.uses[model.output] += 1
        self.values = dict(model.constants)
        self.values[model.input] = self.input_value(size)

    def fail(self, text):
        raise Failure(f"{self.model.path}: {self.node}: {text}")

    def note(self, text):
        self.notes.append(text)

    def input_value(self, size):
        model, dims = self.model, list(self.model.dims)
        where = f"{model.path}: input {model.input}"
        if len(dims) != 4:
            raise Failure(f"{where}: has {len(dims)} dimensions, an image has 4")
        is_hwc = dims[3] in (1, 3) and dims[1] not in (1, 3)
        c, h, w = (dims[3], dims[1], dims[2]) if is_hwc else dims[1:]
        if size:
            if (h and h != size[0]) or (w and w != size[1]):
                raise Failure(f"{where}: is {h} x {w}, --size says {size[0]} x {size[1]}")
            h, w = size
        if not h or not w or not c:
            raise Failure(f"{where}: its {'size' if c else 'channels are'} is open: give it, as "
                          "--size 112x112" if c else f"{where}: its channels are open")
        return Value(-1, (h, w, c), "hwc" if is_hwc else "map", name=model.input)

    def run(self):
        """The last layer's Value."""
        for self.node in self.model.nodes:
            n = self.node
            args = [self.values[i] if i else None for i in n.inputs]
            if n.op == "Constant":
                out = self.constant(n)
            elif n.op == "Shape" and isinstance(args[0], Value):
                out = np.asarray(args[0].dims, np.int64)
            elif not any(isinstance(a, Value) for a in args):
                out = self.folded(n, args)
            elif n.op in OPERATORS:
                out = OPERATORS[n.op](self, n, *args)
            else:
                self.fail("this operator has no layer here")
            outs = out if isinstance(out, list) else [out]
            for name, value in zip(n.outputs, outs):
                if isinstance(value, Value):
                    value = value.like(name=name, is_shared=n.op in RENAMES and
                                       (args[0].is_shared or self.uses[args[0].name] > 1))
                self.values[name] = value
        last = self.layer_of(self.values[self.model.output])
        if not self.layers:
            raise Failure(f"{self.model.path}: no node of it becomes a layer")
        if last.form == "flat_hwc" and not last.is_point or last.form in ("hwc", "groups", "mixed"):
            self.fail("the output has an order of channels and pixels that no layer has")
        return last

    def constant(self, n):
        if "value" in n.attributes:
            a = numpy_helper.to_array(n.attributes["value"])
            return a.astype(np.float32) if a.dtype.kind == "f" else a
        for key in ("value_float", "value_floats", "value_int", "value_ints"):
            if key in n.attributes:
                return np.asarray(n.attributes[key], np.float32 if "float" in key else np.int64)
        return self.fail("a constant of another kind than numbers")

    def folded(self, n, args):
        if n.op not in FOLD:
            self.fail("is not known of constants")
        try:
            with np.errstate(all="ignore"):
                return FOLD[n.op](n, *args)
        except (ValueError, IndexError, TypeError, AttributeError, OverflowError) as e:
            return self.fail(f"its constants do not fit: {e}")

    # ---- layers ----

    def add(self, section, options, inputs, shape, form="map", **params):
        """A new layer; returns its Value."""
        for key, a in params.items():
            if a is not None and not np.isfinite(a).all():
                self.fail(f"{key}: not all are finite numbers")
        if max(shape) > 65536 and section != "connected":
            self.fail(f"{shape} is larger than a layer can be")
        self.layers.append(Layer(section, options, [i.layer for i in inputs], shape,
                                 f"{self.node.name}", **params))
        return Value(len(self.layers) - 1, shape, form, name=self.node.outputs[0])

    def alone(self, value, uses=1):
        """The layer of a value that only this computation reads, or None."""
        return self.layers[value.layer] if value.layer >= 0 and not value.is_shared and \
            self.uses[value.name] == uses else None

    def layer_of(self, value):
        """The value without parts."""
        if not isinstance(value, Value):
            self.fail("an input is a constant where a layer's output must be")
        if value.parts is None:
            return value
        if value.name in self.made:
            return self.made[value.name]
        word, *rest = value.parts
        if word in ("affine", "logistic", "hsigmoid", "square"):
            made = self.affine_layer(value, *rest) if word == "affine" else \
                self.add("sam", {}, [self.layer_of(rest[0])] * 2,
                         value.shape) if word == "square" else \
                self.activate(rest[0], word)
            self.made[value.name] = made = made.like(name=value.name, is_shared=False)
            return made
        return self.fail(f"its input {value.name} is computed in a way that has no layer here "
                         f"({word})")

    def map_of(self, value):
        value = self.layer_of(value)
        if value.form == "flat" and value.is_point:
            return value.like(form="map")
        if value.form != "map":
            self.fail(f"its input {value.name} must be a map N x C x H x W")
        return value

    def activate(self, value, act, slopes=None, uses=1):
        """An activation function: in the layer before, when nothing else reads that."""
        base = self.layer_of(value)
        layer = self.alone(base, uses) if base.layer == value.layer else self.layers[base.layer]
        if layer and layer.section in HAS_ACTIVATION and layer.options["activation"] == "linear" \
                and not (layer.section == "shortcut" and act == "prelu"):
            layer.options["activation"] = act
            if slopes is not None:
                layer.params["slopes"] = slopes
            return base
        params = {} if slopes is None else {"slopes": slopes}
        if base.form not in ("map", "flat") or base.form == "flat" and not base.is_point and params:
            self.fail("the order of its input has no layer here")
        return self.add("activation", {"activation": act}, [base], base.shape, base.form, **params)

    def norm_layer(self, x, scales, biases, mean, variance):
        return self.add("batchnorm", {"shift": 1, "activation": "linear"}, [x], x.shape, x.form,
                        biases=biases, scales=scales, mean=mean, variance=variance)

    def affine_layer(self, value, a, b, x, is_single):
        """a x + b as a layer, or as input_mean= and input_scale= of the cfg. is_single: nothing
        else reads x."""
        c = value.shape[2]
        if x.layer < 0 and np.size(a) == np.size(b) == 1 and a != 0:
            mean, scale = -float(b) / float(a), float(a)
            if self.mean is None and not self.layers or (mean, scale) == (self.mean, self.scale):
                self.mean, self.scale = mean, scale
                return x
        if np.size(a) not in (1, c) or np.size(b) not in (1, c) or x.form not in ("map", "flat") \
                or x.form == "flat" and not x.is_point:
            self.fail("multiplies or adds constants of a shape that no layer has")
        a, b = (np.broadcast_to(np.ravel(v), (c,)).astype(np.float32) for v in (a, b))
        layer = self.alone(x) if is_single else None
        if layer is not None and (a == 1).all() and layer.params.get("biases") is not None and \
                layer.section != "batchnorm" and layer.options["activation"] == "linear":
            layer.params["biases"] = layer.params["biases"] + b
            return x
        return self.norm_layer(x, a, b, np.zeros(c), np.full(c, 1 - BN_EPS))


def affine(t, x, a, b):
    """The value a x + b, in which a and b are numbers or one for each channel."""
    base, is_single = x, True
    if x.parts and x.parts[0] == "affine":
        a0, b0, base, is_single = x.parts[1:]
        a, b, is_single = a0 * a, b0 * a + b, is_single and t.uses[x.name] == 1
    elif x.parts:
        base = t.layer_of(x)
    return base.like(parts=("affine", a, b, base, is_single))


def per_channel(t, x, constant):
    """A constant of elementwise arithmetic, as one number or one for each channel."""
    k = np.asarray(constant, np.float64)
    if k.size == 1:
        return k.reshape(())
    full = (1,) * (len(x.dims) - k.ndim) + k.shape
    channel = {"map": 1, "hwc": 3}.get(x.form, 1)
    c = x.dims[channel] if channel < len(x.dims) else 0
    if len(full) != len(x.dims) or full[channel] != c or k.size != c:
        t.fail(f"a constant of {' x '.join(map(str, k.shape))} beside {x.dims} has no layer here")
    return k.ravel()


# ---- operators ----

def conv(t, n, x, w, b=None):
    pad_before, x = (x.parts[1], x.like(parts=None)) if isinstance(x, Value) and x.parts and \
        x.parts[0] == "pad" else ((0, 0, 0, 0), x)
    x = t.map_of(x)
    h, wide, c = x.shape
    if not isinstance(w, np.ndarray) or w.ndim != 4:
        t.fail("its filters must be constants of 4 dimensions")
    groups, strides = n.get("group", 1), n.get("strides", [1, 1])
    if w.shape[1] * groups != c or w.shape[0] % groups:
        t.fail(f"its filters are for {w.shape[1] * groups} channels, its input has {c}")
    if strides[0] != strides[1]:
        t.fail(f"strides={strides}: must be equal")
    dilations = n.get("dilations", [1, 1])
    pads = pads_of(n, (h, wide), w.shape[2:], strides, dilations)
    pads = [p + q for p, q in zip(pads, pad_before)]
    w, pad = embed(t, w.astype(np.float32), pads, dilations, (h, wide))
    if t.bgr and x.layer < 0:
        w = w[:, ::-1] if groups == 1 else t.fail("--bgr: needs a first convolution without groups")
    outputs, _, kh, kw = w.shape
    biases = np.zeros(outputs) if b is None else b
    oh, ow = (h + 2 * pad - kh) // strides[0] + 1, (wide + 2 * pad - kw) // strides[0] + 1
    options = {"batch_normalize": 0, "activation": "linear"}
    if groups == c and (kh, kw) == (h, wide) and not pad and outputs == c and h <= 64:
        section = "global_depthwise"
    else:
        if kh != kw:
            t.fail(f"kernel_shape={n.get('kernel_shape')}: must be square, or the whole map in "
                   "groups of one channel")
        section = "depthwise" if groups == c and c > 1 and kh <= 15 and strides[0] <= 16 and \
            outputs // c <= 64 and pad <= 64 else "convolutional"
        options = {"size": kh, "stride": strides[0], "padding": pad, **options}
        if section == "depthwise":
            options = {"multiplier": outputs // c, **options}
        else:
            options = {"filters": outputs, "groups": groups, **options}
    return t.add(section, options, [x], (oh, ow, outputs), weights=w, biases=biases)


def gemm(t, n, x, w, b=None):
    if isinstance(w, Value) or b is not None and isinstance(b, Value):
        t.fail("only constants may be multiplied by")
    folds = x.parts[1:] if isinstance(x, Value) and x.parts and x.parts[0] == "features" else None
    x = x.like(parts=None) if folds else t.layer_of(x)
    if n.op == "Gemm" and n.get("transA", 0):
        t.fail("transA=1 has no layer here")
    w = np.asarray(w, np.float64)
    w = (w if n.op == "Gemm" and n.get("transB", 0) else w.T) * n.get("alpha", 1.)
    width = math.prod(x.shape)
    if x.form not in ("flat", "flat_hwc") or w.ndim != 2 or w.shape[1] != width:
        t.fail(f"multiplies {' x '.join(map(str, x.dims))} by {w.shape}: has no layer here")
    bias = np.zeros(len(w)) if b is None else \
        np.broadcast_to(np.ravel(b), (len(w),)) * n.get("beta", 1.)
    if folds:
        a, shift = folds
        w, bias = w * a, bias + w @ shift
    if x.form == "flat_hwc":
        h, wide, c = x.shape
        w = w.reshape(-1, h, wide, c).transpose(0, 3, 1, 2).reshape(len(w), -1)
    return t.add("connected", {"output": len(w), "batch_normalize": 0, "activation": "linear"}, [x],
                 (1, 1, len(w)), "flat", weights=w, biases=bias)


def batchnorm(t, n, x, gamma, beta, mean, variance, *_):
    if any(isinstance(v, Value) for v in (gamma, beta, mean, variance)):
        t.fail("its numbers must be constants")
    if n.get("training_mode", 0):
        t.fail("training_mode=1: only a network that predicts can be imported")
    if t.ones == "all" or n.name in t.ones or n.get("fix_gamma", 0):
        gamma = np.ones_like(gamma)
    x = t.layer_of(x)
    if n.get("spatial", 1) == 0 and x.form == "map" and not x.is_point:
        t.fail("spatial=0: has a mean for each pixel, which no layer has")
    gamma, beta, mean, variance = (np.ravel(v).astype(np.float64) for v in
                                   (gamma, beta, mean, variance))
    if (variance < 0).any():
        t.fail("its variance has a negative number")
    eps = n.get("epsilon", 1e-5)
    if x.form == "flat" and not x.is_point:  # a channel for each number: the next Gemm does it
        a = gamma / np.sqrt(variance + eps)
        return x.like(parts=("features", a, beta - mean * a))
    if len(gamma) != x.shape[2] or x.form not in ("map", "flat"):
        t.fail(f"has {len(gamma)} channels, its input {x.shape[2]}")
    if abs(eps - BN_EPS) > 1e-9:
        gamma = gamma * np.sqrt((variance + BN_EPS) / (variance + eps))
    layer = t.alone(x)
    if layer and layer.options.get("batch_normalize") == 0 and \
            layer.options["activation"] == "linear":
        layer.options["batch_normalize"] = 1
        norm = {"scales": gamma, "mean": mean - layer.params["biases"], "variance": variance,
                "biases": beta}
        layer.params.update({k: v.astype(np.float32) for k, v in norm.items()})
        return x
    return t.norm_layer(x, gamma, beta, mean, variance)


def prelu(t, n, x, slope):
    if isinstance(slope, Value):
        t.fail("its slopes must be constants")
    x, k = t.layer_of(x), np.asarray(slope, np.float32)
    c = x.shape[2]
    if k.size not in (1, c) or k.ndim > 1 and k.size == c and k.shape[-1] == c and c > 1 and \
            x.form == "map" and not x.is_point:
        t.fail(f"slopes of {' x '.join(map(str, k.shape))}: must be one, or one for each of {c} "
               "channels")
    if k.size > 1 and k.ndim == 1 and x.form == "map" and not x.is_point:
        t.note(f"slopes of {n.name} have one dimension and are taken for channels")
    return t.activate(x, "prelu", np.broadcast_to(k.ravel(), (c,)))


def leaky(t, n, x):
    alpha = n.get("alpha", .01)
    for act, a in (("leaky", .1), ("relie", .01), ("relu", 0)):
        if is_near(alpha, a):
            return t.activate(x, act)
    return t.activate(x, "prelu", np.full(t.layer_of(x).shape[2], alpha, np.float32))


def clip(t, n, x, low=None, high=None):
    low = n.get("min") if low is None else float(np.ravel(low)[0])
    high = n.get("max") if high is None else float(np.ravel(high)[0])
    if x.parts and x.parts[0] == "affine" and (low, high) == (0, 6):
        a, b, base = x.parts[1:4]
        if is_near(a, 1) and is_near(b, 3):
            return x.like(parts=("cut", base, 1.))  # cut(x + 3)
    if x.parts and x.parts[0] == "length":
        return x  # a length that is at least something tiny
    if low == 0 and (high is None or high > 1e30):
        return t.activate(x, "relu")
    for act, bounds in (("relu6", (0, 6)), ("hardtan", (-1, 1))):
        if (low, high) == bounds:
            return t.activate(x, act)
    return t.fail(f"min={low} max={high}: only 0 and 6, -1 and 1, and 0 alone have a layer here")


def hardsigmoid(t, n, x):
    if not is_near(n.get("alpha", .2), 1 / 6) or not is_near(n.get("beta", .5), .5):
        t.fail(f"alpha={n.get('alpha', .2):g} beta={n.get('beta', .5):g}: only 1/6 and 1/2 have a "
               "layer here")
    return t.layer_of(x).like(parts=("hsigmoid", t.layer_of(x)))


def elu(t, n, x):
    if not is_near(n.get("alpha", 1.), 1):
        t.fail(f"alpha={n.get('alpha'):g}: only 1 has a layer here")
    return t.activate(x, "elu")


def selu(t, n, x):
    alpha, gamma = n.get("alpha", 1.6732), n.get("gamma", 1.0507)
    if abs(alpha - 1.6732) > 1e-3 or abs(gamma - 1.0507) > 1e-3:
        t.fail(f"alpha={alpha:g} gamma={gamma:g}: only 1.6732 and 1.0507 have a layer here")
    return t.activate(x, "selu")


def lazily(word):
    def take(t, _n, x):
        x = t.layer_of(x)
        return x.like(parts=(word, x))
    return take


def tanh(t, _n, x):
    if x.parts and x.parts[0] == "softplus":
        return x.like(parts=("tanh of softplus", x.parts[1]))
    return t.activate(x, "tanh")


PRODUCTS = {"logistic": "swish", "hsigmoid": "hswish", "tanh of softplus": "mish"}


def product(t, _n, x, y):
    if not isinstance(x, Value):
        x, y = y, x
    if not isinstance(y, Value):
        return times(t, x, np.asarray(y, np.float64))
    if x.parts:
        x, y = y, x
    if y.parts and y.parts[0] in PRODUCTS and y.parts[1].same(x):
        return t.activate(x, PRODUCTS[y.parts[0]], uses=2)
    if y.parts and y.parts[0] == "cut" and y.parts[1].same(x):
        if is_near(y.parts[2], 1 / 6):
            return t.activate(x, "hswish", uses=2)
        return x.like(parts=("cut product", x, y.parts[2]))
    if x.same(y):
        return x.like(parts=("square", x))
    x, y = t.map_of(x), t.map_of(y)
    if x.shape == y.shape:
        return t.add("sam", {}, [x, y], x.shape)
    if x.is_point:
        x, y = y, x
    if not y.is_point or x.shape[2] != y.shape[2]:
        t.fail(f"multiplies {x.dims} by {y.dims}: only equal shapes, or a number for each channel, "
               "have a layer here")
    return t.add("scale_channels", {}, [y, x], x.shape)


def times(t, x, k):
    """By a constant."""
    if x.parts and x.parts[0] in ("cut", "cut product") and k.size == 1:
        by = x.parts[2] * float(k.ravel()[0])
        if is_near(by, 1 / 6):
            base = x.parts[1]
            return base.like(parts=("hsigmoid", base)) if x.parts[0] == "cut" else \
                t.activate(base, "hswish", uses=2)
        return x.like(parts=(x.parts[0], x.parts[1], by))
    return affine(t, x, per_channel(t, x, k), np.float64(0))


def divide(t, _n, x, y):
    if isinstance(x, Value) and not isinstance(y, Value):
        if (np.asarray(y) == 0).any():
            t.fail("divides by 0")
        return times(t, x, 1 / np.asarray(y, np.float64))
    if isinstance(x, Value) and y.parts and y.parts[0] == "length" and y.parts[1].same(x):
        return t.add("l2norm", {}, [x], x.shape, x.form)
    return t.fail("only constants, or x / |x|, have a layer here")


def plus(t, n, x, y):
    sign = -1 if n.op == "Sub" else 1
    if not isinstance(y, Value) or not isinstance(x, Value):
        if isinstance(x, Value):
            if x.parts and x.parts[0] in ("length", "sum of squares"):
                return x  # + epsilon
            return affine(t, x, np.float64(1), sign * per_channel(t, x, y))
        return affine(t, y, np.float64(sign), per_channel(t, y, x))
    x, y = t.layer_of(x), t.layer_of(y)
    if x.shape != y.shape or x.form != y.form and not x.is_point:
        t.fail(f"adds {x.dims} and {y.dims}: only equal shapes have a layer here")
    if y.layer == len(t.layers) - 1 and sign == 1:
        x, y = y, x
    options = {"activation": "linear"} if sign == 1 else {"beta": -1, "activation": "linear"}
    return t.add("shortcut", options, [x, y], x.shape, x.form)


def concat(t, n, *inputs):
    inputs = [t.map_of(x) for x in inputs]
    if n.get("axis", 1) not in (1, -3):
        t.fail(f"axis={n.get('axis')}: only channels (1) can be joined")
    if len({x.shape[:2] for x in inputs}) > 1:
        t.fail("joins maps of different sizes")
    return t.add("route", {}, inputs, (*inputs[0].shape[:2], sum(x.shape[2] for x in inputs)))


def part(t, x, first, count):
    """Channels [first, first + count) as [route] takes them."""
    c = x.shape[2]
    if count < 1 or c % count or first % count:
        t.fail(f"takes channels {first} to {first + count - 1} of {c}: only one of equal parts has "
               "a layer here")
    return t.add("route", {"groups": c // count, "group_id": first // count}, [x],
                 (*x.shape[:2], count))


def slice_(t, n, x, *args):
    x = t.map_of(x)
    if args:
        starts, ends = args[0], args[1]
        axes = args[2] if len(args) > 2 and args[2] is not None else range(len(starts))
        steps = args[3] if len(args) > 3 and args[3] is not None else [1] * len(starts)
    else:
        starts, ends = n.get("starts"), n.get("ends")
        axes, steps = n.get("axes") or range(len(starts)), [1] * len(starts)
    if len(axes) != 1 or int(axes[0]) not in (1, -3) or int(steps[0]) != 1:
        t.fail("only channels (axis 1, step 1) can be cut apart")
    first, end, _ = slice(int(starts[0]), int(ends[0])).indices(x.shape[2])
    return x if (first, end) == (0, x.shape[2]) else part(t, x, first, end - first)


def split(t, n, x, sizes=None):
    x = t.map_of(x)
    if n.get("axis", 0) not in (1, -3):
        t.fail(f"axis={n.get('axis', 0)}: only channels (1) can be cut apart")
    sizes = n.get("split") if sizes is None else [int(s) for s in sizes]
    sizes = sizes or [x.shape[2] // len(n.outputs)] * len(n.outputs)
    return [part(t, x, sum(sizes[:i]), s) for i, s in enumerate(sizes)]


def pad(t, n, x, pads=None, value=None, _axes=None):
    x = t.map_of(x)
    pads = n.get("pads") if pads is None else [int(p) for p in pads]
    value = n.get("value", 0.) if value is None else float(np.ravel(value)[0])
    if n.get("mode", "constant") != "constant" or value != 0 or len(pads) != 8 or \
            any(pads[i] for i in (0, 1, 4, 5)) or min(pads) < 0:
        t.fail("only zeros around the pixels have a layer here")
    return x.like(parts=("pad", (pads[2], pads[3], pads[6], pads[7]))) if any(pads) else x


def average(t, n, x):
    before = (0, 0, 0, 0)
    if isinstance(x, Value) and x.parts and x.parts[0] == "pad":
        before, x = x.parts[1], x.like(parts=None)
    x = t.map_of(x)
    kernel, strides = n.get("kernel_shape"), n.get("strides", [1, 1])
    pads = pads_of(n, x.shape[:2], kernel, strides, [1, 1])
    if any(pads) and not n.get("count_include_pad", 0):
        t.fail("count_include_pad=0: the zeros around a map count in a mean here")
    pads = [p + q for p, q in zip(pads, before)]
    if tuple(kernel) == x.shape[:2] and not any(pads):
        return t.add("avgpool", {}, [x], (1, 1, x.shape[2]))
    size, stride, first, both = symmetric(t, kernel, strides, pads)
    if both != 2 * first or first not in (0, size // 2):
        t.fail(f"pads={pads}: must be 0 or half of the window, {size // 2}, on each side")
    out = [(s + both - size) // stride + 1 for s in x.shape[:2]]
    if n.get("ceil_mode", 0) and any((s + both - size) % stride for s in x.shape[:2]):
        t.fail("ceil_mode=1: windows that reach over the border have no layer here")
    return t.add("avgpool", {"size": size, "stride": stride, "pad": int(first > 0)}, [x],
                 (*out, x.shape[2]))


def global_average(t, n, x, *axes):
    if n.op == "ReduceMean":
        dims = axes_of(n, (x, *axes))
        if dims is None or {d % 4 for d in dims} != {2, 3}:
            t.fail("only the mean over height and width has a layer here")
    x = t.map_of(x)
    keeps = n.op != "ReduceMean" or n.get("keepdims", 1)
    return t.add("avgpool", {}, [x], (1, 1, x.shape[2]), "map" if keeps else "flat")


def maximum(t, n, x):
    x = t.map_of(x)
    kernel, strides = n.get("kernel_shape"), n.get("strides", [1, 1])
    if any(d != 1 for d in n.get("dilations", [1, 1])):
        t.fail(f"dilations={n.get('dilations')}: has no layer here")
    pads = pads_of(n, x.shape[:2], kernel, strides, [1, 1])
    size, stride, first, both = symmetric(t, kernel, strides, pads)
    ceil = n.get("ceil_mode", 0)
    for total in range(both, 2 * first + 2 if ceil else both + 1):
        out = [(s + total - size) // stride + 1 for s in x.shape[:2]]
        want = [-(-(s + both - size) // stride) + 1 if ceil else (s + both - size) // stride + 1
                for s in x.shape[:2]]
        if out == want and total // 2 == first:
            return t.add("maxpool", {"size": size, "stride": stride, "padding": total}, [x],
                         (*out, x.shape[2]))
    return t.fail(f"pads={pads}: the windows have no layer here")


def reshape(t, n, x, shape=None, *_):
    """Flatten, Reshape, Squeeze, Unsqueeze: which form the new dimensions are."""
    if x.parts and x.parts[0] != "features":
        x = t.layer_of(x)
    dims, size = x.dims, math.prod(x.dims)
    if n.op == "Flatten":
        axis = n.get("axis", 1) % (len(dims) + 1)
        new = (math.prod(dims[:axis]), math.prod(dims[axis:]))
    elif n.op == "Squeeze":
        axes = axes_of(n, (x, shape))
        new = tuple(d for i, d in enumerate(dims) if (d != 1 if axes is None else
                                                      i not in {a % len(dims) for a in axes}))
    elif n.op == "Unsqueeze":
        axes = axes_of(n, (x, shape))
        rank, rest = len(dims) + len(axes), iter(dims)
        new = tuple(1 if i in {a % rank for a in axes} else next(rest) for i in range(rank))
    else:
        if isinstance(shape, Value):
            t.fail("its shape must be a constant")
        shape = n.get("shape") if shape is None else [int(s) for s in np.ravel(shape)]
        if any(s < -1 or s > 1 << 31 for s in shape):
            t.fail(f"its shape {shape} is out of range")
        new = [dims[i] if s == 0 and i < len(dims) else s for i, s in enumerate(shape)]
        known = math.prod(s for s in new if s != -1)
        new = tuple(size // known if s == -1 and known else s for s in new)
    if math.prod(new) != size:
        t.fail(f"{dims} cannot become {new}")
    return formed(t, n, x, new)


def formed(t, n, x, new):
    h, w, c = x.shape
    if new == x.dims:
        return x
    if new == (1, c * h * w) and x.form in ("map", "hwc", "flat"):
        return x.like(form="flat_hwc" if x.form == "hwc" and not x.is_point else "flat")
    if new == (1, c, h, w) and (x.form == "flat" or x.is_point):
        return x.like(form="map")
    if new == (1, c, h, w) and x.form == "mixed":
        return t.add("channel_shuffle", {"groups": x.groups}, [x], x.shape)
    if len(new) == 5 and x.form == "map" and new[3:] == (h, w) and new[1] * new[2] == c:
        return x.like(form="groups", groups=new[1])
    return t.fail(f"{x.dims} to {new} is no flattening and no shuffle of channels")


def transpose(t, n, x):
    x, perm = t.layer_of(x), n.get("perm")
    if perm == [0, 2, 3, 1] and x.form == "map":
        return x.like(form="hwc")
    if perm == [0, 3, 1, 2] and x.form == "hwc":
        return x.like(form="map")
    if perm == [0, 2, 1, 3, 4] and x.form == "groups":
        return x.like(form="mixed")
    if perm == list(range(len(x.dims))):
        return x
    return t.fail(f"perm={perm}: is no flattening and no shuffle of channels")


def softmax(t, n, x):
    x = t.layer_of(x)
    if n.get("axis", 1 if t.model.opset < 13 else -1) not in (1, -1) or not x.is_point:
        t.fail("only the softmax of all channels at one pixel has a layer here")
    return t.add("softmax", {}, [x], x.shape, x.form)


def squares(t, n, x, *rest):
    """ReduceSum of squares, and ReduceL2, over the channels."""
    base = x.parts[1] if x.parts and x.parts[0] == "square" else x
    if n.op == "ReduceSum" and base is x:
        t.fail("only the sum of squares in x / |x| has a layer here")
    axes = axes_of(n, (x, *rest))
    if not axes or len(axes) != 1 or axes[0] % len(base.dims) != 1 or not n.get("keepdims", 1):
        t.fail("only the length over the channels has a layer here")
    base = t.layer_of(base)
    return base.like(parts=("length" if n.op == "ReduceL2" else "sum of squares", base))


def root(t, n, x):
    if not x.parts or x.parts[0] != "sum of squares":
        t.fail("only in x / |x| has a layer here")
    return x.like(parts=("length", x.parts[1]))


def power(t, n, x, k):
    if x.parts and x.parts[0] == "sum of squares" and is_near(k, .5):
        return x.like(parts=("length", x.parts[1]))
    if not is_near(k, 2):
        t.fail("only squares in x / |x| have a layer here")
    x = t.layer_of(x)
    return x.like(parts=("square", x))


def lp_norm(t, n, x):
    x = t.layer_of(x)
    if n.get("p", 2) != 2 or n.get("axis", -1) % len(x.dims) != 1:
        t.fail(f"p={n.get('p', 2)} axis={n.get('axis', -1)}: only p=2 over the channels has a "
               "layer here")
    return t.add("l2norm", {}, [x], x.shape, x.form)


def resize(t, n, x, *args):
    x = t.map_of(x)
    scales = n.get("scales") if not args else args[-1] if n.op == "Upsample" or len(args) < 3 or \
        args[2] is None else None
    scales = args[1] if len(args) > 1 and args[1] is not None and np.size(args[1]) else scales
    if scales is None and len(args) > 2 and args[2] is not None:
        scales = np.asarray(args[2], np.float64) / x.dims
    s = np.ravel(scales).astype(float)
    if n.get("mode", "nearest") != "nearest" or len(s) != 4 or s[0] != 1 or s[1] != 1 or \
            s[2] != s[3] or s[2] != int(s[2]):
        t.fail("only the nearest pixel and a whole factor have a layer here")
    by = int(s[2])
    return t.add("upsample", {"stride": by}, [x], (x.shape[0] * by, x.shape[1] * by, x.shape[2]))


def same(_t, _n, x, *_):
    return x


def expand(t, n, x, shape):
    if not x.parts or x.parts[0] != "length":
        t.fail("only in x / |x| has a layer here")
    return x


def greatest(t, n, x, y):
    x, y = (x, y) if isinstance(x, Value) else (y, x)
    if isinstance(y, Value) or not x.parts or x.parts[0] not in ("length", "sum of squares"):
        t.fail("only in x / |x| has a layer here")
    return x


def acts(word):
    return lambda t, _n, x: t.activate(x, word)


# Operators whose output is another name of their input
RENAMES = ("Identity", "Dropout", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose")
OPERATORS = {
    "Conv": conv, "Gemm": gemm, "MatMul": gemm, "BatchNormalization": batchnorm, "PRelu": prelu,
    "Relu": acts("relu"), "LeakyRelu": leaky, "Clip": clip, "Sigmoid": lazily("logistic"),
    "HardSigmoid": hardsigmoid, "HardSwish": acts("hswish"), "Mish": acts("mish"),
    "Tanh": tanh, "Softplus": lazily("softplus"), "Elu": elu, "Selu": selu,
    "Mul": product, "Div": divide, "Add": plus, "Sub": plus, "Concat": concat, "Slice": slice_,
    "Split": split, "Pad": pad, "AveragePool": average, "GlobalAveragePool": global_average,
    "ReduceMean": global_average, "MaxPool": maximum, "Flatten": reshape, "Reshape": reshape,
    "Squeeze": reshape, "Unsqueeze": reshape, "Transpose": transpose, "Softmax": softmax,
    "ReduceL2": squares, "ReduceSum": squares, "Sqrt": root, "Pow": power, "Expand": expand,
    "Max": greatest, "LpNormalization": lp_norm, "Resize": resize, "Upsample": resize,
    "Identity": same, "Dropout": same, "Cast": same,
}
