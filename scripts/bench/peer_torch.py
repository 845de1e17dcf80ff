"""Builds one of our networks in PyTorch, from its cfg and .weights files.

    net = build("cfg/mobilefacenet.cfg", "some.weights")    # a module in eval mode
    y = net(x)                                              # x: B x C x H x W, y: B x outputs"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from bench.plan import plan
from lib.darknet_files import BN_EPS, read_weights
from lib.errors import Failure

ACTIVATIONS = {
    "relu": nn.ReLU, "relu6": nn.ReLU6, "leaky": lambda: nn.LeakyReLU(.1), "logistic": nn.Sigmoid,
    "tanh": nn.Tanh, "swish": nn.SiLU, "mish": nn.Mish, "hswish": nn.Hardswish,
    "hsigmoid": nn.Hardsigmoid}


def tensor(a):
    return torch.from_numpy(a.astype(np.float32))


class Layer(nn.Module):
    """A section of a cfg as a module. layer: an entry of plan(); a: {parameter: array}; fold: True
    merges batch norm into the filters. trained: {parameter, such as "scales": PyTorch's tensor}."""

    def __init__(self, layer, a, fold):
        super().__init__()
        self.layer, self.trained = layer, {}
        self.main = SECTIONS.get(layer["name"])
        self.core = core = self.linear(layer, a)
        self.norm = self.batchnorm(layer, a) if layer["bn"] else None
        if fold and self.norm and core:
            self.core = nn.utils.fusion.fuse_conv_bn_eval(core.eval(), self.norm.eval()) \
                if isinstance(core, nn.Conv2d) else \
                nn.utils.fusion.fuse_linear_bn_eval(core.eval(), self.norm.eval())
            self.norm = None
        self.act = None
        if layer["act"] == "prelu":
            self.act = nn.PReLU(layer["out"][2])
            self.take(self.act.weight, a, "slopes")
        elif layer["act"] != "linear":
            if layer["act"] not in ACTIVATIONS:
                raise Failure(f"{layer['at']} activation={layer['act']}: has no PyTorch form here")
            self.act = ACTIVATIONS[layer["act"]]()

    def take(self, parameter, a, name):
        parameter.data = tensor(a[name])
        self.trained[name] = parameter

    def linear(self, layer, a):
        """Returns the Conv2d or Linear of a layer, or None when the layer has neither. If the layer
        has batch norm, the Conv2d or Linear has no biases."""
        if "shape" in layer:
            filters, _, kh, kw = layer["shape"]
            core = nn.Conv2d(layer["cin"], filters, (kh, kw), layer["stride"], layer["pad"],
                             groups=layer["groups"], bias=not layer["bn"])
        elif layer["name"] == "connected":
            core = nn.Linear(int(np.prod(layer["in"])), layer["out"][2], bias=not layer["bn"])
        else:
            return None
        self.take(core.weight, a, "weights")
        if not layer["bn"]:
            self.take(core.bias, a, "biases")
        return core

    def batchnorm(self, layer, a):
        norm = (nn.BatchNorm1d if layer["name"] == "connected" else nn.BatchNorm2d)(
            layer["out"][2], eps=BN_EPS)
        self.take(norm.weight, a, "scales")
        if "biases" in a:
            self.take(norm.bias, a, "biases")
        else:  # [batchnorm] without shift=1 has no biases
            norm.bias.data.zero_()
            norm.bias.requires_grad_(False)
        norm.running_mean.data, norm.running_var.data = tensor(a["mean"]), tensor(a["variance"])
        return norm

    def forward(self, *x):
        if self.layer["name"] == "connected":
            y = self.core(x[0].flatten(1))
        elif self.core is not None:
            y = self.core(x[0])
        else:
            y = self.main(self.layer, *x) if self.main else x[0]
        for part in (self.norm, self.act):
            y = y if part is None else part(y)
        return y[:, :, None, None] if y.dim() == 2 else y


def route(layer, *x):
    return torch.cat([v.chunk(layer["groups"], 1)[layer["part"]] for v in x], 1)


def shuffle(layer, x):
    b, c, h, w = x.shape
    groups = layer["groups"]
    return x.reshape(b, groups, c // groups, h, w).transpose(1, 2).reshape(x.shape)


def avgpool(layer, x):
    """A mean pool that counts the padding as zeros. Size 0 means one window over the whole map."""
    if not layer["size"]:
        return x.mean((2, 3), keepdim=True)
    return F.avg_pool2d(x, layer["size"], layer["stride"], layer["pad"])


def padded(layer, x, value):
    """Pads x with `value`. The left and the top get half of layer["around"] pixels. The right and
    the bottom get as many pixels as the last windows need."""
    size, stride, front = layer["size"], layer["stride"], layer["around"] // 2
    h, w = ((n - 1) * stride + size for n in layer["out"][:2])
    need = (front, max(0, w - front - x.shape[3]), front, max(0, h - front - x.shape[2]))
    return F.pad(x, need, value=value)


def maxpool(layer, x):
    return F.max_pool2d(padded(layer, x, -torch.inf), layer["size"], layer["stride"])


def local_avgpool(layer, x):
    """A mean pool that does not count the padding."""
    inside = torch.ones_like(x[:1, :1])
    sums, counts = (F.avg_pool2d(padded(layer, v, 0), layer["size"], layer["stride"])
                    for v in (x, inside))
    return sums / counts


# layers without weights; a layer without weights that is not listed here returns its input
SECTIONS = {
    "shortcut": lambda layer, x, other: x + other,
    "sam": lambda layer, x, other: x * other,
    "scale_channels": lambda layer, x, other: x * other,
    "route": route, "channel_shuffle": shuffle, "avgpool": avgpool,
    "local_avgpool": local_avgpool, "maxpool": maxpool,
    "upsample": lambda layer, x: F.interpolate(x, scale_factor=layer["stride"], mode="nearest"),
    "softmax": lambda layer, x: F.softmax(x, 1)}


class Net(nn.Module):
    def __init__(self, layers, arrays, fold):
        super().__init__()
        self.blocks = nn.ModuleList(Layer(l, a, fold) for l, a in zip(layers, arrays))
        self.kept = {s for i, l in enumerate(layers) for s in l["sources"] if s != i - 1}

    def forward(self, x):
        kept, last = {-1: x}, -1
        for i, block in enumerate(self.blocks):
            x = block(*(x if s == last else kept[s] for s in block.layer["sources"]))
            last = i
            if i in self.kept:
                kept[i] = x
        return x.permute(0, 2, 3, 1).flatten(1)


def build(cfg, weights, fold=False):
    """Returns the network as a module in eval mode. fold: multiply batch norm into the filters."""
    _, layers = plan(cfg)
    return Net(layers, read_weights(weights, layers), fold).eval()
