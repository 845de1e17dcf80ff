#!/usr/bin/python3
"""Writes a cfg with only those sections that Netron has, so that Netron draws the network with its
shapes. The cfg is only for viewing; scripts/to_stock.py writes one that computes.

    scripts/to_netron.py NET.cfg OUT.cfg [--force]

[depthwise] and [global_depthwise] become [convolutional] with groups=, [low_rank] becomes two
[convolutional], [binary] becomes [convolutional] with binary=1 or xnor=1. Other layers that keep
the shape and that Netron does not have become [activation] with their name, as activation=l2norm.
Losses are left out. An [upsample] with stride=1 is a copy: Netron needs it to find the next shape.
The comment above a section names the layer that it replaces."""
import argparse
import sys

from lib.errors import needs, run_main

needs("numpy")
from exchange.cfg_out import text_of
from exchange.netron_out import Drawing
from exchange.network import Network
from lib import files


def write(cfg, out, force):
    files.refuse_replacing(out, force, cfg)
    network = Network(cfg)
    network.end_at()
    layers = Drawing(network).layers
    h, w, c = network.input
    files.write(out, text_of(layers, {"height": h, "width": w, "channels": c},
                             ["For Netron, to look at. The remark above a section is the layer "
                              "that it is made from."]))
    print(f"{out}: {len(layers)} sections")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cfg", metavar="NET.cfg")
    parser.add_argument("out", metavar="OUT.cfg")
    parser.add_argument("--force", action="store_true", help="replace OUT.cfg")
    args = parser.parse_args()
    return run_main(write, args.cfg, args.out, args.force)


if __name__ == "__main__":
    sys.exit(main())
