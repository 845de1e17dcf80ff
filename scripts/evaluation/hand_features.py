"""Features that are computed without a neural network. lbp(), gradients() and raw() take a grey
image with values from 0 to 1, and return a row of float32."""
import time

import numpy as np
from scipy.ndimage import gaussian_filter

from lib.errors import Failure, needs
from lib.pictures import read_rgb

needs("skimage")
from skimage.feature import hog, local_binary_pattern
from skimage.transform import resize

CELLS = 8  # lbp() and gradients() divide an image into 8 x 8 cells
MARGIN = .1  # share of the image that lbp() cuts off at each side: background and hair
PIXELS = 32  # width and height to which raw() scales the image


def even_light(grey):
    """Evens out the light by gamma, difference of Gaussians and equal contrast, with the usual
    constants of Tan and Triggs, "Enhanced Local Texture Feature Sets for Face Recognition Under
    Difficult Lighting Conditions", TIP 2010. Returns uint8."""
    g = np.power(grey + 1 / 255, .2)
    g = gaussian_filter(g, 1) - gaussian_filter(g, 2)
    for most in (np.inf, 10):
        g = g / max(np.mean(np.minimum(most, np.abs(g)) ** .1) ** 10, 1e-6)
    return np.round(127.5 + 127 * np.tanh(g / 10)).astype(np.uint8)


def histograms(image):
    """Returns a histogram of the local binary patterns in each cell: CELLS*CELLS x 59 (58 uniform
    patterns, and one bin for all others). Each row has the sum 1."""
    codes = local_binary_pattern(image, 8, 2, "nri_uniform").astype(int)
    codes = codes[tuple(slice(int(MARGIN * n), n - int(MARGIN * n)) for n in image.shape)]
    rows, columns = (np.arange(n) * CELLS // n for n in codes.shape)
    cell = rows[:, None] * CELLS + columns
    counts = np.bincount((cell * 59 + codes).ravel(), minlength=59 * CELLS * CELLS)
    out = counts.reshape(-1, 59)
    return out / out.sum(1, keepdims=True)


def lbp(grey):
    """Returns histograms of uniform patterns, with 59 bins in 8 x 8 cells: Ahonen, Hadid and
    Pietikainen, "Face Description with Local Binary Patterns", PAMI 2006. even_light(), the mirror
    image, the radius and MARGIN were chosen on pairs of CelebA and CFP."""
    image = even_light(grey)
    both = histograms(image) + histograms(np.ascontiguousarray(image[:, ::-1]))
    return (both / 2).ravel().astype(np.float32)


def gradients(grey):
    """Returns histograms of oriented gradients (Dalal and Triggs, CVPR 2005) with 9 directions and
    blocks of 2 x 2 cells."""
    cell = tuple(max(1, n // CELLS) for n in grey.shape)
    return hog(grey, 9, cell, (2, 2), "L2-Hys").astype(np.float32)


def raw(grey):
    """Returns 32 x 32 pixels, scaled to mean 0 and deviation 1."""
    small = resize(grey, (PIXELS, PIXELS), anti_aliasing=True)
    return ((small - small.mean()) / max(small.std(), 1e-6)).ravel().astype(np.float32)


FEATURES = {"lbp": lbp, "hog": gradients, "raw": raw}


def read_grey(path):
    try:
        return np.asarray(read_rgb(path).convert("L"), np.float32) / 255
    except Exception as e:  # Pillow raises many kinds of exceptions
        raise Failure(f"{path}: cannot be read as an image: {e}") from e


def features_of(paths, names):
    """Returns ({name of a feature: rows}, {name: milliseconds for each face}). The time does not
    include reading the image. The images must have the same size."""
    out, seconds, shape = {n: [] for n in names}, dict.fromkeys(names, 0.), None
    for path in paths:
        grey = read_grey(path)
        shape = shape or grey.shape
        if grey.shape != shape:
            raise Failure(f"{path}: is {grey.shape[1]} x {grey.shape[0]} pixels, those before are "
                          f"{shape[1]} x {shape[0]}: all must be aligned and of one size")
        for n in names:
            start = time.perf_counter()
            out[n].append(FEATURES[n](grey))
            seconds[n] += time.perf_counter() - start
    return {n: np.array(v) for n, v in out.items()}, \
        {n: 1000 * s / max(1, len(paths)) for n, s in seconds.items()}
