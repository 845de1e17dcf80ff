#!/usr/bin/python3
"""Verifies LFW's pairs with the methods from before neural networks, and compares them with a
network:

    baselines.py lfw pairs.txt --out DIR [--faces DIR] [--network NAME=results.json of eval_lfw.py]

Features: histograms of local binary patterns (lbp), histograms of gradients (hog), pixels (raw).
Methods: cosine, chi-square, PCA, LDA, PCA+LDA, Joint Bayesian, SVMs on features of a pair,
dictionary learning. The protocol is LFW's ten folds with names of people (LFW calls it
"unrestricted"). For each fold, a method and its threshold are learned on the other nine folds,
which have other people. With --faces the methods are learned once, on that folder of identities,
and the table marks their rows. Thresholds, SVMs and weights of chi-square are still learned on the
folds. The last column has a published accuracy of the same or the most similar method. Writes
DIR/table.csv and DIR/results.json. Needs scikit-learn and scikit-image (make eval-deps). """
import os
import sys
import time

from lib.errors import Failure, needs, run_main

needs("numpy", "scipy", "PIL", "sklearn", "skimage")
import numpy as np

from evaluation.classical import WAYS, fit
from evaluation.hand_features import FEATURES, features_of
from evaluation.published import cited
from experiments.verification import find_images, images_of, results_of
from lib import fingerprints
from lib.arguments import command_line, words
from lib.files import read_json, write_csv, write_json
from lib.folders import identities, images_below
from lib.lock import folder_lock
from lib.metrics import area, by_folds, mcnemar, p_text, percent, standard_error
from lib.pairs import read_pairs
from lib.processes import timed
from lib.text import columns
from report.machine import made_here

COLUMNS = ("features", "way", "learned on", "pairs right, %", "standard error", "AUC",
           "p against pca", "ms a face", "bytes a face", "compare with, %")


class Faces:
    """The images of the pairs: rows ({feature: a row for each image}) and person (of each image).
    The pairs: one and two (indices of images), same (True for one person) and fold."""

    def __init__(self, folder, pairs, names):
        found, kept, _ = find_images(folder, pairs, False)
        self.images = images_of(folder, found, kept)
        order = sorted(found)
        number = {n: i for i, n in enumerate(order)}
        self.one, self.two = (np.array([number[p[k]] for p in kept]) for k in (0, 1))
        self.same, self.fold = np.array([p[2] for p in kept]), np.array([p[3] for p in kept])
        self.person = np.array([n.rpartition("/")[0] for n in order])
        if len(np.unique(self.fold)) < 2:
            raise Failure("the pairs have one fold: there are no others to learn from")
        print(f"features of {len(order)} images", flush=True)
        self.rows, self.ms = features_of([os.path.join(folder, found[n]) for n in order], names)

    def training(self, fold):
        """Returns (indices of images, indices of pairs) to learn from. The pairs are outside of
        `fold` and show none of its people. The images are the images of these pairs."""
        inside = self.fold == fold
        tested = np.unique(self.person[np.concatenate([self.one[inside], self.two[inside]])])
        pairs = np.flatnonzero(~inside & ~np.isin(self.person[self.one], tested)
                               & ~np.isin(self.person[self.two], tested))
        return np.unique(np.concatenate([self.one[pairs], self.two[pairs]])), pairs


def train_pairs(faces, images, pairs):
    """Returns three arrays (first, second, same) for the indices `pairs`. first, second: positions
    in `images`; same: True for two images of one person."""
    place = np.full(len(faces.person), -1)
    place[images] = np.arange(len(images))
    return place[faces.one[pairs]], place[faces.two[pairs]], faces.same[pairs]


def scores_of(faces, feature, way, outside):
    """Returns (score of each pair, milliseconds to project the features of a face, length of the
    projection). outside: (features, people) to learn from; None means the other folds."""
    x, scores, seconds, made, length = faces.rows[feature], np.empty(len(faces.same)), 0., 0, 0
    for fold in np.unique(faces.fold):
        images, pairs = faces.training(fold)
        if outside is None or way.learn is None:
            learn = (x[images], faces.person[images], train_pairs(faces, images, pairs))
        else:
            learn = (outside[0][feature], outside[1], None)
        if fold == faces.fold.min() or outside is None:
            project, score = fit(way, *learn)
        test = np.flatnonzero(faces.fold == fold)
        start = time.perf_counter()
        a, b = project(x[faces.one[test]]), project(x[faces.two[test]])
        seconds, made, length = seconds + time.perf_counter() - start, made + 2 * len(test), \
            a.shape[1]
        scores[test] = score(a, b)
    return scores, 1000 * seconds / made, length


def measure(faces, feature, name, outside):
    way = WAYS[name]
    learned = "nothing" if way.learn is None else "--faces" if outside is not None else \
        "the other folds"
    scores, ms, length = scores_of(faces, feature, way, outside)
    accuracies, thresholds, right = by_folds(scores, faces.same, faces.fold)
    return {"features": feature, "way": name, "learned": learned,
            "accuracy": float(np.mean(accuracies)), "error": standard_error(accuracies),
            "thresholds": thresholds, "right": right.astype(int).tolist(),
            "ms": faces.ms[feature] + ms, "bytes": 4 * length,
            "auc": area(scores, faces.same), "cited": cited(feature, name)}


def network_row(text, faces):
    name, _, path = text.rpartition("=")
    r = read_json(results_of(path), "accuracy", "standard_error", "right", "made_from")
    if r["made_from"].get("pairs") != faces.images["pairs"]:
        raise Failure(f"{path}: is of other pairs")
    return {"features": name or "network", "way": "cosine", "learned": "-",
            "accuracy": r["accuracy"], "error": r["standard_error"], "right": r["right"],
            "auc": r.get("auc"), "ms": ms_of(r.get("cfg"), r.get("weights")),
            "bytes": r.get("numbers") and 4 * r["numbers"], "cited": "-"}


def ms_of(cfg, weights):
    """Returns the network's milliseconds for one face on one thread. Returns None when the cfg or
    the weights do not exist."""
    if not all(p and os.path.isfile(p) for p in (cfg, weights)):
        return None
    return timed(cfg, weights, "-batch", 1, "-threads", 1, "-runs", 50)["ms_per_image"]


def add_p(rows):
    """Sets row["p"] of each row: McNemar's exact p against PCA on the same features. It is None for
    PCA itself, and when PCA was not measured."""
    for r in rows:
        base = next((b for b in rows if (b["features"], b["way"]) == (r["features"], "pca")), None)
        r["p"] = mcnemar(r["right"], base["right"])[2] if base and base is not r else None


def cells(r):
    return [r["features"], r["way"], r["learned"], percent(r["accuracy"]), percent(r["error"]),
            "-" if r["auc"] is None else f"{r['auc']:.4f}",
            "-" if r["p"] is None else p_text(r["p"]), "-" if r["ms"] is None else f"{r['ms']:.2f}",
            "-" if r["bytes"] is None else f"{r['bytes']:,}", r["cited"]]


def outside_of(folder, names):
    people = identities(folder)
    if len(people) < 2:
        raise Failure(f"{folder}: has {len(people)} folder of an identity; at least 2 are needed")
    paths, person = [], []
    for p in people:
        images = images_below(os.path.join(folder, p))
        paths += images
        person += [p] * len(images)
    print(f"features of {len(paths)} images of {folder}", flush=True)
    return features_of(paths, names)[0], np.array(person)


def work(args):
    with folder_lock(args.out):
        faces = Faces(args.folder, read_pairs(args.pairs), args.features)
        outside = outside_of(args.faces, args.features) if args.faces else None
        rows = [network_row(text, faces) for text in args.network]
        for name in args.ways:
            for feature in WAYS[name].features:
                if feature in args.features:
                    print(f"{feature}, {name}", flush=True)
                    rows.append(measure(faces, feature, name,
                                        None if WAYS[name].of_pairs else outside))
        add_p(rows)
        table = [list(COLUMNS)] + [cells(r) for r in rows]
        write_csv(os.path.join(args.out, "table.csv"), table)
        from_ = dict(faces.images, faces=args.faces and fingerprints.of_folder(args.faces))
        write_json(os.path.join(args.out, "results.json"),
                   {"made": made_here(), "made_from": from_, "rows": rows})
    print(columns(table))
    print("p: McNemar's exact test against PCA and cosine on the same features. ms a face: one "
          "thread, of Python or of darknet bench, without reading the image.")
    print(f"results in {args.out}")


def main():
    parser = command_line(__doc__)
    parser.add_argument("folder", help="the images of the pairs, aligned and of one size")
    parser.add_argument("pairs", help="pairs.txt, with folds")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder of all results")
    parser.add_argument("--faces", metavar="DIR", help="train on this folder of identities")
    parser.add_argument("--features", type=words(FEATURES), default=list(FEATURES), metavar="A,B",
                        help=f"among {', '.join(FEATURES)}; default all")
    parser.add_argument("--ways", type=words(WAYS), default=list(WAYS), metavar="A,B",
                        help=f"among {', '.join(WAYS)}; default all")
    parser.add_argument("--network", action="append", default=[], metavar="NAME=JSON",
                        help="results.json of eval_lfw.py on the same pairs, or its folder, as a "
                        "row; may be given several times")
    return run_main(work, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
