"""The teacher of an experiment: trained here, or given by the user."""
import os

from experiments.methods import asks
from experiments.networks import embedding_of, headed_cfg, softened_cfg, teacher_cfg
from experiments.training import train
from lib.cfg_text import without_losses
from lib.files import read, write
from lib.processes import checked, darknet, run


def planned(args, data):
    """Returns (cfg text, length of the features) of the teacher. Checks a given teacher."""
    if not args.teacher_weights:
        return teacher_cfg(args, data.classes), 512
    run([darknet(), "check", args.teacher_cfg, args.teacher_weights], capture=True)
    return read(args.teacher_cfg), embedding_of(args.teacher_cfg)


def make_teacher(args, data, text, embedding, methods, prefix="", options=()):
    """Trains the teacher, unless the user gives one. Returns {"cfg", "weights": its files,
    "embedding": the length of its features, "headed", "headed_weights": its files with a
    classifier}. The last two equal "cfg" and "weights" with one exception. When a method needs a
    classifier and the user's teacher has none for data.classes identities, a classifier is trained
    on the teacher's features. prefix: the start of the trainings' names; options: options of the
    teacher's training."""
    teacher = {"cfg": args.teacher_cfg, "weights": args.teacher_weights, "embedding": embedding}
    if not args.teacher_weights:
        teacher["cfg"], teacher["weights"] = train(
            args, prefix + "teacher", text, data.labelled, options=options)
    teacher["headed"], teacher["headed_weights"] = teacher["cfg"], teacher["weights"]
    if needs_head(args, methods, data.classes):
        print("The teacher has no classifier for these identities: one is trained on its features.")
        body = headed_cfg(args, args.teacher_cfg, data.classes)
        teacher["headed"], teacher["headed_weights"] = train(
            args, prefix + "teacher-head", body, data.labelled,
            start=[teacher["weights"], "-clear", "-from-backbone"])
    return teacher


def soften(args, name, batches, faces, teacher, student):
    """Trains the teacher's last layers to imitate a student's features (ReFO). Returns the new
    teacher in the form of make_teacher()'s result."""
    text = softened_cfg(args, batches, teacher, student)
    network = train(args, name, text, faces, (student["cfg"], student["weights"]), start=[
        teacher["weights"], "-from-backbone", "-from-cfg", teacher["cfg"]])
    return features_of(teacher, *network)


def features_of(teacher, cfg, weights):
    """Returns a copy of `teacher` with the files of another network. Writes a copy of the file
    `cfg` without losses, and takes the copy as the cfg."""
    path = os.path.join(os.path.dirname(cfg), "features.cfg")
    write(path, without_losses(read(cfg)))
    return dict(teacher, cfg=path, weights=weights)


def needs_head(args, methods, classes):
    return args.teacher_weights and any(asks(m) == "classes" for m in methods) and \
        not any(layer["is_classifier"] and layer["options"]["classes"] == classes
                for layer in checked(args.teacher_cfg)["layers"])


def files(teacher, method):
    """Returns the teacher's (cfg, weights) for a method's fingerprint; () when the method reads no
    teacher."""
    asked = asks(method)
    if not asked:
        return ()
    head = asked == "classes"
    return (teacher["headed" if head else "cfg"], teacher["headed_weights" if head else "weights"])
