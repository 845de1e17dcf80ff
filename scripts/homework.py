#!/usr/bin/python3
"""homework.py: trains a MobileFaceNet teacher, then narrower students from scratch and by
distillation, and compares them by face verification.

Without --faces it draws synthetic faces, and says so in every result. What is done already in --out
is not done again; a training that was interrupted goes on from its checkpoint.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time

from lib.cfg_text import edit, embedding, sections, without_losses
from report.experiment import mean_error, report, show, write

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
DARKNET = os.path.join(ROOT, "bin", "darknet")
CFG = os.path.join(ROOT, "cfg")
METHODS = {  # name: (cfg of the student, what it is)
    "scratch": ("mobilefacenet-half-am.cfg", "labels alone (CosFace)"),
    "probability": ("mobilefacenet-half-kd-probability.cfg", "labels and probabilities"),
    "feature": ("mobilefacenet-half-kd-feature.cfg", "the teacher's features, no labels"),
    "correlation": ("mobilefacenet-half-kd-correlation.cfg", "labels and correlations (CC-KD)"),
    "exclusive": ("mobilefacenet-half-kd-ec.cfg", "features, hard samples, exclusivity (EC-KD)")}
# of these losses beside the labels' loss: with a teacher trained here, with a given one. The best
# of a few tried, for synthetic faces and for real ones; README.md has them. A teacher trained here
# knows the students' identities; what a given one says of them counts for less.
WEIGHTS = {"probability": (1, .1), "correlation": (2000, 30)}
LABELLED = ("scratch", "probability", "correlation")


class Failure(Exception):
    pass


def run(command, log=None):
    """Runs a command; its output goes to our own, or into `log` as well as to Failure."""
    print("$ " + " ".join(os.path.relpath(c, ROOT) if c.startswith(ROOT) else c for c in command),
          flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE if log else None,
                          stderr=subprocess.STDOUT if log else None, text=True, check=False)
    if log:
        with open(log, "w", encoding="utf-8") as f:
            f.write(done.stdout)
    if done.returncode:
        raise Failure(f"{command[0]} {command[1]} failed with status {done.returncode}"
                      + (f":\n{done.stdout[-2000:]}" if log else ""))
    return done.stdout


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def schedule(args, batches, rate):
    return {"batch": args.batch, "subdivisions": 1, "max_batches": batches, "policy": "steps",
            "steps": f"{int(.6 * batches)},{int(.85 * batches)}", "scales": ".1,.1",
            "burn_in": max(1, min(100, batches // 20)), "learning_rate": rate, "width": args.size,
            "height": args.size}


# ---- steps ----

def make_data(args):
    """(.data of labelled images, of all, classes, pairs, faces of the pairs, what to call them)"""
    if args.faces:
        faces, lfw, pairs, label = args.faces, args.lfw, args.pairs, "real faces"
    else:
        out = os.path.join(args.out, "synthetic")
        run([DARKNET, "synth", out, "-identities", str(args.identities), "-images",
             str(args.images), "-size", str(args.size), "-seed", "1", "-pairs",
             str(args.synthetic_pairs)])
        faces, lfw, pairs = (os.path.join(out, p) for p in ("train", "test", "pairs.txt"))
        label = "SYNTHETIC faces"
    classes = sum(e.is_dir() for e in os.scandir(faces))
    labelled = os.path.join(args.out, "labelled.data")
    write(labelled, f"classes={classes}\ntrain={faces}\nbackup={args.out}\n")
    every = labelled
    if args.unlabelled:
        every = os.path.join(args.out, "all.data")
        write(every, f"classes=0\ntrain={faces},{args.unlabelled}\nbackup={args.out}\n")
    return labelled, every, classes, pairs, lfw, label


def train(args, name, text, data, options=(), start=()):
    """Trains the network of a cfg text in out/name, from what `start` says where it does not go on
    from a checkpoint; returns its cfg and weights."""
    folder = os.path.join(args.out, name)
    cfg, weights = (os.path.join(folder, "net" + end) for end in (".cfg", ".weights"))
    done = os.path.join(folder, "trained.txt")
    if os.path.exists(cfg) and read(cfg) != text:
        raise Failure(f"{cfg} was made with other arguments: choose another --out")
    if not os.path.exists(done):
        write(cfg, text)
        own = os.path.join(folder, "net.data")
        write(own, re.sub(r"(?m)^backup=.*", f"backup={folder}", read(data)))
        begun = time.time()
        resume = os.path.exists(os.path.join(folder, "net.state"))
        threads = ["-threads", str(args.threads)] if args.threads else []
        run([DARKNET, "classifier", "train", own, cfg] + threads + list(options) +
            (["-resume"] if resume else list(start)))
        write(done, f"{time.time() - begun:.1f}\n")
    return cfg, weights


def evaluate(args, name, cfg, weights, lfw, pairs, versus=None):
    folder = os.path.join(args.out, name)
    results = os.path.join(folder, "lfw", "results.json")
    if not os.path.exists(results):
        run([sys.executable, os.path.join(HERE, "eval_lfw.py"), cfg, weights, lfw, pairs, "--out",
             os.path.dirname(results)] + (["--versus", versus] if versus else []))
    return json.loads(read(results))


def measure(args, name, text):
    """Parameters, multiply-adds and milliseconds per image of the network without its losses."""
    path = os.path.join(args.out, name + ".json")
    if not os.path.exists(path):
        cfg = os.path.join(args.out, name + ".cfg")
        write(cfg, without_losses(text))
        shown = run([DARKNET, "check", cfg], log=cfg + ".txt")
        numbers = [int(re.search(rf"(?m)^{key}\s+([\d,]+)", shown).group(1).replace(",", ""))
                   for key in ("parameters", "multiply-adds")]
        timed = json.loads(run([DARKNET, "bench", cfg, "-batch", "1", "-json", "-runs", "300"],
                               log=cfg + ".bench.json"))
        write(path, json.dumps({"parameters": numbers[0], "macs": numbers[1],
                                "ms": timed["ms_per_image"]}))
    return json.loads(read(path))


def teacher_cfg(args, classes):
    text = read(os.path.join(CFG, "mobilefacenet-am.cfg"))
    return edit(text, {"net": dict(schedule(args, args.teacher_batches, args.rate), seed=1),
                       "margin_softmax": {"classes": classes}})


def headed_cfg(args, given, classes):
    """The given teacher, frozen, with a head for the identities of our list to be trained."""
    head = sections(read(os.path.join(CFG, "mobilefacenet-am.cfg")))[-1][1]
    frozen = read(given).rstrip() + "\nstopbackward=1\n\n[margin_softmax]" + head
    batches = max(1, args.batches // 4)
    return edit(frozen, {"net": dict(schedule(args, batches, .5), seed=1),
                         "margin_softmax": {"classes": classes}})


def loss_weight(args, method):
    given = getattr(args, method + "_weight")
    return WEIGHTS[method][bool(args.teacher_weights)] if given is None else given


def student_cfg(args, method, width, seed, classes, teacher):
    text = read(os.path.join(CFG, METHODS[method][0]))
    changes = {"net": dict(schedule(args, args.batches, args.rate), seed=seed,
                           width_multiplier=f"{width / .5:g}"),
               "margin_softmax": {"classes": classes}}
    for name, _ in sections(text):
        if name.startswith("kd_"):
            headed = method == "probability"
            changes[name] = {"teacher": teacher["headed" if headed else "cfg"],
                             "weights": teacher["headed_weights" if headed else "weights"]}
    if method in WEIGHTS:
        changes["kd_" + method]["weight"] = loss_weight(args, method)
    if method == "exclusive":
        changes["net"]["exclusivity"] = args.exclusivity
    return embedding(edit(text, changes), teacher["embedding"])


def make_teacher(args, labelled, classes):
    teacher = {"cfg": args.teacher_cfg, "weights": args.teacher_weights}
    if not args.teacher_weights:
        cfg, weights = train(args, "teacher", teacher_cfg(args, classes), labelled)
        teacher = {"cfg": cfg, "weights": weights}
    text = read(teacher["cfg"])
    last = [b for n, b in sections(text) if n == "convolutional"][-1]
    teacher["embedding"] = int(re.search(r"(?m)^filters=(\d+)", last).group(1))
    teacher["headed"], teacher["headed_weights"] = teacher["cfg"], teacher["weights"]
    if args.teacher_weights and "probability" in args.methods and "[margin_softmax]" not in text:
        print("The teacher has no classifier for these identities: one is trained on its features.")
        body = headed_cfg(args, args.teacher_cfg, classes)
        headless = os.path.join(args.out, "teacher-head", "start.weights")
        if not os.path.exists(headless):
            fit_weights(body, teacher["weights"], headless)
        teacher["headed"], teacher["headed_weights"] = train(
            args, "teacher-head", body, labelled, start=[headless, "-clear"])
    return teacher


def fit_weights(text, given, path):
    """Weights for the network of a cfg text, from those of one that begins alike: what it has more,
    a new head for example, is as `darknet init` makes it; what it has less is left out."""
    cfg, fresh = path + ".cfg", path + ".init"
    write(cfg, text)
    run([DARKNET, "init", cfg, fresh, "-force"])
    with open(given, "rb") as f:
        old = f.read()
    with open(fresh, "rb") as f:
        new = f.read()
    with open(path + ".tmp", "wb") as f:
        f.write(old[:len(new)] + new[len(old):])
    os.replace(path + ".tmp", path)
    for p in (cfg, fresh):
        os.remove(p)


# ---- the whole ----

def work(args):
    os.makedirs(args.out, exist_ok=True)
    labelled, every, classes, pairs, lfw, label = make_data(args)
    teacher = make_teacher(args, labelled, classes)
    rows, names = [], []
    right = evaluate(args, "teacher", teacher["cfg"], teacher["weights"], lfw, pairs)
    rows.append(dict(measure(args, "teacher-net", read(teacher["cfg"])), method="teacher", width=1,
                     accuracy=right["accuracy"], error=right["standard_error"], p=[],
                     seconds=0 if args.teacher_weights else seconds(args, "teacher")))
    for width in args.widths:
        scratch = {}
        for method in args.methods:
            got, p, spent = [], [], 0
            for seed in args.seeds:
                name = f"{method}-{width:g}-seed{seed}"
                text = student_cfg(args, method, width, seed, classes, teacher)
                data = labelled if method in LABELLED else every
                options = ["-cache", os.path.join(args.out, "cache-" + os.path.basename(data))] \
                    if method != "scratch" and args.cache else []
                cfg, weights = train(args, name, text, data, options)
                r = evaluate(args, name, cfg, weights, lfw, pairs, scratch.get(seed))
                if method == "scratch":
                    scratch[seed] = os.path.join(args.out, name, "lfw", "results.json")
                got.append(r)
                p += [r["versus"]["p"]] if "versus" in r else []
                spent += seconds(args, name)
                names.append(name)
            mean, error = mean_error([r["accuracy"] for r in got], got[0]["standard_error"])
            rows.append(dict(measure(args, f"student-{width:g}", text), method=method, width=width,
                             accuracy=mean, error=error, p=p, seconds=spent / len(args.seeds)))
            report(args, rows, label, names, METHODS)
    print(f"\n{label}, {classes} identities, seeds {', '.join(map(str, args.seeds))}\n")
    print(show(rows))
    print(f"\nreport: {os.path.join(args.out, 'report.html')}")
    print('next: make run ARGS="--widths 0.5,0.25" adds a width; make run OUT=real FACES=folder '
          "LFW=folder\nPAIRS=file takes real faces; README.md tells how to change a network")


def seconds(args, name):
    return float(read(os.path.join(args.out, name, "trained.txt")))


def numbers(kind):
    return lambda text: [kind(v) for v in text.split(",")]


def add_data_options(p, out):
    """What every script takes that trains on these faces."""
    p.add_argument("--out", default=out, metavar="DIR")
    p.add_argument("--faces", metavar="DIR", help="a folder of identity folders, aligned faces")
    p.add_argument("--unlabelled", metavar="DIR", help="more faces, for the losses without labels")
    p.add_argument("--lfw", metavar="DIR", help="the faces of the pairs")
    p.add_argument("--pairs", metavar="FILE", help="LFW's pairs.txt")
    p.add_argument("--teacher-cfg", metavar="CFG", help="a teacher that is trained already")
    p.add_argument("--teacher-weights", metavar="FILE")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--batches", type=int, default=600, help="updates of each student")
    p.add_argument("--rate", type=float, default=.05, help="learning rate at the start")
    p.add_argument("--size", type=int, help="pixels of the networks' input; default 112 for real "
                   "faces, 56 for synthetic ones")
    p.add_argument("--identities", type=int, default=200, help="synthetic identities")
    p.add_argument("--images", type=int, default=30, help="images of each")
    p.add_argument("--synthetic-pairs", type=int, default=2000)
    p.add_argument("--threads", type=int, default=0, help="of training; 0: all processors")


def finish(p, work):
    """Takes the arguments and does the work; the exit status."""
    args = p.parse_args()
    if args.faces and not (args.lfw and args.pairs):
        p.error("--faces needs --lfw and --pairs")
    if bool(args.teacher_cfg) != bool(args.teacher_weights):
        p.error("--teacher-cfg and --teacher-weights go together")
    args.size = args.size or (112 if args.faces else 56)
    for key in ("out", "faces", "unlabelled", "lfw", "pairs", "teacher_cfg", "teacher_weights"):
        if getattr(args, key):
            setattr(args, key, os.path.abspath(getattr(args, key)))
    try:
        work(args)
    except (Failure, OSError, ValueError) as e:
        print(f"{p.prog}: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{p.prog}: interrupted; the same command goes on from here", file=sys.stderr)
        return 1
    return 0


def words(known):
    def take(text):
        chosen = text.split(",")
        unknown = [w for w in chosen if w not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(known)}")
        return chosen
    return take


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    add_data_options(p, "homework")
    p.add_argument("--methods", type=words(METHODS), default=list(METHODS), metavar="A,B")
    p.add_argument("--widths", type=numbers(float), default=[.5], metavar="W,W")
    p.add_argument("--seeds", type=numbers(int), default=[1], metavar="N,N")
    p.add_argument("--teacher-batches", type=int, default=600)
    for method, (own, given) in WEIGHTS.items():
        p.add_argument(f"--{method}-weight", type=float, metavar="W",
                       help=f"default {own:g}, with a given teacher {given:g}")
    p.add_argument("--exclusivity", type=float, default=1e-4)
    p.add_argument("--no-cache", dest="cache", action="store_false",
                   help="run the teacher anew for every batch")
    return finish(p, work)


if __name__ == "__main__":
    sys.exit(main())
