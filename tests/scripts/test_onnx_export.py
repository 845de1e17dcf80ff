"""scripts/export_onnx.py: the file is read back by a reader of its own, the structure checked, and
the network computed from the file alone, by plain loops and by ONNX Runtime where installed."""
import os
import struct
import tempfile

import common
from common import ROOT, attempt, expect_end, needed, raw, script, skip, summary

with needed():
    import numpy as np
import export_onnx
from bench import peer_process
from lib import darknet_files

TOLERANCE = 1e-5  # of the largest value of the output
# Every branch: groups, no batch norm, padding=, strides, multiplier, a sum, a map that is no square
SMALL = """[net]
height=9
width=8
channels=4
[convolutional]
filters=6
size=3
stride=2
pad=1
groups=2
batch_normalize=1
activation=prelu
[depthwise]
size=3
pad=1
activation=linear
[shortcut]
from=-2
[depthwise]
size=2
padding=1
multiplier=2
batch_normalize=1
activation=prelu
"""
GLOBAL = SMALL + """[global_depthwise]
batch_normalize=1
[convolutional]
filters=5
activation=linear
"""
# 6 filters become 10 (9.6), the last 5 stay; with divisor=4 and 1.3, 7.8 become 8.
WIDER = (GLOBAL.replace("channels=4\n", "channels=4\nwidth_multiplier=1.6\n")
         .replace("filters=5\n", "filters=5\nfixed_width=1\nname=embedding\n"))
# Names, a width, a low rank, a layer behind a route of numbers, and a loss without its classes
WIDE = """[net]
height=9
width=8
channels=4
width_multiplier=0.5
[convolutional]
name=stem
filters=12
size=3
stride=2
pad=1
groups=2
batch_normalize=1
activation=prelu
[low_rank]
filters=12
rank=2
size=3
pad=1
batch_normalize=1
activation=prelu
[shortcut]
from=stem
activation=linear
[convolutional]
filters=5
size=2
stride=2
activation=linear
fixed_width=1
[margin_softmax]
classes=auto
"""
BAD = [
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[maxpool]\nsize=2\n",
     ":5: [maxpool] is not known here, "
     "only convolutional, depthwise, global_depthwise, low_rank, shortcut"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n\n[convolutional]\nrank=2\nactivation=linear\n",
     ":7: [convolutional] rank=2: no such option"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[convolutional]\nactivation=relu\n",
     ":5: [convolutional] activation=relu: only prelu and linear are known here"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[depthwise]\n[shortcut]\nfrom=-2\n",
     ":6: [shortcut] from=-2: this is layer 1, so it must name a layer from 0 to 0"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[depthwise]\n[shortcut]\nfrom=-1,0\n",
     ":6: [shortcut] from: must name one layer"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[depthwise]\nsize=1\n"
     "[depthwise]\n[shortcut]\nfrom=-2\n",
     ":8: [shortcut] only a plain sum of two layers of equal shapes is known here"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[depthwise]\nsize=7\n",
     ":5: [depthwise] size=7: the padded input is only 4 x 4"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[depthwise]\nsize=large\n",
     ":6: [depthwise] size=large: must be a whole number from 1 to 15"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[depthwise]\nstride=0\n",
     ":6: [depthwise] stride=0: must be a whole number from 1 to 16"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[convolutional]\ngroups=0\nactivation=linear\n",
     ":6: [convolutional] groups=0: must be a whole number from 1 to 65536"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[convolutional]\ngroups=2\nactivation=linear\n",
     ":5: [convolutional] groups=2: does not divide 3 channels and filters=1"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\nwidth_multiplier=x\n[depthwise]\n",
     ":5: [net] width_multiplier=x: must be a number from 0.001 to 64"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\nwidth_multiplier=0\n[depthwise]\n",
     ":5: [net] width_multiplier=0: must be a number from 0.001 to 64"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n[depthwise]\n[shortcut]\nfrom=--1\n",
     ":7: [shortcut] from=--1: must be a list of numbers from -100000 to 100000"),
    ("[net]\nheight=4\nwidth=4\n[depthwise]\n",
     ":1: [net] needs height, width and channels, or inputs"),
    ("[net]\nheight=4\nwidth=4\nchannels=3\n", ": the network has no layers"),
    ("[depthwise]\n", ":1: the first section must be [net]"),
]


# ---- a reader of the format ----

def varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value, shift = value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """{number: [whole numbers and bytes]}"""
    out, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            if at + value > len(data):
                raise ValueError("a field is longer than its message")
            value, at = data[at:at + value], at + value
        elif key & 7:
            raise ValueError(f"unexpected kind {key & 7} of a field")
        out.setdefault(key >> 3, []).append(value)
    return out


def read_value_info(data):
    m = fields(data)
    kind = fields(fields(m[2][0])[1][0])
    assert kind[1] == [1], "not float32"
    dims = [fields(d) for d in fields(kind[2][0])[1]]
    return m[1][0].decode(), [d[1][0] if 1 in d else d[2][0].decode() for d in dims]


def read(path):
    """(nodes, tensors, input, output); a node is (op, inputs, output, {attribute: value})."""
    model = fields(common.read(path))
    opset = fields(model[8][0])
    assert model[1] == [7] and opset[1] == [b""] and opset[2] == [13], "version"
    graph, nodes, tensors = fields(model[7][0]), [], {}
    for data in graph.get(5, []):
        t = fields(data)
        assert t[2] == [1], "not float32"
        tensors[t[8][0].decode()] = np.frombuffer(t[9][0], "<f4").reshape(t[1])
    for data in graph[1]:
        n, attributes = fields(data), {}
        for a in map(fields, n.get(5, [])):
            assert a[20] == [2 if 3 in a else 7], "kind of an attribute"
            attributes[a[1][0].decode()] = a[3][0] if 3 in a else a[8]
        nodes.append((n[4][0].decode(), [i.decode() for i in n[1]], n[2][0].decode(), attributes))
    return nodes, tensors, read_value_info(graph[11][0]), read_value_info(graph[12][0])


def convolve(x, w, b=np.zeros((1)), *, group, kernel_shape, pads, strides):
    assert list(w.shape[2:]) == kernel_shape
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel_shape, (2, 3))
    windows = windows[:, :, ::strides[0], ::strides[1]]
    parts = [np.einsum("ncyxkl,ockl->noyx", part, filters) for part, filters in
             zip(np.split(windows, group, 1), np.split(w, group))]
    return np.concatenate(parts, 1) + b[:, None, None]


def compute(path, x):
    """The file's network in double precision."""
    nodes, tensors, (name, _), (last, _) = read(path)
    values = {name: x.astype(np.float64), **{k: v.astype(np.float64) for k, v in tensors.items()}}
    for op, inputs, output, a in nodes:
        v = [values[i] for i in inputs]  # fails unless computed before
        if op == "Conv":
            y = convolve(*v, **a)
        elif op == "PRelu":
            y = np.where(v[0] > 0, v[0], v[0] * v[1])
        elif op == "Add":
            y = v[0] + v[1]
        elif op == "Transpose":
            y = v[0].transpose(a["perm"])
        else:
            assert op == "Flatten" and a == {"axis": 1}, op
            y = v[0].reshape(len(v[0]), -1)
        values[output] = y
    return values[last]


# ---- the tests ----

def random_weights(layers, seed):
    rng = np.random.default_rng(seed)
    ranges = {"weights": (-0.5, 0.5), "scales": (0.5, 1.5), "variance": (0.5, 1.5),
              "slopes": (-0.1, 0.6), "basis": (-0.5, 0.5), "biases": (-0.3, 0.3),
              "mean": (-0.3, 0.3)}
    return [{name: rng.uniform(*ranges[name], shape).astype(np.float32)
             for name, shape in layer["params"]} for layer in layers]


def make(folder, cfg, batch, plan=darknet_files.plan):
    """Files of a network, weights and ONNX, and images x (B x C x H x W)."""
    weights, model = (os.path.join(folder, f) for f in ("w.weights", "m.onnx"))
    net, layers = plan(cfg)
    darknet_files.write_weights(weights, layers, random_weights(layers, 3))
    export_onnx.export(cfg, weights, model, batch)
    shape = (batch, net["channels"], net["height"], net["width"])
    x = np.random.default_rng(5).uniform(-1, 1, shape).astype(np.float32)
    return weights, model, x


def as_ours(got, cfg, weights, x):
    want = raw(cfg, weights, x.transpose(0, 2, 3, 1), "-batch", str(len(x)), "-threads", "2")
    assert got.shape == want.shape, f"shape {got.shape}, ours is {want.shape}"
    worst = np.abs(got - want).max() / np.abs(want).max()
    assert worst < TOLERANCE, f"differs by {worst:.2e} of the largest value"


def write(folder, text):
    return common.write(os.path.join(folder, "a.cfg"), text)


def same_numbers(folder):
    for text in (SMALL, GLOBAL, WIDER, WIDER.replace("=1.6", "=1.3\ndivisor=4")):
        cfg = write(folder, text)
        weights, model, x = make(folder, cfg, 3)
        as_ours(compute(model, x), cfg, weights, x)


def as_the_command_reads(folder):
    """What only the command works out: names of layers, widths, the filters of a low rank."""
    weights, model, x = make(folder, write(folder, WIDE), 3, export_onnx.plan)
    bare = write(folder, WIDE.split("[margin")[0])
    as_ours(compute(model, x), bare, weights, x)


def structure(folder):
    """A real cfg: as many operations as layers say, every size written, nothing left over."""
    cfg = os.path.join(ROOT, "cfg", "mobilefacenet-half.cfg")
    weights, model = os.path.join(folder, "w.weights"), os.path.join(folder, "m.onnx")
    _, layers = darknet_files.plan(cfg)
    darknet_files.write_weights(weights, layers, random_weights(layers, 3))
    expect_end(script("export_onnx.py", cfg, weights, model))
    nodes, tensors, first, last = read(model)
    assert first == ("input", ["N", 3, 112, 112]), first
    assert last == ("output", ["N", 512]), last
    ops = [op for op, *_ in nodes]
    sums = sum(layer["name"] == "shortcut" for layer in layers)
    assert ops.count("Conv") == len(layers) - sums and ops.count("Add") == sums
    assert ops.count("PRelu") == sum(layer["act"] == "prelu" for layer in layers)
    assert len(ops) == ops.count("Conv") + ops.count("Add") + ops.count("PRelu") + 1
    assert set(tensors) == {i for _, inputs, _, _ in nodes for i in inputs if i in tensors}
    filters = sum(int(np.prod(layer["shape"])) for layer in layers if "shape" in layer)
    assert sum(t.size for name, t in tensors.items() if name.endswith("_weights")) == filters


def messages(folder):
    out = os.path.join(folder, "never.onnx")
    weights = common.write(os.path.join(folder, "w.weights"),
                           struct.pack("<iiiQ", 0, 2, 0, 0) + bytes(8))
    cases = [(text, weights, "{cfg}" + said) for text, said in BAD]
    cases += [(SMALL, weights, "{weights}: 2 floats, the network has 306"),
              (SMALL, write(folder, "x"), "{weights}: not a weights file"),
              (SMALL, os.path.join(folder, "none"), "{weights}: No such file or directory")]
    one = "[net]\nheight=1\nwidth=1\nchannels=1\n[convolutional]\nactivation=linear\n"
    norm = one.replace("activation", "batch_normalize=1\nactivation")
    for text, numbers, said in (
            (one, (1, float("nan")), "weights of layer 0: not all are finite numbers"),
            (norm, (0, 1, 0, -1, 1), "variance of layer 0: has a negative number")):
        data = struct.pack(f"<iiiQ{len(numbers)}f", 0, 2, 0, 0, *numbers)
        cases.append((text, common.write(os.path.join(folder, f"w{len(numbers)}"), data),
                      "{weights}: " + said))
    for i, (text, file, said) in enumerate(cases):
        cfg = common.write(os.path.join(folder, f"{i}.cfg"), text)
        done = script("export_onnx.py", cfg, file, out)
        want = "export_onnx.py: " + said.format(cfg=cfg, weights=file)
        assert done.returncode == 1 and done.stderr.strip() == want, done.stderr
        assert not os.path.exists(out)
    cfg = write(folder, SMALL)
    done = script("export_onnx.py", cfg, weights, weights)
    assert done.stderr == f"export_onnx.py: {weights}: is an input of this very command\n", done


def onnx_runtime(folder):
    """The small networks and a whole one, and that denormals are flushed: 1e-20 x 1e-20 is one."""
    half = os.path.join(ROOT, "cfg", "mobilefacenet-half.cfg")
    tiny = common.write(os.path.join(folder, "tiny.cfg"), "[net]\nheight=1\nwidth=1\nchannels=1\n"
                        "[convolutional]\nactivation=linear\n")
    for text in (SMALL, GLOBAL, None):
        cfg = write(folder, text) if text else half
        weights, model, x = make(folder, cfg, 3)
        as_ours(run_onnx(folder, model, x), cfg, weights, x)
    _, model, _ = make(folder, tiny, 1)
    small = np.full((1, 1, 1, 1), 1e-20, np.float32)
    darknet_files.write_weights(os.path.join(folder, "t"), darknet_files.plan(tiny)[1],
                             [{"biases": np.zeros(1, np.float32), "weights": small}])
    export_onnx.export(tiny, os.path.join(folder, "t"), model)
    assert np.float32(1e-20) * np.float32(1e-20) != 0
    assert run_onnx(folder, model, small)[0, 0] == 0


def run_onnx(folder, model, x):
    planes, fout = os.path.join(folder, "planes.f32"), os.path.join(folder, "onnx.f32")
    x.tofile(planes)
    with peer_process.onnx(model, planes, x.shape, 2) as peer:
        assert len(peer.times(0, 2)) == 2
        peer.output(fout)
    return np.fromfile(fout, np.float32).reshape(len(x), -1)


def in_a_folder(test):
    with tempfile.TemporaryDirectory() as folder:
        test(folder)


for each in (same_numbers, as_the_command_reads, structure, messages):
    attempt(each.__name__, in_a_folder, each)
if peer_process.onnx_missing():
    skip("onnx_runtime", f"{peer_process.onnx_missing()} (make bench-deps)")
else:
    attempt("onnx_runtime", in_a_folder, onnx_runtime)
summary()
