#!/usr/bin/python3
"""Groups the faces of an unsorted folder into people: a first step towards your own training set.

    scripts/cluster_faces.py NET.cfg WEIGHTS PHOTOS OUT [--threshold 0.35]

PHOTOS is a folder of photographs. `darknet faces` finds the faces and writes crops into OUT/faces.
With --aligned PHOTOS is already a folder of crops. `darknet embed` computes features. SciPy joins
two groups as long as the mean cosine between their faces is above the threshold
(agglomerative clustering, average linkage).

OUT/people/person-0001/ and so on get the crops, the largest group first. OUT/alone/ gets the faces
of groups with fewer than --least faces. OUT/sheets/ has a contact sheet for each person, and
OUT/people.csv a line for each face. Look at the sheets before you train. There are two kinds of
mistakes: one person in several groups, and similar people in one group.

The memory grows with the square of the number of faces: 10,000 faces need about 1 GB."""
import csv
import itertools
import math
import os
import shutil
import sys

from lib.errors import Failure, needs, run_main

needs("numpy", "PIL", "scipy")
import numpy as np
from PIL import Image
from scipy.cluster.hierarchy import fcluster, linkage

from lib import fingerprints
from lib.arguments import command_line, whole
from lib.embeddings import Embeddings
from lib.files import make_folder, read_result, remove, whole_file
from lib.lock import folder_lock
from lib.pictures import read_rgb
from lib.skipping import cut_out, run_to
from lib.text import counted

MOST = 30000  # the most faces that can be grouped at a time
TILE, COLUMNS, ROWS = 112, 8, 12  # pixels of a face; columns and rows of a sheet
MADE = "people", "alone", "sheets", "people.csv"
UNFINISHED = "unfinished"  # folder of the results until all of them are written


def cosine_of(text, cfg, weights):
    """Returns the threshold of cosines. text: a number, or a threshold.json of this network."""
    ours = fingerprints.of_features(cfg, weights)
    try:
        value = float(text)
    except ValueError:
        told = read_result(text, "threshold", "network") or {}
        value, network = told.get("threshold"), told.get("network")
        if told.get("format") != "darknet threshold 1" or not isinstance(value, (int, float)):
            raise Failure(f"{text}: is neither a cosine nor a threshold.json") from None
        if network not in (None, ours):
            raise Failure(f"{text}: was measured with the network {network}, this is {ours}, or by "
                          "an older version: measure it again") from None
        if told.get("flip", "none") != "none":
            raise Failure(f"{text}: is of features with mirrored images; measure it without "
                          "--flip") from None
    if not -1 < value < 1:
        raise Failure(f"--threshold {text}: must be a cosine between -1 and 1")
    return value


def check_apart(photos, out):
    """Raises a Failure if the results would lie in the folder of the photographs, or replace it."""
    images, target = os.path.realpath(photos), os.path.realpath(out)
    made = [os.path.join(target, name) for name in MADE]
    if any(os.path.commonpath([inner, outer]) == outer for inner, outer in
           [(target, images), *((images, path) for path in made)]):
        raise Failure(f"{out}: must be a folder apart from the images in {photos}")


def find_faces(args):
    if args.aligned:
        return args.photos
    if os.path.exists(os.path.join(args.photos, "faces.record")):
        print(f"{args.photos}: has crops of darknet faces: -aligned takes them as they are",
              file=sys.stderr)
    crops = os.path.join(args.out, "faces")
    cut_out(args.photos, crops, "-min-face", str(args.min_face),
            *(["-mtcnn", args.mtcnn] if args.mtcnn else []))
    return crops


def features(args, crops):
    path = os.path.join(args.out, "faces.dnxe")
    remove(path)
    run_to(path, "embed", args.cfg, args.weights, crops, path, "-unit", "-force")
    e = Embeddings(path)
    if e.count > MOST:
        raise Failure(f"{crops}: {e.count:,} faces; at most {MOST:,} can be grouped at a time")
    return list(e.names), e.rows(0, e.count).astype(np.float64)


def group(rows, threshold):
    """Returns a list of row numbers for each group. The largest group comes first, and in a group
    the most typical face. rows: unit features; threshold: the mean cosine that joins groups."""
    if len(rows) == 1:
        return [[0]]
    labels = fcluster(linkage(rows, "average", "cosine"), 1 - threshold, "distance")
    groups = [np.flatnonzero(labels == i) for i in range(1, labels.max() + 1)]
    groups = [g[np.argsort(-(rows[g] @ rows[g].mean(0)), kind="stable")] for g in groups]
    return sorted((g.tolist() for g in groups), key=lambda g: (-len(g), g[0]))


def draw(crops, names, path):
    shown = names[:COLUMNS * ROWS]
    sheet = Image.new("RGB", (TILE * min(COLUMNS, len(shown)),
                              TILE * math.ceil(len(shown) / COLUMNS)), "white")
    for i, name in enumerate(shown):
        sheet.paste(read_rgb(os.path.join(crops, name)).resize((TILE, TILE)),
                    (TILE * (i % COLUMNS), TILE * (i // COLUMNS)))
    with whole_file(path, binary=True) as f:
        sheet.save(f, "JPEG", quality=90)


def place(folder, name):
    """Returns a path in the folder for the crop a/b.jpg: a_b.jpg, or a_b-2.jpg when a_b.jpg exists,
    and so on."""
    stem, suffix = os.path.splitext(os.path.join(folder, name.replace("/", "_")))
    ways = itertools.chain([stem], (f"{stem}-{i}" for i in itertools.count(2)))
    return next(way + suffix for way in ways if not os.path.exists(way + suffix))


def hand_out(args, crops, names, groups, out):
    """Writes folders, sheets and people.csv into `out`. Returns the number of faces in alone/."""
    rows = []
    make_folder(os.path.join(out, "sheets"))
    for number, g in enumerate(groups, 1):
        is_person = len(g) >= args.least
        person = f"person-{number:04}" if is_person else ""
        folder = os.path.join(out, "people", person) if is_person else os.path.join(out, "alone")
        make_folder(folder)
        for i in g:
            shutil.copyfile(os.path.join(crops, names[i]), place(folder, names[i]))
            rows.append((names[i], person))
        if is_person:
            draw(crops, [names[i] for i in g], os.path.join(out, "sheets", person + ".jpg"))
    with whole_file(os.path.join(out, "people.csv")) as f:
        csv.writer(f, lineterminator="\n").writerows([("face", "person")] + sorted(rows))
    return sum(not person for _, person in rows)


def check_free(out):
    """Raises a Failure when `out` has results of an earlier call, unless it was interrupted.
    put_in_place() moves people.csv last, so an interrupted call has not put it there."""
    there = [name for name in MADE if os.path.exists(os.path.join(out, name))]
    was_interrupted = os.path.exists(os.path.join(out, UNFINISHED)) and "people.csv" not in there
    if there and not was_interrupted:
        raise Failure(f"{out}: has people already; -force groups again and removes people, alone "
                      "and sheets")


def put_in_place(new, out):
    remove(os.path.join(out, "people.csv"))
    for name in MADE:
        old = os.path.join(out, name)
        if os.path.isdir(old):
            shutil.rmtree(old)
        else:
            remove(old)
        if os.path.exists(os.path.join(new, name)):
            os.rename(os.path.join(new, name), old)
    os.rmdir(new)


def cluster(args):
    for path in (args.cfg, args.weights, args.photos):
        if not os.path.exists(path):
            raise Failure(f"{path}: No such file or directory")
    threshold = cosine_of(args.threshold, args.cfg, args.weights)
    check_apart(args.photos, args.out)
    new = os.path.join(args.out, UNFINISHED)
    with folder_lock(args.out):
        if not args.force:
            check_free(args.out)
        crops = find_faces(args)
        names, rows = features(args, crops)
        groups = group(rows, threshold)
        if os.path.exists(new):
            shutil.rmtree(new)
        alone = hand_out(args, crops, names, groups, new)
        put_in_place(new, args.out)
    people = sum(len(g) >= args.least for g in groups)
    print(f"{counted(len(names), 'face')}: {counted(people, 'person', 'people')}, "
          f"{counted(alone, 'face')} alone; {args.out}/sheets shows them")


def main():
    parser = command_line(__doc__)
    for name, metavar in (("cfg", "NET.cfg"), ("weights", "WEIGHTS"), ("photos", "PHOTOS"),
                          ("out", "OUT")):
        parser.add_argument(name, metavar=metavar)
    parser.add_argument("--threshold", default="0.35", metavar="COSINE|FILE",
                        help="a cosine or threshold.json; default 0.35. Higher: more, purer groups")
    parser.add_argument("--least", type=whole(1), default=2, metavar="N",
                        help="faces that make a person; default 2")
    parser.add_argument("--aligned", "-aligned", action="store_true",
                        help="PHOTOS has crops already")
    parser.add_argument("--min-face", type=whole(12, 16384), default=40, metavar="N",
                        help="the smallest face to find, pixels; default 40")
    parser.add_argument("--mtcnn", metavar="FOLDER", help="the detector of `darknet faces`")
    parser.add_argument("--force", "-force", action="store_true",
                        help="group again, and remove the results of an earlier call")
    return run_main(cluster, parser.parse_args(), again=True)


if __name__ == "__main__":
    sys.exit(main())
