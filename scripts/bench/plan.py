"""Reads a cfg whose layers PyTorch can compute, too.

    net, layers = plan("cfg/mobilefacenet.cfg")"""
from exchange.network import Network
from lib.errors import Failure

CONVOLUTIONS = ("convolutional", "depthwise", "global_depthwise")
POOLS = ("maxpool", "local_avgpool")
SECTIONS = {*CONVOLUTIONS, *POOLS, "connected", "batchnorm", "activation", "dropout", "softmax",
            "shortcut", "sam", "scale_channels", "route", "channel_shuffle", "avgpool", "upsample"}
PLAIN = {"binary": 0, "xnor": 0, "flipped": 0}  # options that must have these values


def plan(cfg):
    """Returns (net, layers). net: {"height", "width", "channels"} of the input. layers: a dict for
    each layer before the first loss that only training uses. Its keys: name; act; bn; sources
    (layer numbers, -1 for the input); in and out (height, width, channels); params ((name, shape)
    in the order of the weights file); and the keys of geometry()."""
    network, layers = Network(cfg), []
    for layer in network.layers:
        if not layer.predicts:
            break  # only the losses of training follow
        if layer.section not in SECTIONS:
            raise Failure(f"{layer.at} is not known here, only {', '.join(sorted(SECTIONS))}")
        for name, value in PLAIN.items():
            if layer.options.get(name, value) != value:
                raise Failure(f"{layer.at} {name}={layer.options[name]}: is not known here")
        layers.append({
            "name": layer.section, "act": layer.activation, "at": layer.at,
            "bn": "variance" in layer.counts, "sources": layer.sources, "in": layer.inputs[0],
            "out": layer.out, "params": [(n, layer.shape_of(n)) for n in layer.counts],
            **geometry(layer)})
    return dict(zip(("height", "width", "channels"), network.input)), layers


def geometry(layer):
    o = layer.options
    if layer.section in CONVOLUTIONS:
        _, _, stride, pad = layer.window
        return {"cin": layer.inputs[0][2], "stride": stride, "pad": pad, "groups": layer.groups,
                "shape": layer.shape_of("weights")}
    if layer.section in POOLS:
        size, stride, before, behind = layer.pooling
        return {"size": size, "stride": stride, "around": before + behind}
    if layer.section == "avgpool":
        return {"size": o["size"], "stride": o["stride"], "pad": o["size"] // 2 if o["pad"] else 0}
    return {"groups": o.get("groups"), "part": o.get("group_id"), "stride": o.get("stride")}
