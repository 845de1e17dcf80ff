"""Computes the outputs of an ONNX file with ONNX Runtime and of our cfg and weights with `darknet
classifier raw`, to compare them."""
import os

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from bench import peer_process
from exchange.onnx_in import FLOATS
from lib.processes import darknet, run


def as_float32(tensor):
    if tensor.data_type in FLOATS:
        a = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(a, tensor.name))


def cleaned(proto, ones, flat_slopes, output):
    """Returns a copy of the model for ONNX Runtime. It has the changes that the importer makes when
    it reads the model, such as float32 numbers. ones: names of the batch norms whose gammas become
    1, or "all"; flat_slopes: names of PReLU slopes with one dimension, one for each channel;
    output: the name of the only output, or None to keep all."""
    model = type(proto)()
    model.CopyFrom(proto)
    graph = model.graph
    constants = {t.name: t for t in graph.initializer}
    model.ir_version = max(model.ir_version, 4)  # from version 4 on, constants need not be inputs
    for value in [i for i in graph.input if i.name in constants]:
        graph.input.remove(value)
    if output is not None:
        del graph.output[:]
        graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    for tensor in constants.values():
        as_float32(tensor)
    for name in flat_slopes & set(constants):
        constants[name].dims.extend([1, 1])
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type in FLOATS:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    del graph.value_info[:]
    for node in graph.node:
        kept = [a for a in node.attribute if a.name not in ("spatial", "fix_gamma")]
        fixed = any(a.name == "fix_gamma" and a.i for a in node.attribute)
        if len(kept) < len(node.attribute):
            del node.attribute[:]
            node.attribute.extend(kept)
        for a in node.attribute:
            if node.op_type == "Cast" and a.name == "to" and a.i in FLOATS:
                a.i = TensorProto.FLOAT
            if a.name == "value":
                as_float32(a.t)
        if node.op_type == "BatchNormalization" and node.input[1] in constants and \
                (fixed or ones == "all" or (node.name or node.output[0]) in ones):
            ones_like_it = np.ones(constants[node.input[1]].dims, np.float32)
            node.input[1] = f"{node.output[0]}_ones"
            graph.initializer.append(numpy_helper.from_array(ones_like_it, node.input[1]))
    return model


def darknet_output(cfg, weights, x, folder):
    """Returns the outputs of our network, one row for each image. x: B x H x W x C."""
    fin, fout = os.path.join(folder, "ours.in"), os.path.join(folder, "ours.out")
    x.astype(np.float32).tofile(fin)
    run([darknet(), "classifier", "raw", cfg, weights, fin, fout, "-force"], capture=True)
    return np.fromfile(fout, np.float32).reshape(len(x), -1)


def onnx_output(model, x, batch, output, folder):
    """Returns (a row of outputs for each image, the version of ONNX Runtime). x: images in the
    layout of the file's input; batch: the batch size of that input."""
    fin, fout, rows = os.path.join(folder, "onnx.in"), os.path.join(folder, "onnx.out"), []
    shape = (batch, *x.shape[1:])
    with open(fin, "wb") as f:
        f.write(np.repeat(x[:1], batch, 0).tobytes())
    with peer_process.onnx(model, fin, shape, 2, output or "") as peer:
        for image in x:
            np.repeat(image[None], batch, 0).astype(np.float32).tofile(fin)
            peer.input(fin)
            peer.output(fout)
            rows.append(np.fromfile(fout, np.float32).reshape(batch, -1)[0])
        return np.stack(rows), peer.version


def difference(a, b):
    """Returns the largest absolute difference of a and b, divided by the largest |b|."""
    return float(np.abs(a.astype(np.float64) - b).max() / max(float(np.abs(b).max()), 1e-30))
