"""Losses of distillation against NumPy in double: the loss, and every gradient by the complex step,
which needs no formula of a derivative and no difference. And the students of cfg/ can be checked
and used where there is no teacher."""
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

try:
    import numpy as np
except ImportError:
    print("test_kd: skipped, numpy is not installed")
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(0)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DARKNET = os.path.join(ROOT, "bin", "darknet")
STUDENTS = ["feature", "correlation", "ec"]
TOLERANCE = 2e-6  # of the largest value; the layers store float32
FLAT, OTHER, MAP, SMALL = (1, 1, 24), (1, 1, 9), (3, 4, 5), (3, 4, 2)
# type, options, batch, shape of x, shape of the target
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
    """The loss and each sample's distance."""
    g = x if weights is None else np.einsum("bpc,tc->bpt", x, weights) + biases
    g, target = g.reshape(len(g), -1), target.reshape(len(g), -1)
    if o.get("distance") == "cosine":
        e = 1 - (unit(g) * unit(target)).sum(1)
    else:
        if o.get("normalize") != "0":
            g, target = unit(g), unit(target)
        e = .5 * ((g - target) ** 2).sum(1)
    d = np.sqrt(2 * e.real)  # a constant: no imaginary part
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


def worst_difference(tool, case, folder):
    kind, options, batch, shape, wanted = case
    rng = np.random.default_rng(len(options) + batch)
    o = dict(p.split("=") for p in options.split(";") if p)
    x = rng.normal(0, 1, (batch, shape[0] * shape[1], shape[2]))
    target = rng.normal(0, 1, (batch, wanted[0] * wanted[1], wanted[2]))
    if wanted == shape:
        target = target + x  # not all at right angles
    arrays = [x, target]
    if kind == "kd_feature" and shape != wanted:
        arrays += [rng.normal(0, .4, (wanted[2], shape[2])), rng.normal(0, .4, wanted[2])]
    arrays = [a.astype(np.float32).astype(float) for a in arrays]
    fin, fout = os.path.join(folder, "in"), os.path.join(folder, "out")
    np.concatenate([a.ravel() for a in arrays]).astype(np.float32).tofile(fin)
    subprocess.run([tool, kind, options, str(batch), *map(str, shape + wanted), fin, fout],
                   check=True)
    got = np.fromfile(fout)
    loss, each = globals()[kind](o, *arrays)
    want = [np.array([loss]), each]
    for i in [0] + list(range(2, len(arrays))):
        want.append(-by_complex_step(lambda *a: globals()[kind](o, *a)[0], arrays, i))
    sizes = np.cumsum([w.size for w in want])
    if got.size != sizes[-1]:
        raise ValueError(f"{got.size} numbers, NumPy has {sizes[-1]}")
    return max(np.abs(a - w.ravel()).max() / np.abs(w).max()
               for a, w in zip(np.split(got, sizes[:-1]), want))


def write_png(path, rgb):
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    head = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) +
                chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def used_alone(student, folder):
    """What is wrong with a student far from any teacher; None: nothing."""
    name = f"mobilefacenet-half-kd-{student}.cfg"
    cfg, weights, images, out = (os.path.join(folder, f) for f in (name, "w", "images", "out"))
    shutil.copy(os.path.join(ROOT, "cfg", name), cfg)
    os.mkdir(images)
    write_png(os.path.join(images, "a.png"),
              np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8))
    for command in (["init", cfg, weights], ["check", cfg, weights],
                    ["embed", cfg, weights, images, out]):
        done = subprocess.run([DARKNET, *command], capture_output=True, text=True)
        if done.returncode:
            return f"{command[0]}: exit status {done.returncode}: {done.stderr.strip()}"
        if command[0] == "check" and "training         not now: " not in done.stdout:
            return "check does not say that training is not possible"
    with open(out, "rb") as f:
        features = np.frombuffer(f.read()[-512 * 4:], np.float32)
    return None if np.isfinite(features).all() and features.std() > 0 else "no features"


def main():
    passed = failed = 0
    if "OBJ" not in os.environ:
        print("test_kd: skipped, OBJ does not say where the tests are built")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    tool = os.path.join(os.environ["OBJ"], "tests", "test_kd")
    for case in CASES:
        try:
            with tempfile.TemporaryDirectory() as folder:
                worst = worst_difference(tool, case, folder)
            problem = None if worst < TOLERANCE else f"differs by {worst:.2e} of the largest value"
        except (OSError, ValueError, subprocess.CalledProcessError) as e:
            problem = str(e)
        passed, failed = passed + (problem is None), failed + (problem is not None)
        if problem:
            print("FAILED", *case[:2], problem)
        elif os.environ.get("V"):
            print(*case[:2], f"{worst:.1e}")
    for student in STUDENTS:
        with tempfile.TemporaryDirectory() as folder:
            problem = used_alone(student, folder)
        passed, failed = passed + (problem is None), failed + (problem is not None)
        if problem:
            print("FAILED", student, problem)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed != 0


sys.exit(main())
