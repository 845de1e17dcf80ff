"""Runs scripts/bench_faces.py and checks the printed table. An error of bench_faces.py or
bench_peers.py must be one line."""
import os
import re

from common import attempt_all, expect, expect_end, needs, script, skip_all, summary, write
from detector import make_detector, photograph

from bench import peer_process

needs("onnx")

if peer_process.onnx_missing():
    skip_all(peer_process.onnx_missing() + ": make bench-deps")


def bench(*words):
    return script("bench_faces.py", *words, "-mtcnn", "detector", "-min-face", "60", "-seconds",
                  "0.01", "-turns", "1")


def start():
    make_detector("detector")
    for i in range(3):
        photograph(f"photos/{i}.png", 130, 120, (10 * i, 20))


def the_table():
    done = bench("photos")
    expect_end(done)
    expect("darknet faces, ms a photograph: decode " in done.stdout, done.stdout)
    expect(re.search(r" ms for 1 page of \d+ x \d+\n", done.stdout), done.stdout)
    expect(" ms for 3 scales, " in done.stdout, done.stdout)
    rows = [line.split() for line in done.stdout.splitlines()]
    rows = {r[0]: [float(v) for v in r[-3:]] for r in rows if r and r[-1][-3:-2] == "."
            and r[0] in ("P-Net", "R-Net", "O-Net", "all")}
    expect(len(rows) == 4, done.stdout)
    for k in (0, 1):
        parts = sum(rows[f"{n}-Net"][k] for n in "PRO")
        expect(abs(rows["all"][k] - parts) < .004, (rows, k))


def wrong_calls():
    photograph("photos/other.png", 140, 120)
    expect_end(bench("photos"), 1, "photos: photographs of 2 sizes; one is needed\n")
    os.makedirs("none", exist_ok=True)
    expect_end(bench("none"), 1, "none: no photographs\n")
    os.unlink("detector/mtcnn-p.weights")
    expect_end(bench("none"), 1, "detector/mtcnn-p.weights: No such file or directory: make "
               "faces-deps\n")


def broken_peers():
    """When a program that is measured fails or is missing, the benchmark prints no traceback."""
    make_detector("detector")
    os.unlink("photos/other.png")
    os.chmod(write("fake/node", "#!/bin/sh\necho error no memory\n"), 0o755)
    path = os.path.abspath("fake") + os.pathsep + os.environ["PATH"]
    done = script("bench_faces.py", "photos", "-mtcnn", "detector", "-min-face", "60",
                  env=dict(os.environ, PATH=path))
    expect_end(done, 1, "bench_faces.py: peer_onnx.js: no memory\n")
    done = script("bench_peers.py", "-peers", "onnx", "-cases", "mobilefacenet:1",
                  env=dict(os.environ, DARKNET_BIN="/none"))
    text = "/none: is not there or cannot be run (make builds it)\n"
    expect_end(done, 1, f"bench_peers.py: {text}")
    expect(f"mobilefacenet:1: not compared: {text}" in done.stdout, done.stdout)


attempt_all(start, the_table, wrong_calls, broken_peers)
summary()
