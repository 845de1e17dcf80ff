#!/usr/bin/python3
"""Writes a network as an ONNX file, for ONNX Runtime, OpenCV, ncnn's converter and others.

    scripts/export_onnx.py NET.cfg WEIGHTS OUT.onnx [-to LAYER] [-batch N] [--keep-norm] [--force]

The network ends at its last layer that predicts: losses are left out, and a classifier ends with
its probabilities. -to names another last layer, by its number or its name=. Dropout, which only
training uses, is left out. Binary filters become floats.

Input "input": N x C x H x W floats, RGB, already (pixel - input_mean) * input_scale. Output
"output": N x D, or N x D x H x W when the last map is larger than 1x1. Without -batch N is dynamic.

Batch norm is multiplied into the filters: w * scale / sqrt(variance + 1e-5). With --keep-norm it is
a node of its own, and scripts/import_onnx.py reads back exactly the same floats.

The file has opset 10, which OpenCV 4.6, ncnn's converter and ONNX Runtime read. The metadata
contain input_mean, input_scale, the number of outputs, the name of the cfg, and the SHA-256 of cfg
and weights. Needs NumPy and python3-onnx (make onnx-deps)."""
import hashlib
import os
import sys

from lib.errors import Failure, needs, run_main

needs("numpy", "onnx")
import onnx

from exchange import network as networks
from exchange.onnx_out import SECTIONS, model_of
from lib import files
from lib.arguments import exporter, whole
from lib.text import counted

LARGEST = (1 << 31) - 1  # the most bytes of a Protocol Buffers message


def checksum(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def notes_of(network, cfg, weights):
    """Returns the metadata of the ONNX file as {key: text}."""
    return {"input_mean": f"{network.net['input_mean']:.9g}",
            "input_scale": f"{network.net['input_scale']:.9g}",
            "input": "RGB planes, (pixel - input_mean) * input_scale",
            "outputs": str(network.outputs), "cfg": os.path.basename(cfg),
            "cfg_sha256": checksum(cfg), "weights_sha256": checksum(weights)}


def export(cfg, weights, out, batch="N", to=None, keeps_norm=False, force=True):
    """Writes the ONNX file. batch: the number of images, or a name for a variable number. Returns
    the network and the number of nodes."""
    files.refuse_replacing({"model": out}, force, cfg, weights)
    network = networks.load(cfg, weights, to, SECTIONS, "ONNX")
    model = model_of(network, batch, notes_of(network, cfg, weights), keeps_norm)
    if model.ByteSize() > LARGEST:
        raise Failure(f"{out}: {model.ByteSize()} bytes, an ONNX file has at most {LARGEST}")
    onnx.checker.check_model(model)
    if any(l.section == "binary" and l.options["mode"] in ("xnor", "bnn") for l in network.layers):
        print(f"{out}: [binary] layers take the signs of their inputs. A rounding difference can "
              "flip a sign, and deep networks then give other outputs: compare them before you use "
              "the file", file=sys.stderr)
    files.write(out, model.SerializeToString())
    return network, len(model.graph.node)


def work(args):
    network, nodes = export(args.cfg, args.weights, args.out, args.batch or "N", args.to,
                            args.keep_norm, args.force)
    h, w, c = network.input
    print(f"{args.out}: {counted(nodes, 'node')}, {os.path.getsize(args.out):,} bytes")
    print(f'input "input": {args.batch or "N"} x {c} x {h} x {w}, RGB, (pixel - '
          f"{network.net['input_mean']:g}) * {network.net['input_scale']:.9g}; "
          f'output "output": {counted(network.outputs, "number")}')


def main():
    parser = exporter(__doc__, "out")
    parser.add_argument("-batch", "--batch", type=whole(1), metavar="N",
                        help="images of a run; default any number")
    parser.add_argument("--keep-norm", action="store_true", help="do not fold batch norm")
    return run_main(work, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
