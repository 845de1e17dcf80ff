"""The trainings of scripts/study.py: lists them, estimates their time, and does one of them, from
the network to the file with its result."""
import argparse
import dataclasses
import os

from experiments import teachers
from experiments.evaluation import evaluate
from experiments.identify import identify
from experiments.methods import METHODS
from experiments.networks import student_cfg
from experiments.training import (RECORD, cache_option, curve_options, train,
                                  training_seconds)
from lib.cfg_text import without_losses
from lib.files import read, read_json, read_result, write, write_json
from report import curves
from report.machine import command

RUN = "run.json"


@dataclasses.dataclass(frozen=True)
class Run:
    method: str
    width: float
    batches: int
    seed: int
    more: bool = False  # also trains on the faces without names

    @property
    def row(self):
        """The name for all runs that differ only in the seed."""
        return f"{self.method}-{self.width:g}-{self.batches}" + ("-more" if self.more else "")

    @property
    def name(self):
        return f"{self.row}-seed{self.seed}"

    @property
    def master(self):
        """The run whose network is the teacher of this one; None for the teacher of the
        experiment."""
        if not METHODS[self.method].pupil_of:
            return None
        method, factor = METHODS[self.method].pupil_of
        width = self.width * factor
        if width >= 1:
            return None
        named = dataclasses.replace(self, method=method, width=width)
        # the first student of a chain is trained by the method "feature"
        return named if named.master or not METHODS[method].pupil_of else \
            dataclasses.replace(named, method="feature")


def plan(args):
    """Returns the runs in their order: by width, then by seed, so that every method has a first
    result early. A run comes after the run of its teacher."""
    out = []
    for batches in args.lengths:
        for width in args.widths:
            for seed in args.seeds:
                for method in args.methods:
                    own = Run(method, width, batches, seed)
                    if METHODS[method].pupil_of and METHODS[method].pupil_of[0] == method \
                            and not own.master:
                        continue  # equal to a run of the method "feature"
                    out += with_masters(own) if args.own else []
                    if args.unlabelled and args.more and not METHODS[method].labels:
                        out += with_masters(dataclasses.replace(own, more=True))
    return list(dict.fromkeys(out))


def with_masters(run):
    return ([] if run.master is None else with_masters(run.master)) + [run]


def options_of(args, run):
    """Returns args for one run, as the modules of homework.py need them."""
    return argparse.Namespace(**{**vars(args), "batches": run.batches})


def teacher_of(args, run, teacher):
    """Returns the files of a run's teacher. A student that is a teacher has no losses there."""
    if run.master is None:
        return teacher
    folder = os.path.join(args.out, run.master.name)
    cfg = os.path.join(folder, "features.cfg")
    write(cfg, without_losses(read(os.path.join(folder, "net.cfg"))))
    return dict(teacher, cfg=cfg, weights=os.path.join(folder, "net.weights"))


def trained(args, data, run, teacher, tuned, curve=()):
    """Trains a run. Returns (args of the run, cfg, weights)."""
    own = options_of(args, run)
    which = data.every if run.more else data.labelled
    taught = teacher_of(args, run, teacher)
    text = student_cfg(own, run.method, run.width, run.seed, data.classes, taught, tuned)
    files = teachers.files(taught, run.method)
    cache = cache_option(args, which) if files else []
    return (own, *train(own, run.name, text, which, data.sources[which], files,
                        [*cache, *curve]))


def finish(args, data, run, teacher, tuned, tests):
    """Trains and tests a run. Writes run.json into its folder and returns its contents. tests:
    {name: Pairs}."""
    first = next(iter(tests.values()))
    own, cfg, weights = trained(args, data, run, teacher, tuned,
                                curve_options(run.batches, args.points, first))
    results = {name: evaluate(own, run.name, cfg, weights, pairs, name, args.any_build, False)
               for name, pairs in tests.items()}
    identified = identify(own, run.name, cfg, weights) if args.probes else None
    folder = os.path.join(args.out, run.name)
    record = read_json(os.path.join(folder, RECORD), "made_from", "sessions")
    which = data.every if run.more else data.labelled
    log = curves.read(os.path.join(folder, "net.csv"))
    value = {
        "made_from": record["made_from"], **dataclasses.asdict(run), "tuned": tuned,
        "images": data.images[which], "source": data.sources[which],
        "images seen": run.batches * args.batch, "seconds": training_seconds(own, run.name),
        "loss": curves.smooth(log["loss"])[-1], "curve": list(zip(*curves.known(log, "lfw"))),
        "commit": sorted({s.get("commit", "unknown") for s in record["sessions"]}),
        "machine": sorted({s.get("machine", "unknown") for s in record["sessions"]}),
        "date": record["sessions"][-1]["begun"],
        "command": command(),
        "tests": {name: {k: r[k] for k in ("accuracy", "standard_error", "tar_at_far", "pairs")}
                  for name, r in results.items()}}
    old = read_result(os.path.join(folder, RUN), "command") or {}
    if old:
        value["command"] = old["command"]  # the command that trained it
    value["identification"] = identified or old.get("identification")
    write_json(os.path.join(folder, RUN), value)
    return value
