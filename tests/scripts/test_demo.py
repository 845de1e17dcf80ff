"""Tests `make demo`, with drawings and with photographs."""
import argparse
import contextlib
import io
import os
import re

from common import attempt_all, darknet, expect, expect_end, needed, needs, script, summary, write
from detector import make_detector, photograph

needs("numpy")
with needed():
    from PIL import Image

    import demo


def start():
    make_detector("cache/thinface/mtcnn")
    write("net.cfg", "[net]\nheight=112\nwidth=112\nchannels=3\n[avgpool]\n[connected]\noutput=8\n")
    expect_end(darknet("init", "net.cfg", "net.weights"))


def make_small():
    demo.IDENTITIES, demo.IMAGES, demo.PAIRS, demo.BATCH, demo.BATCHES = 4, 4, 40, 16, 60


def drawings():
    make_small()
    os.makedirs("out")
    cfg, weights, threshold, pairs = demo.on_drawings("out")
    expect(os.path.exists(cfg) and os.path.exists(weights) and -1 < threshold < 1, threshold)
    expect(len(pairs) == 4 and all(os.path.exists(p) for pair in pairs for p in pair[:2]), pairs)
    people = [[os.path.basename(os.path.dirname(p)) for p in pair[:2]] for pair in pairs]
    expect([a == b for a, b in people] == [True, True, False, False], people)
    for a, b, truth in pairs:
        cosine, is_same = demo.compare(cfg, weights, a, b, threshold)
        # `cosine` is rounded: near the threshold, it may lie on the other side.
        is_clear = abs(cosine - threshold) > 2e-4
        expect(is_same == (cosine > threshold) or not is_clear, (is_same, cosine, threshold))
        end = "right" if is_same == truth else "wrong"
        expect(demo.judged(truth, is_same).endswith(f"; {end}"), (truth, is_same))


def photographs():
    for name in ("ann/1", "ann/2", "bob/1"):
        photograph(f"photos/{name}.png", 120, 110, (20, 30))
    write("photos/text.png", "no picture")  # demo.py must skip this file
    done = script("demo.py", "--out", "shown", "--photos", "photos", "--net", "net.cfg",
                  "net.weights", "--threshold", "0.9", env={"XDG_CACHE_HOME": "cache"})
    expect_end(done)
    said = re.findall(r"(.* p.*): cosine 1.0000: the same person; (.*)\n", done.stdout)
    expect(said == [("one person", "right"), ("two people", "wrong")], done.stdout)
    with Image.open("shown/sheet.png") as sheet:
        expect(sheet.size == (632, 372), sheet.size)


def loose_photographs():
    """demo.py does not judge its answers on photographs outside the folders of people."""
    for name in ("1", "2", "ann/1"):
        photograph(f"loose/{name}.png", 120, 110, (20, 30))
    done = script("demo.py", "--out", "loosely", "--photos", "loose", "--net", "net.cfg",
                  "net.weights", "--threshold", "0.9", env={"XDG_CACHE_HOME": "cache"})
    expect_end(done)
    expect(done.stdout.count("a pair: cosine 1.0000: the same person\n") == 2, done.stdout)


def which_network():
    """demo uses the network of `make teacher`. Without that network it prints a warning."""
    make_small()
    os.environ["XDG_CACHE_HOME"] = "cache"
    args = argparse.Namespace(out="real", photos="photos", net=None, threshold=None)
    for teacher, height, told in (
            (("net.cfg", "net.weights", .9), 372, "network: net.weights; threshold 0.9"),
            (("none", "none", .9), 412, demo.POOR + "\n")):
        demo.TEACHER, text = teacher, io.StringIO()
        with contextlib.redirect_stdout(text):
            demo.demo(args)
        expect(told in text.getvalue() and (demo.POOR in text.getvalue()) == (height > 372),
               text.getvalue())
        with Image.open("real/sheet.png") as sheet:
            expect(sheet.size == (632, height), sheet.size)


def wrong_calls():
    os.makedirs("empty")
    done = script("demo.py", "--out", "o", "--photos", "empty", env={"XDG_CACHE_HOME": "cache"})
    expect_end(done, 1, "empty: no images\n")
    expect("synth" not in done.stdout, "trained first")
    os.makedirs("inner/a")
    expect_end(script("demo.py", "--out", "inner/a/o", "--photos", "inner"), 1,
               "demo.py: --out inner/a/o: must be outside of inner, whose images are read\n")
    expect_end(script("demo.py", "--out", "o", "--threshold", "1"), 2, "--threshold for --net")
    done = script("demo.py", "--out", "o", "--photos", "photos", "--net", "net.cfg", "net.weights",
                  env={"XDG_CACHE_HOME": "/none"})
    expect_end(done, 1, "make faces-deps")


attempt_all(start, drawings, photographs, loose_photographs, which_network, wrong_calls)
summary()
