"""Our activation functions as ONNX operators of opset 10."""
import math

import numpy as np


def number(g, label, value):
    return g.tensor(label, np.float32([value]))


def clip(g, x, low, high, label=""):
    return g.node("Clip", [x], label, min=float(low), max=float(high))


def scaled(g, x, by, label):
    return g.node("Mul", [x, number(g, f"{label}_by".lstrip("_"), by)], label)


def hsigmoid(g, x):
    """Computes min(max(x + 3, 0), 6) / 6. Avoids the operator HardSigmoid, because OpenCV 4.6 reads
    x * HardSigmoid as HardSwish."""
    more = g.node("Add", [x, number(g, "three", 3)], "more")
    return scaled(g, clip(g, more, 0, 6, "cut"), 1 / 6, "")


def swish(g, x):
    return g.node("Mul", [x, g.node("Sigmoid", [x], "sigmoid")])


def hswish(g, x):
    return g.node("Mul", [x, g.node("HardSigmoid", [x], "hsigmoid", alpha=1 / 6, beta=.5)])


def hard_mish(g, x):
    """Computes x min(max(x/2 + 1, 0), 1). hsigmoid() explains why HardSigmoid is avoided."""
    more = g.node("Add", [scaled(g, x, .5, "half"), number(g, "one", 1)], "more")
    return g.node("Mul", [x, clip(g, more, 0, 1, "cut")])


def mish(g, x):
    return g.node("Mul", [x, g.node("Tanh", [g.node("Softplus", [x], "softplus")], "tanh")])


def loggy(g, x):
    twice = scaled(g, g.node("Sigmoid", [x], "sigmoid"), 2, "twice")
    return g.node("Sub", [twice, number(g, "one", 1)])


def ramp(g, x):
    return g.node("Add", [g.node("Relu", [x], "relu"), scaled(g, x, .1, "tenth")])


def lines(g, x, slope, more, low, high, plus):
    """Computes slope * x + more * min(max(x, low), high) + plus."""
    middle = scaled(g, clip(g, x, low, high, "middle"), more, "more")
    bent = g.node("Add", [scaled(g, x, slope, "slope"), middle], "bent" if plus else "")
    return g.node("Add", [bent, number(g, "plus", plus)]) if plus else bent


def stair(g, x):
    """Computes h for even n, h + x - n for odd n, where n = floor(x) and h = floor(x/2)."""
    n = g.node("Floor", [x], "n")
    h = g.node("Floor", [scaled(g, x, .5, "half")], "h")
    odd = g.node("Sub", [n, scaled(g, h, 2, "even")], "odd")
    rise = g.node("Mul", [odd, g.node("Sub", [x, n], "rest")], "rise")
    return g.node("Add", [h, rise])


# {activation: function(graph, name of x)}; the function returns the name of its output
TABLE = {
    "relu": lambda g, x: g.node("Relu", [x]),
    "leaky": lambda g, x: g.node("LeakyRelu", [x], alpha=.1),
    "relie": lambda g, x: g.node("LeakyRelu", [x], alpha=.01),
    "relu6": lambda g, x: clip(g, x, 0, 6),
    "logistic": lambda g, x: g.node("Sigmoid", [x]),
    "tanh": lambda g, x: g.node("Tanh", [x]),
    "elu": lambda g, x: g.node("Elu", [x], alpha=1.),
    "selu": lambda g, x: g.node("Selu", [x], alpha=1.6732, gamma=1.0507),
    "hardtan": lambda g, x: clip(g, x, -1, 1),
    "lhtan": lambda g, x: lines(g, x, .001, .999, 0, 1, 0),
    "plse": lambda g, x: lines(g, x, .01, .115, -4, 4, .5),
    "hsigmoid": hsigmoid, "swish": swish, "hswish": hswish, "mish": mish, "loggy": loggy,
    "hard_mish": hard_mish, "ramp": ramp, "stair": stair,
}


def activate(g, value, act, slopes=None):
    """Adds an activation and returns the name of its output. slopes: one for each channel."""
    if act == "prelu":
        c = value.shape[2]
        per_output = np.repeat(slopes, math.prod(value.shape) // c) if value.is_flat else \
            slopes.reshape(c, 1, 1)
        return g.node("PRelu", [value, g.tensor("slopes", per_output)])
    return TABLE[act](g, value.name)
