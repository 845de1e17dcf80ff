#!/usr/bin/python3
"""Turns an ONNX file into a cfg and a .weights file. The network can then predict, be trained
further or serve as a teacher.

    scripts/import_onnx.py MODEL.onnx NET.cfg NET.weights [--size HxW] [--output NAME] [--force]
                           [--mean M --scale S] [--bgr] [--fix-gamma NODES] [--faces FOLDER]

The script converts the operators of face networks (exchange/onnx_layers.py). When a node has no
matching layer, the message names the node and its operator, and nothing is written.

input_mean= and input_scale= come from the graph if it begins with a subtraction and a
multiplication. Else they come from --mean and --scale or, without these options, from the metadata
of the file (export_onnx.py writes them). Else they are 127.5 and 1 / 127.5, as in InsightFace.
--bgr: the file expects blue first.

Old mxnet exporters wrote spatial=0 for a batch norm with one number per channel, and PReLU slopes
with one dimension; the script reads both with the intended meaning. mxnet also had fix_gamma, which
used 1 instead of the gamma in the file. --fix-gamma does the same: for all BatchNormalization
nodes, or for names separated by commas.

At the end the file and our network run on random images, and on images of --faces. The script
prints the largest difference of outputs. When it is more than 1e-4 of the largest output, nothing
is written. The comparison needs ONNX Runtime (make bench-deps); without it, a line says that
nothing was compared. The script needs NumPy and python3-onnx (make onnx-deps)."""
import argparse
import os
import re
import sys
import tempfile

from lib.errors import Failure, needs, run_main

needs("numpy", "onnx")
import numpy as np

from bench import peer_process
from exchange import cfg_out, compare, onnx_in
from exchange.calibrate import images_of
from exchange.onnx_layers import Importer
from lib import files
from lib.arguments import command_line, real
from lib.processes import checked

MOST = 1e-4       # the largest allowed difference of outputs, divided by the largest output
FIRST_OF_RUNTIME = 7  # the oldest opset that ONNX Runtime promises to run
IMAGES = 3        # the number of random images, and of images of --faces


def size(text):
    found = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if not found or not 1 <= int(found.group(1)) <= 8192 or \
            not 1 <= int(found.group(2) or 1) <= 8192:
        raise argparse.ArgumentTypeError(f"{text}: must be height x width, as 112x112")
    return int(found.group(1)), int(found.group(2) or found.group(1))


def normalisation(model, importer, mean, scale):
    """Returns (input_mean, input_scale, where they come from)."""
    if importer.mean is not None:
        if mean is not None or scale is not None:
            raise Failure(f"{model.path}: subtracts {importer.mean:g} and multiplies by "
                          f"{importer.scale:g} itself: --mean and --scale have no place")
        return importer.mean, importer.scale, "of the file's first nodes"
    if mean is not None or scale is not None:
        return 0 if mean is None else mean, 1 if scale is None else scale, "as given"
    try:
        return float(model.notes["input_mean"]), float(model.notes["input_scale"]), \
            "of the file's metadata"
    except (KeyError, ValueError):
        return 127.5, 1 / 127.5, "as InsightFace has it; the file does not tell (--mean, --scale)"


def check(proto, model, importer, pair, shape, norm, options):
    """Compares the outputs of the imported network with the outputs of the ONNX file in ONNX
    Runtime. Fails when they differ by more than MOST. pair: the paths of the imported cfg and
    weights; norm: (input_mean, input_scale)."""
    missing = peer_process.onnx_missing()
    if missing:
        print(f"not compared with ONNX Runtime: {missing} (make bench-deps)")
        return
    mean, scale = norm
    pixels = [np.random.default_rng(1).uniform(0, 255, (IMAGES, *shape)).astype(np.float32)]
    kinds = ["random images"]
    if options.faces:
        pixels.append(images_of(options.faces, shape, IMAGES))
        kinds.append(f"images of {options.faces}")
    takes_pixels, batch = importer.mean is not None, model.dims[0] or 1
    is_hwc = importer.values[model.input].form == "hwc"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "clean.onnx")
        clean = compare.cleaned(proto, importer.ones, importer.flat_slopes, options.output)
        with open(path, "wb") as f:
            f.write(clean.SerializeToString())
        for kind, p in zip(kinds, pixels):
            x = (p - np.float32(mean)) * np.float32(scale)
            ours = compare.darknet_output(*pair, x, folder)
            theirs = p if takes_pixels else x
            theirs = theirs[..., ::-1] if options.bgr else theirs
            theirs = theirs if is_hwc else theirs.transpose(0, 3, 1, 2)
            try:
                want, version = compare.onnx_output(path, np.ascontiguousarray(theirs), batch,
                                                    options.output, folder)
            except Failure as e:
                if model.opset < FIRST_OF_RUNTIME:
                    print("not compared with ONNX Runtime, which does not run this file of opset "
                          f"{model.opset}: {e}")
                    return
                raise Failure(f"{model.path}: ONNX Runtime does not run it: {e}") from e
            if want.shape != ours.shape:
                raise Failure(f"{model.path}: ONNX Runtime gives {want.shape[1]} numbers, ours are "
                              f"{ours.shape[1]}")
            h, w, c = importer.layers[-1].shape
            if h * w > 1:
                ours = ours.reshape(-1, h, w, c).transpose(0, 3, 1, 2).reshape(len(ours), -1)
            worst = compare.difference(ours, want)
            print(f"largest difference from ONNX Runtime {version} on {len(p)} {kind}: "
                  f"{worst:.1e} of the largest value")
            if not worst <= MOST:
                raise Failure(f"{model.path}: more than {MOST:g}: nothing is written")


def bring(source, cfg, weights, options):
    files.refuse_replacing({"cfg": cfg, "weights": weights}, options.force, source)
    proto = onnx_in.load(source)
    model = onnx_in.Model(source, proto, options.output)
    ones = "all" if options.fix_gamma == "all" else \
        set(filter(None, (options.fix_gamma or "").split(",")))
    unknown = set() if ones == "all" else \
        ones - {n.name for n in model.nodes if n.op == "BatchNormalization"}
    if unknown:
        raise Failure(f"{source}: --fix-gamma {sorted(unknown)[0]}: no BatchNormalization node has "
                      "this name")
    importer = Importer(model, options.size, ones, options.bgr)
    shape = importer.values[model.input].shape
    importer.run()
    mean, scale, where = normalisation(model, importer, options.mean, options.scale)
    net = {"height": shape[0], "width": shape[1], "channels": shape[2],
           "input_mean": f"{mean:.9g}", "input_scale": f"{scale:.9g}"}
    remarks = [f"{os.path.basename(source)}, ONNX opset {model.opset}, read by "
               "scripts/import_onnx.py. The remark above a section is the node's name.",
               f"Input: RGB, (pixel - input_mean) * input_scale, {where}."]
    text = cfg_out.text_of(importer.layers, net, remarks)
    data = cfg_out.weights_of(importer.layers)
    with tempfile.TemporaryDirectory() as folder:
        pair = os.path.join(folder, "net.cfg"), os.path.join(folder, "net.weights")
        files.write(pair[0], text)
        files.write(pair[1], data)
        try:
            checked(*pair)
        except Failure as e:
            why = str(e).removeprefix(folder + os.sep)
            raise Failure(f"{source}: becomes no valid network: {why}") from e
        check(proto, model, importer, pair, shape, (mean, scale), options)
    files.write(weights, data)
    files.write(cfg, text)
    for line in importer.notes:
        print(f"note: {line}")
    print(f"input: {shape[0]} x {shape[1]} x {shape[2]}, RGB, (pixel - {mean:g}) * {scale:g}: "
          f"{where}")
    last = importer.layers[-1].shape
    made = last[2] if last[0] == last[1] == 1 else " x ".join(map(str, last))
    print(f"{cfg}: {len(importer.layers)} layers, {made} outputs; "
          f"{weights}: {(len(data) - 20) // 4:,} floats")


def main():
    parser = command_line(__doc__)
    parser.add_argument("model", metavar="MODEL.onnx")
    parser.add_argument("cfg", metavar="NET.cfg")
    parser.add_argument("weights", metavar="NET.weights")
    parser.add_argument("--size", type=size, metavar="HxW",
                        help="the size of the input, if the file does not give it")
    parser.add_argument("--output", metavar="NAME", help="the tensor that becomes the output")
    parser.add_argument("--mean", type=real(), help="input_mean= of the cfg")
    parser.add_argument("--scale", type=real(), help="input_scale= of the cfg")
    parser.add_argument("--bgr", action="store_true",
                        help="the model takes the order blue, green, red")
    parser.add_argument("--fix-gamma", metavar="NODES",
                        help="nodes whose scales become 1: all, or names with commas")
    parser.add_argument("--faces", metavar="FOLDER",
                        help="also compare the outputs on images of this folder")
    parser.add_argument("--force", action="store_true", help="replace the outputs")
    args = parser.parse_args()
    if args.scale == 0:
        parser.error("--scale must not be 0")
    return run_main(bring, args.model, args.cfg, args.weights, args)


if __name__ == "__main__":
    sys.exit(main())
