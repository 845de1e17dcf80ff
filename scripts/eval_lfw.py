#!/usr/bin/python3
"""LFW by the official protocol: eval_lfw.py net.cfg net.weights lfw_folder pairs.txt --out DIR
or an InsightFace verification set: eval_lfw.py net.cfg net.weights agedb_30.bin --out DIR

Runs `bin/darknet embed` ($DARKNET_BIN overrides) on the images that the pairs name, then for each
fold chooses the threshold on the other nine and measures the accuracy on it. Writes into DIR:
results.json, roc.png (ROC and score histograms), worst.png (worst false accepts and rejects).
Numbers printed and stored are shares (0..1). TAR at FAR 1e-4 with 3,000 pairs allows no false
accept at all: read it with that in mind.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

from lib import embeddings
from lib.pairs import Failure, read_pairs, unpack_bin

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FARS = (1e-1, 1e-2, 1e-3, 1e-4)
SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".PNG")


# ---- images ----

def find_images(folder, pairs, allow_missing):
    """({name: path in folder}, pairs that have both images, missing names)."""
    found, missing = {}, []
    for name in sorted({n for p in pairs for n in p[:2]}):
        # LFW's folders, or all images in one folder
        for place in [s + e for s in (name, name.split("/")[1]) for e in SUFFIXES]:
            if os.path.isfile(os.path.join(folder, place)):
                found[name] = place
                break
        else:
            missing.append(name)
    if missing and not allow_missing:
        shown = "\n  ".join(missing[:20]) + ("\n  ..." if len(missing) > 20 else "")
        raise Failure(f"{folder}: {len(missing)} images of the pairs are missing "
                      f"(--allow-missing drops their pairs):\n  {shown}")
    kept = [p for p in pairs if p[0] in found and p[1] in found]
    if not any(p[2] for p in kept) or all(p[2] for p in kept):
        raise Failure(f"{folder}: no same or no different pairs are left")
    return found, kept, missing


# ---- scores ----

def cosines(vectors, pairs):
    """One score a pair; vectors: {name: numbers}. A zero vector scores 0."""
    a, b = (np.array([vectors[p[k]] for p in pairs], np.float64) for k in (0, 1))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(1) / np.where(norms > 0, norms, 1)


def best_threshold(scores, same):
    """The middle of the range of thresholds (accept: score > threshold) that errs least."""
    order = np.argsort(scores, kind="stable")
    s, y = scores[order], same[order]
    # cut k: the k lowest are rejected
    right = np.concatenate([[0], np.cumsum(~y)]) + (y.sum() - np.concatenate([[0], np.cumsum(y)]))
    possible = np.concatenate([[True], s[1:] > s[:-1], [True]])
    right = np.where(possible, right, -1)
    best = np.flatnonzero(right == right.max())
    k = best[len(best) // 2]
    edges = np.concatenate([[s[0] - 1e-6], s, [s[-1] + 1e-6]])
    return float((edges[k] + edges[k + 1]) / 2)


def ten_fold(scores, same, folds):
    """(accuracies, thresholds, right): per fold, per fold, per pair."""
    accuracies, thresholds, right = [], [], np.zeros(len(scores), bool)
    for f in np.unique(folds):
        test = folds == f
        train = ~test if (~test).any() else test
        t = best_threshold(scores[train], same[train])
        right[test] = (scores[test] > t) == same[test]
        accuracies.append(float(right[test].mean()))
        thresholds.append(t)
    return accuracies, thresholds, right


def roc(scores, same):
    """FAR and TAR of every threshold, from none accepted to all; equal scores move together."""
    order = np.argsort(-scores, kind="stable")
    s, y = scores[order], same[order]
    ends = np.append(s[1:] < s[:-1], True)
    tar = np.concatenate([[0], np.cumsum(y)[ends] / y.sum()])
    far = np.concatenate([[0], np.cumsum(~y)[ends] / (~y).sum()])
    return far, tar


def metrics(scores, same, folds):
    accuracies, thresholds, right = ten_fold(scores, same, folds)
    far, tar = roc(scores, same)
    n = len(accuracies)
    deviation = float(np.std(accuracies, ddof=1)) if n > 1 else 0.
    k = int(np.argmax(far >= 1 - tar)) # the first point at or past the crossing
    eer = float(far[k])
    if k > 0: # between the two points, straight
        d0, d1 = far[k - 1] - (1 - tar[k - 1]), far[k] - (1 - tar[k])
        eer = float(far[k - 1] + (far[k] - far[k - 1]) * (-d0 / (d1 - d0)))
    return {
        "accuracy": float(np.mean(accuracies)), "std": deviation,
        "standard_error": deviation / math.sqrt(n), "fold_accuracies": accuracies,
        "thresholds": thresholds,
        "auc": float(((far[1:] - far[:-1]) * (tar[1:] + tar[:-1]) / 2).sum()), "eer": eer,
        "tar_at_far": {f"{f:.0e}": float(tar[far <= f].max()) for f in FARS},
        "pairs": len(scores), "right": right.astype(int).tolist(),
    }


def mcnemar(right_a, right_b):
    """Exact test on pairs that only one run has right: (only a, only b, two-sided p)."""
    a, b = np.asarray(right_a, bool), np.asarray(right_b, bool)
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    n, k = only_a + only_b, min(only_a, only_b)
    tail = sum(math.comb(n, i) for i in range(k + 1))
    return only_a, only_b, min(1., 2 * tail / 2 ** n)


def versus(result, path):
    try:
        other = json.load(open(path, encoding="utf-8"))
        names, right = other["pair_names"], other["right"]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise Failure(f"{path}: not a results.json of eval_lfw.py ({e})") from e
    theirs = {tuple(n): r for n, r in zip(names, right)}
    both = [(r, theirs[tuple(n)]) for n, r in zip(result["pair_names"], result["right"])
            if tuple(n) in theirs]
    if not both:
        raise Failure(f"{path}: has no pair in common with this run")
    only_this, only_other, p = mcnemar(*zip(*both))
    return {"other": path, "pairs": len(both), "only_this_right": only_this,
            "only_other_right": only_other, "p": p, "other_accuracy": other.get("accuracy")}


# ---- pictures ----

def draw_roc(path, scores, same, m):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    far, tar = roc(scores, same)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5))
    floor = .5 / (~same).sum()
    left.step(np.maximum(far, floor), tar, where="post")
    bottom = tar[far > 0].min()
    left.set(xscale="log", xlim=(floor, 1), ylim=(bottom - .05 * (1.01 - bottom), 1.001),
             xlabel="false accept rate", ylabel="true accept rate",
             title=f"ROC: AUC {m['auc']:.5f}, EER {m['eer']:.4f}")
    left.grid(alpha=.3)
    edges = np.linspace(scores.min(), scores.max() + 1e-9, 61)
    right.hist(scores[same], edges, alpha=.6, label="same person")
    right.hist(scores[~same], edges, alpha=.6, label="different people")
    right.axvline(np.mean(m["thresholds"]), color="black", lw=1, label="mean threshold")
    right.set(xlabel="cosine", ylabel="pairs",
              title=f"accuracy {100 * m['accuracy']:.2f} % +- {100 * m['standard_error']:.2f}")
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_worst(path, folder, found, pairs, scores, same, right, each=10):
    """Two rows of pairs: false accepts by falling score, false rejects by rising score."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    wrong = np.flatnonzero(~np.asarray(right, bool))
    accepts = sorted((i for i in wrong if not same[i]), key=lambda i: -scores[i])[:each]
    rejects = sorted((i for i in wrong if same[i]), key=lambda i: scores[i])[:each]
    rows = max(len(accepts), len(rejects), 1)
    figure, axes = plt.subplots(rows, 4, figsize=(9, 2.1 * rows + .6), squeeze=False)
    for a in axes.flat:
        a.axis("off")
    for column, chosen in ((0, accepts), (2, rejects)):
        for row, i in enumerate(chosen):
            for k in (0, 1):
                a = axes[row][column + k]
                a.imshow(plt.imread(os.path.join(folder, found[pairs[i][k]])), cmap="gray")
                a.set_title(pairs[i][k].split("/")[1], fontsize=6)
            axes[row][column].text(1.05, -.06, f"{scores[i]:.3f}", fontsize=7, ha="center",
                                   transform=axes[row][column].transAxes)
    figure.suptitle(f"worst false accepts ({len(accepts)}, left), false rejects ({len(rejects)})")
    figure.tight_layout(rect=(0, 0, 1, 1 - .3 / figure.get_figheight()))
    figure.savefig(path, dpi=90)
    plt.close(figure)


# ---- the run ----

def embed(args, folder, found):
    """{name: numbers} by `darknet embed`."""
    command = os.environ.get("DARKNET_BIN") or os.path.join(ROOT, "bin", "darknet")
    names = sorted(found)
    with tempfile.TemporaryDirectory() as scratch:
        listing, out = os.path.join(scratch, "images.txt"), os.path.join(scratch, "out.dnxe")
        with open(listing, "w", encoding="utf-8") as f:
            f.writelines(os.path.join(os.path.abspath(folder), found[n]) + "\n" for n in names)
        call = [command, "embed", args.cfg, args.weights, listing, out]
        call += ["-flip", args.flip] if args.flip != "none" else []
        call += ["-threads", str(args.threads)] if args.threads else []
        try:
            done = subprocess.run(call, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  check=False)
        except OSError as e:
            raise Failure(f"{command}: {e.strerror} (make builds it)") from e
        if done.returncode:
            raise Failure(done.stderr.decode(errors="replace").strip() or
                          f"{command} embed ended with status {done.returncode}")
        got, vectors = embeddings.read(out)
    if len(got) != len(names):
        raise Failure(f"{command} embed gave {len(got)} of {len(names)} images")
    return dict(zip(names, vectors))


def evaluate(args):
    if args.pairs:
        return evaluate_pairs(args, args.folder, read_pairs(args.pairs))
    if not args.folder.endswith(".bin"):
        raise Failure(f"{args.folder}: a folder needs a pairs file beside it; a verification set "
                      "ends in .bin")
    with tempfile.TemporaryDirectory() as scratch:
        return evaluate_pairs(args, scratch, unpack_bin(args.folder, scratch))


def evaluate_pairs(args, folder, pairs):
    start = time.time()
    found, kept, missing = find_images(folder, pairs, args.allow_missing)
    for name in missing:
        print(f"missing: {name}", file=sys.stderr)
    vectors = embed(args, folder, found)
    seconds = time.time() - start
    scores = cosines(vectors, kept)
    same, folds = np.array([p[2] for p in kept]), np.array([p[3] for p in kept])
    result = metrics(scores, same, folds)
    result.update(cfg=args.cfg, weights=args.weights, flip=args.flip, images=len(found),
                  missing=missing, dropped_pairs=len(pairs) - len(kept), seconds=seconds,
                  pair_names=[list(p[:2]) for p in kept], scores=scores.tolist())
    if args.versus:
        result["versus"] = versus(result, args.versus)
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "results.json"), "w", encoding="utf-8") as f:
        json.dump(result, f, indent=None)
    draw_roc(os.path.join(args.out, "roc.png"), scores, same, result)
    draw_worst(os.path.join(args.out, "worst.png"), folder, found, kept, scores, same,
               result["right"])
    return result


def report(r):
    print(f"accuracy {100 * r['accuracy']:.2f} %, standard deviation {100 * r['std']:.2f}, "
          f"standard error {100 * r['standard_error']:.2f} ({len(r['thresholds'])} folds, "
          f"{r['pairs']} pairs, {r['dropped_pairs']} dropped)")
    print(f"threshold {np.mean(r['thresholds']):.4f}, AUC {r['auc']:.5f}, "
          f"EER {100 * r['eer']:.2f} %")
    print("TAR at FAR " + ", ".join(f"{k}: {100 * v:.2f} %" for k, v in r["tar_at_far"].items()))
    print(f"{r['images']} images in {r['seconds']:.1f} s")
    if "versus" in r:
        v = r["versus"]
        print(f"versus {v['other']}: right only here {v['only_this_right']}, only there "
              f"{v['only_other_right']} of {v['pairs']} pairs, McNemar's exact p {v['p']:.3g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("cfg")
    parser.add_argument("weights")
    parser.add_argument("folder", help="of the images: NAME/NAME_0001.jpg, or all in one folder; "
                                       "or a verification set of InsightFace's, named *.bin")
    parser.add_argument("pairs", nargs="?", help="pairs.txt; a .bin has its own")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--allow-missing", action="store_true", help="drop pairs without images")
    parser.add_argument("--flip", choices=("sum", "concat", "none"), default="none",
                        help="add or append the features of the mirror image (default: none)")
    parser.add_argument("--versus", metavar="JSON", help="results.json of another run")
    parser.add_argument("--threads", type=int, default=0)
    try:
        report(evaluate(parser.parse_args()))
    except (Failure, ValueError) as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
