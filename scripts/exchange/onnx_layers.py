"""Turns the nodes of an ONNX model into layers of a cfg.

A value is a constant, the output of a layer, or a step of a function such as x * sigmoid(x), which
has several nodes. A step has `parts`, and no layer computes it yet."""
from collections import Counter

import numpy as np

from exchange import onnx_pieces as pieces
from exchange.cfg_out import Layer
from exchange.onnx_fold import FOLD, shape_of
from exchange.onnx_in import array_of
from exchange.onnx_values import HAS_ACTIVATION, Value
from lib.darknet_files import BN_EPS
from lib.errors import Failure
from exchange.onnx_acts import (
    prelu, leaky, clip, floor, hardsigmoid, elu, selu, lazily, tanh, product, divide, plus)
from exchange.onnx_filters import conv, gemm, batchnorm
from exchange.onnx_maps import (
    concat, slice_, split, pad, average, global_average, maximum, reshape, transpose)
from exchange.onnx_norms import (
    softmax, squares, root, power, lp_norm, resize, same, cast, expand, greatest, acts)

# Exceptions that a node with wrong inputs or attributes raises
WRONG = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, MemoryError)
WEIGHTED = ("Conv", "Gemm", "MatMul", "BatchNormalization", "PRelu")
# First words of Value.parts for steps that several nodes may read before a layer computes them
STEPS = ("length", "sum of squares", "pad", "features", "pieces")
# Operators whose output may have the same numbers as their input
RENAMES = ("Identity", "Dropout", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose",
           "Slice", "Pad")


class Importer:
    """Turns `model` into self.layers. size: (height, width) of the input; None takes the size in
    the model. ones: names of BatchNormalization nodes whose gamma counts as 1, or "all". bgr: the
    model takes BGR images."""

    def __init__(self, model, size=None, ones=(), bgr=False):
        self.model, self.ones, self.bgr = model, ones, bgr
        self.layers, self.notes, self.node = [], [], None
        self.made = {}  # {name of a Value with parts: the Value of the layer that computes it}
        self.mean, self.scale = None, None  # set when the graph begins with (input - mean) * scale
        self.flat_slopes = set()  # names of one-dimensional PReLU slopes, one for each channel
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
            raise Failure(f"{where}: its size is open: give it, as --size 112x112" if c else
                          f"{where}: its channels are open")
        return Value(-1, (h, w, c), "hwc" if is_hwc else "map", name=model.input)

    def run(self):
        for self.node in self.model.nodes:
            n = self.node
            args = [self.value(i) if i else None for i in n.inputs]
            if n.op == "Constant":
                out = self.constant(n)
            elif not any(isinstance(a, Value) for a in args):
                out = self.folded(n, args)
            elif n.op == "Shape":
                out = shape_of(n, args[0].dims)
            elif n.op in OPERATORS:
                out = self.layers_for(n, args)
            else:
                self.fail("this operator has no layer here")
            outs = out if isinstance(out, list) else [out]
            for name, value in zip(n.outputs, outs):
                if isinstance(value, Value):
                    value = value.like(name=name, is_shared=n.op in RENAMES and
                                       (args[0].is_shared or self.uses[args[0].name] > 1))
                self.values[name] = value
        last = self.layer_of(self.value(self.model.output))
        del self.layers[last.layer + 1:]  # no remaining layer reads the outputs of these
        if not self.layers:
            raise Failure(f"{self.model.path}: no node of it becomes a layer")
        if last.form == "flat_hwc" and not last.is_point or last.form in ("hwc", "groups", "mixed"):
            self.fail("the output has an order of channels and pixels that no layer has")

    def value(self, name):
        if name not in self.values:
            self.fail(f"{name} is an output of an operator that has no layer here")
        return self.values[name]

    def layers_for(self, n, args):
        for name, a in zip(n.inputs, args):
            if n.op in WEIGHTED and isinstance(a, np.ndarray) and a.dtype.kind != "f":
                self.fail(f"its input {name} has integers: only floats, or integers behind "
                          "DequantizeLinear, have a layer here")
        try:
            with np.errstate(all="ignore"):
                return OPERATORS[n.op](self, n, *map(self.unshared, args))
        except Failure:
            raise
        except WRONG as e:
            return self.fail(f"its inputs and attributes are not those of the operator ({e})")

    def constant(self, n):
        if "value" in n.attributes:
            return array_of(self.model.path, n.name, n.attributes["value"])
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
        except WRONG as e:
            return self.fail(f"its constants do not fit: {e}")

    # ---- layers ----

    def add(self, section, options, inputs, shape, form="map", **params):
        if max(shape) > 65536 and section != "connected":
            self.fail(f"{shape} is larger than a layer can be")
        if self.bgr and (section, options.get("groups")) != ("convolutional", 1) and \
                any(i.layer < 0 for i in inputs):
            self.fail("--bgr: only convolutions without groups may read the input")
        if self.mean is not None and any(i.layer < 0 and not i.is_normalised for i in inputs):
            self.fail(f"reads {self.model.input} beside the nodes that normalise it: has no layer "
                      "here")
        self.layers.append(Layer(section, options, [i.layer for i in inputs], shape,
                                 self.node.name))
        self.fill(self.layers[-1], **params)
        return Value(len(self.layers) - 1, shape, form, name=self.node.outputs[0])

    def fill(self, layer, **params):
        """Sets parameters of a layer: arrays by their names in a weights file."""
        for key, a in params.items():
            layer.params[key] = np.asarray(a, np.float32)
            if not np.isfinite(layer.params[key]).all():
                self.fail(f"{key}: not all are finite numbers")

    def alone(self, value, uses=1):
        """Returns the value's layer when the value is read exactly `uses` times, else None."""
        return self.layers[value.layer] if value.layer >= 0 and not value.is_shared and \
            self.uses[value.name] == uses else None

    def layer_of(self, value):
        """Returns a value that a layer computes. When the value has `parts` (a function that no
        layer computes yet), layer_of() adds a layer for the function, or sets an activation."""
        if not isinstance(value, Value):
            self.fail("an input is a constant where a layer's output must be")
        if value.parts is None:
            return value
        if value.name in self.made:
            return self.made[value.name]
        word, *rest = value.parts
        if word == "pieces":
            pieces.refuse(self, value)
        if word in ("affine", "logistic", "hsigmoid", "square"):
            made = self.affine_layer(value, *rest) if word == "affine" else \
                self.add("sam", {}, [self.layer_of(rest[0])] * 2,
                         value.shape) if word == "square" else \
                self.activate(rest[0], word)
            self.made[value.name] = made = made.like(name=value.name, is_shared=False)
            return made
        return self.fail(f"its input {value.name} is computed in a way that has no layer here "
                         f"({word})")

    def unshared(self, value):
        """Returns an input of this node. When other nodes read the input, too, and it has parts,
        unshared() adds a layer that computes it. Without this layer, the node could merge its
        operation into the layer before, and so change the input of the other nodes."""
        is_step = isinstance(value, Value) and value.word not in STEPS
        return self.layer_of(value) if is_step and self.uses[value.name] > 1 else value

    def map_of(self, value):
        value = self.layer_of(value)
        if value.form == "flat" and value.is_point:
            return value.like(form="map")
        if value.form != "map":
            self.fail(f"its input {value.name} must be a map N x C x H x W")
        return value

    def activate(self, value, act, slopes=None, uses=1):
        """Applies an activation by activation= of the value's layer, or by a new [activation]."""
        base, params = self.layer_of(value), {} if slopes is None else {"slopes": slopes}
        layer = self.alone(base, uses) if base.layer == value.layer else self.layers[base.layer]
        if layer and layer.section in HAS_ACTIVATION and layer.options["activation"] == "linear" \
                and not (layer.section == "shortcut" and act == "prelu"):
            layer.options["activation"] = act
            self.fill(layer, **params)
            return base
        if base.form not in ("map", "flat") or base.form == "flat" and not base.is_point and params:
            self.fail("the order of its input has no layer here")
        return self.add("activation", {"activation": act}, [base], base.shape, base.form, **params)

    def norm_layer(self, x, scales, biases, mean, variance):
        return self.add("batchnorm", {"shift": 1, "activation": "linear"}, [x], x.shape, x.form,
                        biases=biases, scales=scales, mean=mean, variance=variance)

    def affine_layer(self, value, a, b, x):
        """Computes a x + b by input_mean= and input_scale=, by biases, or by a [batchnorm]."""
        c = value.shape[2]
        if x.layer < 0 and not x.is_normalised and np.size(a) == np.size(b) == 1 and a != 0:
            mean, scale = -float(b) / float(a), float(a)
            if self.mean is None and not self.layers or (mean, scale) == (self.mean, self.scale):
                self.mean, self.scale = mean, scale
                return x.like(is_normalised=True)
        if np.size(a) not in (1, c) or np.size(b) not in (1, c) or x.form not in ("map", "flat") \
                or x.form == "flat" and not x.is_point:
            self.fail("multiplies or adds constants of a shape that no layer has")
        a, b = (np.broadcast_to(np.ravel(v), (c,)).astype(np.float32) for v in (a, b))
        layer = self.alone(x)
        if layer is not None and (a == 1).all() and layer.params.get("biases") is not None and \
                layer.section != "batchnorm" and layer.options["activation"] == "linear":
            self.fill(layer, biases=layer.params["biases"] + b)
            return x
        return self.norm_layer(x, a, b, np.zeros(c), np.full(c, 1 - BN_EPS))


OPERATORS = {
    "Conv": conv, "Gemm": gemm, "MatMul": gemm, "BatchNormalization": batchnorm, "PRelu": prelu,
    "Relu": acts("relu"), "LeakyRelu": leaky, "Clip": clip, "Floor": floor,
    "Sigmoid": lazily("logistic"), "HardSigmoid": hardsigmoid,
    "HardSwish": acts("hswish"), "Mish": acts("mish"),
    "Abs": lazily("abs"), "Tanh": tanh, "Softplus": lazily("softplus"), "Elu": elu, "Selu": selu,
    "Mul": product, "Div": divide, "Add": plus, "Sub": plus, "Concat": concat, "Slice": slice_,
    "Split": split, "Pad": pad, "AveragePool": average, "GlobalAveragePool": global_average,
    "ReduceMean": global_average, "MaxPool": maximum, "Flatten": reshape, "Reshape": reshape,
    "Squeeze": reshape, "Unsqueeze": reshape, "Transpose": transpose, "Softmax": softmax,
    "ReduceL2": squares, "ReduceSum": squares, "Sqrt": root, "Pow": power, "Expand": expand,
    "Max": greatest, "LpNormalization": lp_norm, "Resize": resize, "Upsample": resize,
    "Identity": same, "Dropout": same, "Cast": cast,
}
