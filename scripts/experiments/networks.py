"""The cfg texts of an experiment: a teacher, students by each way of training, and a head for a
teacher that has none. All take args, the options of scripts/homework.py."""
import math
import os

from experiments.methods import METHODS, filled
from lib.cfg_text import edit, embedding, sections
from lib.errors import Failure
from lib.files import read
from lib.processes import ROOT, checked

CFG = os.path.join(ROOT, "cfg")
# Losses beside the labels' loss. A teacher trained here was trained on the students' identities;
# the outputs of a given one have less weight. The usual weights were chosen on the pairs that were
# then reported, so those results are a little too good: every report says so, and --choose chooses
# anew on other pairs.
WEIGHTS = ("probability", "correlation")


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


def usual(args, method):
    """What fills the words in braces of a method when nothing was chosen."""
    m = METHODS[method]
    return {**m.usual, **(m.given if args.teacher_weights else {})}


def loss_weight(args, method):
    given = getattr(args, method + "_weight", None)
    return usual(args, method)["weight"] if given is None else given


def tuned_by_options(args, method):
    """The values of a method with those that options of homework.py set."""
    values = usual(args, method)
    if method in WEIGHTS:
        values["weight"] = loss_weight(args, method)
    if "exclusivity" in values:
        values["exclusivity"] = getattr(args, "exclusivity", values["exclusivity"])
    return values


def student_cfg(args, method, width, seed, classes, teacher, tuned=None):
    """teacher: {"cfg", "weights", "headed", "headed_weights", "embedding"}; see teachers.py. tuned:
    the values of the method's words in braces; by default those of the options."""
    m = METHODS[method]
    values = dict(tuned_by_options(args, method) if tuned is None else tuned)
    values = {k: f"{v:g}" for k, v in values.items()}
    values["quarter"] = str(args.batch // 4)
    values.update((k, beside(args, v)) for k, v in teacher.items() if k != "embedding")
    changes, more = filled(method, values)
    changes["net"] = {**schedule(args, args.batches, args.rate), "seed": seed,
                      "width_multiplier": f"{width / .5:g}", **changes.get("net", {})}
    changes["margin_softmax"] = {"classes": classes, **changes.get("margin_softmax", {})}
    text = edit(read(os.path.join(CFG, m.cfg)), changes)
    return embedding(text + more, teacher["embedding"], m.cfg)


def beside(args, path):
    """A path as a cfg in out/NAME names it: relative where it is below --out, so that the folder
    may be moved."""
    inside = os.path.relpath(path, args.out)
    return path if inside.startswith("..") else os.path.join("..", inside)


def embedding_of(cfg):
    """The length of the features of a given teacher: what `darknet embed` would write."""
    network = checked(cfg)
    if network["embedding"] < 0:
        raise Failure(f"{cfg}: has no layer before its first loss, so it has no features")
    return math.prod(network["layers"][network["embedding"]]["out"])
