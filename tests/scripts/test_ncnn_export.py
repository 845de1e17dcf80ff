"""Tests scripts/export_ncnn.py: tests/lib/ncnn.py computes darknet's outputs from the files."""
import os
import tempfile

import common
from common import ROOT, attempt, expect, expect_end, needed, script, summary

with needed():
    import numpy as np
    import ncnn
    import nets
    import sections
    from lib.darknet_files import weights_bytes
    from sections import CONV, ONE

TOLERANCE = 1e-5  # relative to the largest value of the output
HEAD = "[net]\nheight=7\nwidth=6\nchannels=3\ninput_mean=127.5\ninput_scale=0.0078125\n"
# These networks have layers that scripts/export_ncnn.py refuses.
WITHOUT = ("softmax in groups", "xnor", "xnor without a map", "bnn", "sums", "activations")
NETS = {name: text for name, text in sections.NETS.items() if name not in WITHOUT} | {
    "equal sums": CONV + ONE + "[shortcut]\nfrom=0\nalpha=2\nbeta=0.5\nactivation=relu\n"
                  "[shortcut]\nfrom=0\nactivation=relu6\n",
    "some activations": "".join(
        f"[activation]\nactivation={a}\n" for a in
        ("relu6", "hswish", "hard_mish", "mish", "selu", "elu", "tanh", "leaky", "loggy", "relie",
         "hardtan", "logistic", "prelu", "hsigmoid")),
}
BAD = [
    ("[shortcut]\nfrom=0\n",
     "[shortcut] adds (7, 6, 3) to (7, 6, 4): ncnn adds equal shapes alone"),
    ("[activation]\nactivation=stair\n", "[activation] activation=stair: has no ncnn form here"),
    ("[binary]\nmode=bnn\n", "[binary] mode=bnn: ncnn takes no signs of the input; bwn and "
     "binaryconnect have a form"),
    ("[connected]\noutput=4\nactivation=linear\n[softmax]\ngroups=2\nnoloss=1\n",
     "[softmax] groups=2: has no ncnn form here"),
]


def export(folder, cfg, weights, *options):
    files = [os.path.join(folder, f) for f in ("m.param", "m.bin")]
    done = script("export_ncnn.py", cfg, weights, *files, "--force", *options)
    expect_end(done)
    return files, done.stdout + done.stderr


def agrees(folder, layers, *options, tolerance=TOLERANCE):
    cfg = common.write(os.path.join(folder, "a.cfg"), HEAD + layers)
    weights = nets.randomise(cfg, os.path.join(folder, "w.weights"))
    x = nets.images((7, 6, 3), 2)
    files, said = export(folder, cfg, weights, *options)
    net = ncnn.Net(*files)
    far = nets.difference(np.stack([net.run(i) for i in x]), nets.ours(cfg, weights, x))
    expect(far < tolerance, f"differs by {far:.1e} of the largest value")
    expect("input: 6 x 7 x 3, mean {127.5f, 127.5f, 127.5f}, norm {0.0078125f" in said, said)
    return os.path.getsize(files[1])


def half(folder):
    """With --fp16, outputs differ from darknet's by less than 0.3 % of the largest output."""
    layers = NETS["filters"]
    expect(agrees(folder, layers, "--fp16", tolerance=3e-3) < agrees(folder, layers),
           "the file is not smaller")


def quantized(folder):
    """With --int8, outputs differ from darknet's by less than 10 % of the largest output."""
    cfg = common.write(os.path.join(folder, "a.cfg"), HEAD + NETS["filters"] +
                       "[connected]\noutput=5\nactivation=relu\n")
    weights = nets.randomise(cfg, os.path.join(folder, "w.weights"))
    rng, shots = np.random.default_rng(5), []
    for i in range(9):
        shots.append(rng.integers(0, 256, (7, 6, 3), np.uint8))
        common.write_png(os.path.join(folder, f"faces/{i}.png"), 6, 7, shots[-1].tobytes())
    faces = os.path.join(folder, "faces")
    files, said = export(folder, cfg, weights, "--int8", faces)
    text = common.read(files[0]).decode()
    many = sum(" 8=1" in line for line in text.splitlines())
    expect("measures the inputs of " in said and " on 9 images; may take minutes\n" in said, said)
    expect(f"{many} layers compute with 8 bits, by 9 images of {faces}\n" in said, said)
    expect(many == 6, text)  # all layers but the second convolution of [low_rank] use 8 bits
    x = ((np.stack(shots) - 127.5) * .0078125).astype(np.float32).transpose(0, 3, 1, 2)
    net = ncnn.Net(*files)
    got, want = np.stack([net.run(i) for i in x]), nets.ours(cfg, weights, x)
    far = np.abs(got - want).max() / np.abs(want).max()
    expect(1e-5 < far < .1, f"differs by {far:.1e} of the largest value")
    common.write(os.path.join(faces, "10.png"), "no image")
    out = [os.path.join(folder, f) for f in ("never.param", "never.bin")]
    done = script("export_ncnn.py", cfg, weights, *out, "--int8", faces)
    expect(done.returncode == 1 and "10.png: cannot be read as an image: cannot " in done.stderr,
           done.stderr)
    os.remove(os.path.join(faces, "10.png"))
    common.write(os.path.join(faces, "10.ppm"), "P6\n60000 60000\n255\n")
    done = script("export_ncnn.py", cfg, weights, *out, "--int8", faces)
    expect("10.ppm: cannot be read as an image: Image size (3600000000 pixels) exceeds" in
           done.stderr, done.stderr)
    os.mkdir(os.path.join(folder, "none"))
    done = script("export_ncnn.py", cfg, weights, *out, "--int8", os.path.join(folder, "none"))
    expect(done.returncode == 1 and "none: holds no images" in done.stderr, done)
    expect(not any(map(os.path.exists, out)), "a file is left")


def overflow(folder):
    """A layer whose numbers are too large for float32 is named, and nothing is written."""
    cfg = common.write(os.path.join(folder, "a.cfg"), HEAD + ONE * 3)
    weights, faces = os.path.join(folder, "w"), os.path.join(folder, "faces")
    arrays = [np.zeros(4), np.full(12, 1e30), np.zeros(4), np.full(16, 1e30), np.zeros(4),
              np.ones(16)]
    common.write(weights, weights_bytes(arrays))
    common.write_png(os.path.join(faces, "1.png"), 6, 7, bytes(range(126)))
    out = [os.path.join(folder, f) for f in ("never.param", "never.bin")]
    done = script("export_ncnn.py", cfg, weights, *out, "--int8", faces)
    expect(done.stderr.endswith(f"export_ncnn.py: {weights}: up to layer 1, on the images: the "
                                "network's output is NaN or infinite\n"), done.stderr)
    expect(not any(map(os.path.exists, out)), "a file is left")


def face(folder):
    cfg = os.path.join(ROOT, "cfg", "mobilefacenet-eighth.cfg")
    weights = nets.randomise(cfg, os.path.join(folder, "w.weights"))
    x = nets.images((112, 112, 3), 1)
    files, _ = export(folder, cfg, weights)
    far = nets.difference(ncnn.Net(*files).run(x[0])[None], nets.ours(cfg, weights, x))
    expect(far < TOLERANCE, f"differs by {far:.1e} of the largest value")


def without_onnx(folder):
    """export_ncnn.py and to_stock.py need no onnx module."""
    common.write(os.path.join(folder, "onnx.py"), "raise ImportError")
    cfg = common.write(os.path.join(folder, "a.cfg"), HEAD + NETS["bwn"])
    weights = nets.randomise(cfg, os.path.join(folder, "w.weights"))
    env = dict(os.environ, PYTHONPATH=folder)
    for name, out in (("export_ncnn.py", ("m.param", "m.bin")), ("to_stock.py", ("s.cfg", "s.w"))):
        expect_end(script(name, cfg, weights, *(os.path.join(folder, f) for f in out), env=env))


def messages(folder):
    out = [os.path.join(folder, f) for f in ("never.param", "never.bin")]
    for i, (layers, said) in enumerate(BAD):
        first = "[activation]\n" + ONE if "shortcut" in layers else "[activation]\n"
        cfg = common.write(os.path.join(folder, f"{i}.cfg"), HEAD + first + layers)
        weights = nets.randomise(cfg, os.path.join(folder, "w"))
        done = script("export_ncnn.py", cfg, weights, *out)
        expect(done.returncode == 1 and said in done.stderr, f"{said!r} not in {done.stderr!r}")
    cfg = common.write(os.path.join(folder, "big.cfg"), HEAD + ONE)
    weights = os.path.join(folder, "w")
    common.write(weights, np.int32([0, 2, 0, 0, 0]).tobytes() +
                 np.float32([0] * 4 + [7e4] * 12).tobytes())
    done = script("export_ncnn.py", cfg, weights, *out, "--fp16")
    expect("[convolutional] has filters above 65504: too large for --fp16" in done.stderr, done)
    common.write(weights, np.int32([1000, 2, 0, 0, 0]).tobytes() + bytes(64))
    done = script("export_ncnn.py", cfg, weights, *out)
    expect(done.stderr == f"export_ncnn.py: {weights}: not a weights file: version 1000.2\n", done)
    done = script("export_ncnn.py", cfg, weights, out[0], out[0])
    expect(done.stderr == f"export_ncnn.py: {out[0]}: is named for the .param and for the .bin\n",
           done.stderr)
    expect(not any(map(os.path.exists, out)), "a file is left")


def in_a_folder(test, *args):
    with tempfile.TemporaryDirectory() as folder:
        test(folder, *args)


for name, text in NETS.items():
    attempt(name, in_a_folder, agrees, text)
for each in (half, quantized, overflow, face, without_onnx, messages):
    attempt(each.__name__, in_a_folder, each)
summary()
