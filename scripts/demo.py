#!/usr/bin/python3
"""Shows a first result (make demo). It draws some synthetic faces and trains a small MobileFaceNet
(an eighth of the width, 56 x 56 pixels). It compares two pairs of the same person and two pairs of
different people that the network has not seen. A contact sheet shows cosines and decisions.

    scripts/demo.py --out demo
    scripts/demo.py --out demo --photos FOLDER [--net NET.cfg WEIGHTS --threshold FILE]

With --photos the faces come from a folder of photographs (make faces-deps). One pair is from one
sub-folder, one from two sub-folders, and these folders tell whether a decision is right or wrong.
Without sub-folders the first three faces are compared. Without --net the script takes the network
of `make teacher` when it is installed, otherwise the network trained on drawings, which is poor on
real people. With --net, decisions need --threshold.

The threshold for drawings is the cosine with the fewest errors on all pairs that are not shown. The
pairs shown are the first of the list, not a selection."""
import json
import os
import shutil
import sys
import time

from lib.errors import Failure, needs, run_main

needs("numpy", "scipy", "PIL")
import numpy as np
from PIL import Image, ImageDraw

from experiments.verification import embed, find_images
from lib.arguments import command_line
from lib.cfg_text import edit
from lib.files import make_folder, read, whole_file, write
from lib.folders import check_outside, images_below
from lib.lock import folder_lock
from lib.metrics import best_threshold, cosines, percent
from lib.pairs import read_pairs
from lib.pictures import read_rgb
from lib.processes import ROOT, darknet, run
from lib.skipping import cut_out
from lib.text import counted

SIZE, IDENTITIES, IMAGES, PAIRS, BATCH, BATCHES = 56, 60, 20, 400, 64, 500
VERDICTS = {True: "the same person", False: "different people",
            None: "no verdict without --threshold"}
TRUTHS = {True: "one person", False: "two people", None: "a pair"}
# The network of `make teacher` and its threshold: 1 % of LFW's pairs of two people exceed this
# cosine (measured by eval_lfw.py).
TEACHER = (os.path.join(ROOT, "build", "teacher", "teacher.cfg"),
           os.path.join(ROOT, "build", "teacher", "teacher.weights"), .2374)
POOR = ("This network was trained for seconds on drawings and is poor on real people:\n"
        "`make teacher` installs one for real faces, --net names another")
SHOWN = 2  # number of pairs of one person that are shown, and of pairs of two people


def train(out):
    """Trains on synthetic faces. Returns (cfg, weights, folder of test faces, file of pairs)."""
    drawn, cfg = os.path.join(out, "synthetic"), os.path.join(out, "small.cfg")
    run([darknet(), "synth", drawn, "-identities", str(IDENTITIES), "-images", str(IMAGES),
         "-pairs",
         str(PAIRS), "-size", str(SIZE)], show=True)
    text = read(os.path.join(ROOT, "cfg", "mobilefacenet-half-am.cfg"))
    write(cfg, edit(text, {
        "net": {"width": SIZE, "height": SIZE, "width_multiplier": .25, "batch": BATCH,
                "max_batches": BATCHES, "burn_in": 10,
                "steps": f"{BATCHES * 2 // 3},{BATCHES - 15}"},
        "margin_softmax": {"classes": IDENTITIES, "warmup": 50}}))
    write(os.path.join(out, "small.data"),
          f"classes={IDENTITIES}\ntrain={os.path.join(drawn, 'train')}\nbackup={out}\n")
    run([darknet(), "classifier", "train", os.path.join(out, "small.data"), cfg, "-force"],
        capture=True)
    return cfg, os.path.join(out, "small.weights"), os.path.join(drawn, "test"), \
        os.path.join(drawn, "pairs.txt")


def scores_of(cfg, weights, folder, listed):
    """Returns [(path, path, same)] and the cosines for a list of pairs."""
    found, pairs, _ = find_images(folder, listed, False)
    vectors, _ = embed(cfg, weights, folder, found)
    return [(*(os.path.join(folder, found[name]) for name in p[:2]), p[2]) for p in pairs], \
        cosines(vectors, pairs)


def pairs_of_photos(folder, out):
    """Returns pairs of crops: [(path, path, truth)]. truth: True for one person, False for two
    people, None when unknown."""
    crops = os.path.join(out, "faces")
    cut_out(folder, crops, "-largest", "-overwrite", show=True)
    found = images_below(crops)
    people = {}
    for path in found:
        people.setdefault(os.path.dirname(path), []).append(path)
    people.pop(crops, None)  # outside of sub-folders, the people are unknown
    several = [p for p in people.values() if len(p) > 1]
    if len(people) > 1 and several:
        first = several[0]
        other = next(p for p in people.values() if p is not first)
        return [(first[0], first[1], True), (first[0], other[0], False)]
    if len(found) < 3:
        raise Failure(f"{folder}: {counted(len(found), 'face was', 'faces were')} found, three are "
                      "needed")
    return [(found[0], found[1], None), (found[0], found[2], None)]


def resized(path, out):
    small = os.path.join(out, "small", os.path.relpath(path, out).replace("/", "_"))
    make_folder(os.path.dirname(small))
    with whole_file(small, binary=True) as f:
        read_rgb(path).resize((SIZE, SIZE), Image.LANCZOS).save(f, "JPEG", quality=95)
    return small


def compare(cfg, weights, a, b, threshold):
    given = ["-threshold", str(threshold)] if threshold is not None else []
    said = run([darknet(), "compare", cfg, weights, a, b, "-aligned", "-json", *given],
               capture=True)
    pair = json.loads(said)["pairs"][0]
    return pair["cosine"], pair["is_same"]


def judged(truth, is_same):
    """Returns the verdict as text and, when the truth is known, whether it is right."""
    known = truth is not None and is_same is not None
    return VERDICTS[is_same] + (("; wrong", "; right")[truth == is_same] if known else "")


def draw(rows, note, path):
    """Draws a contact sheet. rows: [(path, path, text)]; note: lines below the rows."""
    side, gap = 168, 12
    height = len(rows) * (side + gap) + gap
    sheet = Image.new("RGB", (2 * side + 3 * gap + 260, height + (40 if note else 0)), "white")
    pen = ImageDraw.Draw(sheet)
    for i, (a, b, text) in enumerate(rows):
        top = gap + i * (side + gap)
        for k, name in enumerate((a, b)):
            sheet.paste(read_rgb(name).resize((side, side)), (gap + k * (side + gap), top))
        pen.multiline_text((2 * side + 3 * gap, top + side // 2 - 20), text, fill="black",
                           spacing=6)
    pen.multiline_text((gap, height), note, fill="black")
    with whole_file(path, binary=True) as f:
        sheet.save(f, "PNG")


def on_drawings(out):
    """Trains a network on drawings. Returns (cfg, weights, threshold, pairs to show)."""
    cfg, weights, folder, listed = train(out)
    pairs, scores = scores_of(cfg, weights, folder, read_pairs(listed))
    same = np.array([p[2] for p in pairs])
    shown = np.append(np.flatnonzero(same)[:SHOWN], np.flatnonzero(~same)[:SHOWN])
    scores, same = np.delete(scores, shown), np.delete(same, shown)
    threshold = best_threshold(scores, same)
    print(f"threshold {threshold:.4f}: {percent(((scores > threshold) == same).mean())} % of "
          f"{len(same)} pairs of unseen synthetic faces are right (it was fitted to them)")
    return cfg, weights, round(threshold, 4), [pairs[i] for i in shown]


def demo(args):
    if args.photos:
        check_outside(args.out, args.photos)
    with folder_lock(args.out):
        show(args)


def show(args):
    start = time.time()
    shutil.rmtree(os.path.join(args.out, "synthetic"), ignore_errors=True)
    pairs = pairs_of_photos(args.photos, args.out) if args.photos else None
    note, rows = "", []
    if args.net:
        cfg, weights, threshold = *args.net, args.threshold
    elif args.photos and all(map(os.path.exists, TEACHER[:2])):
        cfg, weights, threshold = TEACHER
        print(f"network: {weights}; threshold {threshold}: 1 % of LFW's pairs of two people exceed "
              "it")
    else:
        cfg, weights, threshold, drawn = on_drawings(args.out)
        note = POOR if pairs else ""
        pairs = [(resized(a, args.out), resized(b, args.out), truth) for a, b, truth in pairs] \
            if pairs else drawn
    for a, b, truth in pairs:
        cosine, is_same = compare(cfg, weights, a, b, threshold)
        verdict = judged(truth, is_same)
        print(f"{TRUTHS[truth]}: cosine {cosine:.4f}: {verdict}")
        rows.append((a, b, f"{TRUTHS[truth]}\ncosine {cosine:.4f}\n{verdict}"))
    path = os.path.join(args.out, "sheet.png")
    draw(rows, note, path)
    print(note + "\n" * bool(note), end="")
    print(f"{path} shows them; {time.time() - start:.1f} s in all")


def main():
    parser = command_line(__doc__)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the folder of all results")
    parser.add_argument("--photos", metavar="FOLDER", help="photographs; needs make faces-deps")
    parser.add_argument("--net", nargs=2, metavar=("NET.cfg", "WEIGHTS"),
                        help="the network for --photos, of 112 x 112 pixels")
    parser.add_argument("--threshold", metavar="FILE|COSINE", help="the threshold of --net")
    args = parser.parse_args()
    if (args.net and not args.photos) or (args.threshold and not args.net):
        parser.error("--net is for --photos, --threshold for --net")
    return run_main(demo, args)


if __name__ == "__main__":
    sys.exit(main())
