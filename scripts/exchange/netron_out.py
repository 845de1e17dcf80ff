"""Writes a network in sections that Netron's reader of Darknet files (source/darknet.js) knows, so
that it finds all shapes. It stops at a section that it does not know. Such a section becomes an
[activation] with its name if it keeps the shape, else a convolution of its size."""
from exchange.cfg_out import Layer
from lib.errors import Failure

# Sections of Netron's own, with the options that it shows
SAME = {"connected": ("output", "batch_normalize", "activation"), "batchnorm": (),
        "activation": ("activation",), "shortcut": ("activation",),
        "softmax": ("groups", "temperature"), "dropout": ("probability",), "scale_channels": (),
        "sam": (), "crop": ("crop_height", "crop_width"), "reorg": ("stride",),
        "local": ("filters", "size", "stride", "pad", "activation"),
        "rnn": ("output", "hidden"), "gru": ("output",), "lstm": ("output",)}
FILTERS = ("convolutional", "depthwise", "global_depthwise", "low_rank", "binary")
NAMES = {"hswish": "h_swish"}  # activations that Netron calls otherwise

# What Netron knows of an output: not its length, and not its height and width
NO_LENGTH = ("batchnorm", "activation", "route")
NO_MAP = ("connected", "softmax", "rnn", "gru", "lstm")
TAKES_LENGTH = (*NO_MAP, "dropout")
TAKES_MAP = ("convolutional", "maxpool", "avgpool", "crop", "local")


class Drawing:
    """layers: the layers of the cfg, which exchange/cfg_out.py writes."""

    def __init__(self, network):
        self.layers, self.number, self.input = [], {-1: -1}, network.input
        for layer in network.layers:
            note = f"layer {layer.number} [{layer.section}] {layer.name or ''}".strip()
            source = [self.number[i] for i in layer.sources]
            self.number[layer.number] = self.draw(layer, source, note)

    def add(self, section, options, source, shape, note):
        """Adds a layer and returns its number. If Netron would not find the length or the shape of
        its input, an [upsample] that copies the input comes first, because Netron finds its
        shape."""
        if "activation" in options:
            options = {**options, "activation": NAMES.get(options["activation"],
                                                          options["activation"])}
        before = self.layers[source[0]] if source[0] >= 0 else None
        routed = source[0] != len(self.layers) - 1  # cfg_out puts a [route] between
        if section in TAKES_LENGTH and (routed or before and before.section in NO_LENGTH) or \
                section in TAKES_MAP and before and before.section in NO_MAP and not routed:
            self.layers.append(Layer("upsample", {"stride": 1}, source[:1],
                                     before.shape if before else self.input, note + ", its input"))
            source = [len(self.layers) - 1, *source[1:]]
        self.layers.append(Layer(section, options, source, shape, note))
        return len(self.layers) - 1

    def window(self, source, shape, note, size, stride, padding):
        """Adds a convolution of each channel alone."""
        return self.add("convolutional", {
            "filters": shape[2], "size": size, "stride": stride, "pad": 0, "padding": padding,
            "groups": shape[2], "activation": "linear"}, source, shape, note)

    def filters(self, layer, source, note):
        kh, kw, stride, pad = layer.window
        if kh != kw:  # a [global_depthwise] whose filters no size= describes
            return self.add("avgpool", {}, source, layer.out, note)
        if layer.section == "low_rank":
            rank = layer.options["rank"]
            source = [self.add("convolutional", {
                "filters": rank, "size": kh, "stride": stride, "pad": 0, "padding": pad,
                "activation": "linear"}, source, (*layer.out[:2], rank), note + ", its basis")]
            kh, stride, pad = 1, 1, 0
        options = {"filters": layer.out[2], "size": kh, "stride": stride, "pad": 0, "padding": pad,
                   "groups": layer.groups, "batch_normalize": layer.options["batch_normalize"],
                   "activation": layer.activation}
        if layer.section == "binary":
            options["xnor" if layer.options["mode"] in ("xnor", "bnn") else "binary"] = 1
        return self.add("convolutional", options, source, layer.out, note)

    def route(self, layer, source, note):
        """Adds a [route]. Netron supports groups= only with one input."""
        o = layer.options
        if o["groups"] == 1:
            return self.add("route", {}, source, layer.out, note)
        parts = [self.add("route", {"groups": o["groups"], "group_id": o["group_id"]}, [x],
                          (*layer.out[:2], shape[2] // o["groups"]), note)
                 for x, shape in zip(source, layer.inputs)]
        return parts[0] if len(parts) == 1 else self.add("route", {}, parts, layer.out, note)

    def draw(self, layer, source, note):
        section, o = layer.section, layer.options
        if section in FILTERS:
            return self.filters(layer, source, note)
        if section == "route":
            return self.route(layer, source, note)
        if section == "avgpool" and not o["size"]:
            return self.add("avgpool", {}, source, layer.out, note)
        if section == "avgpool":
            return self.window(source, layer.out, note, o["size"], o["stride"],
                               o["size"] // 2 if o["pad"] else 0)
        if section == "maxpool":
            size = o["size"] or o["stride"]
            return self.add("maxpool", {"size": size, "stride": o["stride"], "padding":
                                        size - 1 if o["padding"] < 0 else o["padding"]},
                            source, layer.out, note)
        if section == "upsample" and o["stride"] > 0:
            return self.add("upsample", {"stride": o["stride"]}, source, layer.out, note)
        if section == "upsample":
            return self.window(source, layer.out, note, -o["stride"], -o["stride"], 0)
        if section in SAME:
            return self.add(section, {k: o[k] for k in SAME[section]}, source, layer.out, note)
        if layer.inputs[0] == layer.out:
            return self.add("activation", {"activation": section}, source, layer.out, note)
        raise Failure(f"{layer.at} has no name in Netron and changes the shape")
