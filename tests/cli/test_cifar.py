"""Trains Darknet's own cifar.cfg on coloured shapes."""
import os

from common import Skipped, attempt_all, column, darknet, expect, expect_end, needed, summary, write

with needed():
    import numpy as np
    from PIL import Image, ImageDraw

CIFAR = "/usr/share/darknet/cfg/cifar.cfg"
COLOURS = {"red": (210, 30, 30), "lime": (120, 210, 30), "cyan": (30, 210, 210),
           "violet": (120, 30, 210), "white": (230, 230, 230)}


def draw_shape(rng, shape, colour):
    """Returns a 32 x 32 image: a disc or a cross on noise."""
    image = Image.new("RGB", (32, 32), tuple(rng.integers(60, 110, 3)))
    pen = ImageDraw.Draw(image)
    x, y, r = (int(v) for v in rng.integers((13, 13, 8), (19, 19, 12)))
    tint = tuple(int(v) for v in np.clip(np.array(colour) + rng.normal(0, 15, 3), 0, 255))
    if shape == "disc":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=tint)
    else:
        pen.rectangle((x - r, y - 2, x + r, y + 2), fill=tint)
        pen.rectangle((x - 2, y - r, x + 2, y + r), fill=tint)
    pixels = np.asarray(image) + rng.normal(0, 8, (32, 32, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def cifar():
    """Darknet's cifar.cfg, with fewer filters and batches, learns ten classes."""
    if not os.path.exists(CIFAR):
        raise Skipped(f"no {CIFAR}")
    rng = np.random.default_rng(2)
    os.makedirs("shapes")
    labels, paths = [], []
    for name, colour in COLOURS.items():
        for shape in ("disc", "cross"):
            labels.append(f"{name}_{shape}")
            for i in range(40):
                paths.append(f"shapes/{i}_{labels[-1]}.png")
                draw_shape(rng, shape, colour).save(paths[-1])
    write("shapes.txt", "\n".join(paths) + "\n")
    write("shapes.labels", "\n".join(labels) + "\n")
    with open(CIFAR) as f:
        text = f.read()
    for old, new in (("batch=128", "batch=32\nwidth_multiplier=0.125"),
                     ("max_batches = 5000", "max_batches = 100"),
                     ("learning_rate=0.4", "learning_rate=0.1")):
        expect(old in text, f"{CIFAR} has no {old}")
        text = text.replace(old, new)
    text = text.replace("filters=10\n", "filters=10\nfixed_width=1\n")
    write("cifar.cfg", text)
    write("cifar.data", "classes=10\ntrain=shapes.txt\nlabels=shapes.labels\nbackup=cifar\n")
    expect_end(darknet("classifier", "train", "cifar.data", "cifar.cfg", "-threads", "1"))
    accuracy = column("cifar/cifar.csv", "accuracy")
    first, last = sum(accuracy[:5]) / 5, sum(accuracy[-20:]) / 20
    expect(first < .35 and last > .5, f"accuracy went from {first:.2f} to {last:.2f}")


attempt_all(lambda: None, cifar)
summary()
