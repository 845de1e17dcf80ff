"""Verifies pairs of faces with a network."""
import os
import tempfile
import time

import numpy as np

from evaluation.all_pairs import all_pairs
from lib import embeddings, fingerprints, skipping
from lib.errors import Failure
from lib.files import make_folder, read, read_json, write_json
from lib.folders import KINDS
from lib.metrics import cosines, mcnemar, metrics
from lib.pairs import unpack_bin
from lib.processes import darknet
from lib.text import counted
from report.roc import draw_roc, draw_worst, printable

# keys that the results of another run must have
NEEDED = ("pair_names", "right", "scores", "same", "made_from")


def find_images(folder, pairs, allow_missing):
    """Returns ({name: path in folder}, the pairs whose images both exist, missing names). Raises a
    Failure for missing names unless allow_missing is true."""
    found, missing, listed = {}, [], {}

    def place(inside):
        """Returns the path in `folder` of the image named `inside`, or None when it is missing. The
        name may lack its suffix."""
        at, stem = os.path.split(inside)
        if at not in listed:
            try:
                listed[at] = set(os.listdir(os.path.join(folder, at)))
            except (FileNotFoundError, NotADirectoryError):
                listed[at] = set()
        for suffix in ("", *KINDS):
            for name in (stem + suffix, stem + suffix.upper()):
                if name in listed[at] and os.path.isfile(os.path.join(folder, at, name)):
                    return os.path.join(at, name)
        return None

    for name in sorted({n for p in pairs for n in p[:2]}):
        # images lie in folders of people, as in LFW, or all in one folder
        path = place(name) or place(name.split("/")[-1])
        if path:
            found[name] = path
        else:
            missing.append(name)
    if missing and not allow_missing:
        shown = "\n  ".join(missing[:20]) + ("\n  ..." if len(missing) > 20 else "")
        many = counted(len(missing), "image of the pairs is", "images of the pairs are")
        raise Failure(f"{folder}: {many} missing (--allow-missing drops their pairs):\n  {shown}")
    return found, pairs_of(folder, pairs, found), missing


def pairs_of(folder, pairs, found):
    """Returns the pairs whose images both exist. Fails unless some of them show one person and some
    show two people."""
    kept = [p for p in pairs if p[0] in found and p[1] in found]
    if not any(p[2] for p in kept) or all(p[2] for p in kept):
        raise Failure(f"{folder}: no same or no different pairs are left")
    return kept


def embed(cfg, weights, folder, found, flip="none", threads=0, allow_broken=False):
    """Returns ({name: feature vector}, a line for each broken image). Raises a Failure for broken
    images unless allow_broken is true and other images have feature vectors."""
    names = sorted(found)
    paths = [os.path.join(os.path.abspath(folder), found[n]) for n in names]
    with tempfile.TemporaryDirectory() as scratch:
        listing, out = os.path.join(scratch, "images.txt"), os.path.join(scratch, "out.dnxe")
        with open(listing, "w", encoding="utf-8", errors="surrogateescape") as f:
            f.writelines(p + "\n" for p in paths)
        bad = skipping.embed(cfg, weights, listing, out, flip, threads)
        if bad and not (allow_broken and os.path.exists(out)):
            raise Failure(f"{folder}: {len(bad)} of {len(names)} images cannot be used "
                          "(--allow-missing drops their pairs):" + fingerprints.listed(bad, 20))
        got, vectors = embeddings.read(out)
    if len(got) != len(names) - len(bad):
        raise Failure(f"{darknet()} embed gave {len(got)} of {len(names)} images")
    if bad:
        name_of = dict(zip(paths, names))
        names = [name_of[path] for path in got]
    embeddings.check(vectors, weights, [found[n] for n in names])
    return dict(zip(names, vectors)), bad


def made_from(cfg, weights, images, flip="none"):
    """Returns the fingerprint of a verification. images: the result of images_of()."""
    return dict(images, network=fingerprints.of_network(read(cfg)), flip=flip,
                weights=fingerprints.of_file(weights), **{"darknet build": fingerprints.of_build()})


def images_of(folder, found, kept):
    """Returns the fingerprint of the pairs and of the contents of their images."""
    contents = [(n, fingerprints.of_file(os.path.join(folder, p))) for n, p in found.items()]
    return {"pairs": f"{len(kept)} pairs {fingerprints.digest(*kept)}",
            "images": f"{len(found)} images {fingerprints.digest(*contents)}"}


def verify(cfg, weights, folder, pairs, out, flip="none", threads=0, allow_missing=False,
           other=None, name="", pictures=True, every_pair=False):
    """Verifies pairs. Returns the result and writes its files into the folder `out`. pairs: as
    read_pairs() returns them; other: the results.json of another run to compare with; name: what
    titles of pictures call the faces; every_pair: also measure TAR over all pairs of the images."""
    start = time.time()
    make_folder(out)
    theirs = read_json(results_of(other), *NEEDED) if other else None
    found, kept, missing = find_images(folder, pairs, allow_missing)
    result = {"made_from": made_from(cfg, weights, images_of(folder, found, kept), flip)}
    vectors, broken = embed(cfg, weights, folder, found, flip, threads, allow_missing)
    if broken:
        found = {n: p for n, p in found.items() if n in vectors}
        kept = pairs_of(folder, pairs, found)
    scores = cosines(vectors, kept)
    same, folds = np.array([p[2] for p in kept]), np.array([p[3] for p in kept])
    result.update(metrics(scores, same, folds))
    result.update(cfg=cfg, weights=weights, faces=name or folder, flip=flip, images=len(found),
                  numbers=len(next(iter(vectors.values()))),
                  missing=missing, broken=broken, dropped_pairs=len(pairs) - len(kept),
                  seconds=time.time() - start, date=time.strftime("%Y-%m-%d %H:%M:%S"),
                  pair_names=[list(p[:2]) for p in kept], same=same.astype(int).tolist(),
                  folds=folds.tolist(), scores=scores.tolist())
    if every_pair:
        result["all_pairs"] = all_pairs(vectors)
    if theirs:
        result["versus"] = versus(result, theirs, other)
    if pictures:
        title = printable(f"{os.path.basename(cfg)}, {short(weights)}: {len(kept)} pairs of "
                          f"{name or short(folder)}, flip {flip}")
        draw_roc(os.path.join(out, "roc.png"), result, title, theirs)
        draw_worst(os.path.join(out, "worst.png"), folder, found, kept, result, title)
    write_json(os.path.join(out, "results.json"), result)
    return result


def verify_bin(cfg, weights, path, out, **more):
    """Verifies a verification set of InsightFace. more: arguments of verify()."""
    with tempfile.TemporaryDirectory() as scratch:
        return verify(cfg, weights, scratch, unpack_bin(path, scratch), out,
                      name=os.path.basename(path), **more)


def short(path):
    return "/".join(os.path.abspath(path).split("/")[-2:])


def results_of(path):
    """Returns the path of a results.json. path: this path, or its folder."""
    return os.path.join(path, "results.json") if os.path.isdir(path) else path


def versus(result, theirs, path):
    """Returns McNemar's test against the results of another run, on the pairs that both have."""
    try:
        right = {tuple(n): (r, s) for n, r, s in
                 zip(theirs["pair_names"], theirs["right"], theirs["same"])}
        both = [(r, right[tuple(n)][0]) for n, r, s in
                zip(result["pair_names"], result["right"], result["same"])
                if tuple(n) in right and right[tuple(n)][1] == s]
    except (TypeError, ValueError) as e:
        raise Failure(f"{path}: not a results.json of eval_lfw.py ({e})") from e
    if not both:
        raise Failure(f"{path}: has no pair in common with this run")
    only_this, only_other, p = mcnemar(*zip(*both))
    return {"other": path, "pairs": len(both), "only_this_right": only_this,
            "only_other_right": only_other, "p": p, "other_accuracy": theirs.get("accuracy"),
            "same_images": theirs["made_from"].get("images") == result["made_from"]["images"]}
