#!/usr/bin/python3
"""Writes a network as the two files of ncnn, for phones and small computers.

    scripts/export_ncnn.py NET.cfg WEIGHTS OUT.param OUT.bin [-to LAYER] [--fp16]
                           [--int8 FACES] [--force]

The network ends at its last layer that predicts, as in scripts/export_onnx.py; -to names another
last layer. Batch norm is multiplied into the filters. --fp16 stores filters with 16 bits, so the
file has half the size; biases and slopes keep 32 bits. When ncnn does not have an option, the
message names section and option, and nothing is written.

--int8 stores filters with 8 bits, and ncnn then computes with 8-bit integers. The scale of a filter
comes from its largest weight. The scale of a layer's input has the least error of rounding and
clipping on 64 images of the folder FACES: choose faces that are like the network's later inputs. In
[low_rank] only the first convolution has 8 bits. No script here runs ncnn: measure the
accuracy in your own program before you use the file.

Blob "input": W x H x C floats, RGB, (pixel - input_mean) * input_scale:

    ncnn::Mat in = ncnn::Mat::from_pixels(rgb, ncnn::Mat::PIXEL_RGB, 112, 112);
    in.substract_mean_normalize(mean, norm);  // this script prints mean and norm
    ex.input("input", in); ex.extract("output", out);

Blob "output": the output of the last layer. Needs NumPy."""
import sys

from lib.errors import needs, run_main

needs("numpy")
from exchange import network as networks
from exchange.calibrate import images_of
from exchange.calibrate import ranges as calibrate
from exchange.ncnn_out import FILTERS, SECTIONS, files_of
from lib import files
from lib.arguments import exporter
from lib.text import counted

IMAGES = 64  # the most images that --int8 uses


def export(cfg, weights, param, data, to=None, half=False, force=False, faces=None):
    files.refuse_replacing({".param": param, ".bin": data}, force, cfg, weights)
    network = networks.load(cfg, weights, to, SECTIONS, "ncnn")
    ranges = None
    if faces:
        wanted = {layer.sources[0] for layer in network.used if layer.section in FILTERS}
        images = images_of(faces, network.input, IMAGES)
        print(f"measures the inputs of {counted(len(wanted), 'layer')} on "
              f"{counted(len(images), 'image')}; may take minutes", file=sys.stderr, flush=True)
        ranges = calibrate(network, weights, wanted, images)
    text, numbers, quantized = files_of(network, half, ranges)
    files.write(data, numbers)
    files.write(param, text)
    if faces:
        print(f"{counted(quantized, 'layer computes', 'layers compute')} with 8 bits, by "
              f"{counted(len(images), 'image')} of {faces}")
    h, w, c = network.input
    mean, scale = network.net["input_mean"], network.net["input_scale"]
    print(f"{param}, {data}: {counted(len(text.splitlines()) - 2, 'layer')}, "
          f"{len(numbers):,} bytes")
    print(f"input: {w} x {h} x {c}, mean {{{', '.join([f'{mean:g}f'] * c)}}}, "
          f"norm {{{', '.join([f'{scale:.9g}f'] * c)}}}; output: {network.outputs} numbers")


def main():
    parser = exporter(__doc__, "out_param", "out_bin")
    parser.add_argument("--fp16", action="store_true", help="filters in 16 bits")
    parser.add_argument("--int8", metavar="FACES", help="filters and inputs in 8 bits, by images")
    args = parser.parse_args()
    return run_main(export, args.cfg, args.weights, args.out_param, args.out_bin, args.to,
                    args.fp16, args.force, args.int8)


if __name__ == "__main__":
    sys.exit(main())
