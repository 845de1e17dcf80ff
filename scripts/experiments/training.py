"""Trains networks. A finished training is not repeated, and an interrupted one continues."""
import math
import os
import re
import time

from lib import fingerprints
from lib.errors import Failure
from lib.files import read, read_json, read_result, write, write_json
from lib.processes import darknet, on_threads, run
from report import curves
from report.machine import commit, processor

RECORD = "record.json"
BUILD = "darknet build"


def made_from(args, text, source, teacher, options, start):
    """Returns the fingerprint of a training. source: the fingerprint of the images; teacher: () or
    the paths of the teacher's cfg and weights."""
    inputs = dict(fingerprints.of_cfg(text), **source)
    if teacher:
        inputs["teacher's network"] = fingerprints.of_network(read(teacher[0]))
        inputs["teacher's weights"] = fingerprints.of_file(teacher[1])
    if start:
        inputs["weights at the start"] = fingerprints.of_file(start[0])
    inputs["teacher's outputs"] = "cached" if "-cache" in options else "computed for each batch"
    inputs["threads"] = str(args.threads) if args.threads else "all"
    inputs[BUILD] = fingerprints.of_build()
    return inputs


def check_record(args, folder, now):
    """Returns the record of the training in `folder`, or None without a training. When the training
    had other inputs than `now`, or its weights were changed, raises a Failure. With args.force it
    renames the folder instead, and returns None."""
    path = os.path.join(folder, RECORD)
    if not os.path.exists(os.path.join(folder, "net.cfg")) and not os.path.exists(path):
        return None
    record = read_result(path, "made_from", "done", "sessions")
    lines = fingerprints.differences(record["made_from"], now) if record else \
        [f"{RECORD}: is missing or torn, so what the training was made from is unknown"]
    if record and args.any_build:
        lines = [l for l in lines if not l.startswith(BUILD)]
    if record and record["done"] and not lines:
        weights = os.path.join(folder, "net.weights")
        if not os.path.exists(weights):
            lines = [f"{weights}: is missing"]
        elif fingerprints.of_file(weights) != record.get("weights"):
            lines = [f"{weights}: is not the file that the training wrote"]
    if not lines:
        return record
    if not args.force:
        raise Failure(f"{folder}: was made from other inputs: choose another --out, or --force to "
                      "keep it under another name and train again" + fingerprints.listed(lines) +
                      ("\n(--any-build keeps what another build trained)"
                       if any(l.startswith(BUILD) for l in lines) else ""))
    kept = set_aside(folder)
    print(f"{folder}: other inputs, kept as {os.path.basename(kept)}" + fingerprints.listed(lines))
    return None


def set_aside(folder):
    number = 1
    while os.path.exists(f"{folder}.old-{number}"):
        number += 1
    os.rename(folder, f"{folder}.old-{number}")
    return f"{folder}.old-{number}"


def train(args, name, text, faces, teacher=(), options=(), start=()):
    """Trains the network of a cfg text in out/name. Returns the paths of its cfg and weights.
    teacher: () or the paths of the teacher's cfg and weights; options: options of `darknet
    classifier train`; start: further arguments of this command, which name the initial weights."""
    folder = os.path.join(args.out, name)
    cfg, weights, path = (os.path.join(folder, f) for f in ("net.cfg", "net.weights", RECORD))
    if teacher and args.cache:
        cache = os.path.join(args.out, "cache-" + os.path.basename(faces.path))
        options = ["-cache", cache, *options]
    now = made_from(args, text, faces.source, teacher, options, start)
    record = check_record(args, folder, now)
    if record and record["done"]:
        return cfg, weights
    record = record or {"made_from": now, "done": False, "sessions": []}
    os.makedirs(folder, exist_ok=True)
    write_json(path, record)
    write(cfg, text)
    own = os.path.join(folder, "net.data")
    write(own, re.sub(r"(?m)^backup=.*", lambda _: f"backup={folder}", read(faces.path)))
    resume = os.path.exists(os.path.join(folder, "net.state"))
    before, begun = training_seconds(args, name), time.time()
    session = {"commit": commit(), "machine": processor(),
               "begun": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(begun))}
    try:
        run([darknet(), "classifier", "train", own, cfg, *on_threads(args.threads), *options,
             *(["-resume"] if resume else start)], show=True)
    finally:  # an interrupted session is recorded, too
        session.update(seconds=time.time() - begun, training=training_seconds(args, name) - before)
        record["sessions"].append(session)
        write_json(path, record)
    record.update(done=True, weights=fingerprints.of_file(weights))
    write_json(path, record)
    return cfg, weights


def curve_options(batches, points, pairs):
    """Returns the options of the trainer for a curve of at most `points` accuracies on `pairs`."""
    if not points or not pairs:
        return []
    return ["-pairs", pairs.path, "-faces", pairs.faces, "-verify",
            str(math.ceil(batches / points))]


def training_seconds(args, name):
    """Returns the seconds of a training's updates in all sessions, from its log."""
    try:
        log = curves.read(os.path.join(args.out, name, "net.csv"))
    except Failure:  # the training has no log yet
        return 0.
    return sum(args.batch / v for v in log.get("images_per_second", []) if v > 0)


def other_seconds(args, name):
    """Returns the seconds that a training's sessions spent outside of updates."""
    record = read_json(os.path.join(args.out, name, RECORD), "sessions")
    return sum(max(0., s["seconds"] - s["training"]) for s in record["sessions"])


def build_of(args, name):
    """Returns the build of darknet that trained a network; None for a network that was given."""
    record = read_result(os.path.join(args.out, name, RECORD), "made_from")
    return record and record["made_from"].get(BUILD)
