"""Tests scripts/import_onnx.py on files of opsets 5 to 21."""
import os
import tempfile

import common
from common import attempt, expect, expect_end, needed, script, skip_all, summary

with needed():
    import numpy as np
    from bench import peer_process
    from onnx_net import Net, bring, numbers
if peer_process.onnx_missing():
    skip_all(f"{peer_process.onnx_missing()} (make bench-deps)")


def opsets():
    """The same network must give the same weights from files of each opset."""
    w, slopes = numbers(216, -.2, .2), numbers(8, 0, .5)
    norm = [numbers(8, .5, 1.5) for _ in range(4)]
    path, made = os.path.join(folder, "o.onnx"), set()
    for opset in (5, 6, 7, 11, 13, 18, 21):
        t = Net()
        x = t.node("Conv", "data", w.reshape(8, 3, 3, 3), kernel_shape=[3, 3])
        x = t.node("BatchNormalization", x, *norm)
        x = t.node("PRelu", x, slopes.reshape((8,) if opset < 7 else (8, 1, 1)))
        x = t.node("Clip", x, min=0., max=6.) if opset < 11 else \
            t.node("Clip", x, np.float32(0), np.float32(6))
        x = t.node("ReduceMean", x, axes=[2, 3], keepdims=0) if opset < 18 else \
            t.node("ReduceMean", x, np.int64([2, 3]), keepdims=0)
        x = t.node("Gemm", t.node("Dropout", x), w[:40].reshape(8, 5), w[:5],
                   **({"broadcast": 1} if opset < 7 else {}))
        t.save(path, x, opset=opset)
        if opset < 7:
            done = script("import_onnx.py", path, os.path.join(folder, "net.cfg"),
                          path + ".weights", "--force")
            expect_end(done)
            expect(f"not compared with ONNX Runtime, which does not run this file of opset {opset}:"
                   in done.stdout, done.stdout)
        else:
            bring(path)
        made.add(common.read(path + ".weights"))
    expect(len(made) == 1, f"{len(made)} files of weights differ")


with tempfile.TemporaryDirectory() as folder:
    attempt("opsets", opsets)
summary()
