"""The runs of an experiment: their list, training, test and run.json."""
import dataclasses
import fnmatch
import os

from experiments import teachers
from experiments.evaluation import evaluate
from experiments.identify import identify
from experiments.methods import METHODS
from experiments.networks import student_cfg
from experiments.training import RECORD, curve_options, train, training_seconds
from lib.errors import Failure
from lib.files import read_json, read_result, write_json
from report import curves
from report.machine import command

RUN = "run.json"


@dataclasses.dataclass(frozen=True)
class Run:
    method: str
    width: float
    batches: int
    seed: int
    more: bool = False  # trains on faces without identities, too
    is_short: bool = False  # the name of the run has neither the batches nor `more`

    @property
    def row(self):
        """The name shared by all runs that differ only in the seed."""
        long = "" if self.is_short else f"-{self.batches}" + ("-more" if self.more else "")
        return f"{self.method}-{self.width:g}{long}"

    @property
    def name(self):
        return f"{self.row}-seed{self.seed}"

    @property
    def master(self):
        """The run whose network teaches this run, or None when no other run's network is needed.
        If the method softens the teacher, the network of that run teaches the experiment's
        teacher, which then teaches this run."""
        if not METHODS[self.method].pupil_of:
            return None
        method, factor = METHODS[self.method].pupil_of
        width = self.width * factor
        if width >= 1 and not METHODS[self.method].softens:
            return None
        named = dataclasses.replace(self, method=method, width=width)
        # When `named` has no master although its method needs one, `named` is the first student of
        # a chain of smaller and smaller students. The method "feature" trains this first student.
        return named if named.master or not METHODS[method].pupil_of else \
            dataclasses.replace(named, method="feature")


def plan(args):
    """Returns the runs of a study, ordered by batches, width, seed, then method. A run that teaches
    comes before the runs that it teaches."""
    out = []
    for batches in args.lengths:
        for width in args.widths:
            for seed in args.seeds:
                for method in args.methods:
                    own = Run(method, width, batches, seed)
                    if METHODS[method].pupil_of and METHODS[method].pupil_of[0] == method \
                            and not own.master:
                        continue  # it would repeat the run of method "feature"
                    out += with_masters(own) if args.own else []
                    if args.unlabelled and args.more and not METHODS[method].labels:
                        out += with_masters(dataclasses.replace(own, more=True))
    return list(dict.fromkeys(out))


def with_masters(run):
    return ([] if run.master is None else with_masters(run.master)) + [run]


def asked(args, planned):
    """Returns the runs that --only names, and the runs whose networks teach them."""
    kept = [r for r in planned
            if not args.only or any(fnmatch.fnmatch(r.name, p) for p in args.only)]
    if not kept:
        raise Failure(f"--only {' '.join(args.only)}: names none of the runs (--plan lists them)"
                      if planned else "these options name no run")
    return list(dict.fromkeys(m for r in kept for m in with_masters(r)))


def teacher_of(args, data, run, teacher):
    if run.master is None:
        return teacher
    folder = os.path.join(args.out, run.master.name)
    student = teachers.features_of(teacher, *(os.path.join(folder, "net." + end)
                                              for end in ("cfg", "weights")))
    if not METHODS[run.method].softens:
        return student
    return teachers.soften(args, f"{run.name}-teacher", softening(run), faces_of(data, run),
                           teacher, student)


def softening(run):
    """Returns the number of batches in which a teacher learns from a student, at most 3,000."""
    return min(max(1, run.batches // 3), 3000)


def trained(args, data, run, method, teacher, tuned, curve=()):
    """Trains the network of a run by `method`. Returns the paths of its cfg and weights."""
    taught = teacher_of(args, data, run, teacher) if run.method == method else teacher
    text = student_cfg(args, method, run.width, run.batches, run.seed, data.classes, taught, tuned)
    return train(args, run.name, text, faces_of(data, run), teachers.files(taught, method), curve)


def faces_of(data, run):
    return data.every if run.more else data.labelled


def finish(args, data, run, teacher, tuned, tests):
    """Trains and tests a run. Writes run.json into its folder. tests: {name: Pairs}."""
    network = trained(args, data, run, run.method, teacher, tuned,
                      curve_options(run.batches, args.points, data.watched))
    results = {name: evaluate(args, run.name, *network, pairs, name, args.every_pair)
               for name, pairs in tests.items()}
    identified = identify(args, run.name, *network) if args.probes else None
    folder, faces = os.path.join(args.out, run.name), faces_of(data, run)
    record = read_json(os.path.join(folder, RECORD), "made_from", "sessions")
    log = curves.read(os.path.join(folder, "net.csv"))
    old = read_result(os.path.join(folder, RUN), "command") or {}
    write_json(os.path.join(folder, RUN), {
        "made_from": record["made_from"],
        **{k: getattr(run, k) for k in ("method", "width", "batches", "seed", "more")},
        "tuned": tuned, "images": faces.images, "source": faces.source,
        "images seen": run.batches * args.batch, "seconds": training_seconds(args, run.name),
        "loss": curves.smooth(log["loss"])[-1], "curve": list(zip(*curves.known(log, "pairs"))),
        "commit": sorted({s.get("commit", "unknown") for s in record["sessions"]}),
        "machine": sorted({s.get("machine", "unknown") for s in record["sessions"]}),
        "date": record["sessions"][-1]["begun"],
        "command": old.get("command") or command(),  # the command that trained, not a later one
        "tests": {name: {k: r[k] for k in ("accuracy", "standard_error", "tar_at_far", "pairs")}
                  for name, r in results.items()},
        "identification": identified or old.get("identification")})
