"""Exports cfg files as ONNX files, and compares ONNX Runtime and OpenCV with darknet. LARGE=WORD
takes the large networks that have WORD in their names; each needs minutes."""
import glob
import os
import tempfile

import common
from common import ROOT, attempt, expect, needed, skip_all, summary

with needed():
    for module in ("cv2", "onnx"):  # nets.py and export_onnx.py import them
        __import__(module)
    import numpy as np
    import nets
    from PIL import Image
    from bench import peer_process
    from exchange.network import Network
    import export_onnx
ASKED = os.environ.get("LARGE", "")
FACES = os.path.join(ROOT, "..", "shared", "data", "lfw", "*", "*_0001.jpg")
if ASKED and not glob.glob(FACES):
    skip_all("LARGE=: no faces in ../shared/data")
if peer_process.onnx_missing():
    skip_all(f"{peer_process.onnx_missing()} (make bench-deps)")

TOLERANCE = 1e-5  # relative to the largest value of the output
LARGE = ("alexnet", "attention", "densenet", "iresnet-100", "resnet-face-124", "se-resnet", "vgg16")
TWINS = ("-am", "-kd-")  # variants that only have other losses
# These networks are not compared: rounding can change a sign, and later layers amplify the change.
SIGNED = ("xnor",)


def compare(what, got, want, most):
    expect(nets.difference(got, want) < most,
           f"{what} differs by {nets.difference(got, want):.2e} of the largest value")


def faces(net, count):
    """Returns at most `count` faces in the input format of the cfg."""
    h, w, c = net.input
    x = [np.asarray(Image.open(path).convert("RGB").resize((w, h)), np.float32)
         for path in sorted(glob.glob(FACES))[:count]]
    x = (np.array(x).reshape(-1, h, w, c) - net.net["input_mean"]) * net.net["input_scale"]
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)


def whole(folder, cfg, net):
    """Compares a network up to its embedding. Later layers are left out: with random weights, their
    probabilities are only 0 and 1."""
    weights, model = os.path.join(folder, "w.weights"), os.path.join(folder, "m.onnx")
    nets.randomise(cfg, weights)
    x = faces(net, 1)
    if ASKED and b"[binary]" not in common.read(cfg):  # PyTorch in settle() has no [binary]
        nets.settle(cfg, weights, faces(net, 7)[1:])
    else:
        x = np.concatenate([nets.images(net.input, 1), x])
    to = str(net.embedding)
    bare = os.path.join(folder, "b.cfg"), os.path.join(folder, "b.weights")
    common.expect_end(common.darknet("strip", cfg, weights, *bare, "-to", to))
    export_onnx.export(cfg, weights, model, len(x), to)
    want, got, read = nets.ours(*bare, x), nets.onnx_runtime(model, x), nets.opencv(model, x)
    most = TOLERANCE
    if ASKED:  # a deep network may differ as much as after a relative change of 1e-6 in its input
        most = max(most, nets.difference(nets.ours(*bare, x * np.float32(1 + 1e-6)), want))
    for i in range(len(x)):
        compare("ONNX Runtime", got[i:i + 1], want[i:i + 1], most)
        compare("OpenCV", read[i:i + 1], want[i:i + 1], most)


def in_a_folder(test, *args):
    with tempfile.TemporaryDirectory() as folder:
        test(folder, *args)


for path in sorted(glob.glob(os.path.join(ROOT, "cfg", "*.cfg"))):
    name = os.path.basename(path)[:-4]
    is_large = any(part in name for part in LARGE)
    is_asked = is_large and ASKED in name if ASKED else not is_large
    if is_asked and not any(part in name for part in TWINS + SIGNED):
        attempt(name, in_a_folder, whole, path, Network(path))
summary()
