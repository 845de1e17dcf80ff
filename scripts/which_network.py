#!/usr/bin/python3
"""which_network.py: trains several small face networks in the same way, from a teacher's features,
and compares size, multiply-adds, time for one face and accuracy on pairs, in a table and a picture.

Without --faces it draws synthetic faces, without --teacher-weights it trains a teacher. The same
command continues interrupted work. --times-only times the networks of an earlier call in --out."""
import argparse
import os
import sys

from lib.errors import Failure, needs

needs("numpy", "scipy", "matplotlib", "PIL")
import compression
from experiments import candidates, command, estimate, teachers
from experiments.data import make_data, tests_of
from experiments.evaluation import evaluate, measured
from experiments.training import train, training_seconds
from lib.arguments import each, path, real, whole
from lib.files import read, read_json, write_json
from lib.processes import timed
from report import which
from report.experiment import summary
from report.machine import made_here

RESULTS = "networks.json"


def planned(args, numbers):
    """Returns a row for each network, by rising multiply-adds. numbers: length of the embedding."""
    rows = []
    for named in args.networks:
        name, text = candidates.name_of(named), candidates.body(named, numbers, args.size)
        rows.append(dict(measured(args, name, text), name=name, text=text, ms=[],
                         paper=candidates.PAPER.get(name)))
    rows.sort(key=lambda r: (r["macs"], r["parameters"], r["name"]))
    names = [r["name"] for r in rows]
    for name in names:
        if names.count(name) > 1:
            raise Failure(f"--networks: two networks have the name {name}")
    return rows


def taught(args, data, teacher, row, batches, rate, start=()):
    """Trains the row's network to imitate the teacher's features. Returns the paths of its cfg and
    weights."""
    text = candidates.student(args, row["text"], teacher, batches, rate)
    return train(args, row["name"], text, data.every, teachers.files(teacher, "feature"),
                 start=start)


def verified(args, row, trained, tests):
    for key, pairs in tests.items():
        got = evaluate(args, row["name"], *trained, pairs, key)
        row[key] = {k: got[k] for k in ("accuracy", "standard_error", "right")}
    row.update(seconds=training_seconds(args, row["name"]), trained=made_here())


def low_rank(args, data, teacher, parent, trained, tests):
    """Compresses the network of the row `parent` to half of its multiply-adds and trains the result
    further. Returns the row of the result. trained: (cfg, weights) of `parent`."""
    full = compression.plain(args, parent["name"], *trained)
    small, said = compression.compress(args, candidates.LOW_RANK, full, args.faces or os.path.join(
        args.out, "synthetic", "train"), 2, "asymmetric")
    row = {"name": candidates.LOW_RANK + "-tuned", "text": read(small[0]), "ms": [], "paper": None,
           "after": parent["name"]}
    row.update(measured(args, row["name"], row["text"]), speedup=said["theory"])
    verified(args, row, taught(args, data, teacher, row, args.tune_batches, args.tune_rate,
                               [small[1], "-clear"]), tests)
    return row


def times(args, rows):
    """Adds to each row the milliseconds for one face on one thread. The networks take turns."""
    for row in rows:
        row["ms"] = []
    for turn in range(args.turns):
        for row in rows:
            guess = row["ms"][0] if turn else 1 + row["macs"] / 20e6
            said = timed(os.path.join(args.out, row["name"] + ".cfg"), "-batch", 1, "-threads", 1,
                         "-runs", max(5, int(300 / guess)))
            row["ms"].append(said["ms_per_image"])
        print(f"timed: turn {turn + 1} of {args.turns}", flush=True)
    now = made_here()
    for row in rows:
        row["timed"] = now


def store(args, rows, about):
    for row in rows:
        if not row["ms"] and row["network"] in args.timed:
            row.update(args.timed[row["network"]])
    kept = [{k: v for k, v in r.items() if k != "text"} for r in rows]
    write_json(os.path.join(args.out, RESULTS), {"made": made_here(), "data": about,
                                                 "networks": kept})
    which.write_table(os.path.join(args.out, "table.md"), rows, about)
    which.draw(os.path.join(args.out, "networks.png"), rows, about)


def times_before(args):
    """Returns {network: {"ms": its times, "timed": where and when}} from an earlier call."""
    path = os.path.join(args.out, RESULTS)
    rows = read_json(path, "networks")["networks"] if os.path.exists(path) else []
    return {r["network"]: {"ms": r["ms"], "timed": r["timed"]} for r in rows if r["ms"]}


def stages(args, rows, teacher_text):
    out = [] if args.teacher_weights else [
        estimate.training(args, "teacher", teacher_text, args.teacher_batches)]
    loss = "\n\n[margin_softmax]\nclasses=2\n"
    return out + [estimate.training(args, r["name"], r["text"].rstrip() + loss, args.batches)
                  for r in rows]


def work(args):
    args.timed = times_before(args)
    if args.times_only:
        return times_only(args)
    args.seeds = [args.seed]  # summary() reads args.seeds
    data = make_data(args)
    args.test = [("cfp", args.cfp, args.cfp_pairs)] if args.cfp else []
    tests = tests_of(args, data)
    teacher_text, numbers = teachers.planned(args, data)
    rows = planned(args, numbers)
    estimate.show(stages(args, rows, teacher_text))
    teacher = teachers.make_teacher(args, data, teacher_text, numbers, ("feature",))
    about = summary(args, data) + \
        f"; {data.every.images:,} images in all, taught by {os.path.basename(teacher['cfg'])}"
    for row in list(rows):
        trained = taught(args, data, teacher, row, args.batches, args.rate)
        verified(args, row, trained, tests)
        store(args, rows, about)
        if row["name"] == candidates.LOW_RANK_OF and args.low_rank:
            rows.insert(rows.index(row), low_rank(args, data, teacher, row, trained, tests))
            store(args, rows, about)
    if args.times:
        times(args, rows)
    store(args, rows, about)
    tell(args, rows, about)
    return None


def times_only(args):
    found = read_json(os.path.join(args.out, RESULTS), "networks", "data")
    rows = found["networks"]
    times(args, rows)
    store(args, rows, found["data"])
    tell(args, rows, found["data"])


def tell(args, rows, about):
    print(f"\n{about}\n\n" + "\n".join(which.table(rows)))
    for line in which.notes(rows):
        print(f"\n{line}")
    print(f"\ntable and picture: {os.path.join(args.out, 'table.md')}, networks.png")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    command.add_data_options(p, "which")
    p.set_defaults(batches=1150, rate=.1)
    p.add_argument("--cfp", type=path, metavar="DIR",
                   help="the faces of more pairs, such as CFP-FP's")
    p.add_argument("--cfp-pairs", type=path, metavar="FILE",
                   help="the pairs of --cfp, in the form of LFW's pairs.txt")
    p.add_argument("--networks", type=each(str), default=list(candidates.NAMES), metavar="A,B",
                   help="names of cfg/, or cfg files, which end with an embedding; default "
                   + ",".join(candidates.NAMES))
    p.add_argument("--no-low-rank", dest="low_rank", action="store_false",
                   help=f"leave out {candidates.LOW_RANK_OF} with half the multiply-adds")
    p.add_argument("--seed", type=whole(0), default=1)
    p.add_argument("--teacher-batches", type=whole(1), default=600)
    p.add_argument("--samples", type=whole(1, 10000000), default=1000,
                   help="images from which low rank learns")
    p.add_argument("--tune-batches", type=whole(1), default=150, help="updates after low rank")
    p.add_argument("--tune-rate", type=real(above=0), default=.002)
    p.add_argument("--turns", type=whole(1, 1000), default=5, help="turns of timing")
    p.add_argument("--no-times", dest="times", action="store_false", help="do not measure times")
    p.add_argument("--times-only", action="store_true",
                   help="time the networks of an earlier call; other options do not count")
    args = p.parse_args()
    if bool(args.cfp) != bool(args.cfp_pairs):
        p.error("--cfp and --cfp-pairs go together")
    return command.finish(p, args, work)


if __name__ == "__main__":
    sys.exit(main())
