"""The network of `make teacher` must have the accuracy of its ONNX file on LFW, 98.98 %."""
import json
import os
import tempfile

from common import ROOT, attempt, expect, expect_end, read, script, skip_all, summary

DATA = os.path.join(os.path.dirname(ROOT), "shared", "data")
NET = [os.path.join(ROOT, "build", "teacher", "teacher." + kind) for kind in ("cfg", "weights")]
if not all(map(os.path.exists, NET)):
    skip_all("no build/teacher (make teacher)")
if not os.path.isdir(os.path.join(DATA, "lfw")):
    skip_all("no faces in ../shared/data")


def accuracy():
    with tempfile.TemporaryDirectory() as folder:
        expect_end(script("eval_lfw.py", *NET, os.path.join(DATA, "lfw"),
                          os.path.join(DATA, "lfw-pairs.txt"), "--out", folder, "--no-pictures"))
        got = json.loads(read(os.path.join(folder, "results.json")))["accuracy"]
    expect(abs(got - .9898) <= .0005, f"accuracy {got:.4f}")


attempt("accuracy", accuracy)
summary()
