#!/usr/bin/python3
"""Measures identification among many other people, by MegaFace's protocol, on your own folders:

    eval_identification.py net.cfg net.weights probes/ distractors/... --out DIR
    eval_identification.py probes.dnxe distractors.dnxe... --out DIR

probes: a folder with one sub-folder for each person, or the file that `darknet embed` made of it.
distractors: folders or lists of images of other people, or files of `darknet embed`; the names of
these people are not needed.

Rank-1: an image of a person is searched among all distractors and one other image of the person.
This is done for each ordered pair of images of a person. Rank-1 is the share of searches in which
the person comes first.
TAR at FAR: FAR is the share of the pairs of images of two different people whose cosine is above a
threshold. TAR is the share of the pairs of images of one person whose cosine is above it.
FNIR at FPIR: a watch list has the mean feature of each person. FPIR is the share of strangers whose
search exceeds a threshold. FNIR is the share of searches for a person on the list that do not find
the person at that threshold.

Writes into DIR: results.json, table.csv, identification.png, threshold.json (for `darknet compare`
and `darknet find`), with --suspects also suspects.png and suspects.txt. Intervals are 95 %
confidence intervals; they allow for several trials with one person. A TAR is measured only when at
least ten pairs of two people are above the threshold, FNIR only when at least ten strangers are
above it. Features are stored in DIR/embeddings and used again while network, weights, --flip,
images and the build of darknet are the same. """
import os
import sys
import time

from lib.errors import Failure, needs, run_main

needs("numpy", "scipy", "faiss")
from evaluation import comparison, identification, threshold
from evaluation.faces import Network, read_ignored
from evaluation.statistics import rate_name
from lib import fingerprints
from lib.arguments import each, evaluation, real, whole
from lib.files import write_csv, write_json
from lib.folders import check_outside
from lib.lock import folder_lock
from lib.text import columns, counted
from report import identification as shown
from report.machine import has_slow_blas, made_here

THRESHOLD_RATE = 1e-3
MANY = 1e12  # multiplications that take minutes without a fast BLAS


def split(words, args):
    """Splits the words [NET.cfg WEIGHTS] INPUT... Returns (Network or None, the inputs)."""
    if not words[0].endswith(".cfg"):
        return None, words
    if len(words) < 2:
        raise Failure(f"{words[0]}: needs its weights after it")
    return Network(words[0], words[1], args.flip, args.threads, args.allow_broken), words[2:]


def entries(args):
    """Returns [(name, Network, inputs)] for this network and each of --versus. The Network is None
    when the inputs are files of features."""
    network, inputs = split(args.inputs, args)
    if not inputs:
        raise Failure(f"{args.inputs[0]}: no faces are named")
    out = [(network.name if network else short(inputs[0]), network, inputs)]
    for words in args.versus:
        other, more = split(words, args)
        if other and more:
            raise Failure(f"--versus {' '.join(words)}: takes a cfg and weights, or files of "
                          "features")
        if not other and len(more) != len(inputs):
            raise Failure(f"--versus {' '.join(words)}: {counted(len(more), 'file')} of features "
                          f"for {counted(len(inputs), 'input')}")
        out.append((other.name if other else short(more[0]), other, inputs if other else more))
    return numbered(out)


def short(path):
    return os.path.splitext(os.path.basename(os.path.abspath(path)))[0]


def numbered(listed):
    names = [n for n, _, _ in listed]
    return [(n if names.count(n) == 1 else f"{n} ({names[:i + 1].count(n)})", *rest)
            for i, (n, *rest) in enumerate(listed)]


def made_from(network, others, probes, args):
    sources = {os.path.basename(s.file.path): fingerprints.of_file(s.file.path)
               for s in others.sources}
    options = {k: str(getattr(args, k)) for k in ("far", "draws", "seed", "bootstrap", "template",
                                                  "template_weights", "keep_equal")}
    return {"network": network.fingerprint if network else None, "flip": args.flip,
            "probes": fingerprints.digest(*probes.names, probes.rows.tobytes()),
            "ignored": fingerprints.digest(*sorted(args.ignored)), **sources, **options,
            "darknet build": fingerprints.of_build() if network else None}


def one(name, network, inputs, args):
    """Measures one network. Returns (result, the arrays that comparisons and pictures need)."""
    probes, others, found = identification.load(inputs, network, args.embeddings, args)
    if len(probes.rows) * (len(probes.rows) + len(others)) * probes.rows.shape[1] > MANY and \
            has_slow_blas():
        print("the BLAS of this machine is slow: libopenblas0-pthread multiplies many times faster "
              "(make eval-deps)", file=sys.stderr)
    start = time.time()
    result, private = identification.measure(probes, others, args)
    images = probes.images
    about = {"network": network.fingerprint if network else (
        others.sources or [None])[0] and (others.sources[0].network or (None,))[0],
             "flip": args.flip, "cfg": network and network.cfg,
             "weights": network and network.weights}
    faces = {"people": len(images), "people_with_one_image": int((images == 1).sum()),
             "probes": int(images[images > 1].sum()), "distractors": len(others),
             "ignored": len(found), "ignored_not_found": len(args.ignored) - len(found)}
    private.update(probes=probes, others=others, about=about)
    return dict(name=name, **about, faces=faces, seconds=time.time() - start,
                made_from=made_from(network, others, probes, args), **result), private


def write_threshold(args, result, private):
    """Writes threshold.json. Returns [], or a list with the reason when it cannot be written."""
    v = result["verification"]
    counts = {"genuine_pairs": v["genuine_pairs"], "impostor_pairs": v["impostor_pairs"],
              "people": v["people_with_pairs"]}
    rate = args.threshold_rate or THRESHOLD_RATE
    about = dict(private["about"], faces=shown.faces_text(result))
    why_not = threshold.save(args, rate, v["tar_at_far"][rate_name(rate)], counts, about)
    return [why_not] if why_not else []


def work(args):
    args.out = os.path.abspath(args.out)
    args.embeddings = os.path.abspath(args.embeddings or os.path.join(args.out, "embeddings"))
    args.ignored = read_ignored(args.ignore) if args.ignore else set()
    args.far = sorted({*args.far, args.threshold_rate or THRESHOLD_RATE}, reverse=True)
    listed = entries(args)
    if args.suspects and len(listed[0][2]) < 2:
        raise Failure("--suspects needs distractors")
    for folder in {path for _, _, inputs in listed for path in inputs if os.path.isdir(path)}:
        check_outside(args.out, folder)
    with folder_lock(args.out):
        results, privates = [], []
        for name, network, inputs in listed:
            result, private = one(name, network, inputs, args)
            if results:
                result["versus"] = comparison.compare(results[0]["name"], private, privates[0])
            results.append(result)
            privates.append(private)
        notes = shown.notes(results, args) + write_threshold(args, results[0], privates[0])
        table = shown.table(results)
        write_csv(os.path.join(args.out, "table.csv"), table)
        if args.suspects and len(privates[0]["others"]):
            shown.draw_suspects(args.out, privates[0], args.suspects)
        if args.pictures:
            shown.draw(os.path.join(args.out, "identification.png"), results, privates)
        write_json(os.path.join(args.out, "results.json"),
                   {"made": made_here(), "notes": notes, "made_from": results[0]["made_from"],
                    "networks": results})
    print(columns(table))
    for line in notes:
        print(line)
    print(f"results in {args.out}")


def main():
    parser = evaluation(__doc__)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="as above")
    parser.add_argument("--embeddings", metavar="DIR",
                        help="the folder of cached features; default "
                        "OUT/embeddings; several runs may share it")
    parser.add_argument("--versus", nargs="+", action="append", default=[], metavar="FILE",
                        help="another network: its cfg and weights, or its files of features in "
                        "the order of the inputs; may be given several times")
    parser.add_argument("--far", type=each(real(above=0, most=.5)),
                        default=list(identification.RATES), metavar="RATE,RATE",
                        help="false-match rates; default 1e-3,1e-4,1e-5,1e-6")
    parser.add_argument("--threshold-rate", type=real(above=0, most=.5), metavar="RATE",
                        help="the false-match rate of threshold.json; default 1e-3")
    parser.add_argument("--ignore", metavar="FILE", help="images to leave out, a path a line: as "
                        "they stand in their folder, or as they are on the disk")
    parser.add_argument("--keep-equal", action="store_true",
                        help="allow images that are both probe and distractor")
    parser.add_argument("--suspects", type=whole(1, 1000), metavar="N", help="show the N pairs of "
                        "probe and distractor that look most alike; suspects.txt lists these "
                        "distractors, and after you have read it, --ignore takes it")
    parser.add_argument("--template", type=whole(1, 100000), default=1, metavar="N",
                        help="make one feature of each N images of a person, as IJB does")
    parser.add_argument("--template-weights", choices=("equal", "length"), default="equal",
                        help="the weight of an image in its template; length: of its feature "
                        "before it is "
                        "normalised, which is small for bad images; default equal")
    parser.add_argument("--draws", type=whole(1, 1000), default=5, metavar="N",
                        help="random subsets of each number of distractors; default 5")
    parser.add_argument("--bootstrap", type=whole(20, 100000), default=1000, metavar="N",
                        help="draws of people for the intervals of TAR; default 1000")
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument("--allow-broken", action="store_true", help="leave broken images out")
    args = parser.parse_args()
    if args.pictures or args.suspects:
        needs("matplotlib")
    return run_main(work, args)


if __name__ == "__main__":
    sys.exit(main())
