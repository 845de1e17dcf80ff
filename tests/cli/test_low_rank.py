"""Tests darknet compress low-rank: compares the linear solution with NumPy."""
import os
import re

from common import (Skipped, attempt_all, darknet, expect, expect_end, has, needed, raw, read,
                    script, summary, write)

with needed():
    import numpy as np
    from PIL import Image


SIDE, COUNT = 16, 60
CFG = """# A small network
[net]
batch=4
height=16
width=16
channels=3
input_mean=127.5
input_scale=0.0078125
learning_rate=0.000001
max_batches=5
policy=constant
[convolutional]
filters=12
size=3
pad=1
batch_normalize=1
activation=prelu
# the second
[convolutional]
filters=20
size=3
stride=2
padding=1
groups=1
activation=relu
[depthwise]
pad=1
[convolutional]
filters=20
size=3
pad=1
batch_normalize=1
activation=linear
[shortcut]
from=-3
[convolutional]
filters=8
groups=4
[convolutional]
filters=40
size=8
activation=linear
[connected]
output=3
activation=linear
[softmax]
"""
FIRST, SECOND, FOURTH, LAST = 0, 1, 3, 6  # the numbers of the convolutions that are compressed


def run(*words):
    return darknet(*words, timeout=60)


def compress(name, *args, cfg="net.cfg", weights="net.weights", images="faces"):
    """Runs compress low-rank to name.cfg and name.weights. Returns its stdout."""
    done = run("compress", "low-rank", cfg, weights, images, f"{name}.cfg", f"{name}.weights",
               "-threads", "1", *args)
    expect_end(done)
    return done.stdout


def floats(path):
    return np.frombuffer(read(path)[20:], np.float32).astype(np.float64)


def make_inputs():
    """Makes smooth images, and weights that all differ from their initial values."""
    rng = np.random.default_rng(1)
    for i in range(COUNT):
        folder = f"faces/{'abc'[i % 3]}"
        os.makedirs(folder, exist_ok=True)
        image = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
        image.resize((SIDE, SIDE), Image.BICUBIC).save(f"{folder}/{i:02}.png")
    write("net.cfg", CFG)
    expect_end(run("init", "net.cfg", "net.weights"))
    head, w = read("net.weights")[:20], floats("net.weights")
    w = w + rng.uniform(0, .3, w.size)  # variances stay positive
    # Adds negative numbers to the biases of layers 0 and 1, so that their activations change many
    # values.
    for at, size in ((0, 12), (384, 20)):
        w[at:at + size] += rng.uniform(-1, 0, size)
    write("net.weights", head + w.astype(np.float32).tobytes())


def images():
    paths = sorted(os.path.join(d, f) for d, _, names in os.walk("faces") for f in names)
    x = np.stack([np.asarray(Image.open(p).convert("RGB"), np.float64) for p in paths])
    return (x - 127.5) / 128


# ---- NumPy's own solution ----

def rows(x, size, stride, pad):
    """Returns (patches, (B, H, W) of the output). A row of patches has the input values of one
    output pixel, in the order of an OIHW filter."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    w = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    w = w[:, ::stride, ::stride]
    return w.reshape(-1, w.shape[3] * size * size), w.shape[:3]


class Reader:
    """Reads parameters from a weights file, layer by layer."""
    def __init__(self, path):
        self.w, self.at = floats(path), 0

    def take(self, *shape):
        n = int(np.prod(shape))
        self.at += n
        return self.w[self.at - n:self.at].reshape(shape)

    def convolution(self, filters, inputs, norm, prelu, rank=0):
        """Returns weights (filters x inputs) and biases with batch norm folded in, and slopes."""
        b = self.take(filters)
        if norm:
            scales, mean, variance = self.take(filters), self.take(filters), self.take(filters)
        if rank:
            w = self.take(filters, rank)
            w = w @ self.take(rank, inputs)
        else:
            w = self.take(filters, inputs)
        if norm:
            g = scales / np.sqrt(variance + 1e-5)
            w, b = g[:, None] * w, b - g * mean
        return w, b, self.take(filters) if prelu else None


def best_linear(patches, w, b, rank):
    """The outputs are y = w p + b for each row p of patches. Let M project onto the first `rank`
    eigenvectors of the covariance of y. Returns M w, M b + mean(y) - M mean(y), and the part of the
    variance that M keeps."""
    y = patches @ w.T + b
    mean = y.mean(0)
    s, u = np.linalg.eigh(np.cov(y.T))
    u = u[:, ::-1][:, :rank]
    m = u @ u.T
    return m @ w, m @ b + mean - m @ mean, s[::-1][:rank].sum() / s.sum()


def linear_is_numpys():
    out = compress("linear", "-rank", "0:5,1:7", "-positions", "256", "-held-out", "0")
    old, new, x = Reader("net.weights"), Reader("linear.weights"), images()
    for layer, (filters, inputs, norm, prelu, rank, stride) in enumerate(
            ((12, 27, True, True, 5, 1), (20, 108, False, False, 7, 2))):
        w, b, slopes = old.convolution(filters, inputs, norm, prelu)
        got_w, got_b, got_slopes = new.convolution(filters, inputs, norm, prelu, rank)
        patches, shape = rows(x, 3, stride, 1)
        want_w, want_b, energy = best_linear(patches, w, b, rank)
        for got, want in ((got_w, want_w), (got_b, want_b)):
            expect(np.abs(got - want).max() < 1e-4, f"layer {layer}: {np.abs(got - want).max()}")
        expect(f"{100 * energy:.2f}%" in out, f"energy {energy} is not in\n{out}")
        if prelu:
            expect((slopes == got_slopes).all(), "slopes")
            y = patches @ w.T + b
            x = np.where(y > 0, y, slopes * y).reshape(*shape, filters)
    expect((old.w[old.at:] == new.w[new.at:]).all(), "other layers changed")


def statistics_fit():
    """The batch norm of a compressed layer stores the mean and variance of the compressed
    convolution's output."""
    compress("fit", "-rank", "0:5", "-positions", "256", "-held-out", "0")
    old, new = Reader("net.weights"), Reader("fit.weights")
    w, b, _ = old.convolution(12, 27, True, True)
    biases, scales, mean, variance = (new.take(12) for _ in range(4))
    z = rows(images(), 3, 1, 1)[0] @ (new.take(12, 5) @ new.take(5, 27)).T
    expect(np.abs(z.mean(0) - mean).max() < 1e-4, "mean")
    expect(np.abs(z.var(0) / variance - 1).max() < 1e-3, "variance")
    expect(np.abs(scales / np.sqrt(variance + 1e-5) - 1).max() < 1e-5, "scales undo the variance")
    expect(np.abs(biases - (rows(images(), 3, 1, 1)[0] @ w.T + b).mean(0)).max() < 1e-3, "biases")


# ---- the command ----

def full_rank_is_the_network():
    x = np.random.default_rng(2).normal(0, 1, (7, SIDE, SIDE, 3))
    want = raw("net.cfg", "net.weights", x, timeout=60)
    for method in ("linear", "nonlinear", "asymmetric"):
        out = compress(f"full-{method}", "-energy", "1", "-all", "-multiple", "1",
                       "-method", method)
        expect("4 of 4 convolutions" in out, out)
        got = raw(f"full-{method}.cfg", f"full-{method}.weights", x, timeout=60)
        error = np.abs(got - want).max() / np.abs(want).max()
        expect(error < 1e-4, f"{method}: outputs differ by {error}")


def multiply_adds(cfg):
    text = run("check", cfg).stdout
    return int(re.search(r"multiply-adds +([\d,]+) an image", text).group(1).replace(",", ""))


def budgets():
    # low-rank does not compress [connected], which has 40 x 3 multiply-adds
    before = multiply_adds("net.cfg") - 40 * 3
    for speedup in (1.3, 2):
        out = compress(f"s{speedup}", "-speedup", str(speedup), "-multiple", "1")
        after = multiply_adds(f"s{speedup}.cfg") - 40 * 3
        expect(after <= before / speedup * 1.001, f"{before} -> {after}\n{out}")
        expect(after > before / speedup * .93, f"more than asked for: {before} -> {after}\n{out}")
    millions = .6 * (before + 120) / 1e6
    compress("flops", "-flops", f"{millions}", "-multiple", "1")
    expect(multiply_adds("flops.cfg") <= millions * 1e6, "-flops")
    out = compress("multiple", "-speedup", "1.3", "-multiple", "4")
    ranks = [int(r) for r in re.findall(r"rank=(\d+)", read("multiple.cfg").decode())]
    expect(ranks and all(r % 4 == 0 for r in ranks), f"ranks {ranks}")


def energies():
    out = compress("energy", "-energy", ".9", "-multiple", "1", "-all", "-csv", "energy.csv")
    kept = [float(e) for e in re.findall(r"/\d+ +([\d.]+)%", out)]
    expect(len(kept) == 4 and min(kept) >= 90, f"energies {kept}")
    lines = read("energy.csv").decode().split()[1:]
    expect(len(lines) == 12 + 20 + 20 + 40, f"{len(lines)} eigenvalues")
    for layer in (FIRST, SECOND, FOURTH, LAST):
        table = [line.split(",") for line in lines if line.startswith(f"{layer},")]
        chosen = int(table[0][5])
        expect(float(table[chosen - 1][4]) >= .9, f"layer {layer}: rank {chosen} keeps too little")
        expect(chosen == 1 or float(table[chosen - 2][4]) < .9, f"layer {layer}: rank {chosen}")
        sigma = [float(t[3]) for t in table]
        expect(sigma == sorted(sigma, reverse=True), "eigenvalues do not fall")


def dead_filters():
    """Filters whose weights are all 0, as after pruning, do not raise a layer's largest rank."""
    w = floats("net.weights")
    w[404:404 + 20 * 108].reshape(20, 108)[13:] = 0
    write("dead.weights", read("net.weights")[:20] + w.astype(np.float32).tobytes())
    for n, chosen in enumerate((("-energy", ".9999"), ("-speedup", "1.02", "-multiple", "1"),
                                ("-rank", "16"))):
        out = compress(f"dead{n}", *chosen, weights="dead.weights")
        expect(" 13/20 100.00%" in out, f"{chosen}: {out}")
    refuses("-rank 1:14: layer 1 has ranks from 1 to 13", "-rank", "1:14", weights="dead.weights")


def leaves_alone():
    out = compress("left", "-rank", "6")
    for text in ("layer 2 [depthwise] is left alone: its filters have one channel",
                 "layer 5 [convolutional] is left alone: has groups", "4 of 4 convolutions"):
        expect(text in out, f"no '{text}' in\n{out}")
    out = compress("left9", "-rank", "9")
    expect("layer 0 [convolutional] is left alone: cheaper only under rank 9 of 12" in out, out)
    text = read("left9.cfg").decode()
    expect(text.count("[low_rank]\nrank=9\n") == 3, text)
    expect("groups=1" not in text and "groups=4" in text and "# the second" in text, text)
    kept = text[text.index("# A small"):]
    back = kept.replace("[low_rank]\nrank=9\n", "[convolutional]\n")
    expect(back == CFG.replace("groups=1\n", ""), "other lines changed:\n" + text)


def errors_of(out):
    """Returns {layer: (error of the layer alone, error in the network)}, in %. out: stdout."""
    found = re.findall(r"^ +(\d+) .* ([\d.]+)% +([\d.]+)%$", out, re.M)
    return {int(k): (float(a), float(b)) for k, a, b in found}


def methods():
    """The nonlinear and asymmetric methods have smaller errors than the linear method. The last
    layer is not compared: it overfits 45 images."""
    got = {m: errors_of(compress(m, "-rank", "4", "-method", m, "-positions", "64", "-force"))
           for m in ("linear", "nonlinear", "asymmetric")}
    linear, nonlinear, asymmetric = got.values()
    expect(set(linear) == {FIRST, SECOND, FOURTH, LAST}, f"{linear}")
    for layer in (FIRST, SECOND):
        expect(nonlinear[layer][0] < .99 * linear[layer][0], f"layer {layer}: {got}")
    for layer in (SECOND, FOURTH):
        expect(asymmetric[layer][1] < .95 * linear[layer][1], f"layer {layer}: {got}")


def is_deterministic():
    compress("one", "-speedup", "1.5", "-multiple", "1", "-method", "nonlinear")
    compress("two", "-speedup", "1.5", "-multiple", "1", "-method", "nonlinear")
    expect(read("one.weights") == read("two.weights"), "the same call, other weights")
    compress("three", "-speedup", "1.5", "-multiple", "1", "-seed", "2", "-method",
             "nonlinear")
    expect(read("one.weights") != read("three.weights"), "-seed changes nothing")


def trains_on():
    compress("tuned", "-rank", "5")
    write("faces.data", "classes=3\ntrain=faces\nbackup=backup\n")
    expect_end(run("classifier", "train", "faces.data", "tuned.cfg", "tuned.weights", "-clear",
                   "-threads", "2"))
    before, after = floats("tuned.weights"), floats("backup/tuned.weights")
    expect(before.size == after.size and np.isfinite(after).all(), "weights after training")
    moved = (np.abs(after - before) / (1 + np.abs(before))).max()
    expect(0 < moved < .1, f"weights moved by {moved}")


def plots():
    if not has("matplotlib"):
        raise Skipped("matplotlib is not installed")
    expect_end(script("plot_energy.py", "energy.csv", "energy.png"))
    expect(read("energy.png")[:4] == b"\x89PNG", "energy.png is no PNG")
    expect_end(script("plot_energy.py", "net.cfg", "no.png"), 1, "net.cfg: ")
    expect(not os.path.exists("no.png"), "no.png was made")


# ---- errors ----

def refuses(text, *args, status=1, cfg="net.cfg", weights="net.weights", images="faces",
            out=("bad.cfg", "bad.weights")):
    expect_end(run("compress", "low-rank", cfg, weights, images, *out, "-threads", "1", *args),
               status, text)
    left = [n for n in os.listdir(".") if n.startswith("bad") or n.endswith(".tmp")]
    expect(not left, f"{args}: left {left}")


def names_what_is_wrong():
    refuses("-rank 0: must be a whole number from 1 to 40", "-rank", "0")
    refuses("-rank 41: must be a whole number from 1 to 40", "-rank", "41")
    refuses("-rank x: must be", "-rank", "x")
    refuses("-rank 0:13: layer 0 has ranks from 1 to 12", "-rank", "0:13")
    refuses("-rank 2:1: layer 2 is no convolution without groups", "-rank", "2:1")
    refuses("-rank 5:1: layer 5 is no convolution without groups", "-rank", "5:1")
    refuses("-rank 0:3;1:2: must be a list layer:rank", "-rank", "0:3;1:2")
    refuses("-rank 0:2,0:3: layer 0 is given twice", "-rank", "0:2,0:3")
    refuses("-speedup 50: at ranks of at most 16", "-speedup", "50")
    refuses("-flops 0.001: at ranks of at most 1,", "-flops", "0.001", "-multiple", "1")
    for args, text in ((("-speedup", "1"), "must be a number above 1"),
                       (("-energy", "1.1"), "must be a number above 0, at most 1"),
                       (("-energy", "nan"), "must be a number above 0"),
                       (("-rank", "4", "-energy", ".9"), "one of -rank, -energy"),
                       ((), "one of -rank, -energy"),
                       (("-rank", "4", "-method", "x"), "must be linear, nonlinear or asymmetric"),
                       (("-rank", "4", "-samples", "0"), "must be a whole number from 1"),
                       (("-rank", "4", "more"), "usage: ")):
        refuses(text, *args, status=2)
    refuses("net.cfg:39: [convolutional] layer 6: 10 images of 1 samples leave the covariance of "
            "40 responses singular; needs at least 41 images", "-rank", "4", "-samples", "10")
    write("same.txt", "faces/a/00.png\n" * 50)
    refuses("layer 6: 41 samples vary in 0 directions only, under rank 4; needs more, and "
            "different, images", "-rank", "6:4", images="same.txt")
    write("short.weights", read("net.weights")[:-4])
    refuses("short.weights: too short", "-rank", "4", weights="short.weights")
    refuses("none: cannot open", "-rank", "4", images="none")
    Image.new("RGB", (9, 9)).save("small.png")
    write("small.txt", "small.png\n" * 50)
    refuses("is 9 x 9 pixels", "-rank", "4", images="small.txt")
    write("only.cfg", "[net]\nheight=16\nwidth=16\nchannels=3\n[avgpool]\n")
    expect_end(run("init", "only.cfg", "only.weights"))
    refuses("only.cfg: no convolution without groups", "-rank", "4", cfg="only.cfg",
            weights="only.weights")
    refuses("nowhere/bad.cfg: cannot write", "-rank", "4", out=("nowhere/bad.cfg", "bad.weights"))
    refuses("nowhere/bad.weights: cannot write", "-rank", "4",
            out=("bad.cfg", "nowhere/bad.weights"))
    refuses("bad: is named for two outputs", "-rank", "4", out=("bad", "bad"))
    refuses("net.cfg: cannot write: it is an input of this command (net.cfg)", "-rank", "4",
            "-force",
            out=("net.cfg", "bad.weights"))


def replaces_nothing():
    mine = {"old.cfg": b"mine", "old.weights": read("net.weights")}
    for name, data in mine.items():
        write(name, data)
    for out in (("old.cfg", "bad.weights"), ("bad.cfg", "old.weights")):
        refuses("exists; -force replaces it", "-rank", "4", out=out)
    refuses("old.cfg: exists", "-rank", "4", "-csv", "old.cfg")
    refuses("short.weights: too short", "-rank", "4", "-force", weights="short.weights",
            out=("old.cfg", "old.weights"))
    expect(all(read(name) == data for name, data in mine.items()), "written over")
    compress("old", "-rank", "4", "-force")
    expect(read("old.cfg").startswith(b"# Made by"), "-force does not replace")


def infinite():
    write("wide.cfg", CFG.split("[net]")[0] + "[net]\nheight=16\nwidth=16\nchannels=3\n"
          "[convolutional]\nfilters=16\nsize=3\npad=1\nactivation=linear\n" +
          "[connected]\noutput=2\nactivation=linear\n" * 2)
    expect_end(run("init", "wide.cfg", "wide.weights"))
    head, w = read("wide.weights")[:20], floats("wide.weights")
    w[16 + 16 * 27:] = 1e30
    write("wide.weights", head + w.astype(np.float32).tobytes())
    done = run("compress", "low-rank", "wide.cfg", "wide.weights", "faces", "inf.cfg",
               "inf.weights",
               "-rank", "4")
    expect_end(done, 1,
               "wide.cfg:14: NaN or infinity in the output of layer 2 [connected] on these "
               "images")
    expect(not os.path.exists("inf.cfg"), "a network was written")


attempt_all(make_inputs, linear_is_numpys, statistics_fit, full_rank_is_the_network, budgets,
            energies, dead_filters, leaves_alone, methods, is_deterministic, trains_on, plots,
            names_what_is_wrong, replaces_nothing, infinite)
summary()
