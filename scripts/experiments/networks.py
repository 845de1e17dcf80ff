"""The cfg texts of an experiment: a teacher, students by each way of training, and a head for a
teacher that has none. All take args, the options of scripts/homework.py."""
import os

from lib.cfg_text import edit, embedding, option, sections, without_losses
from lib.errors import Failure
from lib.files import read
from lib.processes import ROOT

CFG = os.path.join(ROOT, "cfg")
METHODS = {  # name: (cfg of the student, what it is)
    "scratch": ("mobilefacenet-half-am.cfg", "labels alone (CosFace)"),
    "probability": ("mobilefacenet-half-kd-probability.cfg", "labels and probabilities"),
    "feature": ("mobilefacenet-half-kd-feature.cfg", "the teacher's features, no labels"),
    "correlation": ("mobilefacenet-half-kd-correlation.cfg", "labels and correlations (CC-KD)"),
    "exclusive": ("mobilefacenet-half-kd-ec.cfg",
                  "features, hard samples, exclusivity (EC-KD, our reading)")}
LABELLED = ("scratch", "probability", "correlation")  # these need names; the others take all faces
# Weights of these losses beside the labels' loss: with a teacher trained here, with a given one. A
# teacher trained here knows the students' identities; what a given one says of them counts for
# less. They were chosen on the pairs that were then reported, so those results are a little too
# good: WEIGHTS_NOTE says so in every report, and --choose chooses anew on other pairs.
WEIGHTS = {"probability": (1, .1), "correlation": (2000, 30)}


def schedule(args, batches, rate):
    first = max(1, int(.6 * batches))
    return {"batch": args.batch, "subdivisions": 1, "max_batches": batches, "policy": "steps",
            "steps": f"{first},{max(first + 1, int(.85 * batches))}", "scales": ".1,.1",
            "burn_in": max(1, min(100, batches // 20)), "learning_rate": rate, "width": args.size,
            "height": args.size}


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
    """teacher: {"cfg", "weights", "headed", "headed_weights", "embedding"}; see teachers.py."""
    text = read(os.path.join(CFG, METHODS[method][0]))
    changes = {"net": dict(schedule(args, args.batches, args.rate), seed=seed,
                           width_multiplier=f"{width / .5:g}"),
               "margin_softmax": {"classes": classes}}
    for name, _ in sections(text):
        if name.startswith("kd_"):
            headed = method == "probability"
            changes[name] = {
                "teacher": beside(args, teacher["headed" if headed else "cfg"]),
                "weights": beside(args, teacher["headed_weights" if headed else "weights"])}
    if method in WEIGHTS:
        changes["kd_" + method]["weight"] = f"{loss_weight(args, method):g}"
    if method == "exclusive":
        changes["net"]["exclusivity"] = args.exclusivity
    return embedding(edit(text, changes), teacher["embedding"])


def beside(args, path):
    """A path as a cfg in out/NAME names it: relative where it is below --out, so that the folder
    may be moved."""
    inside = os.path.relpath(path, args.out)
    return path if inside.startswith("..") else os.path.join("..", inside)


def embedding_of(cfg):
    """The length of the features of a given teacher: the filters of its last convolution."""
    bodies = [b for n, b in sections(without_losses(read(cfg))) if n in ("convolutional", "conv")]
    filters = option(bodies[-1], "filters") if bodies else None
    if not filters or not filters.isdecimal():
        raise Failure(f"{cfg}: its last [convolutional] must name its filters=, the length of the "
                      "features")
    return int(filters)
