#!/usr/bin/python3
"""Writes a network as an ONNX file, for ONNX Runtime and whatever else reads the format.

    scripts/export_onnx.py NET.cfg WEIGHTS OUT.onnx [-batch N]

Knows [convolutional] (with groups), [depthwise], [global_depthwise], [low_rank] and linear
[shortcut], with PReLU or linear, as `darknet check -json` tells of them; another section is an
error.

Input "input": N x C x H x W floats, RGB, already (pixel - input_mean) * input_scale. Output
"output": N x D, the last layer's numbers; where its map is larger than 1x1, the channels of a pixel
lie side by side, as in `darknet classifier raw`. N is left open without -batch.

Opset 13; Conv, PRelu, Add, Transpose, Flatten. Batch norm is multiplied into the filters and
biases, as predicting here does: w * scale / sqrt(variance + 1e-5). Needs numpy; the file format
(Protocol Buffers, https://protobuf.dev/programming-guides/encoding, messages of onnx.proto3) is
written by the few functions below."""
import argparse
import json
import sys

from lib.errors import Failure, needs, run_main

needs("numpy")
import numpy as np

from lib.darknet_files import BN_EPS, read_weights
from lib.files import refuse_replacing, whole_file
from lib.processes import darknet, run

IR_VERSION, OPSET = 7, 13
FLOAT = 1  # TensorProto.DataType
INT, INTS = 2, 7  # AttributeProto.AttributeType
LARGEST = (1 << 31) - 1  # bytes of a message


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def field(number, value):
    """One field: a whole number, or text, bytes or a message with its length in front."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


def attribute(name, value):
    if isinstance(value, int):
        return message((1, name), (3, value), (20, INT))
    return message((1, name), *((8, v) for v in value), (20, INTS))


def node(op, inputs, output, **attributes):
    return message(*((1, name) for name in inputs), (2, output), (3, output), (4, op),
                   *((5, attribute(*item)) for item in attributes.items()))


def tensor(name, array):
    return message(*((1, n) for n in array.shape), (2, FLOAT), (8, name),
                   (9, np.ascontiguousarray(array, "<f4").tobytes()))


def value_info(name, shape):
    """shape: whole numbers; a word names a size that is open."""
    dims = (field(1, message((2 if isinstance(n, str) else 1, n))) for n in shape)
    return message((1, name), (2, message((1, message((1, FLOAT), (2, b"".join(dims)))))))


WINDOWS = ("convolutional", "depthwise", "global_depthwise", "low_rank")


def layer_of(cfg, told, sources):
    """A layer as `darknet check -json` tells of it, in the form of lib/darknet_files.py: names,
    width_multiplier and numbers of layers are worked out there. sources: of a shortcut."""
    name, o, (h, w, c) = told["section"], told["options"], told["in"][0]
    at = f"{cfg}:{told['line']}: [{name}]"
    if name not in WINDOWS + ("shortcut",):
        raise Failure(f"{at} is not known here, only {', '.join(WINDOWS + ('shortcut',))}")
    layer = {"name": name, "act": o["activation"], "out": tuple(told["out"]), "params": []}
    if layer["act"] not in ("prelu", "linear"):
        raise Failure(f"{at} activation={layer['act']}: only prelu and linear are known here")
    if name == "shortcut":
        if layer["act"] != "linear" or len(sources) != 2 or o["alpha"] != 1 or o["beta"] != 1 or \
                told["in"][0] != told["in"][1]:
            raise Failure(f"{at} only a plain sum of two layers of equal shapes is known here")
        return dict(layer, sources=sources)
    counts = {p["name"]: p["count"] for p in told["params"]}
    filters, size = told["out"][2], o.get("size")
    kh, kw = (h, w) if name == "global_depthwise" else (size, size)
    pad = 0 if name == "global_depthwise" else size // 2 if o["pad"] else o["padding"]
    if name == "low_rank":  # N x 1 x 1 filters of what the R filters of the basis give
        kh = kw = 1
        basis = (o["rank"], c, size, size)
    shape = (filters, counts["weights"] // (filters * kh * kw), kh, kw)
    layer.update(bn=o["batch_normalize"], stride=o.get("stride", 1), pad=pad, shape=shape,
                 groups=1 if name == "low_rank" else c // shape[1], source=sources[0])
    shapes = {"weights": shape, "basis": basis if name == "low_rank" else None}
    layer["params"] = [(p, shapes.get(p, (n,))) for p, n in counts.items()]
    return layer


def plan(cfg):
    """(net, layers) up to the embedding."""
    told = json.loads(run([darknet(), "check", cfg, "-json"], capture=True))
    layers = [layer_of(cfg, l, l["from"]) for l in told["layers"][:told["embedding"] + 1]]
    return dict(zip(("height", "width", "channels"), told["in"])), layers


def fold(layer, arrays):
    """Filters and biases that do the batch norm as well, computed in double."""
    w, b = arrays["weights"].astype(np.float64), arrays["biases"].astype(np.float64)
    if layer["bn"]:
        factor = arrays["scales"] / np.sqrt(arrays["variance"].astype(np.float64) + BN_EPS)
        w, b = w * factor[:, None, None, None], b - factor * arrays["mean"]
    return w, b


def graph(net, layers, arrays, batch):
    nodes, tensors, names = [], [], []
    for i, (layer, a) in enumerate(zip(layers, arrays)):
        name = f"{i}_{layer['name']}"
        if layer["name"] == "shortcut":
            nodes.append(node("Add", [names[k] for k in layer["sources"]], name))
        else:
            w, b = fold(layer, a)
            tensors += [tensor(name + "_weights", w), tensor(name + "_biases", b)]
            conv = name + "_sum" if layer["act"] == "prelu" else name
            last = "input" if layer["source"] < 0 else names[layer["source"]]
            stride, pad = layer["stride"], layer["pad"]
            if layer["name"] == "low_rank":
                tensors.append(tensor(name + "_basis", a["basis"]))
                nodes.append(node("Conv", (last, name + "_basis"), name + "_small", group=1,
                                  kernel_shape=a["basis"].shape[2:], pads=[pad] * 4,
                                  strides=[stride] * 2))
                last, stride, pad = name + "_small", 1, 0
            nodes.append(node("Conv", (last, name + "_weights", name + "_biases"), conv,
                              group=layer["groups"], kernel_shape=layer["shape"][2:],
                              pads=[pad] * 4, strides=[stride] * 2))
            if layer["act"] == "prelu":
                tensors.append(tensor(name + "_slopes", a["slopes"].reshape(-1, 1, 1)))
                nodes.append(node("PRelu", (conv, name + "_slopes"), name))
        names.append(name)
    last = names[-1]
    h, w, c = layers[-1]["out"]
    if h * w > 1:
        nodes.append(node("Transpose", (last,), "pixels", perm=[0, 2, 3, 1]))
        last = "pixels"
    nodes.append(node("Flatten", (last,), "output", axis=1))
    shape = (batch, net["channels"], net["height"], net["width"])
    return message(*((1, n) for n in nodes), (2, "network"), *((5, t) for t in tensors),
                   (11, value_info("input", shape)), (12, value_info("output", (batch, h * w * c))))


def export(cfg, weights, out, batch="N"):
    """batch: a number, or the name of an open size."""
    refuse_replacing(out, True, cfg, weights)
    net, layers = plan(cfg)
    if not layers:
        raise Failure(f"{cfg}: no layers")
    model = message((1, IR_VERSION), (2, "ThinFace"),
                    (7, graph(net, layers, read_weights(weights, layers), batch)),
                    (8, message((1, ""), (2, OPSET))))
    if len(model) > LARGEST:
        raise Failure(f"{out}: {len(model)} bytes, an ONNX file has at most {LARGEST}")
    with whole_file(out, binary=True) as f:
        f.write(model)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cfg")
    parser.add_argument("weights")
    parser.add_argument("out")
    parser.add_argument("-batch", type=int, default=0, help="images a run; open when not given")
    args = parser.parse_args()
    if args.batch < 0:
        parser.error("-batch must be at least 1")
    return run_main(export, args.cfg, args.weights, args.out, args.batch or "N")


if __name__ == "__main__":
    sys.exit(main())
