"""Computes nodes whose inputs are all constants, with NumPy."""
import numpy as np
from onnx import numpy_helper

from exchange.onnx_in import FLOATS


def axes_of(node, args):
    """Returns the axes of a node, from its second input or its attribute; None when it has
    neither."""
    axes = args[1] if len(args) > 1 and args[1] is not None else node.get("axes")
    return None if axes is None else tuple(int(a) for a in np.ravel(axes))


def unsqueeze(node, *args):
    a, axes = args[0], axes_of(node, args)
    rank = a.ndim + len(axes)
    places = {x % rank for x in axes}
    sizes = iter(a.shape)
    return a.reshape([1 if i in places else next(sizes) for i in range(rank)])


def slices_of(node, args):
    """Returns starts, ends, axes and steps of a Slice. Before opset 10 they are attributes, else
    inputs."""
    if args:
        starts, ends, axes, steps = (*args, None, None)[:4]
    else:
        starts, ends, axes, steps = *(node.get(k) for k in ("starts", "ends", "axes")), None
    return (starts, ends, range(len(starts)) if axes is None else axes,
            [1] * len(starts) if steps is None else steps)


def slice_of(node, a, *args):
    starts, ends, axes, steps = slices_of(node, args)
    index = [slice(None)] * a.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps):
        end = int(end)
        if int(step) < 0 and end < -a.shape[axis]:
            end = None
        index[int(axis)] = slice(int(start), end, int(step))
    return a[tuple(index)]


def reshape(_node, a, shape):
    shape = [int(n) for n in shape]
    if any(n < -1 or n > 1 << 31 for n in shape):
        raise ValueError(f"the shape {shape} is out of range")
    return a.reshape([a.shape[i] if n == 0 else n for i, n in enumerate(shape)])


def cast(node, a):
    return a.astype(np.float32 if node.get("to") in FLOATS else np.int64)


def shape_of(node, dims):
    return np.int64(dims[node.get("start", 0):node.get("end")])


def dequantize(node, a, scale, zero=None):
    shape = [1] * a.ndim
    if np.size(scale) > 1:
        shape[node.get("axis", 1)] = -1
    z = 0 if zero is None else zero.astype(np.float32).reshape(shape)
    return ((a.astype(np.float32) - z) * np.reshape(scale, shape)).astype(np.float32)


def divide(_node, a, b):
    return a // b if a.dtype.kind == b.dtype.kind == "i" else a / b


def squeeze(node, *args):
    axes = axes_of(node, args)
    return np.squeeze(args[0], axes if axes else None)


FOLD = {
    "Identity": lambda n, a: a, "Dropout": lambda n, a, *r: a, "Cast": cast,
    "Add": lambda n, a, b: a + b, "Sub": lambda n, a, b: a - b, "Mul": lambda n, a, b: a * b,
    "Div": divide, "Neg": lambda n, a: -a, "Sqrt": lambda n, a: np.sqrt(a),
    "Pow": lambda n, a, b: np.power(a, b.astype(a.dtype)), "Reciprocal": lambda n, a: 1 / a,
    "Floor": lambda n, a: np.floor(a), "Abs": lambda n, a: np.abs(a),
    "Reshape": reshape, "Transpose": lambda n, a: np.transpose(a, n.get("perm")),
    "Squeeze": squeeze, "Unsqueeze": unsqueeze, "Slice": slice_of,
    "Concat": lambda n, *a: np.concatenate(a, n.get("axis", 1)),
    "Gather": lambda n, a, i: np.take(a, i.astype(np.int64), n.get("axis", 0)),
    "Flatten": lambda n, a: a.reshape(int(np.prod(a.shape[:n.get("axis", 1)])), -1),
    "ConstantOfShape": lambda n, s: np.full(
        [int(v) for v in s], numpy_helper.to_array(n.get("value")).ravel()[0]
        if n.get("value") is not None else np.float32(0)),
    "Expand": lambda n, a, s: np.broadcast_to(
        a, np.broadcast_shapes(a.shape, tuple(int(v) for v in s))),
    "DequantizeLinear": dequantize, "Shape": lambda n, a: shape_of(n, a.shape),
    "ReduceProd": lambda n, a, *r: np.prod(a, axis=axes_of(n, (a, *r)),
                                           keepdims=bool(n.get("keepdims", 1))),
}
