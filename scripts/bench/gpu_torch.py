"""gpu_torch.py BATCH [TABLE] [tiny] - times MobileFaceNet in PyTorch on a GPU, for gpu_check.sh:
training steps and predictions. Appends each result to the file TABLE. It needs no other file of the
project. tiny: a small test on the processor."""
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

# Chen et al., MobileFaceNets, 2018, table 1: (expansion, output channels, repeats, first stride)
BLOCKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


def conv(cin, cout, size=1, stride=1, groups=1, act=True, pad=None):
    parts = [nn.Conv2d(cin, cout, size, stride, size // 2 if pad is None else pad, groups=groups,
                       bias=False), nn.BatchNorm2d(cout)]
    return nn.Sequential(*parts, *([nn.PReLU(cout)] if act else []))


class Bottleneck(nn.Module):
    def __init__(self, cin, cout, expansion, stride):
        super().__init__()
        wide = cin * expansion
        self.body = nn.Sequential(conv(cin, wide), conv(wide, wide, 3, stride, wide),
                                  conv(wide, cout, act=False))
        self.adds = stride == 1 and cin == cout

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


def mobilefacenet(embedding=512):
    parts, channels = [conv(3, 64, 3, 2), conv(64, 64, 3, 1, 64)], 64
    for expansion, cout, repeats, stride in BLOCKS:
        for k in range(repeats):
            parts.append(Bottleneck(channels, cout, expansion, 1 if k else stride))
            channels = cout
    return nn.Sequential(*parts, conv(128, 512), conv(512, 512, 7, 1, 512, act=False, pad=0),
                         conv(512, embedding, act=False), nn.Flatten())


class Head(nn.Module):
    def __init__(self, classes, embedding=512):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, embedding) * .01)

    def forward(self, x, y):
        cos = functional.normalize(x.float()) @ functional.normalize(self.weight).t()
        return functional.cross_entropy(64 * (cos - .35 * functional.one_hot(y, cos.shape[1])), y)


def milliseconds(run, at):
    def timed():
        at.wait()
        start = time.perf_counter()
        run()
        at.wait()
        return (time.perf_counter() - start) * 1e3

    for _ in range(at.warm):
        run()
    return statistics.median(timed() for _ in range(at.runs))


class Place:
    """The device, the batch, the classes, and the numbers of warm-up and timed runs."""

    def __init__(self, batch, is_tiny):
        self.device = "cpu" if is_tiny else "cuda"
        self.batch, self.classes = batch, 10 if is_tiny else 10000
        self.warm, self.runs = (1, 1) if is_tiny else (5, 20)

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()


def note(table, name, result):
    print(f"PyTorch {name}: {result}", flush=True)
    if table:
        with open(table, "a", encoding="ascii", errors="replace") as f:
            f.write(f"PyTorch {name}\t{result}\n")


def measure(name, half, compiled, table, at):
    torch.manual_seed(1)
    net = mobilefacenet().to(at.device).to(memory_format=torch.channels_last)
    head = Head(at.classes).to(at.device)
    run = torch.compile(net) if compiled else net
    rate = torch.optim.SGD([*net.parameters(), *head.parameters()], 1e-6, .9, weight_decay=4e-5)
    x = torch.randn(at.batch, 3, 112, 112, device=at.device).to(memory_format=torch.channels_last)
    y = torch.zeros(at.batch, dtype=torch.long, device=at.device)

    def step():
        rate.zero_grad(set_to_none=True)
        with torch.autocast(at.device, torch.bfloat16, enabled=half):
            features = run(x)
        head(features, y).backward()
        rate.step()

    def predict(batch):
        with torch.inference_mode(), torch.autocast(at.device, torch.bfloat16, enabled=half):
            run(x[:batch])

    note(table, f"step of {at.batch}, {name}", f"{milliseconds(step, at):.3f} ms")
    net.eval()
    for batch in sorted({1, at.batch}):
        ms = milliseconds(lambda b=batch: predict(b), at)
        note(table, f"predict {batch}, {name}", f"{ms:.3f} ms")


def main():
    batch, *words = sys.argv[1:]
    at = Place(int(batch), "tiny" in words)
    table = next((w for w in words if w != "tiny"), None)
    if at.device == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu_torch.py: PyTorch finds no GPU")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    for half, compiled in ((True, False), (False, False), (True, True), (False, True)):
        name = f"{'bfloat16' if half else 'TF32'}{', compiled' if compiled else ''}"
        try:
            measure(name, half, compiled, table, at)
        except (RuntimeError, AttributeError) as e:  # PyTorch lacks a compiler or memory, or is old
            note(table, name, (str(e).splitlines() or ["failed"])[0])


main()
