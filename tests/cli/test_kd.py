"""Compares distillation losses with NumPy in double. NumPy computes the gradients by the complex
step, f'(x) = Im f(x + ih) / h, which needs no formula of the derivative."""
import os
import shutil
import tempfile

from common import (ROOT, attempt, darknet, expect, expect_end, needed, program, read, run,
                    summary, write_png)

with needed():
    import numpy as np

STUDENTS = ["feature", "correlation", "ec", "adadistill", "grouped", "relation",
            "inherited", "refo"]
TOLERANCE = 2e-6  # relative to the largest value; the layers store float32
FLAT, OTHER, MAP, SMALL = (1, 1, 24), (1, 1, 9), (3, 4, 5), (3, 4, 2)
# in each case: layer type, options, batch, shape of the input x, shape of the teacher's output
CASES = [
    ("kd_feature", "", 5, FLAT, FLAT),
    ("kd_feature", "weight=128;distance=cosine", 4, FLAT, FLAT),
    ("kd_feature", "normalize=0;weight=.5", 4, FLAT, FLAT),
    ("kd_feature", "hard=softmax", 6, FLAT, FLAT),
    ("kd_feature", "hard=power", 6, FLAT, FLAT),
    ("kd_feature", "hard=power;power=2.5;normalize=0", 6, FLAT, FLAT),
    ("kd_feature", "hard=softmax;distance=cosine", 5, FLAT, OTHER),
    ("kd_feature", "normalize=0;hard=softmax", 5, OTHER, FLAT),
    ("kd_feature", "", 3, MAP, MAP),
    ("kd_feature", "normalize=0", 3, MAP, SMALL),
    ("kd_correlation", "", 7, FLAT, FLAT),
    ("kd_correlation", "weight=3;order=4;gamma=.9", 6, MAP, OTHER),
    ("kd_correlation", "kernel=bilinear", 8, FLAT, OTHER),
]


def unit(v):
    return v / np.sqrt((v * v).sum(1, keepdims=True))


def kd_feature(o, x, target, weights=None, biases=None):
    """Returns the loss, and the error of each sample without the weight that hard= gives it."""
    g = x if weights is None else np.einsum("bpc,tc->bpt", x, weights) + biases
    g, target = g.reshape(len(g), -1), target.reshape(len(g), -1)
    if o.get("distance") == "cosine":
        e = 1 - (unit(g) * unit(target)).sum(1)
    else:
        if o.get("normalize") != "0":
            g, target = unit(g), unit(target)
        e = .5 * ((g - target) ** 2).sum(1)
    # The layer's gradient treats d as a constant: .real removes the step of by_complex_step().
    d = np.sqrt(2 * e.real)
    hard = {"softmax": np.exp(d), "power": d ** float(o.get("power", 1)), None: d * 0 + 1}
    hard = hard[o.get("hard")]
    return float(o.get("weight", 1)) * (hard / hard.mean() * e).sum(), e


def kd_correlation(o, x, target):
    def matrix(v):
        u = unit(v.reshape(len(v), -1))
        cosines = u @ u.T
        if o.get("kernel") == "bilinear":
            return cosines
        gamma, sum_, term = float(o.get("gamma", .4)), 1, 1
        for p in range(1, int(o.get("order", 2)) + 1):
            term = term * 2 * gamma * cosines / p
            sum_ = sum_ + term
        return np.exp(-2 * gamma) * sum_

    rows = ((matrix(x) - matrix(target)) ** 2).mean(1)
    return float(o.get("weight", 1)) * rows.sum(), rows


def by_complex_step(loss, arrays, which):
    grad = np.zeros(arrays[which].shape)
    for i in np.ndindex(*grad.shape):
        moved = [a.astype(complex) for a in arrays]
        moved[which][i] += 1e-30j
        grad[i] = loss(*moved).imag / 1e-30
    return grad


def as_numpy(tool, case, folder):
    kind, options, batch, shape, wanted = case
    rng = np.random.default_rng(len(options) + batch)
    o = dict(p.split("=") for p in options.split(";") if p)
    x = rng.normal(0, 1, (batch, shape[0] * shape[1], shape[2]))
    target = rng.normal(0, 1, (batch, wanted[0] * wanted[1], wanted[2]))
    if wanted == shape:
        target = target + x  # similar to x: independent random vectors are nearly orthogonal
    arrays = [x, target]
    if kind == "kd_feature" and shape != wanted:
        arrays += [rng.normal(0, .4, (wanted[2], shape[2])), rng.normal(0, .4, wanted[2])]
    arrays = [a.astype(np.float32).astype(float) for a in arrays]
    fin, fout = os.path.join(folder, "in"), os.path.join(folder, "out")
    np.concatenate([a.ravel() for a in arrays]).astype(np.float32).tofile(fin)
    expect_end(run(tool, kind, options, str(batch), *map(str, shape + wanted), fin, fout))
    got = np.fromfile(fout)
    loss, each = globals()[kind](o, *arrays)
    want = [np.array([loss]), each]
    for i in [0] + list(range(2, len(arrays))):
        want.append(-by_complex_step(lambda *a: globals()[kind](o, *a)[0], arrays, i))
    sizes = np.cumsum([w.size for w in want])
    expect(got.size == sizes[-1], f"{got.size} numbers, NumPy has {sizes[-1]}")
    for a, w in zip(np.split(got, sizes[:-1]), want):
        worst = np.abs(a - w.ravel()).max() / np.abs(w).max()
        expect(worst < TOLERANCE, f"differs by {worst:.2e} of the largest value")


def used_alone(student, folder):
    """A student can predict when the files of its teacher do not exist."""
    name = f"mobilefacenet-half-kd-{student}.cfg"
    cfg, weights, images, out = (os.path.join(folder, f) for f in (name, "w", "images", "out"))
    shutil.copy(os.path.join(ROOT, "cfg", name), cfg)
    pixels = np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    write_png(os.path.join(images, "a.png"), 112, 112, pixels.tobytes())
    expect_end(darknet("init", cfg, weights))
    checked = darknet("check", cfg, weights)
    expect_end(checked)
    expect("training         not now: " in checked.stdout,
           "check does not say that training is not possible")
    expect_end(darknet("embed", cfg, weights, images, out))
    features = np.frombuffer(read(out)[-512 * 4:], np.float32)
    expect(np.isfinite(features).all() and features.std() > 0, "no features")


def main():
    tool = program("unit/test_kd")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            attempt(" ".join(case[:2]), as_numpy, tool, case, folder)
    for student in STUDENTS:
        with tempfile.TemporaryDirectory() as folder:
            attempt(student, used_alone, student, folder)
    summary()


main()
