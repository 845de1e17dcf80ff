"""detector.py - a detector (cfg/mtcnn-*.cfg) with handmade weights, for tests that draw their own
faces. A face is a white square of 64 x 64 pixels on black, with its top left corner at multiples
of ten. Use `-min-face 60`."""
import os
import struct
from array import array

from common import ROOT, read, write, write_png

POINTS = (.31, .69, .5, .35, .66, .41, .41, .6, .8, .8)  # landmarks in a unit box: 5 x, then 5 y
SIDE, LEAST = 64, 60


def zeros(outputs, inputs, prelu=True):
    return [0.] * outputs, [0.] * (outputs * inputs), [1.] * outputs * prelu


def means(filters, inputs, taps):
    """Returns parameters of a convolution whose output 0 is the mean of its first `taps` inputs."""
    biases, weights, slopes = zeros(filters, inputs)
    weights[:taps] = [1 / taps] * taps
    return biases, weights, slopes


def head(outputs, inputs, biases):
    _, weights, _ = zeros(outputs, inputs, False)
    return list(biases) + [0.] * (outputs - len(biases)), weights


def p_net():
    # The last layer, `biases` and `weights`, reports a face when its input channel 0 is above 0.9.
    biases, weights = head(6, 32, (0, -36))
    weights[32] = 40.
    return (*means(10, 27, 27), *means(16, 90, 9), *means(32, 144, 9), biases, weights)


def networks():
    yield "p", p_net()
    yield "r", (*zeros(28, 27), *zeros(48, 252), *zeros(64, 192), *zeros(128, 576),
                *head(6, 128, (-5, 5)))
    yield "o", (*zeros(32, 27), *zeros(64, 288), *zeros(64, 576), *zeros(128, 256),
                *zeros(256, 1152), *head(16, 256, (-5, 5, 0, 0, 0, 0) + POINTS))


def make_detector(folder):
    for letter, arrays in networks():
        name = os.path.join(folder, f"mtcnn-{letter}")
        write(name + ".cfg", read(os.path.join(ROOT, "cfg", f"mtcnn-{letter}.cfg")))
        data = b"".join(array("f", a).tobytes() for a in arrays)
        write(name + ".weights", struct.pack("<iiiQ", 0, 2, 0, 0) + data)


def photograph(path, width, height, *corners, grey=255):
    """Writes a PNG with faces. corners: (x, y) of the top left pixel of each face."""
    rows = [bytearray(3 * width) for _ in range(height)]
    for x, y in corners:
        for row in rows[y:y + SIDE]:
            row[3 * x:3 * (x + SIDE)] = bytes([grey]) * (3 * SIDE)
    write_png(path, width, height, b"".join(rows))
