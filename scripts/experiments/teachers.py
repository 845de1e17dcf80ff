"""The teacher of an experiment: trained here, or given, then perhaps with a head trained for it."""
from experiments.methods import asks
from experiments.networks import embedding_of, headed_cfg, teacher_cfg
from experiments.training import train
from lib.cfg_text import sections
from lib.files import read
from lib.processes import darknet, run


def planned(args, data):
    """(cfg text, length of the features) of the teacher, before the work; checks a given one."""
    if not args.teacher_weights:
        return teacher_cfg(args, data.classes), 512
    run([darknet(), "check", args.teacher_cfg, args.teacher_weights], capture=True)
    return read(args.teacher_cfg), embedding_of(args.teacher_cfg)


def make_teacher(args, data, text, embedding, methods, prefix="", options=()):
    """Paths of the teacher: cfg and weights, and, for methods that ask for its classes, those with
    a classifier for the identities of our list. What is trained is called PREFIXteacher and
    PREFIXteacher-head. options: of the training of the teacher."""
    source = data.sources[data.labelled]
    teacher = {"cfg": args.teacher_cfg, "weights": args.teacher_weights, "embedding": embedding}
    if not args.teacher_weights:
        teacher["cfg"], teacher["weights"] = train(
            args, prefix + "teacher", text, data.labelled, source, options=options)
    teacher["headed"], teacher["headed_weights"] = teacher["cfg"], teacher["weights"]
    if needs_head(args, text, methods):
        print("The teacher has no classifier for these identities: one is trained on its features.")
        body = headed_cfg(args, args.teacher_cfg, data.classes)
        teacher["headed"], teacher["headed_weights"] = train(
            args, prefix + "teacher-head", body, data.labelled, source,
            start=[teacher["weights"], "-clear"])
    return teacher


def needs_head(args, text, methods):
    return args.teacher_weights and any(asks(m) == "classes" for m in methods) and \
        not any(name == "margin_softmax" for name, _ in sections(text))


def files(teacher, method):
    """The teacher's files that a method's fingerprint names."""
    asked = asks(method)
    if not asked:
        return ()
    head = asked == "classes"
    return (teacher["headed" if head else "cfg"], teacher["headed_weights" if head else "weights"])
