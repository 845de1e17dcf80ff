"""Computes the outputs of an ONNX file with ONNX Runtime and of our cfg and weights with `darknet
classifier raw`, to compare them."""
import os

import numpy as np
from onnx import TensorProto, numpy_helper

from bench import peer_process
from lib.processes import darknet, run


def cleaned(proto, ones, output):
    """Returns a copy of the model for ONNX Runtime. It has the changes that the importer makes when
    it reads the model, such as float32 numbers. ones: names of the batch norms whose gammas become
    1, or "all"; output: the name of the only output to keep, or None to keep all."""
    model = type(proto)()
    model.CopyFrom(proto)
    graph = model.graph
    constants = {t.name: t for t in graph.initializer}
    model.ir_version = max(model.ir_version, 4)  # below version 4, constants must also be inputs
    for value in [i for i in graph.input if i.name in constants]:
        graph.input.remove(value)
    for tensor in list(graph.initializer):
        if tensor.data_type in (TensorProto.FLOAT16, TensorProto.DOUBLE):
            a = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(a, tensor.name))
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type in (TensorProto.FLOAT16, TensorProto.DOUBLE):
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    del graph.value_info[:]
    for node in graph.node:
        kept = [a for a in node.attribute if a.name not in ("spatial", "fix_gamma")]
        fixed = any(a.name == "fix_gamma" and a.i for a in node.attribute)
        if len(kept) < len(node.attribute):
            del node.attribute[:]
            node.attribute.extend(kept)
        for a in node.attribute:
            if node.op_type == "Cast" and a.name == "to" and a.i in (10, 11):
                a.i = TensorProto.FLOAT
            if a.name == "value" and a.t.data_type in (TensorProto.FLOAT16, TensorProto.DOUBLE):
                a.t.CopyFrom(numpy_helper.from_array(
                    numpy_helper.to_array(a.t).astype(np.float32)))
        if node.op_type == "BatchNormalization" and \
                (fixed or ones == "all" or node.name in ones) and node.input[1] in constants:
            old = numpy_helper.to_array(constants[node.input[1]])
            name = node.input[1] + "_ones"
            node.input[1] = name
            if name not in constants:
                graph.initializer.append(numpy_helper.from_array(
                    np.ones(old.shape, np.float32), name))
                constants[name] = graph.initializer[-1]
        if node.op_type == "PRelu" and node.input[1] in constants:
            slopes = constants[node.input[1]]
            if len(slopes.dims) == 1 and slopes.dims[0] > 1 and \
                    node.input[0] not in flat_names(graph):
                a = numpy_helper.to_array(slopes).reshape(-1, 1, 1)
                slopes.CopyFrom(numpy_helper.from_array(a, slopes.name))
    for value in list(graph.output):
        if output is not None and value.name != output:
            graph.output.remove(value)
    return model


def flat_names(graph):
    """Returns the names of tensors that have two dimensions, judged by the operators alone."""
    flat = set()
    for node in graph.node:
        if node.op_type in ("Flatten", "Gemm", "MatMul") or \
                node.op_type in ("BatchNormalization", "Dropout", "Identity", "Add") and \
                node.input[0] in flat:
            flat.update(node.output)
    return flat


def darknet_output(cfg, weights, x, folder):
    """Returns the outputs of our network, one row for each image. x: B x H x W x C."""
    fin, fout = os.path.join(folder, "ours.in"), os.path.join(folder, "ours.out")
    x.astype(np.float32).tofile(fin)
    run([darknet(), "classifier", "raw", cfg, weights, fin, fout, "-force"], capture=True)
    return np.fromfile(fout, np.float32).reshape(len(x), -1)


def onnx_output(model, x, batch, output, folder):
    """Returns (a row of outputs for each image, the version of ONNX Runtime). x: images in the
    layout of the file's input; batch: the number of images of that input."""
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
