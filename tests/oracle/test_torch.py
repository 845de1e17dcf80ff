"""Compares outputs of networks in cfg/ with PyTorch, and gradients of some of them."""
import os
import re
import tempfile

from common import ROOT, attempt, expect, needed, read, summary, write

# Several threads of PyTorch would keep the processors busy while they wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
with needed():
    import torch

    from lib.cfg_text import edit, without_losses
    from twin import gradient_difference, output_difference

NEAR = 1e-4  # relative to the largest output
NEAR_GRADIENTS = 1e-3  # relative to the largest gradient of a layer
WHOLE = ("mobilefacenet-half", "mobilefacenet", "resnet-face-small", "mobilenet-v1",
         "mobilenet-v2", "mobilenet-v3-large", "mobilenet-v3-small", "shufflenet-v1",
         "shufflenet-v2", "googlenet", "mobilenet-v1-face", "mobilenet-v2-face",
         "mobilenet-v2-face-gdconv", "shufflenet-v1-face", "shufflenet-v2-face")
NARROW = ("vgg16", "iresnet-50", "iresnet-100", "resnet-face-124", "se-resnet-152",
          "attention-irse-92", "attention-irse-156", "densenet-290")
# The variance of random weights times their number of inputs. Outputs must not grow over hundreds
# of layers, because the sigmoid of a huge number hides differences.
GAIN = {"whole": 1.5, "narrow": .5}
# Smooth functions replace functions with a kink: float32 and double can lie on different sides of
# a kink, and then have different gradients.
SMOOTH = {"relu": "swish", "relu6": "swish", "hswish": "swish", "hsigmoid": "logistic"}
# Average pooling replaces max pooling, which has a kink, too: with it PyTorch's own float32 and
# double gradients of GoogLeNet differ by 0.7 %.
POOLED = (r"\[maxpool\]\nsize=3\nstride=(\d)\npadding=\d\n",
          r"[avgpool]\nsize=3\nstride=\1\npad=1\n")
LEARN = ("mobilenet-v1-face", "mobilenet-v2-face-gdconv", "mobilenet-v3-small",
         "shufflenet-v1-face", "shufflenet-v2-face", "googlenet",
         "attention-irse-92", "densenet-290")


def network(name, net=None, other=()):
    """Writes the cfg without its softmax, which would hide differences. Returns the path."""
    text = without_losses(read(os.path.join(ROOT, "cfg", name + ".cfg")).decode())
    text = edit(text, {"net": net or {}, "dropout": {"probability": 0}})
    text = re.sub(r"(?m)^\[softmax\]$", "", text)
    for old, new in other:
        text = re.sub(rf"(?m)^activation={old}$", f"activation={new}", text)
    return write("net.cfg", text)


def outputs(name, count, batch):
    narrow = {"width_multiplier": .125} if name in NARROW else None
    differs = output_difference(network(name, narrow), ".", count, batch,
                                GAIN["narrow" if narrow else "whole"])
    expect(differs < NEAR, f"differs by {differs:.2e} of the largest output")


def gradients(name, batch, side):
    net = {"height": side, "width": side}
    if name in NARROW:
        net["width_multiplier"] = .125
    cfg = network(name, net, SMOOTH.items())
    if name == "googlenet":
        cfg = write("pooled.cfg", re.sub(*POOLED, read(cfg).decode()))
    differs, where = gradient_difference(cfg, ".", batch)
    expect(differs < NEAR_GRADIENTS, f"{where} differs by {differs:.2e} of its largest gradient")


torch.set_num_threads(1)
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    attempt("mobilefacenet-half, the last batch is not full", outputs, "mobilefacenet-half", 5, 2)
    for model in WHOLE + NARROW:
        attempt(model, outputs, model, 2, 2)
    attempt("gradients of mobilefacenet-half", gradients, "mobilefacenet-half", 8, 112)
    for model in LEARN:
        attempt(f"gradients of {model}", gradients, model, 4, 64)
    os.chdir(ROOT)
summary()
