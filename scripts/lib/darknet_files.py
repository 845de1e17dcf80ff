"""Reads and writes .weights files in Python. It shares no code with the `darknet` command, because
tests compare the two implementations."""
import math
import struct
import sys

import numpy as np

from lib.errors import Failure
from lib.text import counted

BN_EPS = 1e-5
PACKED = b"THINPACK"  # the first bytes that `darknet compress pack` writes


def read_weights(path, layers, behind=0):
    """Returns a list with a dict {name: array} for each layer. layers: dicts with "params"
    [(name, shape)] and "out", the output's shape. The file may end with exactly `behind` more
    floats, or with a classifier's weights; both are ignored. Raises a Failure for a bad file."""
    with open(path, "rb") as f:
        data = f.read()
    if data.startswith(PACKED):
        raise Failure(f"{path}: is packed: unpack it first (darknet compress unpack {path} NET.cfg "
                      "NET.weights)")
    if len(data) < 20:
        raise Failure(f"{path}: not a weights file")
    major, minor, _ = struct.unpack_from("<iii", data)
    if not 0 <= major < 1000 or not 0 <= minor < 1000:
        raise Failure(f"{path}: not a weights file: version {major}.{minor}")
    at = 12 + (8 if major * 10 + minor >= 2 else 4)
    values = np.frombuffer(data[at:len(data) - (len(data) - at) % 4], "<f4")
    need = sum(math.prod(shape) for layer in layers for _, shape in layer["params"])
    width = math.prod(layers[-1]["out"]) if layers else 0
    if behind and len(data) - at == 4 * (need + behind):
        pass
    elif width and values.size > need and (values.size - need) % width == 0 and \
            len(data) % 4 == 0:
        more = counted(values.size - need, "float behind the embedding is",
                       "floats behind the embedding are")
        print(f"{path}: {more} left out", file=sys.stderr)
    elif need * 4 != len(data) - at:
        raise Failure(f"{path}: {values.size} floats, the network has {need}")
    out, at = [], 0
    for layer in layers:
        arrays = {}
        for name, shape in layer["params"]:
            count = math.prod(shape)
            arrays[name] = values[at:at + count].reshape(shape)
            if not np.isfinite(arrays[name]).all():
                raise Failure(f"{path}: {name} of layer {len(out)}: not all are finite numbers")
            if name == "variance" and (arrays[name] < 0).any():
                raise Failure(f"{path}: variance of layer {len(out)}: has a negative number")
            at += count
        out.append(arrays)
    return out


def weights_bytes(arrays):
    """Returns the bytes of a .weights file: version 0.2.0, 0 images seen, then `arrays`."""
    floats = (np.ascontiguousarray(a, "<f4").tobytes() for a in arrays)
    return struct.pack("<iiiQ", 0, 2, 0, 0) + b"".join(floats)


def write_weights(path, layers, arrays):
    """Writes a .weights file. layers, arrays: the argument and the result of read_weights()."""
    flat = [a[name] for layer, a in zip(layers, arrays) for name, _ in layer["params"]]
    shapes = [tuple(shape) for layer in layers for _, shape in layer["params"]]
    assert [a.shape for a in flat] == shapes
    with open(path, "wb") as f:
        f.write(weights_bytes(flat))
