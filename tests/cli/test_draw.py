"""Tests darknet check -dot and -svg, and the versions of weights files."""
import os
import re
import shutil
import struct
import xml.dom.minidom

from common import ROOT, attempt_all, darknet, expect, expect_end, run, summary, write

NET = """[net]
height=6
width=5
channels=3
[convolutional]
name=stem
filters=4
activation=linear
[depthwise]
pad=1
[shortcut]
from=-2
activation=linear
[route]
layers=0,2
[softmax]
"""


def start():
    write("net.cfg", NET)


def dot():
    done = darknet("check", "net.cfg", "-dot")
    expect_end(done)
    arrows = re.findall(r"^    (\w+) -> (\w+)( \[style=dashed\])?;$", done.stdout, re.M)
    expect(arrows == [("input", "0", ""), ("0", "1", ""), ("1", "2", ""),
                      ("0", "2", " [style=dashed]"), ("0", "3", ""),
                      ("2", "3", " [style=dashed]"), ("3", "4", "")], arrows)
    expect('    0 [label="0 convolutional stem\\n6 x 5 x 4\\n16 parameters, 360 multiply-adds'
           '"];\n' in done.stdout, done.stdout)
    expect('    4 [label="4 softmax\\n6 x 5 x 8\\n", fillcolor="#eeeeee"];\n' in done.stdout,
           done.stdout)
    if shutil.which("dot"):
        write("net.dot", done.stdout)
        expect_end(run("dot", "-Tsvg", "-o", "dot.svg", "net.dot"))


def svg():
    for cfg in ("net.cfg", os.path.join(ROOT, "cfg", "mobilenet-v3-small.cfg")):
        done = darknet("check", cfg, "-svg")
        expect_end(done)
        picture = xml.dom.minidom.parseString(done.stdout)
        texts = [t.firstChild.data for t in picture.getElementsByTagName("text") if t.firstChild]
        layers = [t for t in texts if re.match(r"\d+ [a-z]", t) and " x " not in t and
                  "multiply" not in t]
        expect([int(t.split()[0]) for t in layers] == list(range(len(layers))), layers)
        heights = [int(r.getAttribute("y")) for r in picture.getElementsByTagName("rect")
                   if r.getAttribute("y")]
        whole = int(picture.documentElement.getAttribute("height"))
        expect(len(heights) == len(layers) + 1 and max(heights) < whole, heights)
        if cfg == "net.cfg":
            expect('0 convolutional stem' in texts and "input 6 x 5 x 3" in texts, texts)


def usage():
    for words, said in ((("-dot", "-svg"), "-json, -dot, -svg and -netron exclude each other"),
                        (("-svg", "-data", "x.data"), "-dot, -svg and -netron need no -data")):
        done = darknet("check", "net.cfg", *words)
        expect(done.returncode == 2 and said in done.stderr, done.stderr)
        expect(not done.stdout, done.stdout)


def versions():
    """In a weights file, the number of images seen has 32 bits in version 0.1, 64 bits later."""
    write("one.cfg", "[net]\nheight=1\nwidth=1\nchannels=1\n[convolutional]\nactivation=linear\n")
    write("in", struct.pack("<f", 3))
    for major, minor, kind in ((0, 1, "i"), (0, 2, "Q"), (1, 0, "Q"), (0, 3, "Q")):
        write("w", struct.pack("<iii" + kind + "ff", major, minor, 0, 640, 1, 2))
        done = darknet("classifier", "raw", "one.cfg", "w", "in", "out", "-force")
        expect_end(done)
        with open("out", "rb") as f:
            expect(f.read() == struct.pack("<f", 7), f"version {major}.{minor}")
    write("w", struct.pack("<iiiQff", 0, 1, 0, 640, 1, 2))
    expect_end(darknet("classifier", "raw", "one.cfg", "w", "in", "out", "-force"), 1,
               "too long: the network has 2 floats, the file 3")


attempt_all(start, dot, svg, usage, versions)
summary()
