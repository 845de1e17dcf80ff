"""Turns ONNX activation functions into layers, also functions that consist of several operators."""
import numpy as np

from exchange import onnx_pieces as pieces
from exchange.onnx_values import (
    LENGTHS, Value, affine, form_of, is_near, per_channel, without_epsilon)


def prelu(t, n, x, slope):
    if isinstance(slope, Value):
        t.fail("its slopes must be constants")
    x, k = t.layer_of(x), np.asarray(slope)
    if k.size > 1 and k.ndim == 1 and x.form == "map":
        t.note(f"slopes of {n.name} have one dimension and are taken for channels")
        t.flat_slopes.add(n.inputs[1])
        k = k.reshape(-1, 1, 1)
    return t.activate(x, "prelu", np.broadcast_to(per_channel(t, x, k), x.shape[2:]))


def leaky(t, n, x):
    alpha = n.get("alpha", .01)
    for act, a in (("leaky", .1), ("relie", .01), ("relu", 0)):
        if is_near(alpha, a):
            return t.activate(x, act)
    return t.activate(x, "prelu", np.full(t.layer_of(x).shape[2], alpha, np.float32))


def clip(t, n, x, low=None, high=None):
    low = n.get("min") if low is None else float(np.ravel(low)[0])
    high = n.get("max") if high is None else float(np.ravel(high)[0])
    if x.word == "affine" and t.uses[n.outputs[0]] == 1:
        a, b, base = x.parts[1:]
        if (low, high) == (0, 6) and is_near(a, 1) and is_near(b, 3):
            return x.like(parts=("cut", base, 1.))  # means 1. * min(max(base + 3, 0), 6)
        if (low, high) == (0, 1) and is_near(a, .5) and is_near(b, 1):
            return x.like(parts=("half cut", base))
    if x.word in LENGTHS:
        if high is not None and high < 1e30:
            t.fail(f"max={high:g}: a limit of |x| in x / |x| has no layer here")
        return without_epsilon(t, x, low or 0.)
    if low == 0 and (high is None or high > 1e30):
        return t.activate(x, "relu")
    for act, bounds in (("relu6", (0, 6)), ("hardtan", (-1, 1))):
        if (low, high) == bounds:
            return t.activate(x, act)
    given = " ".join(f"{k}={v}" for k, v in (("min", low), ("max", high)) if v is not None)
    return pieces.begin(
        t, n, x, lambda v: np.clip(v, -np.inf if low is None else low,
                                   np.inf if high is None else high),
        f"{given or 'no bounds'}: only 0 and 6, -1 and 1, and 0 alone have a layer here")


def floor(t, n, x):
    return pieces.begin(t, n, x, np.floor, "this operator has no layer here")


def hardsigmoid(t, n, x):
    alpha, beta = n.get("alpha", .2), n.get("beta", .5)
    if is_near(alpha, .5) and is_near(beta, 1):
        return t.layer_of(x).like(parts=("half cut", t.layer_of(x)))
    if not is_near(alpha, 1 / 6) or not is_near(beta, .5):
        t.fail(f"alpha={alpha:g} beta={beta:g}: only 1/6 and 1/2, and before a product with x also "
               "1/2 and 1, have a layer here")
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
    if x.word == "softplus":
        return x.like(parts=("tanh of softplus", x.parts[1]))
    return t.activate(x, "tanh")


PRODUCTS = {"logistic": "swish", "hsigmoid": "hswish", "tanh of softplus": "mish",
            "half cut": "hard_mish"}


def product(t, n, x, y):
    step = pieces.combine(t, n, x, y, np.multiply)
    if step is not None:
        return step
    if not isinstance(x, Value):
        x, y = y, x
    if not isinstance(y, Value):
        return times(t, x, np.asarray(y, np.float64))
    if x.parts:
        x, y = y, x
    if y.word in PRODUCTS and y.parts[1].same(x):
        return t.activate(x, PRODUCTS[y.word], uses=2)
    if y.word == "cut" and y.parts[1].same(x):
        if is_near(y.parts[2], 1 / 6):
            return t.activate(x, "hswish", uses=2)
        return x.like(parts=("cut product", x, y.parts[2]))
    if x.same(y):
        return x.like(parts=("square", x))
    form, x, y = form_of(x, y), t.map_of(x), t.map_of(y)
    if x.shape == y.shape:
        return t.add("sam", {}, [x, y], x.shape, form)
    if x.is_point:
        x, y = y, x
    if x.shape[2] == 1:
        x, y = y, x
    if x.shape[:2] == y.shape[:2] and y.shape[2] == 1:
        return t.add("scale_channels", {"scale_wh": 1}, [y, x], x.shape, form)
    if not y.is_point or x.shape[2] != y.shape[2]:
        t.fail(f"multiplies {x.dims} by {y.dims}: only equal shapes, or a number for each channel "
               "or pixel, have a layer here")
    return t.add("scale_channels", {}, [y, x], x.shape, form)


def times(t, x, k):
    if x.word in ("cut", "cut product") and k.size == 1:
        by = x.parts[2] * float(k.ravel()[0])
        if is_near(by, 1 / 6):
            base = x.parts[1]
            return base.like(parts=("hsigmoid", base)) if x.word == "cut" else \
                t.activate(base, "hswish", uses=2)
        return x.like(parts=(x.word, x.parts[1], by))
    return affine(t, x, per_channel(t, x, k), np.float64(0))


def divide(t, n, x, y):
    if isinstance(x, Value) and not isinstance(y, Value):
        if (np.asarray(y) == 0).any():
            t.fail("divides by 0")
        if pieces.is_pieces(x) and np.size(y) == 1:
            return pieces.combine(t, n, x, y, np.divide)
        return times(t, x, 1 / np.asarray(y, np.float64))
    if isinstance(x, Value) and y.word == "length" and y.parts[1].same(x):
        return t.add("l2norm", {}, [x], x.shape, x.form)
    return t.fail("only constants, or x / |x|, have a layer here")


def plus(t, n, x, y):
    step = pieces.combine(t, n, x, y, np.subtract if n.op == "Sub" else np.add)
    if step is not None:
        return step
    sign = -1 if n.op == "Sub" else 1
    if not isinstance(x, Value) and sign == 1:
        x, y = y, x
    if not isinstance(x, Value):
        return affine(t, y, np.float64(sign), per_channel(t, y, x))
    if not isinstance(y, Value):
        if x.word in LENGTHS:
            return without_epsilon(t, x, sign * y)
        return affine(t, x, np.float64(1), sign * per_channel(t, x, y))
    x, y = t.layer_of(x), t.layer_of(y)
    if x.shape != y.shape or x.form != y.form and not x.is_point:
        t.fail(f"adds {x.dims} and {y.dims}: only equal shapes have a layer here")
    if y.layer == len(t.layers) - 1 and sign == 1:
        x, y = y, x
    options = {"activation": "linear"} if sign == 1 else {"beta": -1, "activation": "linear"}
    return t.add("shortcut", options, [x, y], x.shape, x.form)
