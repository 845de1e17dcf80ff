#!/usr/bin/python3
"""Writes a network for stock Darknet (/usr/bin/darknet, libdarknet of 2018): a cfg that has only
Darknet's sections, and weights with which Darknet computes the same outputs.

    scripts/to_stock.py NET.cfg WEIGHTS OUT.cfg OUT.weights [-to LAYER] [--force]

[depthwise] becomes a convolution with groups=. Batch norm is multiplied into the filters. PReLU
becomes two convolutions: relu(z) - slope * relu(-z). Channel shuffles, and groups of [route],
become convolutions with zeros and ones. Unusual input_mean= and input_scale= become a first
convolution. Losses are left out. When a layer has no exact replacement (swish or [sam], for
example), the message names the section and the option, and nothing is written.

Netron can draw such a cfg, too. Needs NumPy."""
import sys

from lib.errors import needs, run_main

needs("numpy")
from exchange import network as networks
from exchange.stock_out import SECTIONS, files_of
from lib import files
from lib.arguments import exporter


def export(cfg, weights, out_cfg, out_weights, to=None, force=False):
    files.refuse_replacing({"cfg": out_cfg, "weights": out_weights}, force, cfg, weights)
    text, data = files_of(networks.load(cfg, weights, to, SECTIONS, "stock Darknet"))
    files.write(out_weights, data)
    files.write(out_cfg, text)
    sections = sum(line.startswith("[") for line in text.splitlines()) - 1
    print(f"{out_cfg}: {sections} sections; {out_weights}: {(len(data) - 20) // 4:,} floats")


def main():
    args = exporter(__doc__, "out_cfg", "out_weights").parse_args()
    return run_main(export, args.cfg, args.weights, args.out_cfg, args.out_weights, args.to,
                    args.force)


if __name__ == "__main__":
    sys.exit(main())
