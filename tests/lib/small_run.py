"""small_run.py - trains a small network in a second on its own images, and lets system calls of a
training fail."""
import os
import subprocess

from common import (DARKNET, ROOT, Skipped, darknet, expect_end, needed, read, run, write)

with needed():
    import numpy as np
    from PIL import Image


CFG = """[net]
batch=12
subdivisions=2
height=16
width=16
channels=3
max_batches=60
learning_rate=0.002
momentum=0.9
policy=constant
seed=3
[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky
[dropout]
probability=.1
[connected]
output=3
activation=linear
[softmax]
"""
CLASSES, EACH = 3, 20
NAMES = ("ann", "bob", "cid")
SHORT = ("-batches", "20", "-threads", "1")


def make_inputs():
    """Writes net.cfg, and images of each class: noise around its colour. 05.jpg is a PNG file."""
    write("net.cfg", CFG)
    rng = np.random.default_rng(1)
    for c, name in enumerate(NAMES):
        os.makedirs(f"faces/{name}")
        for i in range(EACH):
            side = 16 if i % 4 else 21
            colour = np.full((side, side, 3), 60.0)
            colour[..., c] = 150
            pixels = np.clip(colour + rng.normal(0, 40, colour.shape), 0, 255).astype(np.uint8)
            image = Image.fromarray(pixels)
            image.save(f"faces/{name}/{i:02}.jpg", "PNG" if i == 5 else "JPEG", quality=90)


def data(train, backup, **more):
    options = {"classes": CLASSES, "train": train, "backup": backup, **more}
    return write(f"{backup}.data", "".join(f"{k}={v}\n" for k, v in options.items()))


def train(data_file, *args, cfg="net.cfg", threads=2, **more):
    if "-threads" not in args:
        args = ("-threads", str(threads), *args)
    return darknet("classifier", "train", data_file, cfg, *args, timeout=60, **more)


def make_run():
    """Trains 20 batches into a/, and 40 batches into whole/."""
    make_inputs()
    expect_end(train(data("faces", "a"), *SHORT))
    expect_end(train(data("faces", "whole"), "-batches", "40", "-threads", "1"))


def refuses(data_file, *texts, status=1, args=(), cfg="net.cfg"):
    expect_end(train(data_file, *args, cfg=cfg), status, *texts)


def start(data_file, *args, cfg="net.cfg", **more):
    """Starts a training. Returns the process, whose output is discarded by default."""
    more.setdefault("stdout", subprocess.DEVNULL)
    more.setdefault("stderr", subprocess.DEVNULL)
    return subprocess.Popen([DARKNET, "classifier", "train", data_file, cfg, *args], **more)


def listing():
    return [f"faces/{n}/{i:02}.jpg {c}\n" for c, n in enumerate(NAMES) for i in range(EACH)]


def faults(text, first, count, what, calls="open", log=None):
    """Returns an environment in which system calls on files with `text` in their path fail: `count`
    calls from number `first` on. faults.c explains `what` (its WHAT), `calls` and `log`."""
    shim = os.path.join(ROOT, os.environ.get("OBJ", ""), "tests", "faults.so")
    if not os.path.exists(shim):
        raise Skipped("no faults.so: make test builds it")
    more = {"FAULTS": f"{calls}:{text}:{first}:{count}:{int(what)}", "LD_PRELOAD": shim}
    if b"__asan_init" in read(DARKNET):  # the address sanitizer must be loaded first, else it exits
        more["LD_PRELOAD"] = run("cc", "-print-file-name=libasan.so").stdout.strip() + " " + shim
    if log:
        more.update(FAULTS_LOG=log, FAULTS_COUNT=log + ".count")
    return dict(os.environ, **more)
