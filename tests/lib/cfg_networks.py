"""cfg_networks.py - compares the networks in cfg/ with their papers, and trains them briefly."""
import functools
import json
import os
import re

from common import ROOT, darknet, expect, expect_end, peak_memory, read, write

CFG = os.path.join(ROOT, "cfg")
MOST = 20e9  # bytes that a training may take
# {network: (parameters, multiply-adds)} in millions, as published; "" when unpublished
SMALL = {
    "mobilenet-v1": ("4.232", "568.7"),
    "mobilenet-v2": ("3.505", "300.8"),
    "mobilenet-v3-large": ("5.483", "216.6"),
    "mobilenet-v3-small": ("2.543", "56.5"),
    "shufflenet-v1": ("1.87", "137.5"),
    "shufflenet-v2": ("2.28", "145.8"),
    "mobilenet-v1-face": ("3.34", ""),
    "mobilenet-v2-face": ("2.39", ""),
    "mobilenet-v2-face-gdconv": ("2.45", ""),
    "shufflenet-v1-face": ("1.03", ""),
    "shufflenet-v2-face": ("1.4", "138.9")}
LARGE = {
    "googlenet": ("7.0", "1583"),
    "vgg16": ("138.36", "15470"),
    "iresnet-50": ("43.59", "6309"),
    "iresnet-100": ("65.16", "12090"),
    "resnet-face-124": ("74.26", "14852"),
    "se-resnet-152": ("71.2", "12321"),
    "attention-irse-92": ("55.45", "8814"),
    "attention-irse-156": ("", "14340"),
    "densenet-290": ("", "6514")}


@functools.lru_cache(None)
def checked(cfg):
    done = darknet("check", "-json", cfg)
    expect_end(done)
    return json.loads(done.stdout)


def agrees(value, text, what):
    """Checks that value / 1e6, rounded to the decimals of the text, equals the text."""
    if text:
        digits = len(text.partition(".")[2])
        expect(f"{value / 1e6:.{digits}f}" == text, f"{value:,} {what}, not {text} M")


def header(name):
    """Returns [parameters, multiply-adds] from the first lines of cfg/NAME.cfg."""
    text = read(os.path.join(CFG, name + ".cfg")).decode().split("\n[net]")[0]
    found = re.search(r"^# Parameters ([\d,]+) .*\n# Work       ([\d,]+) multiply-adds", text, re.M)
    expect(found, f"cfg/{name}.cfg has no header")
    return [int(n.replace(",", "")) for n in found.groups()]


def counts(name, is_built):
    """Compares the numbers of parameters and multiply-adds in the header comment of the cfg with
    the paper, and with `darknet check`."""
    said, known = header(name), {**SMALL, **LARGE}[name]
    agrees(said[0], known[0], "parameters")
    agrees(said[1], known[1], "multiply-adds")
    if is_built:
        seen = checked(os.path.join(CFG, name + ".cfg"))
        expect(said == [seen["parameters"], seen["multiply_adds"]],
               f"the header says {said}, but darknet check {seen['parameters']}, "
               f"{seen['multiply_adds']}")


def trainable(name, batch):
    net, _, rest = read(os.path.join(CFG, name + ".cfg")).decode().partition("\n[net]\n")
    options, _, layers = rest.partition("\n[")
    options = "\n".join(line for line in options.split("\n")
                        if line.split("=")[0] in ("width", "height", "channels", "input_mean",
                                                  "input_scale"))
    loss = "" if "[softmax]" in layers else "\n[margin_softmax]\nclasses=4\nmargin=am\n"
    return (f"{net}\n[net]\n{options}\nbatch={batch}\nmax_batches=2\nlearning_rate=.01\n\n"
            f"[{layers}{loss}")


def trains(name, batch, batches):
    """Trains a network, and compares its peak memory with the prediction of `darknet check`."""
    cfg = write(f"{name}.cfg", trainable(name, batch))
    seen = darknet("check", "-json", cfg, "-data", "faces/faces.data")
    expect_end(seen)
    memory = json.loads(seen.stdout)["memory"]["training"]
    expect(memory and memory < MOST, f"training takes {memory} bytes")
    peak = peak_memory("classifier", "train", "faces/faces.data", cfg, "-batches", str(batches),
                       "-out", name, "-threads", "2")
    expect(peak < 1.1 * memory + 2e8, f"training took {peak / 1e9:.2f} GB, check says "
           f"{memory / 1e9:.2f}")
