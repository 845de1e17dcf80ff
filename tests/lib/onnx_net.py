"""onnx_net.py - builds ONNX files node by node, and imports them with scripts/import_onnx.py."""
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import common
from common import expect, expect_end, script

RNG = np.random.default_rng(4)


class Net:
    """An ONNX graph. Methods that add a node return the name of its output."""

    def __init__(self, shape=(1, 3, 12, 12), kind=TensorProto.FLOAT):
        self.nodes, self.tensors, self.kind = [], [], kind
        self.input = helper.make_tensor_value_info("data", kind, shape)

    def tensor(self, array, name=None):
        name = name or f"constant/{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op, *inputs, outputs=1, name=None, **attributes):
        name = name or f"/net/{op}_{len(self.nodes)}"
        outs = [f"{name}.{i}" if i else name for i in range(outputs)]
        inputs = [i if isinstance(i, str) else self.tensor(i) for i in inputs]
        self.nodes.append(helper.make_node(op, inputs, outs, name=name, **attributes))
        return name if outputs == 1 else outs

    def conv(self, x, n, c, k, stride=1, group=1, bias=True, **more):
        w = RNG.normal(0, 1.2 / np.sqrt(k * k * c / group), (n, c // group, k, k))
        more.setdefault("pads", [k // 2] * 4)
        return self.node("Conv", x, w.astype(np.float32),
                         *([numbers(n, -.3, .3)] if bias else []), kernel_shape=[k, k],
                         strides=[stride] * 2, group=group, **more)

    def norm(self, x, c, gamma=None, **more):
        gamma = numbers(c, .5, 1.5) if gamma is None else gamma
        return self.node("BatchNormalization", x, gamma, numbers(c, -.3, .3), numbers(c, -.3, .3),
                         numbers(c, .5, 1.5), **more)

    def prelu(self, x, c, shape=None):
        return self.node("PRelu", x, numbers(c, -.1, .6).reshape(shape or (c, 1, 1)))

    def gemm(self, x, n, k, **more):
        w = RNG.normal(0, 1 / np.sqrt(k), (n, k)).astype(np.float32)
        return self.node("Gemm", x, w, numbers(n, -1, 1), transB=1, **more)

    def save(self, path, *last, opset=11, lists_constants=False, **more):
        outs = [helper.make_tensor_value_info(o, self.kind, None) for o in last]
        ins = [helper.make_tensor_value_info(t.name, t.data_type, t.dims)
               for t in self.tensors if lists_constants]
        graph = helper.make_graph(self.nodes, "g", [self.input, *ins], outs, self.tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                  ir_version=3 if lists_constants else 4, **more)
        onnx.save(model, path)
        return path


def numbers(n, low, high):
    return RNG.uniform(low, high, n).astype(np.float32)


def bring(path, *options, **changes):
    """Imports an ONNX file, and checks that the new cfg has the lines KEY=VALUE that `changes`
    gives. Returns the names of the sections after [net], and the cfg's text."""
    cfg, weights = os.path.join(os.path.dirname(path), "net.cfg"), path + ".weights"
    done = script("import_onnx.py", path, cfg, weights, "--force", *options)
    expect_end(done)
    expect("largest difference from ONNX Runtime" in done.stdout, done.stdout)
    text = common.read(cfg).decode()
    for key, value in changes.items():
        expect(f"\n{key}={value}\n" in text, f"no {key}={value} in {text}")
    return [line[1:-1] for line in text.splitlines() if line.startswith("[")][1:], text
