"""Tests that networks from scripts/import_onnx.py give the outputs of ONNX Runtime, also when
several nodes read one value, and for all axes and modes. The script must refuse nodes that no layer
can compute."""
import os
import tempfile

from common import attempt, expect, needed, script, skip_all, summary

with needed():
    import numpy as np
    from bench import peer_process
    from onnx_net import Net, bring, numbers
if peer_process.onnx_missing():
    skip_all(f"{peer_process.onnx_missing()} (make bench-deps)")


def number(x):
    return np.float32(x)


def channels():
    return numbers(4, .5, 2).reshape(4, 1, 1)


def point(t, c=6):
    """Adds a convolution and global pooling, which give an embedding N x c."""
    return t.node("Flatten", t.node("GlobalAveragePool", t.conv("data", c, 3, 3)))


def more_three(t, x):
    return t.node("Add", x, number(3))


def cut(t, x):
    return t.node("Clip", x, number(0), number(6))


# ---- networks in which several nodes read one value. x: the output of a convolution ----

def swish(t, x):
    gate = t.node("Sigmoid", x)
    return t.node("Add", t.node("Mul", x, gate), gate)


def swish_later(t, x):
    gate = t.node("Sigmoid", x)
    other = t.conv(gate, 4, 4, 3)
    return t.node("Add", t.node("Mul", x, gate), other)


def hsigmoid(t, x):
    more = more_three(t, x)
    gate = t.node("Div", cut(t, more), number(6))
    return t.node("Add", t.conv(gate, 4, 4, 3), more)


def hswish(t, x):
    more = more_three(t, x)
    y = t.node("Div", t.node("Mul", x, cut(t, more)), number(6))
    return t.node("Add", t.conv(y, 4, 4, 3), more)


def cut_twice(t, x):
    c = cut(t, more_three(t, x))
    return t.node("Add", t.node("Div", c, number(6)), c)


def scaled_relu(t, x):
    y = t.node("Mul", x, channels())
    return t.node("Add", t.node("Relu", y), y)


def scaled_three(t, x):
    y = t.node("Mul", x, channels())
    other = t.conv(y, 4, 4, 3)
    return t.node("Add", t.node("Add", t.node("Relu", y), other), y)


def shifted_chain(t, x):
    y = t.node("Add", x, channels())
    twice = t.node("Mul", y, number(2))
    return t.node("Add", t.conv(y, 4, 4, 3), twice)


def renamed(t, x):
    y = t.node("Add", x, channels())
    return t.node("Add", t.conv(t.node("Identity", y), 4, 4, 3), y)


def saved(folder, t, *last, **more):
    return t.save(os.path.join(folder, "n.onnx"), *last, **more)


def shared(folder):
    for made in (swish, swish_later, hsigmoid, hswish, cut_twice, scaled_relu, scaled_three,
                 shifted_chain, renamed):
        t = Net()
        try:
            bring(saved(folder, t, made(t, t.conv("data", 4, 3, 3))))
        except Exception as e:
            raise AssertionError(f"{made.__name__}: {e}") from e


def normalised_twice(folder):
    """One layer reads input - mean, another (input - mean) * scale. So [net] gets only the mean."""
    t = Net()
    less = t.node("Sub", "data", number(127.5))
    both = t.node("Mul", less, number(1 / 128))
    x = t.node("Add", t.conv(less, 3, 3, 3), t.conv(both, 3, 3, 3))
    bring(saved(folder, t, x), input_mean="127.5", input_scale="1")


def flat(folder):
    """Embeddings N x C can be joined, cut and multiplied, and remain N x C."""
    t = Net()
    joined = t.norm(t.node("Concat", point(t), point(t, 4), axis=-1), 10)
    bring(saved(folder, t, t.gemm(joined, 5, 10)))
    t = Net()
    a, b = t.node("Split", point(t), outputs=2, axis=1)
    bring(saved(folder, t, t.gemm(t.node("Mul", a, b), 5, 3)))
    t = Net()
    half = t.node("Slice", point(t), np.int64([3]), np.int64([6]), np.int64([-1]))
    bring(saved(folder, t, t.gemm(half, 5, 3)))


def fixed_batch(folder):
    """In a file that was exported with batch 2, the shapes of Reshape nodes contain the 2."""
    for shape in ([2, 4 * 144], [2, -1]):
        t = Net((2, 3, 12, 12))
        x = t.node("Reshape", t.conv("data", 4, 3, 3), np.int64(shape))
        bring(saved(folder, t, t.gemm(x, 5, 4 * 144)))


def right(folder):
    """The script imports these files. They resemble the files in refused(), but layers can compute
    them."""
    t = Net()
    x = point(t)
    length = t.node("Add", number(1e-6), t.node("ReduceL2", x, axes=[1]))
    bring(saved(folder, t, t.node("Div", x, length)))
    t = Net()
    x = t.node("Transpose", t.conv("data", 4, 3, 3), perm=[0, 2, 3, 1])
    x = t.node("Div", x, t.node("ReduceL2", x, axes=[3]))
    bring(saved(folder, t, t.node("Transpose", x, perm=[0, 3, 1, 2])))
    t = Net()
    x = t.node("Resize", t.conv("data", 4, 3, 3), np.float32([]), np.float32([1, 1, 3, 3]),
               nearest_mode="round_prefer_ceil")
    bring(saved(folder, t, x))
    t = Net()
    x = t.node("GlobalAveragePool", t.conv("data", 5, 3, 3))
    x = t.node("Transpose", x, perm=[0, 2, 3, 1])
    bring(saved(folder, t, t.node("Flatten", t.node("Softmax", x, axis=-1)), opset=13))


def refused(folder):
    """The script must refuse these files, because no layers of darknet compute the same."""
    def says(t, last, text, **more):
        path = saved(folder, t, last, **more)
        done = script("import_onnx.py", path, path + ".cfg", path + ".weights", "--force")
        expect(done.returncode == 1 and done.stderr == f"import_onnx.py: {path}: node it, {text}\n",
               done.stderr)

    for kind, name in ((6, "INT32"), (9, "BOOL")):
        t = Net()
        x = t.node("Cast", t.conv("data", 4, 3, 3), to=kind, name="it")
        says(t, t.node("Cast", x, to=1),
             f"Cast: to={name}: only kinds of floats have a layer here")
    for opset in (11, 13):
        t = Net()
        x = t.node("GlobalAveragePool", t.conv("data", 4, 3, 3))
        says(t, t.node("Softmax", x, axis=-1, name="it"), "Softmax: only the softmax of all "
             "channels at one pixel has a layer here", opset=opset)
    for op, constants, by in (("Clip", (10,), "10"), ("Add", (1,), "1"), ("Sub", (.1,), "-0.1"),
                              ("Max", (10,), "10")):
        t = Net()
        x = point(t)
        length = t.node(op, t.node("ReduceL2", x, axes=[1]), *map(number, constants), name="it")
        says(t, t.node("Div", x, length), f"{op}: changes |x| in x / |x| by {by}: only an epsilon "
             "of at most 0.0001 has a layer here")
    t = Net()
    x = point(t)
    length = t.node("Clip", t.node("ReduceL2", x, axes=[1]), number(0), number(.01), name="it")
    says(t, t.node("Div", x, length), "Clip: max=0.01: a limit of |x| in x / |x| has no layer here")
    for first in (lambda t, x: t.node("Flatten", x),
                  lambda t, x: t.node("Transpose", x, perm=[0, 2, 3, 1])):
        t = Net()
        x = first(t, t.conv("data", 4, 3, 3))
        says(t, t.node("Div", x, t.node("ReduceL2", x, axes=[1], name="it")),
             "ReduceL2: only the length over the channels has a layer here")
        t = Net()
        x = first(t, t.conv("data", 4, 3, 3))
        says(t, t.node("LpNormalization", x, axis=1, p=2, name="it"),
             "LpNormalization: p=2 axis=1: only p=2 over the channels has a layer here")
    for mode, take in (("align_corners", "floor"), ("asymmetric", "ceil")):
        t = Net()
        says(t, t.node("Resize", t.conv("data", 4, 3, 3), np.float32([]), np.float32([1, 1, 2, 2]),
                       coordinate_transformation_mode=mode, nearest_mode=take, name="it"),
             f"Resize: coordinate_transformation_mode={mode} nearest_mode={take}: the pixels are "
             "not those of a layer here")
    t = Net()
    x = t.conv(t.node("Sub", "data", number(127.5)), 3, 3, 3)
    says(t, t.node("Add", x, "data", name="it"), "Add: reads data beside the nodes that normalise "
         "it: has no layer here")
    t = Net()
    x = t.conv("data", 4, 3, 3)
    gate = t.node("Tanh", t.node("Softplus", x), name="gate")
    says(t, t.node("Mul", t.node("Mul", x, gate, name="it"), gate), "Mul: its input gate is "
         "computed in a way that has no layer here (tanh of softplus)")


def in_a_folder(test):
    with tempfile.TemporaryDirectory() as folder:
        test(folder)


for each in (shared, normalised_twice, flat, fixed_batch, right, refused):
    attempt(each.__name__, in_a_folder, each)
summary()
