"""Compares ONNX Runtime and OpenCV, on files of scripts/export_onnx.py, with darknet."""
import os
import tempfile

import common
from common import attempt, expect, needed, skip_all, summary

with needed():
    for module in ("cv2", "onnx"):  # nets.py and export_onnx.py import them
        __import__(module)
    import nets
    from bench import peer_process
    from sections import NETS
    import export_onnx
if peer_process.onnx_missing():
    skip_all(f"{peer_process.onnx_missing()} (make bench-deps)")

TOLERANCE = 1e-5  # relative to the largest value of the output
HEAD = "[net]\nheight=6\nwidth=6\nchannels=3\n"


def compare(what, got, want):
    expect(nets.difference(got, want) < TOLERANCE,
           f"{what} differs by {nets.difference(got, want):.2e} of the largest value")


def section(folder, layers):
    cfg = common.write(os.path.join(folder, "a.cfg"), HEAD + layers)
    weights = nets.randomise(cfg, os.path.join(folder, "w.weights"))
    model, x = os.path.join(folder, "m.onnx"), nets.images((6, 6, 3), 3)
    want = nets.ours(cfg, weights, x)
    for keeps in (False, True) if "batch_normalize" in layers else (False,):
        export_onnx.export(cfg, weights, model, keeps_norm=keeps)
        compare("ONNX Runtime", nets.onnx_runtime(model, x), want)
    export_onnx.export(cfg, weights, model, 1)
    compare("OpenCV", nets.opencv(model, x[:1]), want[:1])


def in_a_folder(test, *args):
    with tempfile.TemporaryDirectory() as folder:
        test(folder, *args)


for name, text in NETS.items():
    attempt(name, in_a_folder, section, text)
summary()
