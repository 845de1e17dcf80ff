"""Writes a cfg and its weights from a list of layers."""
import numpy as np

from lib.darknet_files import weights_bytes

# The parameters of a section, in the order in which a weights file stores them
NORM = ["scales", "mean", "variance"]
ORDER = {"connected": ["biases", "weights", *NORM, "slopes"],
         "batchnorm": ["biases", *NORM, "slopes"]}
USUAL = ["biases", *NORM, "weights", "slopes"]


class Layer:
    """A section of a cfg. inputs: numbers of layers, -1 for the network's input; a second input is
    written as from=. shape: (h, w, c) of the output. note: a comment above the section."""

    def __init__(self, section, options, inputs, shape, note="", **params):
        self.section, self.options, self.inputs = section, dict(options), list(inputs)
        self.shape, self.note = tuple(shape), note
        self.params = {k: np.asarray(v, np.float32) for k, v in params.items()}

    def floats(self):
        return [self.params[k] for k in ORDER.get(self.section, USUAL) if k in self.params]


def with_routes(layers):
    """Inserts a [route] before each layer that does not read the layer directly before it. Returns
    [(layer, the numbers of its inputs)], numbered as in the cfg. [route] and from= cannot name the
    network's input. If a layer needs that, a linear [activation] at the start copies the input."""
    out, number = [], {-1: -1}
    later = [*layers[0].inputs[1:], *(i for layer in layers[1:] for i in layer.inputs)]
    if -1 in later or layers[0].section == "route":
        first = Layer("activation", {"activation": "linear"}, [-1], layers[0].shape)
        out.append((first, [-1]))
        number[-1] = 0
    for i, layer in enumerate(layers):
        inputs = [number[k] for k in layer.inputs]
        if layer.section != "route" and inputs[0] != len(out) - 1:
            out.append((Layer("route", {}, [], ()), inputs[:1]))
        number[i] = len(out)
        out.append((layer, inputs))
    return out


def text_of(layers, net, remarks):
    """Returns the cfg's text. net: the options of [net]; remarks: comments at the top."""
    lines = [f"# {r}" for r in remarks] + ["", "[net]"] + [f"{k}={v}" for k, v in net.items()]
    for layer, inputs in with_routes(layers):
        note = "".join(c for c in layer.note if c.isprintable())[:90]
        lines += [""] + [f"# {note}"] * bool(note) + [f"[{layer.section}]"]
        options = dict(layer.options)
        if layer.section == "route":
            options = {"layers": ",".join(map(str, inputs)), **options}
        elif len(inputs) > 1:
            options = {"from": inputs[1], **options}
        lines += [f"{k}={v}" for k, v in options.items()]
    return "\n".join(lines) + "\n"


def weights_of(layers):
    return weights_bytes(a for layer in layers for a in layer.floats())
