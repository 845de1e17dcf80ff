"""The networks of cfg/ that scripts/write_cfg.py writes: parameters and multiply-adds are those of
their papers, the files are what the script writes, and each trains. Of the large ones only the
script's counts are checked here; LONG=1 builds and trains them too, which takes minutes and up to
20 GB."""
import functools
import json
import os
import re
import tempfile

from common import ROOT, attempt, darknet, expect, expect_end, read, script, summary, write

CFG = os.path.join(ROOT, "cfg")
MOST = 20e9  # bytes that one batch of a large network may take
# parameters, multiply-adds, both in millions and to the digits that are known elsewhere: from the
# paper, its authors' code, or torchvision; "" where no other count is known
LARGE = "built in LONG=1 only"
LONG = os.environ.get("LONG")
TABLE = {
    "mobilenet-v1": ("4.232", "568.7"),
    "mobilenet-v2": ("3.505", "300.8"),
    "mobilenet-v3-large": ("5.483", "216.6"),
    "mobilenet-v3-small": ("2.543", "56.5"),
    "shufflenet-v1": ("1.87", "137.5"),
    "shufflenet-v2": ("2.28", "145.8"),
    "googlenet": ("7.0", "1583", LARGE),
    "vgg16": ("138.36", "15470", LARGE),
    "mobilenet-v1-face": ("3.34", ""),
    "mobilenet-v2-face": ("2.39", ""),
    "mobilenet-v2-face-gdconv": ("2.45", ""),
    "shufflenet-v1-face": ("1.03", ""),
    "shufflenet-v2-face": ("1.4", "138.9"),
    "iresnet-50": ("43.59", "6309", LARGE),
    "iresnet-100": ("65.16", "12090", LARGE),
    "resnet-face-124": ("74.26", "14852", LARGE),
    "se-resnet-152": ("71.2", "12321", LARGE),
    "attention-irse-92": ("55.45", "8814", LARGE),
    "attention-irse-156": ("", "14340", LARGE),
    "densenet-290": ("", "6514", LARGE)}
WIDTHS = {".75": ("2.586", "325.4"), ".5": ("1.332", "149.5"), ".25": ("0.470", "41.0")}


@functools.lru_cache(None)
def checked(cfg):
    done = darknet("check", "-json", cfg)
    expect_end(done)
    return json.loads(done.stdout)


def agrees(value, text, what):
    """Whether value is the number of the text, in millions, to its digits."""
    if text:
        digits = len(text.partition(".")[2])
        expect(f"{value / 1e6:.{digits}f}" == text, f"{value:,} {what}, not {text} M")


def header(name):
    """Parameters and multiply-adds, as the head of the file says."""
    text = read(os.path.join(CFG, name + ".cfg")).decode().split("\n[net]")[0]
    found = re.search(r"^# Parameters ([\d,]+) .*\n# Work       ([\d,]+) multiply-adds", text, re.M)
    expect(found, f"cfg/{name}.cfg has no header")
    return [int(n.replace(",", "")) for n in found.groups()]


def counts(name):
    said = header(name)
    agrees(said[0], TABLE[name][0], "parameters")
    agrees(said[1], TABLE[name][1], "multiply-adds")
    if LONG or LARGE not in TABLE[name]:
        seen = checked(os.path.join(CFG, name + ".cfg"))
        expect(said == [seen["parameters"], seen["multiply_adds"]],
               f"the header says {said}, but darknet check {seen['parameters']}, "
               f"{seen['multiply_adds']}")


def width(text):
    cfg = read(os.path.join(CFG, "mobilenet-v1.cfg")).decode()
    seen = checked(write(f"narrow{text}.cfg",
                         cfg.replace("width_multiplier=1", f"width_multiplier={text}")))
    agrees(seen["parameters"], WIDTHS[text][0], "parameters")
    agrees(seen["multiply_adds"], WIDTHS[text][1], "multiply-adds")


def divisor():
    """As MobileNet's make_divisible: never under nine tenths of the width."""
    given = (18, 100, 20, 6, 64)
    cfg = "[net]\nheight=4\nwidth=4\nchannels=3\nwidth_multiplier=.5\ndivisor=8\n"
    cfg += "".join(f"[convolutional]\nfilters={n}\n" for n in given)
    cfg += "[convolutional]\nfilters=7\nfixed_width=1\n"
    got = [layer["out"][2] for layer in checked(write("divisor.cfg", cfg))["layers"]]
    expect(got == [16, 48, 16, 8, 32, 7], f"filters {got}")


def without_biases():
    """The source of AttentionNet-IRSE-92 has no biases where it has no batch norm."""
    layers = checked(os.path.join(CFG, "attention-irse-92.cfg"))["layers"]
    more = sum(p["count"] for layer in layers for p in layer["params"]
               if layer["section"] == "convolutional" and not layer["options"]["batch_normalize"]
               and p["name"] == "biases")
    agrees(sum(layer["parameters"] for layer in layers) - more, "55.42", "parameters")


def bytes_of_resnet_124():
    expect(f"{header('resnet-face-124')[0] * 4 / 1e6:.1f}" == "297.0", "not 297.0 MB")


def written():
    expect_end(script("write_cfg.py", "-check"))
    done = script("write_cfg.py", "-check", "no-such-network")
    expect_end(done, 1, "no-such-network: no such network; there are ")
    names = done.stderr.split("there are ")[1].strip().split(", ")
    expect(sorted(names) == sorted(TABLE), f"the table lacks some of {names}")


def trainable(name, batch):
    """The text of the network with a loss, and a schedule of a few batches."""
    net, _, rest = read(os.path.join(CFG, name + ".cfg")).decode().partition("\n[net]\n")
    options, _, layers = rest.partition("\n[")
    options = "\n".join(line for line in options.split("\n")
                        if line.split("=")[0] in ("width", "height", "channels", "input_mean",
                                                  "input_scale"))
    loss = "" if "[softmax]" in layers else "\n[margin_softmax]\nclasses=4\nmargin=am\n"
    return (f"{net}\n[net]\n{options}\nbatch={batch}\nmax_batches=2\nlearning_rate=.01\n\n"
            f"[{layers}{loss}")


def trains(name, batch, batches):
    cfg = write(f"{name}.cfg", trainable(name, batch))
    seen = darknet("check", "-json", cfg, "-data", "faces/faces.data")
    expect_end(seen)
    memory = json.loads(seen.stdout)["memory"]["training"]
    expect(memory and memory < MOST, f"training takes {memory} bytes")
    done = darknet("classifier", "train", "faces/faces.data", cfg, "-batches", str(batches),
                   "-out", name, "-threads", "2")
    expect_end(done)


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for network in TABLE:
        attempt(network, counts, network)
    for factor in WIDTHS:
        attempt(f"width {factor}", width, factor)
    for test in (divisor, bytes_of_resnet_124, written) + ((without_biases,) if LONG else ()):
        attempt(test.__name__, test)
    expect_end(darknet("synth", "faces", "-identities", "4", "-images", "4"))
    for network, row in TABLE.items():
        if LARGE not in row:
            attempt(f"{network} trains", trains, network, 4, 2)
        elif LONG:
            attempt(f"{network} trains", trains, network, 2, 1)
    os.chdir(ROOT)
summary()
