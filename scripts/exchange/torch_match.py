"""Assigns the modules of a PyTorch network, in their order, to the layers of a cfg."""
import numpy as np

from exchange import network
from lib import files
from lib.darknet_files import BN_EPS
from lib.errors import Failure

STATISTICS = ("running_mean", "running_var")
FILTERS = ("biases", "scales", "mean", "variance", "weights", "slopes")
NAMES = {"conv": "a Conv2d", "linear": "a Linear", "bn": "a BatchNorm", "prelu": "a PReLU"}


class Module:
    """One module of a PyTorch model. fields: {name: tensor}, with names such as weight, bias,
    running_mean."""

    def __init__(self, name):
        self.name, self.fields = name, {}

    @property
    def kind(self):
        weight, known = self.fields.get("weight"), {"weight", "bias"}
        if all(s in self.fields for s in STATISTICS):
            known |= {*STATISTICS, "num_batches_tracked"}
            return "bn" if set(self.fields) <= known else None
        if weight is None or not set(self.fields) <= known or not weight.is_real:
            return None
        kind = {4: "conv", 2: "linear", 1: "prelu"}.get(len(weight.shape))
        return None if kind == "prelu" and "bias" in self.fields else kind

    @property
    def shape(self):
        return self.fields["running_mean" if self.kind == "bn" else "weight"].shape

    def array(self, field, count, default):
        """Returns the numbers of a field as a flat array, `default` for an absent field."""
        if field not in self.fields:
            return np.full(count, default, np.float32)
        values = self.fields[field].numbers().ravel()
        if not np.isfinite(values).all():
            raise Failure(f"{self.name}.{field}: not all are finite numbers")
        if values.size != count:
            raise Failure(f"{self.name}.{field}: {values.size} numbers, {self.name} has {count}")
        return values

    def __str__(self):
        return f"{self.name}, {NAMES[self.kind]} {text_of(self.shape)}"


def text_of(shape):
    return " x ".join(map(str, shape)) or "1"


def modules_of(state):
    found = {}
    for key, tensor in state.items():
        name, _, field = key.rpartition(".")
        found.setdefault(name, Module(name)).fields[field] = tensor
    return list(found.values())


def ordered(path, modules):
    """Returns (the modules that the file `path` lists, in the order of the file; the others)."""
    named, taken = {m.name: m for m in modules}, []
    for number, line in enumerate(files.read(path).splitlines(), 1):
        name = line.strip()
        if name and name not in named:
            raise Failure(f"{path}:{number}: {name}: no such module, or named before "
                          "(--keys lists them)")
        if name:
            taken.append(named.pop(name))
    return taken, list(named.values())


class Layer(network.Layer):
    def __init__(self, cfg, told):
        super().__init__(cfg, told)
        self.where = f"layer {self.number} [{self.section}] ({cfg}:{told['line']})"
        self.output = self.out[2]
        known = set(self.counts) <= set(FILTERS) and self.section != "binary"
        if not known and not self.is_loss:
            raise Failure(f"{self.where}: is not filled from PyTorch")

    @property
    def filters(self):
        """Shape of the weights: outputs x channels/groups x height x width, or outputs x inputs."""
        if self.is_loss:
            rows = self.options.get("classes", self.output)
            return rows, self.counts["weights"] // rows
        return self.shape_of("weights")

    @property
    def takes_flat(self):
        """True when a Linear computes the same as this layer: the filters cover the whole map."""
        h, w, c = self.inputs[0]
        return self.filters[1:] == (c, h, w) and \
            not (self.options.get("pad") and h > 1 or self.options.get("padding"))

    def fits(self, module, kind):
        if kind == "filters":
            if self.is_loss and "bias" in module.fields:
                return False
            if module.kind == "linear" and len(self.filters) == 4:
                return self.takes_flat and module.shape == (self.output,
                                                            int(np.prod(self.filters[1:])))
            return module.kind in ("conv", "linear") and module.shape == self.filters
        return module.kind == kind and module.shape in ((self.output,),
                                                        (1,) if kind == "prelu" else ())

    def wants(self, kind):
        if kind != "filters":
            return f"{NAMES[kind]} {self.output}"
        return f"{'a Linear' if len(self.filters) == 2 else 'a Conv2d'} {text_of(self.filters)}"

    @property
    def kinds(self):
        """The kinds of PyTorch modules whose tensors fill this layer, in the order of execution."""
        kinds = ["filters"] if "weights" in self.counts else []
        return kinds + ["bn"] * ("variance" in self.counts) + ["prelu"] * ("slopes" in self.counts)

    @property
    def can_be_norm(self):
        return self.section == "depthwise" and self.options["batch_normalize"] and \
            self.filters[1:] == (1, 1, 1) and self.output == self.inputs[0][2]

    def fill(self, modules, eps):
        """Returns the layer's parameters in the order of self.counts. eps: the epsilon of PyTorch's
        batch norm."""
        out, n = {}, self.output
        by_kind = {"filters" if m.kind in ("conv", "linear") else m.kind: m for m in modules}
        filters, bn, prelu = (by_kind.get(k) for k in ("filters", "bn", "prelu"))
        if "weights" in self.counts:
            out["weights"] = filters.array("weight", self.counts["weights"], 1) if filters else \
                np.ones(self.counts["weights"], np.float32)
            out["biases"] = filters.array("bias", n, 0) if filters else np.zeros(n, np.float32)
        if bn:
            variance = bn.array("running_var", n, 1)
            if (variance < 0).any():
                raise Failure(f"{bn.name}.running_var: has a negative number")
            scales = bn.array("weight", n, 1)
            if eps != BN_EPS:
                wide = variance.astype(np.float64)
                scales = scales * np.sqrt((wide + BN_EPS) / (wide + eps))
            shift = out.get("biases", 0)  # z + biases - mean = z - (mean - biases)
            out.update(mean=bn.array("running_mean", n, 0) - shift, variance=variance,
                       scales=scales, biases=bn.array("bias", n, 0))
            if "biases" not in self.counts and out["biases"].any():
                raise Failure(f"{self.where}: has no biases, {bn.name} has: [depthwise] size=1 "
                              "batch_normalize=1 computes this batch norm")
        if prelu:
            values = prelu.array("weight", prelu.shape[0], 0)
            out["slopes"] = np.broadcast_to(values, (n,)) if values.size == 1 else values
        return [out[name] for name in self.counts]


def match(layers, modules):
    """Returns ([(layer, its modules)], modules without a layer, losses without modules)."""
    matched, at = [], 0
    for i, layer in enumerate(layers):
        taken = []
        for kind in layer.kinds:
            module = modules[at] if at < len(modules) else None
            if kind == "filters" and module and layer.can_be_norm and layer.fits(module, "bn"):
                continue
            if module is None or not layer.fits(module, kind):
                if layer.is_loss and all(l.is_loss for l in layers[i:]):
                    return matched, modules[at:], layers[i:]
                raise Failure(f"{layer.where}: needs {layer.wants(kind)}, " + (
                    f"next in the file is {module}" if module else "the file has no module left"))
            taken.append(module)
            at += 1
        matched.append((layer, taken))
    return matched, modules[at:], []
