"""Tests that scripts/import_onnx.py reads forms of nodes and constants that other exporters write.
The outputs must be those of ONNX Runtime, or the message must name the node."""
import contextlib
import io
import os
import sys
import tempfile

import common
from common import attempt, expect, needed, script, skip_all, summary

with needed():
    import numpy as np
    from onnx import TensorProto, helper
    from bench import peer_process
    from onnx_net import Net, bring, numbers
    import import_onnx
if peer_process.onnx_missing():
    skip_all(f"{peer_process.onnx_missing()} (make bench-deps)")


def start(c=4, shape=(1, 3, 12, 12)):
    """Returns an ONNX network with a convolution of c filters, and the name of its output."""
    t = Net(shape)
    return t, t.conv("data", c, 3, 3)


def factors(c=4):
    return numbers(c, .5, 2).reshape(c, 1, 1)


# ---- Each function returns (network, name of its output), and may add a dict: "options" for
# import_onnx.py, all other keys for Net.save(). ----

def whole_slice():
    """A Slice that takes all channels changes nothing. Add reads the value before this Slice."""
    t, x = start()
    y = t.node("Slice", x, np.int64([0]), np.int64([4]), np.int64([1]))
    return t, t.node("Add", t.node("Relu", y), x)


def empty_pad():
    t, x = start()
    return t, t.node("Add", t.node("Relu", t.node("Pad", x, np.int64([0] * 8))), x)


def first_part():
    """The network ends with the first output of a Split; its second output is unused."""
    t, x = start()
    return t, t.node("Split", x, outputs=2, axis=1)[0]


def first_dimension():
    """PyTorch 2 exports x.size(0) as a node Shape with the attributes start and end."""
    t, x = start(shape=("N", 3, 12, 12))
    shape = t.node("Concat", t.node("Shape", x, start=0, end=1), np.int64([-1]), axis=0)
    return t, t.gemm(t.node("Reshape", x, shape), 5, 576), {"opset": 15}


def bfloat16():
    t, x = start()
    short = t.node("Cast", np.float32([.5, .25, .75, 1.5]).reshape(4, 1, 1), to=16)
    return t, t.node("Mul", x, t.node("Cast", short, to=1)), {"opset": 13}


def open_batch():
    """Some exporters write -1 for the batch size when it is not fixed."""
    t, x = start()
    t.input.type.tensor_type.shape.dim[0].dim_value = -1
    return t, x


def pad_and_same():
    """A Conv with auto_pad= pads a map that a Pad node has already enlarged."""
    t, x = start()
    x = t.node("Pad", x, np.int64([0, 0, 1, 1, 0, 0, 0, 0]))
    w = numbers(144, -.3, .3).reshape(4, 4, 3, 3)
    return t, t.node("Conv", x, w, strides=[2, 2], auto_pad="SAME_UPPER")


def two_scaled():
    t, x = start()
    return t, t.node("Mul", t.node("Mul", x, factors()), t.node("Mul", x, factors()))


def twice_the_input():
    t = Net()
    return t, t.conv(t.node("Add", "data", "data"), 4, 3, 3)


def slopes_after_reshape():
    t, x = start(6)
    x = t.node("Reshape", t.node("GlobalAveragePool", x), np.int64([1, -1]))
    return t, t.prelu(t.norm(x, 6), 6, (6,))


def inner_output():
    t, x = start()
    return t, t.conv(x, 4, 4, 3), {"options": ("--output", x)}


def nameless_norm():
    """The importer names a node without a name by its output."""
    t, x = start()
    y = t.norm(x, 4, name="norm")
    t.nodes[-1].name = ""
    return t, y, {"options": ("--fix-gamma", "norm")}


def from_the_end():
    """A negative axis of Flatten counts from the last dimension."""
    t, x = start()
    return t, t.gemm(t.node("Flatten", x, axis=-3), 5, 576)


def length_of_absolutes():
    """PyTorch 2 exports the L2 norm of x as ReduceL2 of Abs."""
    t, x = start()
    x = t.node("Flatten", t.node("GlobalAveragePool", x))
    length = t.node("ReduceL2", t.node("Abs", x), axes=[1])
    return t, t.node("Div", x, t.node("Clip", length, np.float32(1e-12)))


def forms(folder):
    for made in (whole_slice, empty_pad, first_part, first_dimension, bfloat16, open_batch,
                 pad_and_same, two_scaled, twice_the_input, slopes_after_reshape, inner_output,
                 nameless_norm, from_the_end, length_of_absolutes):
        t, last, more = (*made(), {})[:3]
        options = more.pop("options", ())
        try:
            bring(t.save(os.path.join(folder, "f.onnx"), last, **more), *options)
        except Exception as e:
            raise AssertionError(f"{made.__name__}: {e}") from e


# ---- refused files ----

def says(path, text):
    """Importing must fail with a message that names the file, and leave no file."""
    done = script("import_onnx.py", path, path + ".cfg", path + ".weights")
    want = f"import_onnx.py: {path}: {text}\n"
    expect(done.returncode == 1 and done.stderr == want, f"{want!r} is not {done.stderr!r}")
    expect(not os.path.exists(path + ".cfg") and not os.path.exists(path + ".weights"), "a file")


def refused(folder):
    path, broken = os.path.join(folder, "r.onnx"), np.float32([1, 2, np.nan, 3])
    rows = [
        ("AveragePool", (), {"kernel_shape": [2, 2], "dilations": [2, 2]}, 19, 4,
         "dilations=[2, 2]: has no layer here"),
        ("Split", (), {"outputs": 4, "axis": 1, "num_outputs": 4}, 18, 10, "takes channels 0 to 2 "
         "of 10: only one of equal parts has a layer here"),
        ("PRelu", (numbers(12, 0, 1).reshape(1, 12, 1),), {}, 11, 12,
         "a constant of 1 x 12 x 1 beside (1, 12, 12, 12) has no layer here"),
        ("Resize", (np.float32([]), np.float32([1, 1, 0, 0])), {}, 11, 4,
         "only the nearest pixel and a whole factor have a layer here"),
        ("PRelu", (broken.reshape(4, 1, 1),), {}, 11, 4, "slopes: not all are finite numbers"),
        ("Add", (broken.reshape(4, 1, 1),), {}, 11, 4, "biases: not all are finite numbers"),
        ("BatchNormalization", (broken, *[np.ones(4, np.float32)] * 3), {}, 11, 4,
         "scales: not all are finite numbers"),
        ("BatchNormalization", (*[np.ones(4, np.float32)] * 3, np.zeros(4, np.float32)),
         {"epsilon": 0.}, 11, 4, "scales: not all are finite numbers"),
    ]
    for op, constants, attributes, opset, c, text in rows:
        t, x = start(c)
        made = t.node(op, x, *constants, name="it", **attributes)
        t.save(path, made if isinstance(made, str) else made[0], opset=opset)
        says(path, f"node it, {op}: {text}")
    t, x = start()
    x = t.node("GlobalAveragePool", x)
    length = t.node("ReduceL2", t.node("Mul", x, x), axes=[1])
    t.save(path, t.node("Div", x, length, name="it"))
    says(path, "node it, Div: only constants, or x / |x|, have a layer here")
    for is_read in (False, True):
        t, x = start()
        x = t.node("MaxPool", x, outputs=2, kernel_shape=[2, 2], name="it")[1]
        t.save(path, t.node("Cast", x, to=1, name="it2") if is_read else x)
        says(path, f"node {'it2, Cast' if is_read else 'it, MaxPool'}: it.1 is an output of an "
                   "operator that has no layer here")


def constant(t, **fields):
    """Adds a Constant node "k". Returns its tensor: 4 x 1 x 1 floats, with these fields."""
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[4, 1, 1], **fields)
    t.nodes.append(helper.make_node("Constant", [], ["k"], name="k", value=tensor))
    return tensor


def constants(folder):
    """The numbers of a Constant node can be damaged, or lie in another file."""
    path = os.path.join(folder, "c.onnx")
    t, x = start()
    constant(t, raw_data=b"1234")
    says(t.save(path, t.node("Mul", x, "k")),
         "constant k: its data do not fit its shape [4, 1, 1]")
    common.write(os.path.join(folder, "k.bin"), factors().tobytes())
    for offset in ("0", "x", "-4"):
        t, x = start()
        places = {"location": "k.bin", "offset": offset, "length": "16"}
        constant(t, data_location=TensorProto.EXTERNAL, external_data=[
            {"key": k, "value": v} for k, v in places.items()])
        if offset == "0":
            bring(t.save(os.path.join(folder, "right.onnx"), t.node("Mul", x, "k")))
        else:
            t.save(path, t.node("Mul", x, "k"))
            why = {"x": "invalid literal for int() with base 10: 'x'",
                   "-4": "[Errno 22] Invalid argument"}[offset]
            says(path, f"constant k: cannot be read from k.bin: {why}")


def without_runtime(folder):
    """The script writes no network that `darknet` refuses, even when ONNX Runtime is missing."""
    t, x = start()
    w = np.zeros((4, 4, 3, 3), np.float32)
    path = t.save(os.path.join(folder, "w.onnx"), t.node("Conv", x, w, numbers(3, 0, 1)))
    was = import_onnx.peer_process.onnx_missing
    import_onnx.peer_process.onnx_missing = lambda: "nothing"
    said = io.StringIO()
    try:
        sys.argv = ["import_onnx.py", path, path + ".cfg", path + ".weights"]
        with contextlib.redirect_stderr(said):
            expect(import_onnx.main() == 1, "is imported")
    finally:
        import_onnx.peer_process.onnx_missing = was
    expect(said.getvalue().startswith(f"import_onnx.py: {path}: becomes no valid network: net."
                                      "weights: too short: ends at weights of layer 1"),
           said.getvalue())
    expect(not os.path.exists(path + ".cfg") and not os.path.exists(path + ".weights"), "a file")


def in_a_folder(test):
    with tempfile.TemporaryDirectory() as folder:
        test(folder)


for each in (forms, refused, constants, without_runtime):
    attempt(each.__name__, in_a_folder, each)
summary()
