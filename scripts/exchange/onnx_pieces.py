"""Turns functions of straight pieces, such as lhtan, plse and stair, into activations. Several ONNX
operators compute them: Clip, Floor, and sums and products with numbers.

A step of such a function is a Value with the parts ("pieces", base, points, reads, origin): base is
the value that the function begins from; points are its results for the numbers of GRID; reads are
pairs (name of a value, output of the node that reads it); origin says where the function
begins, and why this step alone has no layer."""
from collections import Counter

import numpy as np

from exchange.onnx_values import Value

GRID = np.arange(-9, 9, 1 / 16)


def lhtan(u):
    return .001 * u + .999 * np.clip(u, 0, 1)


def plse(u):
    return .01 * u + .115 * np.clip(u, -4, 4) + .5


def stair(u):
    n, half = np.floor(u), np.floor(u / 2)
    return np.where(n % 2 == 0, half, u - n + half)


ACTIVATIONS = {"lhtan": lhtan, "plse": plse, "stair": stair}


def is_pieces(x):
    return isinstance(x, Value) and x.word == "pieces"


def begin(t, n, x, function, why):
    """Applies a function of numbers to x. why: the error message if the functions that begin here
    do not become an activation."""
    is_scaled = x.word == "affine" and np.size(x.parts[1]) == 1 and \
        np.size(x.parts[2]) == 1
    if not is_pieces(x) and not is_scaled:
        x = t.layer_of(x)
    base = x.parts[1] if is_pieces(x) else x.parts[3] if is_scaled else x
    return result(t, n, base, [x], function, (n, why))


def combine(t, n, x, y, function):
    """Returns function(x, y) as a step, or None when neither x nor y is a step. Also returns None
    when the other operand is neither a number nor a function of the same base."""
    steps = [v for v in (x, y) if is_pieces(v)]
    if not steps:
        return None
    base = steps[0].parts[1]
    for v in (x, y):
        if not points_of(v, base)[1]:
            return None
    return result(t, n, base, [x, y], function, steps[0].parts[4])


def points_of(v, base):
    """Returns (the results of v for base = GRID, True). Returns (None, False) when v is not one
    function of base."""
    if not isinstance(v, Value):
        return (float(np.ravel(v)[0]), True) if np.size(v) == 1 else (None, False)
    if is_pieces(v):
        return np.array(v.parts[2]), v.parts[1].same(base)
    if v.word == "affine":
        a, b, x = v.parts[1:]
        return (a * GRID + b, x.same(base)) if np.size(a) == np.size(b) == 1 else (None, False)
    return GRID, v.same(base)


def reads_of(v, base, by):
    if not isinstance(v, Value):
        return frozenset()
    if is_pieces(v):
        return v.parts[3] | {(v.name, by)}
    return frozenset([(v.name, by)] + ([(base.name, v.name)] if v.parts else []))


def result(t, n, base, inputs, function, origin):
    points = function(*(points_of(v, base)[0] for v in inputs))
    reads = frozenset().union(*(reads_of(v, base, n.outputs[0]) for v in inputs))
    for act, known in ACTIVATIONS.items():
        if np.allclose(points, known(GRID), 1e-6, 1e-6):
            return activate(t, base, act, reads)
    return base.like(parts=("pieces", base, tuple(map(float, points)), reads, origin))


def activate(t, base, act, reads):
    """Adds the activation `act`. When only the nodes of this function read base and the steps, the
    activation may become activation= of base's layer."""
    counts = Counter(name for name, _ in reads)
    is_alone = all(t.uses[name] == count for name, count in counts.items())
    return t.activate(base, act, uses=counts[base.name] if is_alone else -1)


def refuse(t, value):
    t.node, why = value.parts[4]
    t.fail(why)
