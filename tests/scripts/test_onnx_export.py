"""Tests scripts/export_onnx.py: structure and metadata of the files; messages."""
import os
import struct
import tempfile

import common
from common import ROOT, attempt, expect, expect_end, needed, script, skip, summary

with needed():
    import numpy as np
    import onnx
    import nets
    from onnx_net import Net
    from bench import peer_process
    from exchange import onnx_activations
    import export_onnx
HEAD = "[net]\nheight=6\nwidth=6\nchannels=3\n"
CONV = "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=linear\n"
BAD = [
    (HEAD + "[reorg]\n", "{cfg}:5: [reorg] has no ONNX form here, only activation, avgpool, "
     "batchnorm, binary, channel_shuffle, connected, convolutional, depthwise, dropout, "
     "global_depthwise, l2norm, local_avgpool, logistic, low_rank, maxpool, route, sam, "
     "scale_channels, shortcut, softmax, upsample"),
    (HEAD + "[depthwise]\nsize=7\n", "{cfg}:5: [depthwise] size=7: the padded input is only 6 x 6"),
    (HEAD, "{cfg}: the network has no layers"),
    (HEAD + "[margin_softmax]\nclasses=4\n", "{cfg}: no layers"),
]


def write(folder, text):
    return common.write(os.path.join(folder, "a.cfg"), text)


def export(folder, cfg, *options):
    weights, model = os.path.join(folder, "w.weights"), os.path.join(folder, "m.onnx")
    nets.randomise(cfg, weights)
    done = script("export_onnx.py", cfg, weights, model, "--force", *options)
    expect_end(done)
    expect(done.stdout.startswith(f"{model}: ") and f"{os.path.getsize(model):,} bytes\n" in
           done.stdout and 'output "output": ' in done.stdout, done.stdout)
    return weights, model


def structure(folder):
    cfg = os.path.join(ROOT, "cfg", "mobilefacenet-half-am.cfg")
    _, path = export(folder, cfg)
    model = onnx.load(path)
    onnx.checker.check_model(model)
    ops = [n.op_type for n in model.graph.node]
    expect({o: ops.count(o) for o in ops} == {"Conv": 50, "PRelu": 33, "Add": 12, "Flatten": 1},
           ops)

    def shape(value):
        return value.name, [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
    expect(shape(model.graph.input[0]) == ("input", ["N", 3, 112, 112]), "the input")
    expect(shape(model.graph.output[0]) == ("output", ["N", 512]), "the output")
    expect([(o.domain, o.version) for o in model.opset_import] == [("", 10)], "opset")
    notes = {p.key: p.value for p in model.metadata_props}
    expect(notes["input_mean"] == "127.5" and abs(float(notes["input_scale"]) * 128 - 1) < 1e-6 and
           notes["outputs"] == "512" and notes["cfg"] == "mobilefacenet-half-am.cfg" and
           len(notes["cfg_sha256"]) == len(notes["weights_sha256"]) == 64, notes)


def ends(folder):
    """-to takes the name or number of the last layer. -batch writes a fixed batch size."""
    cfg = write(folder, HEAD + CONV.replace("size", "name=stem\nsize") + "[connected]\noutput=2\n")
    for to, dims in (("stem", [2, 4, 6, 6]), ("0", [2, 4, 6, 6]), ("1", [2, 2])):
        _, path = export(folder, cfg, "-to", to, "-batch", "2")
        out = onnx.load(path).graph.output[0].type.tensor_type.shape.dim
        expect([d.dim_value for d in out] == dims, f"-to {to}: {out}")


def fails(said, *words):
    done = script("export_onnx.py", *words)
    expect(done.returncode == 1 and done.stderr == f"export_onnx.py: {said}\n",
           f"{said!r} is not {done.stderr!r}")


def messages(folder):
    out = os.path.join(folder, "never.onnx")
    weights = common.write(os.path.join(folder, "w.weights"),
                           struct.pack("<iiiQ", 0, 2, 0, 0) + bytes(8))
    small = HEAD + CONV
    cases = [(text, weights, said) for text, said in BAD]
    cases += [(small, weights, "{weights}: 2 floats, the network has 112"),
              (small, write(folder, "x"), "{weights}: not a weights file"),
              (small, common.write(os.path.join(folder, "packed"), b"THINPACK" + bytes(40)),
               "{weights}: is packed: unpack it first (darknet compress unpack {weights} NET.cfg "
               "NET.weights)"),
              (small, os.path.join(folder, "none"), "{weights}: No such file or directory")]
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
        fails(said.format(cfg=cfg, weights=file), cfg, file, out)
        expect(not os.path.exists(out), "a file is left")
    cfg = write(folder, small)
    fails(f"{weights}: is an input of this very command", cfg, weights, weights)
    fails(f"{cfg}: no layer has the name or number 7", cfg, weights, out, "-to", "7")
    common.write(out, "old")
    fails(f"{out}: exists; --force replaces it", cfg, weights, out)


def round_trip(folder, text):
    """Exports a network, imports it again, and compares the outputs. Returns the new cfg."""
    cfg = write(folder, text)
    weights, model = export(folder, cfg)
    new = [os.path.join(folder, name) for name in ("b.cfg", "b.weights")]
    expect_end(script("import_onnx.py", model, *new, "--force"))
    x = np.random.default_rng(2).normal(0, 8, (5, 6, 6, 3))
    off = np.abs(common.raw(cfg, weights, x) - common.raw(*new, x)).max()
    expect(off < 1e-5, f"{text}: differs by up to {off}")
    return common.read(new[0]).decode()


def activations_return(folder):
    """The importer recognises each activation that the exporter writes."""
    fused = [act for act in onnx_activations.TABLE if act not in ("loggy", "ramp")]
    for act in "loggy", "ramp":
        round_trip(folder, HEAD + CONV.replace("linear", act) + CONV)
    # One network for all other activations: a convolution with each of them reads layer 0.
    branches = [CONV.replace("linear", act) + "[route]\nlayers=0\n" for act in fused]
    ends = ",".join(str(1 + 2 * i) for i in range(len(fused)))
    got = round_trip(folder, HEAD + CONV + "".join(branches) + f"[route]\nlayers={ends}\n")
    for act in fused:
        expect(got.count(f"activation={act}\n") == 1, f"{act}: {got}")
    expect(got.count("[convolutional]") == 1 + len(fused) and "[activation]" not in got, got)
    for act in "lhtan", "plse", "stair":
        one = f"[activation]\nactivation={act}\n"
        got = round_trip(folder, HEAD + CONV + one + "[shortcut]\nfrom=-2\n" + CONV)
        expect(one in got, f"the convolution, which has another reader, lost its output: {got}")
        got = round_trip(folder, HEAD + CONV + one * 2 + CONV)
        expect(got.count(f"activation={act}") == 2 and got.count("[") == 4, got)


def left_out(folder):
    """When a node leaves out an attribute, the importer's message gives the default, not None."""
    path = os.path.join(folder, "it.onnx")
    w, none = np.ones((4, 3, 3, 1), np.float32), np.float32([])
    for op, inputs, attributes, said in (
            ("Resize", (none, np.float32([1, 1, 2, 2])), {"nearest_mode": "ceil"},
             "coordinate_transformation_mode=half_pixel nearest_mode=ceil: the pixels are not "
             "those of a layer here"),
            ("Resize", (none, np.float32([1, 1, 2, 2])),
             {"coordinate_transformation_mode": "tf_half_pixel_for_nn"},
             "coordinate_transformation_mode=tf_half_pixel_for_nn nearest_mode="
             "round_prefer_floor: the pixels are not those of a layer here"),
            ("Clip", (np.float32(1),), {},
             "min=1.0: only 0 and 6, -1 and 1, and 0 alone have a layer here"),
            ("Clip", (), {},
             "no bounds: only 0 and 6, -1 and 1, and 0 alone have a layer here"),
            ("Conv", (w,), {}, "kernel_shape=[3, 1]: must be square, or the whole map in groups "
             "of one channel"), ("Floor", (), {}, "this operator has no layer here")):
        t = Net()
        t.save(path, t.node(op, "data", *inputs, name="it", **attributes))
        done = script("import_onnx.py", path, path + ".cfg", path + ".weights", "--force")
        expect(done.stderr == f"import_onnx.py: {path}: node it, {op}: {said}\n", done.stderr)


def denormals(folder):
    """ONNX Runtime must round 1e-20 x 1e-20 to 0: denormals would slow down benchmarks."""
    cfg = write(folder,
                "[net]\nheight=1\nwidth=1\nchannels=1\n[convolutional]\nactivation=linear\n")
    weights = common.write(os.path.join(folder, "w"),
                           struct.pack("<iiiQff", 0, 2, 0, 0, 0, 1e-20))
    model = os.path.join(folder, "m.onnx")
    export_onnx.export(cfg, weights, model)
    small = np.full((1, 1, 1, 1), 1e-20, np.float32)
    expect(small[0, 0, 0, 0] * small[0, 0, 0, 0] != 0, "the processor flushes denormals already")
    expect(nets.onnx_runtime(model, small)[0, 0] == 0, "a denormal is left")


def in_a_folder(test, *args):
    with tempfile.TemporaryDirectory() as folder:
        test(folder, *args)


for each in (structure, ends, messages, activations_return, left_out):
    attempt(each.__name__, in_a_folder, each)
if peer_process.onnx_missing():
    skip("ONNX Runtime", f"{peer_process.onnx_missing()} (make bench-deps)")
else:
    attempt("denormals", in_a_folder, denormals)
summary()
