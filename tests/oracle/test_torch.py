"""Agreement with PyTorch, forward and all gradients of a training step: the same weights, random
batch-norm statistics, random images."""
import os
import tempfile

from common import ROOT, attempt, expect, expect_end, needed, program, raw, run, summary

os.environ.setdefault("OMP_NUM_THREADS", "2")
with needed():
    import numpy as np
    import torch

    from bench import peer_torch
    from lib import darknet_files

TOLERANCE = 1e-3  # of the largest value of the output
# cfg, batch, count of images: the last batch of the half width is not full
CASES = [("mobilefacenet-half", 2, 5), ("mobilefacenet", 1, 2)]


def random_weights(layers, seed, slopes=(-0.1, 0.6)):
    rng = np.random.default_rng(seed)
    out = []
    for layer in layers:
        a = {}
        for name, shape in layer["params"]:
            if name == "weights":
                a[name] = rng.normal(0, np.sqrt(1.5 / np.prod(shape[1:])), shape)
            elif name in ("scales", "variance"):
                a[name] = rng.uniform(0.5, 1.5, shape)
            elif name == "slopes":
                a[name] = rng.uniform(*slopes, shape)
            else:
                a[name] = rng.normal(0, 0.3, shape)
        out.append({k: v.astype(np.float32) for k, v in a.items()})
    return out


def disagreement(name, batch, count, folder):
    """Worst difference, relative to the largest value of PyTorch's output."""
    cfg = os.path.join(ROOT, "cfg", name + ".cfg")
    weights = os.path.join(folder, "w.weights")
    net, layers = darknet_files.plan(cfg)
    darknet_files.write_weights(weights, layers, random_weights(layers, 7))
    shape = (count, net["height"], net["width"], net["channels"])
    x = np.random.default_rng(8).uniform(-1, 1, shape).astype(np.float32)
    with torch.no_grad():
        want = peer_torch.build(cfg, weights)(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
    got = raw(cfg, weights, x, "-batch", str(batch), "-threads", "2")
    expect(got.shape == want.shape, f"shape {got.shape}, PyTorch has {want.shape}")
    return float(np.abs(got - want).max() / np.abs(want).max())


def gradient_disagreement(name, batch, folder):
    """One training step: worst difference of a gradient, relative to the largest of its layer.

    Some of the six million activations are so near 0 that float32 and double see different signs:
    PyTorch's own float32 gradients differ from its double ones by 3e-2 through that kink. Slopes
    near 1 take the kink away; the contract test checks other slopes. What is added before a batch
    norm has the gradient 0, so that a bias' own size would be rounding: hence the layer's."""
    cfg = os.path.join(ROOT, "cfg", name + ".cfg")
    tool = program("oracle/tool_gradients")
    weights, fx, fdy, fout = (os.path.join(folder, f) for f in ("w", "x", "dy", "out"))
    net, layers = darknet_files.plan(cfg)
    darknet_files.write_weights(weights, layers, random_weights(layers, 9, (0.999, 1.001)))
    rng = np.random.default_rng(10)
    x = rng.uniform(-1, 1, (batch, net["height"], net["width"], net["channels"]))
    x = x.astype(np.float32)
    peer = peer_torch.build(cfg, weights).double().train()
    y = peer(torch.from_numpy(x).double().permute(0, 3, 1, 2))
    dy = rng.normal(0, 1, tuple(y.shape)).astype(np.float32)
    (y * torch.from_numpy(dy)).sum().backward()
    x.tofile(fx)
    dy.tofile(fdy)
    expect_end(run(tool, cfg, weights, fx, fdy, fout, str(batch)))
    got, at, worst = np.fromfile(fout, np.float32), 0, 0
    for layer, block in zip(layers, peer.blocks):
        if layer["name"] == "shortcut":
            continue
        wants = {"weights": block[0].weight, "biases": (block[1] if layer["bn"] else block[0]).bias}
        if layer["bn"]:
            wants["scales"] = block[1].weight
        if layer["act"] == "prelu":
            wants["slopes"] = block[-1].weight
        want = np.concatenate([wants[what].grad.numpy().ravel() for what, _ in layer["params"]
                               if what in wants])
        diff = np.abs(got[at:at + want.size] - want).max()
        worst, at = max(worst, float(diff / np.abs(want).max())), at + want.size
    expect(at == got.size, f"{got.size} gradients, PyTorch has {at}")
    return worst


def agrees(compare, *case):
    with tempfile.TemporaryDirectory() as folder:
        worst = compare(*case, folder)
    expect(worst < TOLERANCE, f"differs by {worst:.2e} of the largest value")


torch.set_num_threads(2)
for model, *sizes in CASES:
    attempt(f"{model} {sizes}", agrees, disagreement, model, *sizes)
attempt("gradients", agrees, gradient_disagreement, "mobilefacenet-half", 8)
summary()
