"""Reads an ONNX file: its constants, nodes, input and output."""
import os
import warnings

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from lib.errors import Failure

OPSETS = range(5, 22)
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


class Node:
    def __init__(self, path, proto, index):
        self.op, self.inputs, self.outputs = proto.op_type, list(proto.input), list(proto.output)
        self.name = proto.name or (self.outputs[0] if self.outputs else f"number {index}")
        self.domain, self.attributes = proto.domain, {}
        for a in proto.attribute:
            try:
                self.attributes[a.name] = helper.get_attribute_value(a)
            except ValueError as e:
                raise Failure(f"{path}: {self}: {a.name}: an attribute of no known kind") from e

    def __str__(self):
        return f"node {self.name}, {self.op}"

    def get(self, name, default=None):
        value = self.attributes.get(name, default)
        return value.decode(errors="replace") if isinstance(value, bytes) else value


def names_of(graph):
    for x in (*graph.input, *graph.output, *graph.initializer):
        yield x.name
    for n in graph.node:
        yield from (n.name, n.op_type, n.domain, *n.input, *n.output,
                    *(a.name for a in n.attribute))


def load(path):
    """Reads a model and its external data, which must lie in the model's folder."""
    try:
        with warnings.catch_warnings():
            # onnx warns of names that are not UTF-8 text; the code below raises a Failure
            warnings.simplefilter("ignore", RuntimeWarning)
            model = onnx.load_model(path, load_external_data=False)
    except DecodeError as e:
        raise Failure(f"{path}: is not an ONNX file, or cut short") from e
    if not model.graph.node or not model.ir_version:
        raise Failure(f"{path}: is not an ONNX file: it has no graph")
    if any(isinstance(name, bytes) for name in names_of(model.graph)):
        raise Failure(f"{path}: is not an ONNX file, or damaged: a name is not UTF-8 text")
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version not in OPSETS:
            raise Failure(f"{path}: opset {opset.version}: only {OPSETS[0]} to {OPSETS[-1]} are "
                          "read here")
    folder = os.path.dirname(os.path.abspath(path))
    tensors = [(t.name, t) for t in model.graph.initializer] + \
        [(n.name, a.t) for n in model.graph.node for a in n.attribute]
    for name, tensor in tensors:
        if not external_data_helper.uses_external_data(tensor):
            continue
        place = {e.key: e.value for e in tensor.external_data}.get("location", "")
        if os.path.isabs(place) or ".." in place.split("/"):
            raise Failure(f"{path}: constant {name} lies in {place}, outside the folder of "
                          "the file")
        if not os.path.isfile(os.path.join(folder, place)):
            raise Failure(f"{path}: constant {name} lies in {place}, which is not beside it")
        try:
            external_data_helper.load_external_data_for_tensor(tensor, folder)
        except (ValueError, OSError) as e:
            raise Failure(f"{path}: constant {name}: cannot be read from {place}: {e}") from e
        tensor.data_location = TensorProto.DEFAULT
    return model


def array_of(path, name, tensor):
    """Returns the array: floats as float32, int8 as int8, other integers and booleans as int64.
    name: the constant, for messages."""
    try:
        a = numpy_helper.to_array(tensor)
    except (ValueError, KeyError, TypeError, RuntimeError) as e:
        raise Failure(f"{path}: constant {name}: its data do not fit its shape "
                      f"{list(tensor.dims)}") from e
    if a.dtype.kind == "f":
        return a.astype(np.float32)
    return a.astype(np.int64) if a.dtype.kind in "iub" and a.dtype != np.int8 else a


class Model:
    """constants: {name: array}; nodes: in the order of computation; input, output: names; dims: the
    dimensions of the input, with None for a dimension that the model leaves open."""

    def __init__(self, path, proto, output=None):
        graph = proto.graph
        self.path = path
        self.opset = max((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")),
                         default=1)
        self.notes = {p.key: p.value for p in proto.metadata_props}
        self.constants = {t.name: array_of(path, t.name, t) for t in graph.initializer}
        inputs = [i for i in graph.input if i.name not in self.constants]
        if len(inputs) != 1:
            raise Failure(f"{path}: has {len(inputs)} inputs "
                          f"({', '.join(i.name for i in inputs)}), only one is possible")
        self.input, kind = inputs[0].name, inputs[0].type.tensor_type
        if kind.elem_type not in FLOATS:
            raise Failure(f"{path}: input {self.input}: is not of floats")
        self.dims = [d.dim_value if d.dim_value > 0 else None for d in kind.shape.dim]
        names = [o.name for o in graph.output]
        if output is None and len(names) != 1:
            raise Failure(f"{path}: has {len(names)} outputs: --output names one of "
                          f"{', '.join(names)}")
        nodes = [Node(path, n, i) for i, n in enumerate(graph.node)]
        made = {name: n for n in nodes for name in n.outputs if name}
        self.output = names[0] if output is None else output
        if self.output not in made:
            raise Failure(f"{path}: --output {self.output}: no node makes it; the outputs are "
                          f"{', '.join(names)}")
        self.nodes = self.ordered(made)
        for n in self.nodes:
            if n.domain not in ("", "ai.onnx"):
                raise Failure(f"{path}: {n} of {n.domain}: only ONNX's own operators are known")

    def ordered(self, made):
        """Returns the nodes that the output needs, each after the nodes that it reads."""
        order, state, todo = [], {}, [made[self.output]]
        while todo:
            node = todo[-1]
            state[id(node)] = "open"
            for name in node.inputs:
                if not name or name == self.input or name in self.constants:
                    continue
                if name not in made:
                    raise Failure(f"{self.path}: {node}: nothing makes its input {name}")
                if state.get(id(made[name])) == "open":
                    raise Failure(f"{self.path}: {node}: its input {name} is made of its own "
                                  "output: a cycle")
                if id(made[name]) not in state:
                    # The loop visits one input at a time. So all open nodes lie on one path from
                    # the output, and an input that is open closes a cycle.
                    todo.append(made[name])
                    break
            else:
                state[id(node)] = "done"
                order.append(todo.pop())
        return order
