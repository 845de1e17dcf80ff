"""ncnn.py - computes a network from ncnn's .param and .bin files in double. The code follows ncnn's
description of the format, not scripts/exchange/ncnn_out.py."""
import numpy as np

from common import expect, read


def parameters(words):
    """Returns {number: value} of the words NUMBER=VALUE of a layer. In the file, a parameter n that
    is an array has the number -23300 - n, and its length comes before its values."""
    out = {}
    for word in words:
        key, text = word.split("=")
        key = int(key)
        if key <= -23300:
            count, *values = text.split(",")
            expect(len(values) == int(count), word)
            out[-key - 23300] = [float(v) for v in values]
        else:
            out[key] = int(text) if text.lstrip("-").isdigit() else float(text)
    return out


class Net:
    def __init__(self, param, data):
        lines = read(param).decode().splitlines()
        expect(lines[0] == "7767517", lines[0])
        layers, blobs = map(int, lines[1].split())
        self.data, self.at, self.rows, made = read(data), 0, [], []
        for line in lines[2:]:
            kind, _, nin, nout, *rest = line.split()
            ins, outs = rest[:int(nin)], rest[int(nin):int(nin) + int(nout)]
            self.rows.append((kind, ins, outs, parameters(rest[int(nin) + int(nout):])))
            made += outs
        read_twice = [i for _, ins, _, _ in self.rows for i in ins]
        expect(len(self.rows) == layers and len(made) == len(set(made)) == blobs, "the counts")
        expect(len(read_twice) == len(set(read_twice)), "a blob has two readers and no Split")
        self.weights = [self.load(kind, p) for kind, _, _, p in self.rows]
        expect(self.at == len(self.data), f"{len(self.data) - self.at} bytes are left over")

    def floats(self, n):
        a = np.frombuffer(self.data, "<f4", n, self.at)
        self.at += 4 * n
        return a.astype(np.float64)

    def scaled(self, p, filters, biases, count):
        """Returns filters and biases. When a layer has 8-bit filters (its parameter 8), reads and
        returns also the scales: one for each of `count` filters, and one for the input."""
        return (filters, biases, *([self.floats(count), self.floats(1)] if p.get(8) else []))

    def tagged(self, n):
        tag = int.from_bytes(self.data[self.at:self.at + 4], "little")
        self.at += 4
        if tag == 0:
            return self.floats(n)
        if tag == 0x000D4B38:
            a = np.frombuffer(self.data, np.int8, n, self.at)
            self.at += (n + 3) // 4 * 4
            return a.astype(np.float64)
        expect(tag == 0x01306B47, f"tag {tag:x}")
        a = np.frombuffer(self.data, "<f2", n, self.at)
        self.at += (2 * n + 3) // 4 * 4
        return a.astype(np.float64)

    def load(self, kind, p):
        if kind in ("Convolution", "ConvolutionDepthWise"):
            return self.scaled(p, self.tagged(p[6]), self.floats(p[0]) if p.get(5) else None,
                               p[7] if kind == "ConvolutionDepthWise" else p[0])
        if kind == "InnerProduct":
            return self.scaled(p, self.tagged(p[2]), self.floats(p[0]) if p.get(1) else None,
                               p[0])
        return {"PReLU": lambda: self.floats(p[0]), "Normalize": lambda: self.floats(p[3]),
                "BatchNorm": lambda: [self.floats(p[0]) for _ in range(4)]}.get(
                    kind, lambda: None)()

    def run(self, image):
        """Returns the flattened output for an image. image: C x H x W."""
        blobs = {}
        for (kind, ins, outs, p), w in zip(self.rows, self.weights):
            x = [blobs.pop(i) for i in ins]
            if kind == "Input":
                expect((p[2], p[1], p[0]) == image.shape, p)
                y = image.astype(np.float64)
            elif kind == "Split":
                y = x[0]
            else:
                y = LAYERS[kind](*x, p=p, w=w)
            blobs.update((o, y) for o in outs)
        expect(list(blobs) == ["output"], f"left over: {list(blobs)}")
        return blobs["output"].ravel()


def fused(y, p):
    a = p.get(10, [])
    return {0: lambda: y, 1: lambda: np.maximum(y, 0), 2: lambda: np.where(y > 0, y, y * a[0]),
            3: lambda: y.clip(*a), 4: lambda: 1 / (1 + np.exp(-y)),
            5: lambda: y * np.tanh(np.log1p(np.exp(y)))}[p.get(9, 0)]()


def integers(x, w):
    """Returns the input x of an 8-bit layer as integers, and a factor for each filter, which turns
    its integer sums into floats. For other layers returns x and 1. w: what scaled() returned."""
    if len(w) == 2:
        return x, 1
    scale = np.divide(1, w[2] * w[3], where=w[2] != 0, out=np.zeros_like(w[2]))
    a = np.float32(x) * np.float32(w[3])
    return np.trunc(a + np.copysign(np.float32(.5), a)).clip(-127, 127), scale


def windows(x, kh, kw, sh, sw):
    return np.lib.stride_tricks.sliding_window_view(x, (kh, kw), (1, 2))[:, ::sh, ::sw]


def conv(x, p, w):
    groups, n, kw = p.get(7, 1), p[0], p[1]
    kh, stride, pad = p.get(11, kw), p.get(3, 1), p.get(4, 0)
    if x.ndim == 1:
        x = x.reshape(-1, 1, 1)
    x, scale = integers(x, w)
    view = windows(np.pad(x, ((0, 0), (pad, pad), (pad, pad))), kh, kw, stride, stride)
    filters = w[0].reshape(groups, n // groups, -1, kh, kw)
    y = np.einsum("gcyxkl,gockl->goyx", view.reshape(groups, -1, *view.shape[1:]), filters)
    scale = np.repeat(scale, n // np.size(scale))[:, None, None]
    y = y.reshape(n, *y.shape[2:]) * scale + (0 if w[1] is None else w[1][:, None, None])
    return fused(y, p)


def inner(x, p, w):
    x, scale = integers(x.ravel(), w)
    return fused(w[0].reshape(p[0], -1) @ x * scale + w[1], p)


def each(a, x):
    """Reshapes a, one number for each channel, to C x 1 x ... for broadcasting over x."""
    return a.reshape(-1, *[1] * (x.ndim - 1))


def pool(x, p, w):
    if p.get(4):
        return x.mean((1, 2)) if p[0] else x.max((1, 2))
    expect(p.get(5) == 1, "pad_mode is not floor")
    left = p.get(3, 0)
    right, top = p.get(14, left), p.get(13, left)
    pads = (0, 0), (top, p.get(15, top)), (left, right)
    zeros_count = p[0] and p.get(6)
    x = np.pad(x, pads, constant_values=0 if zeros_count else np.nan)
    view = windows(x, p[1], p[1], p.get(2, 1), p.get(2, 1))
    return (np.nanmean if p[0] else np.nanmax)(view, axis=(3, 4))


def binary(*x, p, w):
    other = p[2] if p.get(1) else x[1]
    return x[0] * other if p.get(0) == 2 else x[0] + other


def norm(x, p, w):
    slope, mean, variance, bias = w
    return each(slope / np.sqrt(variance + p[1]), x) * (x - each(mean, x)) + each(bias, x)


def shuffle(x, p, w):
    return x.reshape(p[0], -1, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape)


def softmax(x, p, w):
    e = np.exp(x - x.max(p[0], keepdims=True))
    return e / e.sum(p[0], keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


LAYERS = {
    "Convolution": conv, "ConvolutionDepthWise": conv, "InnerProduct": inner, "Pooling": pool,
    "BinaryOp": binary, "BatchNorm": norm, "ShuffleChannel": shuffle, "Softmax": softmax,
    "PReLU": lambda x, p, w: np.where(x > 0, x, x * each(w, x)),
    "ReLU": lambda x, p, w: np.where(x > 0, x, x * p.get(0, 0)),
    "Clip": lambda x, p, w: x.clip(p[0], p[1]), "Sigmoid": lambda x, p, w: sigmoid(x),
    "TanH": lambda x, p, w: np.tanh(x), "Swish": lambda x, p, w: x * sigmoid(x),
    "ELU": lambda x, p, w: np.where(x > 0, x, p[0] * (np.exp(x) - 1)),
    "SELU": lambda x, p, w: p[1] * np.where(x > 0, x, p[0] * (np.exp(x) - 1)),
    "Mish": lambda x, p, w: x * np.tanh(np.log1p(np.exp(x))),
    "HardSwish": lambda x, p, w: x * (p[0] * x + p[1]).clip(0, 1),
    "HardSigmoid": lambda x, p, w: (p[0] * x + p[1]).clip(0, 1),
    "Eltwise": lambda x, y, p, w: p[1][0] * x + p[1][1] * y,
    "Concat": lambda *x, p, w: np.concatenate(x, p[0]),
    "Crop": lambda x, p, w: x[int(p[9][0]):int(p[10][0])],
    "Interp": lambda x, p, w: x.repeat(int(p[1]), 1).repeat(int(p[2]), 2),
    "Flatten": lambda x, p, w: x.ravel(),
    "Reshape": lambda x, p, w: x.reshape(p[2], p[1], p[0]),
    "Normalize": lambda x, p, w: w[0] * x / np.maximum(np.sqrt((x * x).sum(0)), p[2]),
}
