"""scripts/import_onnx.py on ONNX files from PyTorch's exporter gives PyTorch's outputs."""
import os
import tempfile

from common import attempt, expect, expect_end, needed, needs, script, summary

needs("numpy", "onnx")
with needed():
    import onnx
    import torch
    from torch import nn
    import nets
NEWEST = 17  # the newest opset of Debian's PyTorch; 18 to 21 do not change the operators used here


def conv(cin, cout, size, stride=1, groups=1, pad=None):
    return nn.Conv2d(cin, cout, size, stride, size // 2 if pad is None else pad, groups=groups,
                     bias=False)


class Block(nn.Module):
    """A block of iresnet: batch norm before the first convolution."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.body = nn.Sequential(nn.BatchNorm2d(cin), conv(cin, cout, 3), nn.BatchNorm2d(cout),
                                  nn.PReLU(cout), conv(cout, cout, 3, stride),
                                  nn.BatchNorm2d(cout))
        self.side = nn.Sequential(conv(cin, cout, 1, stride), nn.BatchNorm2d(cout)) \
            if stride > 1 else nn.Identity()

    def forward(self, x):
        return self.body(x) + self.side(x)


class View(nn.Module):
    def forward(self, x):
        return x.view(x.size(0), -1)


def iresnet():
    return nn.Sequential(conv(3, 8, 3), nn.BatchNorm2d(8), nn.PReLU(8), Block(8, 8, 2),
                         Block(8, 8, 1), Block(8, 12, 2), nn.BatchNorm2d(12), nn.Flatten(1),
                         nn.Dropout(.4), nn.Linear(12 * 16, 10), nn.BatchNorm1d(10))


def mobilefacenet():
    def bottleneck(c):
        return nn.Sequential(conv(c, 2 * c, 1), nn.BatchNorm2d(2 * c), nn.PReLU(2 * c),
                             conv(2 * c, 2 * c, 3, 1, 2 * c), nn.BatchNorm2d(2 * c),
                             nn.PReLU(2 * c), conv(2 * c, c, 1), nn.BatchNorm2d(c))

    class Residual(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.body = bottleneck(c)

        def forward(self, x):
            return x + self.body(x)

    return nn.Sequential(conv(3, 8, 3, 2), nn.BatchNorm2d(8), nn.PReLU(8), Residual(8),
                         conv(8, 8, 8, 1, 8, 0), nn.BatchNorm2d(8), View(),
                         nn.Linear(8, 6, bias=False), nn.BatchNorm1d(6))


def agrees(build, opset):
    torch.manual_seed(1)
    model = build().eval()
    for m in model.modules():
        for name in ("running_mean", "running_var", "weight", "bias"):
            if isinstance(m, (nn.BatchNorm2d, nn.BatchNorm1d)):
                getattr(m, name).data.uniform_(.5, 1.5)
    x = nets.images((16, 16, 3), 2)
    with torch.no_grad():
        want = model(torch.from_numpy(x)).numpy()
    with tempfile.TemporaryDirectory() as folder:
        path, cfg, weights = (os.path.join(folder, f) for f in ("m.onnx", "m.cfg", "m.weights"))
        torch.onnx.export(model, torch.from_numpy(x[:1]), path, opset_version=min(opset, NEWEST),
                          input_names=["input"], dynamic_axes={"input": {0: "N"}})
        file = onnx.load(path)
        file.opset_import[0].version = opset
        onnx.save(file, path)
        expect_end(script("import_onnx.py", path, cfg, weights))
        far = nets.difference(nets.ours(cfg, weights, x), want.reshape(2, -1))
    expect(far < 1e-5, f"differs by {far:.1e} of the largest value")


for network in (iresnet, mobilefacenet):
    for version in (9, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21):
        attempt(f"{network.__name__}, opset {version}", agrees, network, version)
summary()
