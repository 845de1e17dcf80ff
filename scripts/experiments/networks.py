"""Makes the cfg texts of an experiment's teachers and students. args: the script's options."""
import math
import os

from experiments.methods import METHODS, filled
from lib.cfg_text import edit, embedding, sections, without_losses
from lib.errors import Failure
from lib.files import read
from lib.processes import ROOT, checked

CFG = os.path.join(ROOT, "cfg")


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
    """Returns the teacher's cfg `given`, frozen, with a classifier for the training identities."""
    head = sections(read(os.path.join(CFG, "mobilefacenet-am.cfg")))[-1][1]
    frozen = without_losses(read(given)).rstrip() + "\nstopbackward=1\n\n[margin_softmax]" + head
    batches = max(1, args.batches // 4)
    return edit(frozen, {"net": dict(schedule(args, batches, .5), seed=1),
                         "margin_softmax": {"classes": classes}})


def softened_cfg(args, batches, teacher, student):
    """Returns a cfg that trains the last quarter of the teacher's layers. Their targets are the
    features of a student and, with half the weight, of the teacher itself."""
    layers = sections(without_losses(read(teacher["cfg"])))[1:]
    last = len(layers) * 3 // 4
    text = "".join(f"[{name}]{body.rstrip()}\n" + "stopbackward=1\n" * (i == last) + "\n"
                   for i, (name, body) in enumerate(layers))
    text += "".join(f"[kd_feature]\nteacher={beside(args, of['cfg'])}\n"
                    f"weights={beside(args, of['weights'])}\nweight={weight}\n\n"
                    for of, weight in ((student, 32), (teacher, 16)))
    return edit(text, {"net": dict(schedule(args, batches, args.rate / 10), seed=1)})


def usual(args, method):
    """Returns the default values {word: value} of the words in braces, such as {weight}, in a
    method's options."""
    m = METHODS[method]
    return {**m.usual, **(m.given if args.teacher_weights else {})}


def student_cfg(args, method, width, batches, seed, classes, teacher, tuned):
    """Returns a student's cfg. teacher: as make_teacher() returns it; tuned: {word: value} for the
    words in braces, such as {weight}, in the method's options."""
    m = METHODS[method]
    values = {k: f"{v:g}" for k, v in tuned.items()}
    values["quarter"] = str(args.batch // 4)
    values.update((k, beside(args, v)) for k, v in teacher.items() if k != "embedding")
    changes, more = filled(method, values)
    changes["net"] = {**schedule(args, batches, args.rate), "seed": seed,
                      "width_multiplier": f"{width / .5:g}", **changes.get("net", {})}
    changes["margin_softmax"] = {"classes": classes, **changes.get("margin_softmax", {})}
    text = edit(read(os.path.join(CFG, m.cfg)), changes)
    return embedding(text + more, teacher["embedding"], m.cfg)


def beside(args, path):
    """Returns `path` in the form that a cfg in the folder out/NAME needs. A path inside --out
    becomes relative, so that the folder --out can be moved."""
    inside = os.path.relpath(path, args.out)
    return path if inside.startswith("..") else os.path.join("..", inside)


def embedding_of(cfg):
    network = checked(cfg)
    if network["embedding"] < 0:
        raise Failure(f"{cfg}: has no layer before its first loss, so it has no features")
    return math.prod(network["layers"][network["embedding"]]["out"])
