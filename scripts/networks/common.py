"""Schedules, header lines and heads that several networks share."""

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
WIDTH = ["# Width: multiplies all filters= below without fixed_width=1; rounds to divisor=",
         "width_multiplier=1", "divisor=8"]


def shape(s):
    """Returns the shape as text, HxWxC."""
    return "x".join(str(n) for n in s)


def image_input(side):
    return "Input", f"{side}x{side} RGB, (x - 127.5)/128"


def face_input():
    return "Input", "112x112 RGB, aligned face, (x - 127.5)/128"


def classes(net, dropout=None):
    """Adds the output layers for ImageNet: the mean of each channel, 1000 classes."""
    net.comment(f"head: means of {net.shape[2]} channels, 1000 classes")
    net.avgpool()
    if dropout:
        net.dropout(dropout)
    net.connected(1000)
    net.softmax()


def embedding(net, numbers, head):
    """Adds a linear embedding. Its input: the mean of each channel (head "gap"), or a global
    depthwise convolution ("gdconv")."""
    h, w, c = net.shape
    net.comment(f"head: {h}x{w}x{c} -> 1x1x{c} -> embedding of {numbers}, linear")
    if head == "gdconv":
        net.global_depthwise()
    else:
        net.avgpool()
    net.conv(numbers, fixed=True)
