"""Tests a published MobileFaceNet on pairs of real faces of ../shared/data."""
import os
import sys

from common import ROOT, Wrong, check, needed, raw, skip_all, summary

with needed():
    import numpy as np
    from PIL import Image

DATA = os.path.join(os.path.dirname(ROOT), "shared", "data")
WEIGHTS = os.path.join(DATA, "weights", "mobilefacenet-128.weights")
PAIRS = os.path.join(DATA, "lfw-pairs.txt")
CFG = os.path.join(ROOT, "cfg", "mobilefacenet-128.cfg")
COUNT = 20
# The mean cosine of pairs of one person must be larger by this gap than the mean cosine of pairs
# of different people. With PyTorch the gap is 0.72.
LEAST_GAP = 0.5

if not all(os.path.exists(p) for p in (WEIGHTS, PAIRS, os.path.join(DATA, "lfw"))):
    skip_all("no faces and weights in ../shared/data")


def read_pairs():
    """Returns two lists, each of COUNT pairs of paths: pairs of one person, pairs of two people."""
    def path(name, number):
        return os.path.join(DATA, "lfw", name, f"{name}_{int(number):04d}.jpg")

    same, different = [], []
    with open(PAIRS) as f:
        f.readline()
        for line in f:
            p = line.split()
            if len(p) == 3 and len(same) < COUNT:
                same.append((path(p[0], p[1]), path(p[0], p[2])))
            elif len(p) == 4 and len(different) < COUNT:
                different.append((path(p[0], p[1]), path(p[2], p[3])))
    return same, different


def embed(paths):
    """Returns one feature of length 1 for each image."""
    x = np.stack([np.asarray(Image.open(p).convert("RGB"), np.float32) for p in paths])
    y = raw(CFG, WEIGHTS, (x - 127.5) / 128, "-batch", "16")
    return y / np.linalg.norm(y, axis=1, keepdims=True)


def best_accuracy(same, different):
    """Returns (number of right answers, threshold) for the best threshold."""
    return max((int((same > t).sum() + (different <= t).sum()), t)
               for t in np.concatenate([same, different]))


def main():
    pairs = sum(read_pairs(), [])
    paths = sorted({p for pair in pairs for p in pair})
    y = dict(zip(paths, embed(paths)))
    cosines = np.array([float(y[a] @ y[b]) for a, b in pairs])
    same, different = cosines[:COUNT], cosines[COUNT:]
    gap = same.mean() - different.mean()
    right, threshold = best_accuracy(same, different)
    checks = [
        (len(same) == COUNT and len(different) == COUNT, f"{len(same)} + {len(different)} pairs"),
        (np.isfinite(cosines).all() and gap > LEAST_GAP,
         f"mean cosine {same.mean():.3f} for the same person, {different.mean():.3f} for others"),
        (right >= 2 * COUNT - 1, f"{right} of {2 * COUNT} right at cosine {threshold:.3f}"),
    ]
    for is_right, text in checks:
        check(is_right, text)
    if "-v" in sys.argv[1:]:
        print(f"same      {np.round(np.sort(same), 3)}")
        print(f"different {np.round(np.sort(different), 3)}")
        print("\n".join(text for _, text in checks))


try:
    main()
except (OSError, ValueError, Wrong) as e:
    check(False, e)
summary()
