"""Compares networks imported by scripts/import_torch.py with PyTorch."""
import os

from common import attempt_all, expect, expect_end, needed, raw, script, summary, write

os.environ.setdefault("OMP_NUM_THREADS", "2")
with needed():
    import numpy as np
    import torch
    from torch import nn

TOLERANCE = 1e-5  # relative to the largest value of the output


# ---- a small MobileFaceNet: conv, bn, prelu in each block; a flattened Linear at the end ----

class ConvBlock(nn.Module):
    def __init__(self, cin, cout, size, stride=1, pad=0, groups=1, linear=False):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, size, stride, pad, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(cout)
        self.prelu = nn.Identity() if linear else nn.PReLU(cout)

    def forward(self, x):
        return self.prelu(self.bn(self.conv(x)))


class DepthWise(nn.Module):
    def __init__(self, cin, cout, wide, stride, residual):
        super().__init__()
        self.conv = ConvBlock(cin, wide, 1)
        self.conv_dw = ConvBlock(wide, wide, 3, stride, 1, wide)
        self.project = ConvBlock(wide, cout, 1, linear=True)
        self.residual = residual

    def forward(self, x):
        y = self.project(self.conv_dw(self.conv(x)))
        return x + y if self.residual else y


class MobileFaceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = ConvBlock(3, 8, 3, 2, 1)
        self.conv2_dw = ConvBlock(8, 8, 3, 1, 1, 8)
        self.conv_23 = DepthWise(8, 12, 16, 2, False)
        self.conv_3 = nn.Sequential(*[DepthWise(12, 12, 16, 1, True) for _ in range(2)])
        self.conv_6_sep = ConvBlock(12, 24, 1)
        self.conv_6_dw = ConvBlock(24, 24, (7, 5), groups=24, linear=True)
        self.linear = nn.Linear(24, 10, bias=False)
        self.bn = nn.BatchNorm1d(10)

    def forward(self, x):
        x = self.conv_3(self.conv_23(self.conv2_dw(self.conv1(x))))
        return self.bn(self.linear(self.conv_6_dw(self.conv_6_sep(x)).flatten(1)))


BN = "batch_normalize=1\n"
NARROW = "[convolutional]\nfilters=%d\nsize=1\n" + BN + "activation=%s\n"


def bottleneck(wide, out, stride, residual):
    return (NARROW % (wide, "prelu") +
            f"[depthwise]\nstride={stride}\npad=1\n{BN}activation=prelu\n"
            + NARROW % (out, "linear") + "[shortcut]\nfrom=-4\nactivation=linear\n" * residual)


MOBILE = ("[net]\nheight=28\nwidth=20\nchannels=3\n"
          "[convolutional]\nfilters=8\nsize=3\nstride=2\npad=1\n" + BN + "activation=prelu\n"
          "[depthwise]\npad=1\n" + BN + "activation=prelu\n" + bottleneck(16, 12, 2, False) +
          bottleneck(16, 12, 1, True) * 2 + NARROW % (24, "prelu") +
          "[global_depthwise]\n" + BN + NARROW % (10, "linear"))


# ---- a small iresnet: bn before conv, a downsampling branch, Linear over a flattened map ----

class IBasicBlock(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(cin, eps=1e-5)
        self.conv1 = nn.Conv2d(cin, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout, eps=1e-5)
        self.prelu = nn.PReLU(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(cout, eps=1e-5)
        self.downsample = None if stride == 1 else nn.Sequential(
            nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout, eps=1e-5))

    def forward(self, x):
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (self.downsample(x) if self.downsample else x)


class IResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(6, eps=1e-5)
        self.prelu = nn.PReLU(6)
        self.layer1 = nn.Sequential(IBasicBlock(6, 8, 2), IBasicBlock(8, 8, 1))
        self.layer2 = nn.Sequential(IBasicBlock(8, 12, 2))
        self.bn2 = nn.BatchNorm2d(12, eps=1e-5)
        self.dropout = nn.Dropout(p=.4)
        self.fc = nn.Linear(12 * 4 * 3, 9)
        self.features = nn.BatchNorm1d(9, eps=1e-5)

    def forward(self, x):
        x = self.bn2(self.layer2(self.layer1(self.prelu(self.bn1(self.conv1(x))))))
        return self.features(self.fc(self.dropout(x.flatten(1))))


ALONE = "[depthwise]\nsize=1\n" + BN + "activation=linear\n"


def residual(out, stride):
    main = (ALONE + f"[convolutional]\nfilters={out}\nsize=3\npad=1\n{BN}activation=prelu\n"
            f"[convolutional]\nfilters={out}\nsize=3\nstride={stride}\npad=1\n{BN}"
            "activation=linear\n")
    if stride == 1:
        return main + "[shortcut]\nfrom=-4\nactivation=linear\n"
    return (main + f"[route]\nlayers=-4\n[convolutional]\nfilters={out}\nsize=1\nstride={stride}\n"
            f"{BN}activation=linear\n[shortcut]\nfrom=-3\nactivation=linear\n")


RESIDUAL = ("[net]\nheight=16\nwidth=12\nchannels=3\n"
            "[convolutional]\nfilters=6\nsize=3\npad=1\n" + BN + "activation=prelu\n" +
            residual(8, 2) + residual(8, 1) + residual(12, 2) + ALONE +
            "[connected]\noutput=9\n" + BN + "activation=linear\n")


# ---- the tests ----

def random(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, t in model.state_dict().items():
            if name.endswith("running_var"):
                t.uniform_(.5, 1.5, generator=generator)
            elif t.is_floating_point() and t.dim() == 1:
                t.uniform_(-.2, .8, generator=generator)
            elif t.is_floating_point():
                t.normal_(0, (1.5 / t[0].numel()) ** .5, generator=generator)
    return model.eval()


def agrees(model, cfg, *options):
    expect_end(script("import_torch.py", cfg, "s.pth", "o.weights", "--force", *options))
    height, width = (28, 20) if cfg == "mobile.cfg" else (16, 12)
    x = np.random.default_rng(3).uniform(-1, 1, (3, height, width, 3)).astype(np.float32)
    with torch.no_grad():
        want = model(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
    got = raw(cfg, "o.weights", x)
    expect(got.shape == want.shape, f"shape {got.shape}, PyTorch has {want.shape}")
    worst = float(np.abs(got - want).max() / np.abs(want).max())
    expect(worst < TOLERANCE, f"{cfg} {options}: differs by {worst:.2e} of the largest value")


def start():
    write("mobile.cfg", MOBILE)
    write("residual.cfg", RESIDUAL)


def mobilefacenet():
    model = random(MobileFaceNet(), 1)
    torch.save(model.state_dict(), "s.pth")
    agrees(model, "mobile.cfg")


def iresnet():
    model = random(IResNet(), 2)
    torch.save(model.state_dict(), "s.pth")
    agrees(model, "residual.cfg")


def forms():
    """Imports PyTorch models that were saved in several forms."""
    model = random(MobileFaceNet(), 4)
    torch.save(model.state_dict(), "s.pth", _use_new_zipfile_serialization=False)
    agrees(model, "mobile.cfg")
    optimiser = torch.optim.SGD(model.parameters(), .1, momentum=.9)
    torch.save({"epoch": 3, "state_dict": nn.DataParallel(model).state_dict(),
                "rate": np.float64(1),
                "optimizer": optimiser.state_dict(), "device": torch.device("cpu")}, "s.pth")
    agrees(model, "mobile.cfg")
    torch.save({name: nn.Parameter(t) if t.is_floating_point() else t
                for name, t in model.state_dict().items()}, "s.pth")
    agrees(model, "mobile.cfg")
    torch.save(model.half().state_dict(), "s.pth")
    agrees(model.float(), "mobile.cfg")
    torch.save(model.bfloat16().state_dict(), "s.pth")
    agrees(model.float(), "mobile.cfg")


def another_eps():
    model = random(IResNet(), 5)
    for m in model.modules():
        if isinstance(m, (nn.BatchNorm2d, nn.BatchNorm1d)):
            m.eps = 1e-2
    torch.save(model.state_dict(), "s.pth")
    agrees(model, "residual.cfg", "--eps", "0.01")


attempt_all(start, mobilefacenet, iresnet, forms, another_eps)
summary()
