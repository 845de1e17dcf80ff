"""Tests scripts/import_onnx.py on networks built node by node, and on bad files."""
import os
import tempfile

import common
from common import attempt, expect, needed, script, skip_all, summary

with needed():
    import numpy as np
    import onnx
    from onnx import TensorProto, helper
    import nets
    from bench import peer_process
    from onnx_net import RNG, Net, bring, numbers
    import export_onnx
if peer_process.onnx_missing():
    skip_all(f"{peer_process.onnx_missing()} (make bench-deps)")


def in_order(got, want):
    expect(got == want.split(), f"{got}, not {want.split()}")


# ---- networks like published ones ----

def iresnet(folder):
    """Imports batch norm before a convolution, shortcuts, and a chain BN - Flatten - Gemm - BN."""
    t = Net(("N", 3, 12, 12))
    x = t.prelu(t.conv("data", 8, 3, 3), 8)
    y = t.conv(t.prelu(t.conv(t.norm(x, 8), 8, 8, 3), 8), 8, 8, 3, stride=2)
    x = t.node("Add", y, t.conv(x, 8, 8, 1, stride=2, pads=[0] * 4))
    y = t.conv(t.prelu(t.conv(t.norm(x, 8), 8, 8, 3), 8), 8, 8, 3)
    x = t.node("Add", y, x)
    x = t.node("Flatten", t.norm(x, 8), axis=1)
    x = t.norm(t.gemm(x, 16, 8 * 36), 16)
    got, _ = bring(t.save(os.path.join(folder, "r.onnx"), x))
    in_order(got,
             "convolutional batchnorm convolutional convolutional route convolutional shortcut "
             "batchnorm convolutional convolutional shortcut batchnorm connected")


def mobilefacenet(folder):
    """Imports depthwise layers, MatMul, BN, and view() as Shape - Gather - Concat - Reshape."""
    t = Net(("N", 3, 14, 14))
    x = t.prelu(t.norm(t.conv("data", 8, 3, 3, 2, bias=False), 8), 8)
    y = t.prelu(t.norm(t.conv(x, 16, 8, 1, bias=False), 16), 16)
    y = t.prelu(t.norm(t.conv(y, 16, 16, 3, group=16, bias=False), 16), 16)
    x = t.node("Add", x, t.norm(t.conv(y, 8, 16, 1, bias=False), 8))
    x = t.norm(t.conv(x, 8, 8, 7, group=8, bias=False, pads=[0] * 4), 8)
    batch = t.node("Gather", t.node("Shape", x), np.int64(0))
    shape = t.node("Concat", t.node("Unsqueeze", batch, axes=[0]), np.int64([-1]), axis=0)
    x = t.node("MatMul", t.node("Reshape", x, shape), RNG.normal(0, .3, (8, 12)).astype(np.float32))
    got, text = bring(t.save(os.path.join(folder, "m.onnx"), t.norm(x, 12)),
                      input_scale="0.00784313725")
    in_order(got, "convolutional convolutional depthwise convolutional shortcut global_depthwise "
                  "connected")
    expect(text.count("batch_normalize=1") == 6, text)


def mxnet(folder):
    """Imports a network like ArcFace of ONNX's model zoo: it normalises the input in the graph, has
    batch norm with spatial=0, PReLU slopes with one dimension, constants among the graph's inputs,
    and Dropout. --fix-gamma replaces gamma by 1."""
    t, old = Net(), {"spatial": 0, "epsilon": 2e-5, "momentum": .9}
    x = t.node("Sub", t.node("Identity", "data"), np.float32([127.5]))
    x = t.node("Mul", x, np.float32([.0078125]))
    x = t.prelu(t.norm(t.conv(x, 8, 3, 3, bias=False), 8, **old), 8, (8,))
    y = t.norm(t.conv(t.norm(x, 8, **old), 8, 8, 3, bias=False), 8, **old)
    y = t.norm(t.conv(t.prelu(y, 8, (8,)), 8, 8, 3, stride=2, bias=False), 8, **old)
    x = t.norm(t.conv(x, 8, 8, 1, stride=2, bias=False, pads=[0] * 4), 8, **old)
    x = t.node("Dropout", t.norm(t.node("Add", y, x), 8, **old))
    x = t.gemm(t.node("Flatten", x), 16, 8 * 36)
    x = t.norm(x, 16, gamma=numbers(16, 5, 9), spatial=0, name="fc1")
    path = t.save(os.path.join(folder, "x.onnx"), "fc1", opset=8, lists_constants=True)
    got, text = bring(path, input_mean="127.5", input_scale="0.0078125")
    in_order(got, "convolutional batchnorm convolutional convolutional route convolutional "
                  "shortcut batchnorm connected")
    expect("first nodes" in text, text)
    weights = common.read(path + ".weights")
    bring(path, "--fix-gamma", "fc1", input_mean="127.5")
    now = common.read(path + ".weights")
    ones = np.ones(16, "<f4").tobytes()
    expect(weights != now and ones in now and ones not in weights, "gamma is not read as 1")


def mobilenet(folder):
    """Imports squeeze and excitation, hswish and hsigmoid in two forms, relu6, pools, l2 norm."""
    t = Net((1, 3, 16, 16))

    def written(x, last):
        cut = t.node("Clip", t.node("Add", x, np.float32(3)), np.float32(0), np.float32(6))
        return t.node("Div", t.node("Mul", x, cut) if last == "hswish" else cut, np.float32(6))
    x = t.conv("data", 8, 3, 3)
    x = written(x, "hswish")
    s = t.node("Relu", t.conv(t.node("GlobalAveragePool", x), 4, 8, 1))
    x = t.node("Mul", x, written(t.conv(s, 8, 4, 1), "hsigmoid"))
    x = t.conv(x, 8, 8, 3)
    x = t.node("Mul", x, t.node("HardSigmoid", x, alpha=1 / 6, beta=.5))
    x = t.node("MaxPool", t.node("Clip", t.conv(x, 8, 8, 1), np.float32(0), np.float32(6)),
               kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = t.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = t.node("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4)
    x = t.node("Mul", t.node("Sigmoid", t.conv(x, 1, 8, 3)), x)
    x = t.conv(x, 8, 8, 1)
    x = t.node("Mul", x, t.node("Sigmoid", x))
    x = t.conv(x, 8, 8, 1)
    x = t.node("Mul", x, t.node("Tanh", t.node("Softplus", x)))
    x = t.conv(x, 8, 8, 1)
    x = t.node("Mul", t.node("HardSigmoid", x, alpha=.5, beta=1.), x)
    x = t.node("Flatten", t.node("ReduceMean", x, axes=[2, 3], keepdims=1))
    length = t.node("Clip", t.node("ReduceL2", x, axes=[1], keepdims=1), np.float32(1e-12))
    x = t.node("Div", x, t.node("Expand", length, t.node("Shape", x)))
    got, text = bring(t.save(os.path.join(folder, "v.onnx"), x))
    in_order(got, "convolutional avgpool convolutional convolutional scale_channels convolutional "
                  "convolutional maxpool avgpool local_avgpool convolutional scale_channels "
                  "convolutional convolutional convolutional avgpool l2norm")
    for act in ("hard_mish", "hswish", "hsigmoid", "relu6", "swish", "mish"):
        expect(f"activation={act}" in text, act)


def shufflenet(folder):
    """Imports Split, Concat, shuffle, Resize, Pad, dilations, asymmetric pads, and Transpose -
    Reshape - Gemm."""
    t = Net((2, 3, 9, 9))
    x = t.conv("data", 8, 3, 3, 2, pads=[0, 0, 1, 1])
    x = t.node("Relu", t.conv(x, 8, 8, 3, dilations=[2, 2], pads=[2] * 4))
    a, b = t.node("Split", x, outputs=2, axis=1)
    x = t.node("Concat", a, t.conv(b, 4, 4, 1), axis=1)
    x = t.node("Reshape", x, np.int64([0, 2, 4, 4, 4]))
    x = t.node("Reshape", t.node("Transpose", x, perm=[0, 2, 1, 3, 4]), np.int64([0, 8, 4, 4]))
    x = t.node("Slice", x, np.int64([4]), np.int64([1 << 62]), np.int64([1]))
    x = t.node("Pad", x, np.int64([0, 0, 1, 1] * 2))
    x = t.conv(x, 4, 4, 3, pads=[0] * 4)
    x = t.node("LeakyRelu", x, alpha=.3)
    x = t.node("Transpose", x, perm=[0, 2, 3, 1])
    x = t.gemm(t.node("Reshape", x, np.int64([0, -1])), 5, 64)
    got, _ = bring(t.save(os.path.join(folder, "s.onnx"), x))
    in_order(got, "convolutional convolutional route route convolutional route "
                  "channel_shuffle route convolutional connected")


def shared(folder):
    """A value that two nodes read must reach both nodes unchanged."""
    t = Net((1, 4, 5, 5))
    x = t.conv("data", 4, 4, 3)
    a = t.node("Relu", t.node("Identity", x))
    b = t.node("Add", x, numbers(4, -1, 1).reshape(4, 1, 1))
    s = t.node("Sigmoid", x)
    x = t.node("Add", t.node("Add", a, b), t.node("Mul", s, s))
    done = script("import_onnx.py", t.save(os.path.join(folder, "u.onnx"), x),
                  os.path.join(folder, "u.cfg"), os.path.join(folder, "u.weights"))
    expect(done.returncode == 0 or "has no layer here" in done.stderr, done.stderr)
    t.nodes = t.nodes[:-2]
    x = t.node("Mul", t.node("Add", a, b), s)
    bring(t.save(os.path.join(folder, "u.onnx"), x))


def half(folder):
    """Imports float16 constants and input, and 8-bit weights with DequantizeLinear."""
    t = Net((1, 3, 6, 6), TensorProto.FLOAT16)
    w = RNG.normal(0, .3, (4, 3, 3, 3)).astype(np.float16)
    bring(t.save(os.path.join(folder, "h.onnx"), t.node("Conv", "data", w, pads=[1] * 4)))
    t = Net((1, 3, 6, 6))
    q = RNG.integers(-90, 90, (4, 3, 3, 3)).astype(np.int8)
    w = t.node("DequantizeLinear", q, np.float32(.01), np.int8(3))
    bring(t.save(os.path.join(folder, "q.onnx"), t.node("Conv", "data", w), opset=13))


def sizes(folder):
    t = Net(("N", 3, "H", "W"))
    x = t.node("GlobalAveragePool", t.conv("data", 4, 3, 3))
    path = t.save(os.path.join(folder, "d.onnx"), t.node("Flatten", x))
    fails(path, f"{path}: input data: its size is open: give it, as --size 112x112")
    bring(path, "--size", "8x10", height=8, width=10)
    fails(path, f"{path}: input data: is 8 x 8, --size says 9 x 9", "--size", "9",
          net=((1, 3, 8, 8), "Relu"))


def external(folder):
    t = Net((1, 3, 6, 6))
    path = t.save(os.path.join(folder, "e.onnx"), t.conv("data", 4, 3, 3))
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="e.data", size_threshold=0)
    bring(path)
    os.remove(os.path.join(folder, "e.data"))
    fails(path, f"{path}: constant constant/0 lies in e.data, which is not beside it")


def round_trip(folder):
    same = ("[convolutional]\nfilters=6\nsize=3\npad=1\ngroups=3\nbatch_normalize=1\n"
            "activation=prelu\n[depthwise]\nstride=2\npad=1\nactivation=leaky\n[route]\nlayers=-1\n"
            "groups=2\ngroup_id=1\n[route]\nlayers=-1,1\n[channel_shuffle]\ngroups=3\n[maxpool]\n"
            "size=3\nstride=1\n[batchnorm]\nshift=1\nactivation=swish\n[avgpool]\n[convolutional]\n"
            "filters=9\nactivation=hsigmoid\n[scale_channels]\nfrom=-3\n[upsample]\n"
            "[sam]\nfrom=-1\n[shortcut]\nfrom=-2\nactivation=relu\n[global_depthwise]\n"
            "batch_normalize=1\n"
            "[connected]\noutput=7\nbatch_normalize=1\nactivation=mish\n[l2norm]\n")
    acts = "".join(f"[activation]\nactivation={a}\n" for a in
                   ("relu6", "hswish", "hard_mish", "selu", "elu", "tanh", "relie", "hardtan",
                    "logistic", "prelu"))
    cfg, weights, model = (os.path.join(folder, f) for f in ("a.cfg", "a.weights", "a.onnx"))
    x = nets.images((7, 6, 3), 3)
    for layers, keeps in ((same, True), (same, False), (acts, False)):
        common.write(cfg, "[net]\nheight=7\nwidth=6\nchannels=3\ninput_mean=12\n" + layers)
        nets.randomise(cfg, weights)
        export_onnx.export(cfg, weights, model, keeps_norm=keeps)
        bring(model, input_mean="12", input_scale="0.00392156886")
        a, b = nets.ours(cfg, weights, x), nets.ours(os.path.join(folder, "net.cfg"),
                                                     model + ".weights", x)
        same_bits = keeps or layers is acts
        expect((a == b).all() if same_bits else nets.difference(b, a) < 1e-6,
               f"differs by {nets.difference(b, a):.1e}")


# ---- bad files ----

def fails(path, said, *options, net=None):
    """Importing must fail with the message `said`. net=(shape, op): writes a file of one node."""
    if net:
        t = Net(net[0])
        t.save(path, t.node(net[1], "data"))
    folder = os.path.dirname(path)
    out = [os.path.join(folder, f) for f in ("never.cfg", "never.weights")]
    done = script("import_onnx.py", path, *out, *options)
    want = f"import_onnx.py: {said}\n"
    expect(done.returncode == 1 and done.stderr == want, f"{want!r} is not {done.stderr!r}")
    expect(not any(map(os.path.exists, out)), "a file is left")


def files(folder):
    path = os.path.join(folder, "f.onnx")
    fails(path, f"{path}: No such file or directory")
    fails(common.write(path, "[net]\nheight=1\n"), f"{path}: is not an ONNX file, or cut short")
    fails(common.write(path, "hello\n"), f"{path}: is not an ONNX file, or cut short")
    fails(common.write(path, b""), f"{path}: is not an ONNX file: it has no graph")
    t = Net()
    data = common.read(t.save(path, t.conv("data", 4, 3, 3)))
    fails(common.write(path, data[:-40]), f"{path}: is not an ONNX file, or cut short")
    fails(common.write(path, data.replace(b"Conv_0", b"Conv\xff0")),
          f"{path}: is not an ONNX file, or damaged: a name is not UTF-8 text")
    t.nodes[0].attribute[0].ClearField("type")
    t.nodes[0].attribute[0].ClearField("ints")
    t.save(path, "/net/Conv_0")
    fails(path, f"{path}: node /net/Conv_0, Conv: {t.nodes[0].attribute[0].name}: an attribute of "
                "no known kind")
    t = Net()
    t.conv("data", 4, 3, 3)
    for opset in (4, 22):
        t.save(path, "/net/Conv_0", opset=opset)
        fails(path, f"{path}: opset {opset}: only 5 to 21 are read here")
    t.node("Relu", "/net/Conv_0")
    t.save(path, "/net/Conv_0", "/net/Relu_1")
    fails(path, f"{path}: has 2 outputs: --output names one of /net/Conv_0, /net/Relu_1")
    fails(path, f"{path}: --output x: no node makes it; the outputs are /net/Conv_0, /net/Relu_1",
          "--output", "x")
    bring(path, "--output", "/net/Conv_0")
    t = Net()
    t.nodes += [helper.make_node("Add", ["data", "b"], ["a"], name="one"),
                helper.make_node("Relu", ["a"], ["b"], name="two")]
    fails(t.save(path, "b"), f"{path}: node one, Add: its input b is made of its own output: a "
                             "cycle")


def nodes(folder):
    path, image = os.path.join(folder, "n.onnx"), (1, 3, 8, 8)
    w = np.zeros((4, 3, 3, 3), np.float32)
    rows = [
        ("LRN", (), {"size": 3}, "this operator has no layer here"),
        ("Conv", (w,), {"strides": [1, 2]}, "strides=[1, 2]: must be equal"),
        ("Conv", (w[:, :, :1],), {},
         "kernel_shape=[1, 3]: must be square, or the whole map in groups "
         "of one channel"),
        ("Conv", (w[:, :2],), {}, "its filters are for 2 channels, its input has 3"),
        ("Conv", (w,), {"pads": [1]}, "its inputs and attributes are not those of the operator "
         "(list index out of range)"),
        ("Conv", (w,), {"strides": [0, 0]}, "its inputs and attributes are not those of the "
         "operator (integer division or modulo by zero)"),
        ("Conv", (w.astype(np.int8),), {}, "its input constant/0 has integers: only floats, or "
         "integers behind DequantizeLinear, have a layer here"),
        ("AveragePool", (), {"kernel_shape": [0, 0]},
         "kernel_shape=[0, 0] strides=[1, 1]: must be square and positive"),
        ("Conv", (w * np.nan,), {}, "weights: not all are finite numbers"),
        ("PRelu", (np.zeros((3, 8, 8), np.float32),), {},
         "a constant of 3 x 8 x 8 beside (1, 3, 8, 8) has no layer here"),
        ("BatchNormalization", (np.ones(2, np.float32),) * 4, {},
         "has 2 channels, its input 3"),
        ("BatchNormalization", (np.ones(3, np.float32), np.ones(3, np.float32),
                                np.ones(3, np.float32), -np.ones(3, np.float32)), {},
         "its variance has a negative number"),
        ("BatchNormalization", (np.ones(192, np.float32),) * 4, {"spatial": 0},
         "spatial=0: has a mean for each pixel, which no layer has"),
        ("AveragePool", (), {"kernel_shape": [3, 3], "pads": [2, 2, 0, 0]},
         "pads=[2, 2, 0, 0]: must be equal, or one more at the end"),
        ("HardSigmoid", (), {"alpha": .3},
         "alpha=0.3 beta=0.5: only 1/6 and 1/2, and before a product with x also 1/2 and 1, have "
         "a layer here"),
        ("Elu", (), {"alpha": 2.}, "alpha=2: only 1 has a layer here"),
        ("Transpose", (), {"perm": [0, 1, 3, 2]},
         "perm=[0, 1, 3, 2]: is neither a flattening nor a shuffle of channels"),
        ("Reshape", (np.int64([1 << 40, 2]),), {},
         f"its inputs and attributes are not those of the operator (the shape [{1 << 40}, 2] is "
         "out of range)"),
        ("Reshape", (np.int64([1, 3, 64]),), {}, "(1, 3, 8, 8) to (1, 3, 64) is neither a "
         "flattening nor a shuffle of channels"),
        ("Mul", (np.zeros((1, 1, 8, 8), np.float32),), {},
         "a constant of 1 x 1 x 8 x 8 beside (1, 3, 8, 8) has no layer here"),
        ("QuantizeLinear", (np.float32(.1), np.uint8(3)), {}, "this operator has no layer here"),
        ("Softmax", (), {"axis": 2},
         "only the softmax of all channels at one pixel has a layer here"),
    ]
    for op, constants, attributes, said in rows:
        t = Net(image)
        t.save(path, t.node(op, "data", *constants, name="it", **attributes))
        fails(path, f"{path}: node it, {op}: {said}")
    t = Net(image)
    huge = t.node("ConstantOfShape", np.int64([1 << 40, 1 << 20]), name="it")
    t.save(path, t.node("Add", "data", huge))
    fails(path, f"{path}: node it, ConstantOfShape: its constants do not fit: Unable to allocate "
                "4.00 EiB for an array with shape (1099511627776, 1048576) and data type float32")
    for op, first in (("BatchNormalization", lambda t: t.norm("data", 3, name="it")),
                      ("MaxPool", lambda t: t.node("MaxPool", "data", kernel_shape=[2, 2],
                                                   strides=[2, 2], name="it")),
                      ("Conv", lambda t: t.conv("data", 3, 3, 3, group=3, name="it"))):
        t = Net(image)
        t.save(path, t.conv(first(t), 4, 3, 3))
        fails(path, f"{path}: node it, {op}: --bgr: only convolutions without groups may read the "
                    "input", "--bgr")
    t = Net(image)
    t.save(path, t.node("Clip", "data", np.float32(0), np.float32(5), name="it"))
    fails(path, f"{path}: node it, Clip: min=0.0 max=5.0: only 0 and 6, -1 and 1, and 0 alone have "
                "a layer here")


def outputs(folder):
    """The script replaces no existing file without --force, and never its input."""
    t = Net()
    path = t.save(os.path.join(folder, "o.onnx"), t.conv("data", 4, 3, 3))
    cfg = common.write(os.path.join(folder, "o.cfg"), "mine")
    done = script("import_onnx.py", path, cfg, os.path.join(folder, "o.weights"))
    expect(done.stderr == f"import_onnx.py: {cfg}: exists; --force replaces it\n", done.stderr)
    done = script("import_onnx.py", path, path, os.path.join(folder, "o.weights"), "--force")
    expect(done.stderr == f"import_onnx.py: {path}: is an input of this very command\n", done)
    done = script("import_onnx.py", path, cfg, cfg, "--force")
    expect(done.stderr == f"import_onnx.py: {cfg}: is named for the cfg and for the weights\n",
           done)
    done = script("import_onnx.py", path, cfg, cfg, "--mean", "nan")
    expect(done.returncode == 2 and "argument --mean: nan: must be finite\n" in done.stderr, done)
    expect(common.read(cfg) == b"mine", "the old file is lost")


def in_a_folder(test):
    with tempfile.TemporaryDirectory() as folder:
        test(folder)


for each in (iresnet, mobilefacenet, mxnet, mobilenet, shufflenet, shared, half, sizes, external,
             round_trip, files, nodes, outputs):
    attempt(each.__name__, in_a_folder, each)
summary()
