"""The same network in PyTorch, from one of our cfg files and its .weights file.

    net = build("cfg/mobilefacenet.cfg", "some.weights")    # a module in eval mode
    y = net(x)                                              # x: B x C x H x W, y: B x outputs

Knows the layers of lib/darknet_files.py. It is the second opinion of the tests and the peer of the
benchmark, so it shares no code with the C side.
"""
import numpy as np

from lib.darknet_files import BN_EPS, plan, read_weights


def build(cfg, weights, fold=False):
    """An eval-mode module. fold: batch norm is multiplied into the filters, as for deployment."""
    import torch
    from torch import nn

    _, layers = plan(cfg)
    arrays = read_weights(weights, layers)

    def tensor(a):
        return torch.from_numpy(a.astype(np.float32))

    def block(layer, a):
        filters, _, kh, kw = layer["shape"]
        conv = nn.Conv2d(layer["cin"], filters, (kh, kw), layer["stride"], layer["pad"],
                         groups=layer["groups"], bias=not layer["bn"])
        conv.weight.data = tensor(a["weights"])
        parts = [conv]
        if layer["bn"]:
            bn = nn.BatchNorm2d(filters, eps=BN_EPS)
            bn.weight.data, bn.bias.data = tensor(a["scales"]), tensor(a["biases"])
            bn.running_mean.data, bn.running_var.data = tensor(a["mean"]), tensor(a["variance"])
            parts.append(bn)
            if fold:
                parts = [nn.utils.fusion.fuse_conv_bn_eval(conv.eval(), bn.eval())]
        else:
            conv.bias.data = tensor(a["biases"])
        if layer["act"] == "prelu":
            prelu = nn.PReLU(filters)
            prelu.weight.data = tensor(a["slopes"])
            parts.append(prelu)
        return nn.Sequential(*parts)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(
                nn.Identity() if l["name"] == "shortcut" else block(l, a)
                for l, a in zip(layers, arrays))
            self.sources = {l["from"] for l in layers if l["name"] == "shortcut"}

        def forward(self, x):
            kept = {}
            for i, (layer, run) in enumerate(zip(layers, self.blocks)):
                x = x + kept[layer["from"]] if layer["name"] == "shortcut" else run(x)
                if i in self.sources:
                    kept[i] = x
            return x.permute(0, 2, 3, 1).flatten(1)

    return Net().eval()
