"""Measures the outputs of a network's layers on real images, to choose ranges for 8-bit
integers."""
import os
import struct
import tempfile

import numpy as np

from lib.errors import Failure, needs
from lib.processes import darknet, run

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm")
BINS = 2048
CUTS = range(BINS // 16, BINS + 1, BINS // 128)  # the bins up to which numbers may be kept


def images_of(folder, shape, most):
    """Returns at most `most` images of a folder, at equal steps in their order, as bytes 0..255:
    B x H x W x C."""
    needs("PIL")
    from PIL import Image
    found = sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names
                   if name.lower().endswith(PICTURES))
    if not found:
        raise Failure(f"{folder}: holds no images")
    h, w, c = shape
    picked = [found[i * len(found) // most] for i in range(most)] if len(found) > most else found
    images = []
    for path in picked:
        try:
            image = Image.open(path).convert("RGB" if c == 3 else "L").resize((w, h))
        except OSError as e:
            raise Failure(f"{path}: is not an image, or is cut short") from e
        images.append(np.asarray(image, np.float32).reshape(h, w, c))
    return np.stack(images)


def threshold(values):
    """Returns the largest number of the 8-bit range. It gives the smallest squared error: numbers
    below it are rounded, numbers above it are replaced by it."""
    a = np.abs(values[values != 0])
    if not a.size:
        return 1.
    counts, edges = np.histogram(a, BINS, (0, a.max()))
    middle = (edges[1:] + edges[:-1]) / 2
    errors = {t: (edges[t] / 127) ** 2 / 12 * counts[:t].sum() +
              (counts[t:] * (middle[t:] - edges[t]) ** 2).sum() for t in CUTS}
    return float(edges[min(errors, key=errors.get)])


def cut(network, weights, layer, folder):
    """Writes the network that ends at a layer; returns its cfg and weights."""
    pair = os.path.join(folder, "cut.cfg"), os.path.join(folder, "cut.weights")
    end = network.layers[layer + 1].line - 1
    with open(network.cfg, "rb") as f, open(pair[0], "wb") as out:
        out.writelines(f.readlines()[:end])
    with open(weights, "rb") as f, open(pair[1], "wb") as out:
        major, minor, _ = struct.unpack("<iii", f.read(12))
        head = 12 + (8 if major * 10 + minor >= 2 else 4)
        f.seek(0)
        floats = sum(sum(l.counts.values()) for l in network.layers[:layer + 1])
        out.write(f.read(head + 4 * floats))
    return pair


def ranges(network, weights, wanted, images):
    """Returns {layer: threshold of its outputs} for the layers `wanted`; layer -1 is the network's
    input. images: as images_of() returns them. Runs the network once for each layer."""
    x = (images - network.net["input_mean"]) * network.net["input_scale"]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        given, out = os.path.join(folder, "in.f32"), os.path.join(folder, "out.f32")
        x.astype(np.float32).tofile(given)
        for layer in sorted(wanted):
            if layer >= 0:
                run([darknet(), "classifier", "raw", *cut(network, weights, layer, folder), given,
                     out, "-batch", "8", "-force"], capture=True)
            found[layer] = threshold(np.fromfile(out if layer >= 0 else given, np.float32))
            if not np.isfinite(found[layer]):
                raise Failure(f"{weights}: layer {layer} gives numbers that are not finite")
    return found
