"""Schedules, headers and heads that several networks share."""
from lib.cfg_writer import Cfg

IMAGENET = [
    "input_mean=127.5", "input_scale=0.0078125",
    "# The schedule of training; predicting ignores these options", "batch=256", "subdivisions=8",
    "learning_rate=0.1", "momentum=0.9", "decay=0.00004", "max_batches=450000", "burn_in=1000",
    "policy=poly", "power=1", "min_crop=224", "max_crop=320", "flip=1", "seed=1"]
FACE = [
    "input_mean=127.5", "input_scale=0.0078125",
    "# The schedule of training; predicting ignores these options", "batch=512", "subdivisions=8",
    "learning_rate=0.1", "momentum=0.9", "decay=0.00004", "max_batches=60000", "burn_in=500",
    "policy=steps", "steps=36000,52000,58000", "scales=0.1,0.1,0.1", "flip=1", "seed=1"]
LARGE_FACE = [line.replace("decay=0.00004", "decay=0.0005").replace("subdivisions=8",
                                                                    "subdivisions=64")
              for line in FACE]
WIDTH = ["# Multiplies each filters= below, except beside fixed_width=1, and rounds to a multiple "
         "of divisor=",
         "width_multiplier=1", "divisor=8"]


def shape(s):
    return "x".join(str(n) for n in s)


def imagenet(title, options, body, head, paper, *notes, side=224, kind="",
             output="1000 classes"):
    """Returns the text of a cfg. body, head: functions that add layers to a Cfg. notes: pairs
    (name, line or lines) for the header."""
    net = Cfg(title, side, options)
    body(net)
    head(net)
    return net.text([("Paper", paper), ("Input", f"{side}x{side} RGB,{kind} (x - 127.5)/128"),
                     ("Output", output), *notes])


def face(*parts, numbers=128):
    """Returns the cfg of a network for aligned faces. parts: arguments of imagenet()."""
    return imagenet(*parts, side=112, kind=" aligned face,", output=f"embedding of {numbers} "
                    "numbers, not normalised: compare by the cosine")


def classes(net, dropout=None):
    net.comment(f"head: means of {net.shape[2]} channels, 1000 classes")
    net.avgpool()
    if dropout:
        net.dropout(dropout)
    net.connected(1000)
    net.softmax()


def gap(net):
    embedding(net, net.avgpool)


def gdconv(net):
    embedding(net, net.global_depthwise)


def embedding(net, pool):
    h, w, c = net.shape
    net.comment(f"head: {h}x{w}x{c} -> 1x1x{c} -> embedding of 128, linear")
    pool()
    net.conv(128, fixed=True)


GAP, GDCONV = ("Head", "global average pooling"), ("Head", "global depthwise layer (GDConv)")
