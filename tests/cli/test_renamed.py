"""test_renamed.py - no code depends on the name of a layer: copies of four layer types with other
names work like the originals."""
import os
import re
import shutil

from common import attempt_all, expect, expect_end, read, run, summary, write, ROOT
from outside import make

COPIES = {"convolutional": "folded", "shortcut": "joined", "margin_softmax": "arced",
          "kd_feature": "taught"}
NET = """[net]
height=56
width=56
channels=3
batch=8
seed=3
learning_rate=0.01
max_batches=3
input_mean=127.5
input_scale=0.0078125
"""
BODY = """[convolutional]
filters=8
size=3
stride=4
pad=1
batch_normalize=1
activation=relu
[convolutional]
filters=8
size=3
pad=1
batch_normalize=1
activation=prelu
[shortcut]
from=-2
activation=linear
[convolutional]
filters=24
size=3
stride=2
pad=1
activation=relu
[avgpool]
[connected]
output=8
activation=linear
"""
LOSSES = """[margin_softmax]
classes=4
s=8
[kd_feature]
weight=4
teacher=gone.cfg
weights=gone.weights
"""


def renamed(text):
    for name, other in COPIES.items():
        text = text.replace(f"[{name}]", f"[{other}]")
    return text


def start():
    global COMMAND, BUILT
    for name, other in COPIES.items():
        text = read(os.path.join(ROOT, "layers_ext", name + ".c")).decode()
        text = text.replace(f"dnx_layer_type dnx_{name} =", f"dnx_layer_type dnx_{other} =")
        text = text.replace(f'.name = "{name}"', f'.name = "{other}"')
        expect(f"dnx_{other} =" in text and f'"{other}"' in text, name)
        write(f"mine/{other}.c", re.sub(r"    \.aliases = .*\n", "", text))
    layers = f"LAYERS={os.path.abspath('mine')}"
    BUILT = os.path.join(ROOT, make(layers, "print-obj").stdout.strip())
    COMMAND = os.path.join(BUILT, "bin", "darknet")
    done = make(layers, os.path.relpath(COMMAND, ROOT))
    expect(done.returncode == 0, done.stderr[-2000:])
    expect_end(run(COMMAND, "synth", "syn", "-identities", "4", "-images", "6", "-size", "56",
                   "-seed", "3", "-pairs", "20"))
    write("teacher.cfg", NET + BODY)
    expect_end(run(COMMAND, "init", "teacher.cfg", "teacher.weights"))
    for folder, named in (("a", str), ("b", renamed)):
        write(f"{folder}/net.cfg", named(NET + BODY + LOSSES))
        write(f"{folder}/bare.cfg", named(NET + BODY))


def both(*words):
    """Runs a command in folder a, with the original layers, and in b, with the copies. Returns both
    outputs; in the first, the originals' names are replaced by the copies' names."""
    said = []
    for folder in "ab":
        done = run(COMMAND, *(w.replace("@", folder) for w in words))
        expect_end(done)
        said.append(renamed(done.stdout.replace(f"{folder}/", "@/")))
    return said


def trains_alike():
    both("classifier", "train", "syn/faces.data", "@/net.cfg", "-out", "@", "-threads", "1",
         "-teacher", "teacher.cfg", "-teacher-weights", "teacher.weights")
    expect(read("a/net.weights") == read("b/net.weights"), "training gives other weights")
    rows = [[row.split(",")[6] for row in read(f"{f}/net.csv").decode().split("\n")[1:4]]
            for f in "ab"]
    expect(rows[0] == rows[1] and all(rows[0]), f"accuracy: {rows}")


def fuses_alike():
    """`check` prints the same memory for both networks, because [shortcut] and its renamed copy are
    both merged into the layer before."""
    a, b = (re.findall(r"memory.*", text) for text in both("check", "@/bare.cfg"))
    expect(a and a == b, f"{a} {b}")


def names_classes_alike():
    image = os.path.join("syn", "train", sorted(os.listdir("syn/train"))[0])
    image = os.path.join(image, sorted(os.listdir(image))[0])
    a, b = both("classifier", "predict", "syn/faces.data", "@/net.cfg", "@/net.weights", image)
    expect(a == b and "%" in a, f"{a} {b}")


def decomposes_alike():
    both("strip", "@/net.cfg", "@/net.weights", "@/small.cfg", "@/small.weights")
    both("compress", "low-rank", "@/small.cfg", "@/small.weights", "syn/train", "@/low.cfg",
         "@/low.weights", "-rank", "4", "-samples", "16")
    expect(read("a/low.weights") == read("b/low.weights"), "low rank gives other weights")
    text = read("b/low.cfg").decode()
    expect("[low_rank]" in text and "[joined]" in text, text)


try:
    attempt_all(start, trains_alike, fuses_alike, names_classes_alike, decomposes_alike)
finally:
    if "with-" in BUILT:
        shutil.rmtree(BUILT, ignore_errors=True)
summary()
