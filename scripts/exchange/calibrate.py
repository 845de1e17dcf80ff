"""Measures the outputs of a network's layers on real images, to choose ranges for 8-bit
integers."""
import os
import tempfile

import numpy as np

from lib.errors import Failure
from lib.folders import images_below
from lib.processes import darknet, run

BINS = 2048
CUTS = range(BINS // 16, BINS + 1, BINS // 128)  # candidates for the threshold, in histogram bins


def images_of(folder, shape, most):
    """Returns at most `most` images of a folder: B x H x W x C float32 from 0 to 255."""
    from lib.pictures import BROKEN, read_rgb  # not at the top: only this function needs Pillow
    found = images_below(folder)
    if not found:
        raise Failure(f"{folder}: holds no images")
    h, w, c = shape
    picked = [found[i * len(found) // most] for i in range(most)] if len(found) > most else found
    images = []
    for path in picked:
        try:
            image = read_rgb(path).convert("RGB" if c == 3 else "L").resize((w, h))
        except BROKEN as e:
            raise Failure(f"{path}: cannot be read as an image: {e}") from e
        images.append(np.asarray(image, np.float32).reshape(h, w, c))
    return np.stack(images)


def threshold(values):
    """Returns the threshold t for which the values, rounded to 8 bits in -t..t, have the smallest
    squared error."""
    a = np.abs(values[values != 0])
    if not a.size:
        return 1.
    counts, edges = np.histogram(a, BINS, (0, a.max()))
    middle = (edges[1:] + edges[:-1]) / 2
    errors = {t: (edges[t] / 127) ** 2 / 12 * counts[:t].sum() +
              (counts[t:] * (middle[t:] - edges[t]) ** 2).sum() for t in CUTS}
    return float(edges[min(errors, key=errors.get)])


def ranges(network, weights, wanted, images):
    """Returns {layer: threshold of its outputs} for the layers `wanted`; layer -1 is the input."""
    x = (images - network.net["input_mean"]) * network.net["input_scale"]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        given, out, *pair = (os.path.join(folder, n) for n in ("in.f32", "out.f32", "cut.cfg",
                                                               "cut.weights"))
        x.astype(np.float32).tofile(given)
        for layer in sorted(wanted):
            if layer >= 0:
                run([darknet(), "strip", network.cfg, weights, *pair, "-to", str(layer), "-force"],
                    capture=True)
                try:
                    run([darknet(), "classifier", "raw", *pair, given, out, "-batch", "8",
                         "-force"], capture=True)
                except Failure as e:
                    text = str(e).removeprefix(f"{given}: ")
                    raise Failure(f"{weights}: up to layer {layer}, on the images: {text}") from e
            found[layer] = threshold(np.fromfile(out if layer >= 0 else given, np.float32))
    return found
