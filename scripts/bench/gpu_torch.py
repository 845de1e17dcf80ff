"""Times MobileFaceNet in PyTorch on a GPU, for comparison in gpu_check.sh: a training step (batch
256, 10,000 classes with cosines and a margin) and predicting. It uses float32 (TF32 products) and
bfloat16 (autocast), channels last, eager and compiled. It needs no data and no other file of the
project."""
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

# Chen et al. 2018, table 1: expansion, channels, repeats, stride.
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
    def __init__(self, classes=10000, embedding=512):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, embedding) * .01)

    def forward(self, x, y):
        cos = functional.normalize(x.float()) @ functional.normalize(self.weight).t()
        return functional.cross_entropy(64 * (cos - .35 * functional.one_hot(y, cos.shape[1])), y)


def milliseconds(run, runs=20):
    for _ in range(5):
        run()
    times = []
    for _ in range(runs):
        torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def note(table, name, ms):
    """Prints a result, and appends it to the file `table` when one is given."""
    print(f"PyTorch {name}: {ms:.3f} ms", flush=True)
    if table:
        with open(table, "a", encoding="ascii") as f:
            f.write(f"PyTorch {name}\t{ms:.3f} ms\n")


def measure(name, half, compiled, table):
    torch.manual_seed(1)
    net, head = mobilefacenet().cuda().to(memory_format=torch.channels_last), Head().cuda()
    run = torch.compile(net) if compiled else net
    rate = torch.optim.SGD([*net.parameters(), *head.parameters()], 1e-6, .9, weight_decay=4e-5)
    x = torch.randn(256, 3, 112, 112, device="cuda").to(memory_format=torch.channels_last)
    y = torch.zeros(256, dtype=torch.long, device="cuda")

    def step():
        rate.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16, enabled=half):
            features = run(x)
        head(features, y).backward()
        rate.step()

    def predict(batch):
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=half):
            run(x[:batch])

    note(table, f"step of 256, {name}", milliseconds(step))
    net.eval()
    for batch in (256, 1):
        note(table, f"predict {batch}, {name}", milliseconds(lambda b=batch: predict(b)))


def main():
    if not torch.cuda.is_available():
        sys.exit("gpu_torch.py: PyTorch finds no GPU")
    table = sys.argv[1] if len(sys.argv) > 1 else None
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    for half, compiled in ((True, False), (False, False), (True, True), (False, True)):
        measure(f"{'bfloat16' if half else 'TF32'}{', compiled' if compiled else ''}", half,
                compiled, table)


main()
