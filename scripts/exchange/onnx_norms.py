"""Turns further ONNX operators into layers: softmax, x / |x|, Resize."""
import numpy as np
from onnx import TensorProto

from exchange.onnx_fold import axes_of
from exchange.onnx_in import FLOATS
from exchange.onnx_values import LENGTHS, Value, is_near, without_epsilon


def softmax(t, n, x):
    x = t.layer_of(x)
    axis, channels = n.get("axis", 1 if t.model.opset < 13 else -1) % len(x.dims), x.channel_axis
    # before opset 13, Softmax joined all dimensions from `axis` on into one
    if not x.is_point or axis != channels and not (t.model.opset < 13 and channels and
                                                   1 <= axis < channels):
        t.fail("only the softmax of all channels at one pixel has a layer here")
    return t.add("softmax", {}, [x], x.shape, x.form)


def squares(t, n, x, *rest):
    """Converts ReduceL2 (the length of each pixel's vector of channels), and ReduceSum of squares
    (the squared length)."""
    inner = "abs" if n.op == "ReduceL2" else "square"
    base = x.parts[1] if x.word == inner else x
    if n.op == "ReduceSum" and base is x:
        t.fail("only the sum of squares in x / |x| has a layer here")
    axes = axes_of(n, (x, *rest))
    if not axes or len(axes) != 1 or axes[0] % len(base.dims) != base.channel_axis or \
            not n.get("keepdims", 1):
        t.fail("only the length over the channels has a layer here")
    base = t.layer_of(base)
    return base.like(parts=("length" if n.op == "ReduceL2" else "sum of squares", base))


def root(t, n, x):
    if x.word != "sum of squares":
        t.fail("only in x / |x| has a layer here")
    return x.like(parts=("length", x.parts[1]))


def power(t, n, x, k):
    if x.word == "sum of squares" and is_near(k, .5):
        return x.like(parts=("length", x.parts[1]))
    if not is_near(k, 2):
        t.fail("only squares in x / |x| have a layer here")
    x = t.layer_of(x)
    return x.like(parts=("square", x))


def lp_norm(t, n, x):
    x = t.layer_of(x)
    if n.get("p", 2) != 2 or n.get("axis", -1) % len(x.dims) != x.channel_axis:
        t.fail(f"p={n.get('p', 2)} axis={n.get('axis', -1)}: only p=2 over the channels has a "
               "layer here")
    return t.add("l2norm", {}, [x], x.shape, x.form)


def resize(t, n, x, *args):
    x = t.map_of(x)
    if len(args) > 1:  # since opset 11, args are roi, scales and sizes
        scales, sizes = (*args[1:], None)[:2]
        if sizes is not None and np.size(sizes):
            scales = sizes / np.float64(x.dims)
    else:
        scales = args[0] if args else n.get("scales")
    s = np.ravel(scales).astype(float)
    if n.get("mode", "nearest") != "nearest" or len(s) != 4 or s[0] != 1 or s[1] != 1 or \
            s[2] != s[3] or s[2] != int(s[2]) or s[2] < 1:
        t.fail("only the nearest pixel and a whole factor have a layer here")
    by, modes = int(s[2]), modes_of(n, t.model.opset)
    if not all(np.array_equal(nearest(*modes, by, side), np.arange(side * by) // by)
               for side in x.shape[:2]):
        t.fail("coordinate_transformation_mode={} nearest_mode={}: the pixels are not those of a "
               "layer here".format(*modes))
    return t.add("upsample", {"stride": by}, [x], (x.shape[0] * by, x.shape[1] * by, x.shape[2]))


def modes_of(n, opset):
    """Returns coordinate_transformation_mode and nearest_mode, with ONNX's defaults."""
    new = opset >= 11 and n.op == "Resize"
    return (n.get("coordinate_transformation_mode", "half_pixel" if new else "asymmetric"),
            n.get("nearest_mode", "round_prefer_floor" if new else "floor"))


def nearest(mode, rounding, by, count):
    """Returns, for each output pixel along one side, the index of the input pixel that a nearest
    Resize copies; None for an unknown mode. count: input pixels; by: the factor of the Resize."""
    i = np.arange(count * by)
    x = {"half_pixel": (i + .5) / by - .5, "pytorch_half_pixel": (i + .5) / by - .5,
         "half_pixel_symmetric": (i + .5) / by - .5, "asymmetric": i / by,
         "align_corners": i * (count - 1) / max(count * by - 1, 1),
         "tf_half_pixel_for_nn": (i + .5) / by}.get(mode)
    take = {"round_prefer_floor": lambda x: np.ceil(x - .5), "floor": np.floor, "ceil": np.ceil,
            "round_prefer_ceil": lambda x: np.floor(x + .5)}.get(rounding)
    return None if x is None or take is None else np.clip(take(x), 0, count - 1)


def same(_t, _n, x, *_):
    return x


def cast(t, n, x):
    if n.get("to") not in FLOATS:
        kind = TensorProto.DataType.Name(n.get("to"))
        t.fail(f"to={kind}: only kinds of floats have a layer here")
    return x


def expand(t, n, x, shape):
    if x.word != "length":
        t.fail("only in x / |x| has a layer here")
    return x


def greatest(t, n, x, y):
    x, y = (x, y) if isinstance(x, Value) else (y, x)
    if isinstance(y, Value) or x.word not in LENGTHS:
        t.fail("only in x / |x| has a layer here")
    return without_epsilon(t, x, y)


def acts(word):
    return lambda t, _n, x: t.activate(x, word)
