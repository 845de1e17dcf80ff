"""Builds an ONNX graph node by node, with python3-onnx."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from exchange.network import Tensor

# OpenCV 4.6 reads the bounds of Clip only as attributes. Opset 10 is the last opset with them.
OPSET, IR_VERSION = 10, 5


class Graph:
    def __init__(self):
        self.nodes, self.tensors = [], []
        self.at = "input"  # prefix for the names of new nodes and tensors
        self.forms = {}    # {(name, is_flat): the Tensor in that form}

    def node(self, op, inputs, label="", **attributes):
        """Adds a node. Returns the name of its output: self.at, then `label` if there is one."""
        out = f"{self.at}_{label}" if label else self.at
        self.nodes.append(helper.make_node(op, [getattr(i, "name", i) for i in inputs], [out],
                                           name=out, **attributes))
        return out

    def tensor(self, label, array):
        """Adds a constant, float32 or int64, and returns its name."""
        kind = np.int64 if np.asarray(array).dtype.kind in "iu" else np.float32
        name = f"{self.at}_{label}"
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(array, kind), name))
        return name

    def form(self, value, is_flat):
        """Returns the value as a flat tensor (is_flat) or as a map."""
        if value.is_flat == is_flat:
            return value
        if (value.name, is_flat) not in self.forms:
            at, self.at = self.at, value.name
            if is_flat:
                name = self.node("Flatten", [value], "flat", axis=1)
            else:
                h, w, c = value.shape
                name = self.node("Reshape", [value, self.tensor("map_shape", [0, c, h, w])], "map")
            self.at = at
            self.forms[value.name, is_flat] = Tensor(name, value.shape, is_flat)
        return self.forms[value.name, is_flat]

    def model(self, first, last, batch, notes):
        """Returns the model. first, last: the Tensors of input and output; notes: {key: text}."""
        def told(value):
            h, w, c = value.shape
            shape = (c * h * w,) if value.is_flat else (c, h, w)
            return helper.make_tensor_value_info(value.name, TensorProto.FLOAT, [batch, *shape])
        graph = helper.make_graph(self.nodes, "network", [told(first)], [told(last)], self.tensors)
        model = helper.make_model(graph, producer_name="ThinFace", ir_version=IR_VERSION,
                                  opset_imports=[helper.make_opsetid("", OPSET)])
        helper.set_model_props(model, notes)
        return model
