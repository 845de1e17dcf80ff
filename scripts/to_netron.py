#!/usr/bin/python3
"""Writes a cfg with only those sections that Netron has, so that Netron draws the network with its
shapes. The cfg is only for viewing; scripts/to_stock.py writes one that computes.

    scripts/to_netron.py NET.cfg OUT.cfg [--force]

[depthwise] and [global_depthwise] become [convolutional] with groups=, [low_rank] becomes two
[convolutional], [binary] becomes [convolutional] with binary=1. Other layers that keep the shape
and that Netron does not have become [activation]. Losses are left out. The comment above a section
names the layer that it replaces."""
import argparse
import sys

from lib.errors import Failure, needs, run_main

needs("numpy")
from exchange.cfg_out import Layer, text_of
from exchange.network import Network
from lib import files

# Sections that Netron has, with the options that it shows
SAME = {"connected": ("output", "batch_normalize", "activation"), "batchnorm": (),
        "activation": ("activation",), "shortcut": ("activation",), "softmax": (), "route": (),
        "avgpool": (), "maxpool": ("size", "stride", "padding"), "upsample": ("stride",),
        "dropout": ("probability",), "scale_channels": (), "sam": (), "l2norm": (), "logistic": (),
        "crop": ("crop_height", "crop_width"), "reorg": ("stride",), "local": ("filters", "size",
                                                                               "stride", "pad")}
FILTERS = ("convolutional", "depthwise", "global_depthwise", "low_rank", "binary")


def drawn(layer, source, note, layers):
    """Adds the sections that replace a layer; returns the number of the last one."""
    if layer.section in FILTERS:
        kh, _, stride, pad = layer.window
        if layer.section == "low_rank":
            rank = layer.options["rank"]
            layers.append(Layer("convolutional", {
                "filters": rank, "size": kh, "stride": stride, "pad": 0, "padding": pad,
                "activation": "linear"}, source, (*layer.out[:2], rank), note + ", its basis"))
            source, kh, stride, pad = [len(layers) - 1], 1, 1, 0
        options = {"filters": layer.out[2], "size": kh, "stride": stride, "pad": 0, "padding": pad,
                   "groups": layer.groups, "batch_normalize": layer.options["batch_normalize"],
                   "activation": layer.activation}
        if layer.section == "binary":
            options["binary"] = 1
        layers.append(Layer("convolutional", options, source, layer.out, note))
    elif layer.section == "avgpool" and layer.options["size"]:
        o = layer.options
        layers.append(Layer("local_avgpool", {"size": o["size"], "stride": o["stride"]}, source,
                            layer.out, note))
    elif layer.section == "maxpool":
        o = layer.options
        size = o["size"] or o["stride"]
        layers.append(Layer("maxpool", {"size": size, "stride": o["stride"], "padding":
                                        size - 1 if o["padding"] < 0 else o["padding"]}, source,
                            layer.out, note))
    elif layer.section == "route":
        keys = ("groups", "group_id") if layer.options["groups"] > 1 else ()
        options = {k: layer.options[k] for k in keys}
        layers.append(Layer("route", options, source, layer.out, note))
    elif layer.section in SAME:
        layers.append(Layer(layer.section, {k: layer.options[k] for k in SAME[layer.section]},
                            source, layer.out, note))
    elif layer.inputs[0] == layer.out:
        layers.append(Layer("activation", {"activation": "linear"}, source, layer.out, note))
    else:
        raise Failure(f"{layer.at} has no name in Netron and changes the shape")
    return len(layers) - 1


def write(cfg, out, force):
    files.refuse_replacing(out, force, cfg)
    network, layers, number = Network(cfg), [], {-1: -1}
    network.end_at()
    for layer in network.layers:
        note = f"layer {layer.number} [{layer.section}] {layer.name or ''}".strip()
        number[layer.number] = drawn(layer, [number[i] for i in layer.sources], note, layers)
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
