#!/usr/bin/python3
"""Tests scripts/study.py, also the whole study on a few small synthetic faces."""
import argparse
import importlib.util
import itertools
import json
import math
import os
import shutil
import subprocess
import tempfile

from common import ROOT, Skipped, attempt, check, needed, needs, read, script, summary, write

needs("matplotlib", "numpy", "PIL")
with needed():
    import scipy.stats
from experiments import choice, methods, rows, runs
from experiments.held_out import OtherPairs, draw_pairs
from report import machine, study as study_report

SMALL = ["--size", "32", "--identities", "24", "--images", "4", "--batches", "2", "--batch", "16",
         "--teacher-batches", "2", "--synthetic-pairs", "20", "--widths", "0.25",
         "--held-out", "20", "--development-count", "40", "--seeds", "1,2", "--choose-batches", "1"]


def study(*words):
    return script("study.py", *words, cwd=ROOT)


def options(**more):
    given = {"lengths": [10], "widths": [.25, .125], "seeds": [1, 2], "unlabelled": "", "own": True,
             "more": True, "methods": ["scratch", "feature"], "teacher_weights": None,
             "choose_width": .25, "choose_batches": 5}
    return argparse.Namespace(**{**given, **more})


def planned(**more):
    return [r.name for r in runs.plan(options(**more))]


def plans():
    check(planned()[:4] == ["scratch-0.25-10-seed1", "feature-0.25-10-seed1",
                            "scratch-0.25-10-seed2", "feature-0.25-10-seed2"], "order", planned())
    check(len(planned()) == 8 and len(planned(lengths=[10, 20])) == 16, "how many")
    with_more = planned(unlabelled="x", widths=[.25], seeds=[1])
    check(with_more == ["scratch-0.25-10-seed1", "feature-0.25-10-seed1",
                        "feature-0.25-10-more-seed1"], "faces without names", with_more)
    chain = planned(methods=["assistant"], widths=[.125], seeds=[1])
    check(chain == ["feature-0.5-10-seed1", "assistant-0.25-10-seed1", "assistant-0.125-10-seed1"],
          "a chain of assistants", chain)
    check(planned(methods=["assistant"], widths=[.5]) == [], "its first link is plain features")
    born = planned(methods=["feature", "born-again"], widths=[.25], seeds=[3])
    check(born == ["feature-0.25-10-seed3", "born-again-0.25-10-seed3"], "born again", born)


def tables():
    for name, m in methods.METHODS.items():
        values = {**m.usual, **m.given, "quarter": 4, "cfg": "C", "weights": "W", "headed": "H",
                  "headed_weights": "I"}
        methods.filled(name, values)  # raises KeyError for an unknown word
        check(os.path.exists(os.path.join(ROOT, "cfg", m.cfg)), f"{name}: {m.cfg}")
        check(all(set(c) <= set(m.usual) for c in m.choices), f"{name}: choices are words it has")
        others = [*m.against, *m.pupil_of[:1], *([m.tuned_as] if m.tuned_as else [])]
        check(all(o in methods.METHODS for o in others), f"{name}: names methods", others)
    check([methods.asks(m) for m in ("scratch", "feature", "probability")] ==
          ["", "features", "classes"], "which teacher a method needs")
    chosen = {"scratch": ({"m": .5}, {}), "correlation": ({"weight": 7}, {})}
    check(choice.tuned_of(options(), "correlation", chosen) == {"m": .5, "weight": 7},
          "a choice that is taken over")
    check(choice.tuned_of(options(), "feature", chosen) == {"weight": 32},
          "and one that is not")


def held_out():
    images = {f"p{i}": [f"{k}.jpg" for k in range(4)] for i in range(30)}
    lines = [l.split("\t") for l in draw_pairs(images, 200, __import__("random").Random(1))]
    check(len(lines) == 200 and sum(l[2] == "1" for l in lines) == 100, "as many of each kind")
    check(len({tuple(l[:2]) for l in lines}) == 200, "no pair twice")
    check(all((a.split("/")[0] == b.split("/")[0]) == (s == "1") for a, b, s, _ in lines), "same")
    people = [{n.split("/")[0] for l in lines if l[3] == f for n in l[:2]}
              for f in sorted({l[3] for l in lines})]
    check(len(people) == 10 and not any(a & b for a, b in itertools.combinations(people, 2)),
          "folds of different people")
    images = {f"p{i}": [f"{k}.jpg" for k in range(i % 4)] for i in range(9)}
    other = OtherPairs(images, list(images))
    check([other[k] for k in range(len(other))] ==
          [(p, a, q, b) for p, q in itertools.combinations(images, 2)
           for a in images[p] for b in images[q]], "each pair of two people once")
    images = {f"p{i}": range(500) for i in range(1000)}
    check(len(draw_pairs(images, 40, __import__("random").Random(1))) == 40,
          "of 12 billion pairs in all folds, only the drawn ones are made")


def numbers():
    got = rows.interval([.5, .6, .7])
    check(abs(got - 4.302653 * .1 / math.sqrt(3)) < 1e-6, "Student's interval of three", got)
    check(rows.interval([.5]) is None, "one seed has none")
    a, b = [1, 2, 3], [2, 4, 6, 8]
    minus, half = rows.difference(a, b)
    edge = scipy.stats.ttest_ind([v - minus - half for v in a], b, equal_var=False).pvalue
    check(minus == -3 and abs(edge - .05) < 1e-9, "Welch's interval ends where p is .05", edge)
    check(rows.difference([1], [2, 3]) is None, "one seed has none")

    def row(method, seeds, right, **more):
        return {"method": method, "width": 1, "source": {"faces": "a"}, "seeds": seeds,
                "right": right, "pairs": ["x"] * len(seeds), "p": {}, **more}
    a = [1] * 8 + [0] * 2
    made = [row("scratch", [1, 2], [[0] * 10, a]), row("feature", [2], [a])]
    rows.add_p(made)
    check(made[1]["p"] == {"scratch": [1.]}, "p of the seed that both have", made[1]["p"])
    made = [row("scratch", [1], [a], batches=5), row("feature", [1], [a], batches=6)]
    rows.add_p(made)
    check(not made[1]["p"], "none between trainings of other length")
    made = [row("feature", [1], [a]), row("feature", [1], [a], source={"faces": "b"}),
            row("exclusive", [1], [a], source={"faces": "b"})]
    rows.add_p(made)
    check(made[2]["p"] == {"feature": [1.]}, "p against the row that saw the same images",
          made[2]["p"])


def some_seeds():
    row = {"seeds": [1, 2], "identification": {
        "r": {"mean": .5, "low": .4, "high": .6, "seeds": 1}, "s": None}}
    got = [study_report.rate_words(row, name) for name in "rst"]
    check(got == ["50.00 (40.00 to 60.00) %, 1 of the seeds", "not measurable", "not run"],
          "a rate says when not all seeds have it", got)


def fake_run(out, method, seed, accuracy, pairs="p", tests=("lfw",), **inputs):
    """Writes run.json and results as a trained run would."""
    made = {"[net] seed": str(seed), "[net] batch": "8", "darknet build": "a", **inputs}
    at = os.path.join(out, f"{method}-0.25-9-seed{seed}")
    write(os.path.join(at, "run.json"), json.dumps({
        "method": method, "width": .25, "batches": 9, "more": False, "seed": seed, "tuned": {},
        "source": {"faces": "f"}, "images": 5, "made_from": made,
        "tests": {t: {"accuracy": accuracy, "standard_error": .1} for t in tests}}))
    for test in tests:
        write(os.path.join(at, test, "results.json"), json.dumps({
            "accuracy": accuracy, "standard_error": .1, "right": [1, 0],
            "made_from": {"pairs": pairs}}))


def joined(folder):
    """A row of the table joins runs only when the seed is their only difference."""
    def found(name, any_build=False):
        return [(r["method"], r["seeds"]) for r in
                rows.read_rows(os.path.join(folder, name), any_build)]

    out = os.path.join(folder, "rate")
    for seed, rate in ((1, ".05"), (2, ".05"), (3, ".1")):
        fake_run(out, "scratch", seed, .5, **{"[net] learning_rate": rate})
        fake_run(out, "feature", seed, .75, **{"[net] learning_rate": rate})
    check(found("rate") == [("scratch", [1, 2]), ("scratch", [3]), ("feature", [1, 2]),
                            ("feature", [3])], "not seeds with other rates", found("rate"))
    last = rows.read_rows(out, False)[3]["tests"]["lfw"]
    check(last["p"] == {"scratch": [1.]}, "each is compared with its own rate", last)
    out = os.path.join(folder, "build")
    for seed, build in ((1, "a"), (2, "b")):
        fake_run(out, "scratch", seed, .5, **{"darknet build": build})
    check(found("build") == [("scratch", [1]), ("scratch", [2])], "nor other builds")
    check(found("build", True) == [("scratch", [1, 2])], "unless the user has asked for them")
    out = os.path.join(folder, "chain")
    for seed in (1, 2):
        fake_run(out, "assistant", seed, .5, **{"teacher's weights": str(seed)})
        fake_run(out, "feature", seed, .5, **{"teacher's weights": str(seed)})
    check(found("chain") == [("feature", [1]), ("feature", [2]), ("assistant", [1, 2])],
          "a teacher may depend on the seed if it is a student", found("chain"))
    out = os.path.join(folder, "tests")
    fake_run(out, "scratch", 1, .5, tests=("lfw", "cfp"))
    fake_run(out, "scratch", 2, .5)
    check(list(rows.read_rows(out, False)[0]["tests"]) == ["lfw"], "a test that one seed lacks")
    fake_run(out, "scratch", 2, .5, pairs="q", tests=("lfw", "cfp"))
    check(not rows.read_rows(out, False)[0]["tests"], "no mean over seeds tested on other pairs")


def commits(folder):
    """The commit that study.py records ends in "+" only when files differ from the commit; their
    times do not matter. A new commit of the checkout is noticed."""
    git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@a"]
    before = dict(os.environ)
    os.environ["DARKNET_BIN"] = write(os.path.join(folder, "darknet"), "")
    os.chmod(os.path.join(folder, "darknet"), 0o755)
    for words in (["init", "-q"], ["add", "darknet"], ["commit", "-q", "-m", "a"]):
        subprocess.run([*git, *words], check=True)
    os.utime(os.path.join(folder, "darknet"), (1, 1))
    first = machine.commit()
    check(len(first) == 9, "a file of another time", first)
    write(os.path.join(folder, "darknet"), "changed")
    check(machine.commit() == first + "+", "a file that differs")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "b"], check=True)
    check(machine.commit() not in (first, first + "+"), "another commit")
    os.environ.update(before)
    if "DARKNET_BIN" not in before:
        del os.environ["DARKNET_BIN"]


def whole(folder):
    out = os.path.join(folder, "out")
    words = ["--out", out, *SMALL, "--methods", "scratch,probability,born-again"]
    plan = study(*words, "--plan")
    check(plan.returncode == 0 and "in all, about" in plan.stdout and
          "born-again-0.25-2-seed2" in plan.stdout and "classifier train" not in plan.stdout,
          "--plan", plan.stderr)
    check(not os.path.exists(out), "--plan writes nothing")
    done = study(*words)
    check(done.returncode == 0, "all of it", done.stderr, done.stdout[-500:])
    if done.returncode:
        return
    run = json.loads(read(os.path.join(out, "feature-0.25-2-seed1", "run.json")))
    check(run["images seen"] == 32 and run["seed"] == 1 and run["commit"] and run["command"]
          and run["images"] == 96 and "darknet build" in run["made_from"], "run.json", run)
    check([b for b, _ in run["curve"]] == [1, 2], "a curve", run["curve"])
    table = read(os.path.join(out, "study.md")).decode()
    check(table.count("\n| feature |") == 1 and "scratch: " in table
          and "chosen on held-out" in table,
          "study.md")
    check(os.path.getsize(os.path.join(out, "study.png")) > 1000, "study.png")
    listed = read(os.path.join(out, "development.txt")).decode().splitlines()
    pairs = read(os.path.join(out, "development-pairs.txt")).decode()
    check(len(listed) == 4 * 4 and not any(os.path.basename(os.path.dirname(l.split("\t")[0])) + "/"
                                           in pairs for l in listed), "people of both kinds")
    again = study(*words)
    check(again.returncode == 0 and "classifier train" not in again.stdout and
          "verifying" not in again.stdout, "nothing is done twice", again.stdout[-500:])
    goes_on(out, words)


def goes_on(out, words):
    """A further call only repeats runs whose results are missing. --only selects runs by name."""
    shutil.rmtree(os.path.join(out, "scratch-0.25-2-seed2"))
    shutil.rmtree(os.path.join(out, "feature-0.25-2-seed2"))
    before = read(os.path.join(out, "scratch-0.25-2-seed1", "net.weights"))
    done = study(*words, "--only", "scratch-*")
    check(done.stdout.count("classifier train") == 1
          and "/scratch-0.25-2-seed2/net.cfg" in done.stdout,
          "continues", done.stdout, done.stderr)
    check(read(os.path.join(out, "scratch-0.25-2-seed1", "net.weights")) == before,
          "keeps the rest")
    done = study(*words, "--only", "born-again-*-seed2", "--no-choose")
    check("feature-0.25-2-seed2/net.cfg" in done.stdout, "with those that teach it", done.stderr)
    soft = ["--methods", "refo", "--seeds", "2", "--no-choose"]
    done = study("--out", out, *SMALL, *soft)
    own = [read(os.path.join(out, name, "net.weights")) for name in
           ("teacher", "refo-0.25-2-seed2-teacher", "refo-0.25-2-seed2", "feature-0.25-2-seed2")]
    check(done.returncode == 0 and done.stdout.count("classifier train") == 2, "a softened teacher",
          done.stdout, done.stderr)
    same = [a == b for a, b in zip(own[0][20:], own[1][20:])]
    first = same.index(False) / len(own[1])
    check(.2 < first < .9, "only its last layers have changed", first)
    check(own[2] != own[3], "its student is another")
    done = study(*words, "--rate", ".3")
    check(done.returncode == 1 and "was made from other inputs" in done.stderr, "other inputs",
          done.stderr)


def best(folder):
    plan = study("--out", os.path.join(folder, "best"), *SMALL[:SMALL.index("--widths")],
                 "--best", "--batches", "3", "--no-choose", "--plan", "--seeds", "1")
    names = [line.split()[0] for line in plan.stdout.splitlines() if "-seed1" in line]
    check(names == [f"{m}-0.25-3-seed1" for m in methods.BEST], "--best", names, plan.stderr)


def identifies(folder):
    if importlib.util.find_spec("faiss") is None:
        raise Skipped("python3-faiss is not installed")
    out = os.path.join(folder, "out")
    faces = os.path.join(out, "synthetic")
    done = study("--out", out, *SMALL, "--methods", "scratch,probability,born-again", "--only",
                 "scratch-*-seed1", "--probes", os.path.join(faces, "test"), "--distractors",
                 os.path.join(faces, "train"))
    check(done.returncode == 0 and "classifier train" not in done.stdout, "no training",
          done.stderr)
    lines = {l.split(" | ")[0]: l for l in
             read(os.path.join(out, "study.md")).decode().splitlines() if l.startswith("| ")}
    check("rank-1 of 96" in lines["| method"] and "not run" not in lines["| scratch"] and
          "not run" in lines["| probability"], "columns", lines)


def refusals(folder):
    file = write(os.path.join(folder, "file"), "x")
    for more, status, text in (
            (["--methods", "x"], 2, "none of"), (["--test", "x"], 2, "NAME=FOLDER,PAIRS"),
            (["--test", "lfw=/,/dev/null"], 2, "and not lfw"),
            (["--test", f"a=/none,{file}"], 2, "/none: No such file or folder"),
            (["--probes", folder], 2, "--probes and --distractors go together"),
            (["--batches", "2,2"], 2, "is given twice"), (["--points", "-1"], 2, "from 0"),
            (["--faces", ""], 2, "--faces: a path must not be empty"),
            (["--unlabelled", f"{folder},"], 2, "--unlabelled: a path must not be empty"),
            (["--test", "identification=/,/dev/null"], 2, "and not lfw or identification"),
            (["--test", f"a=/,{file}", "--test", f"a={folder},{file}"], 2,
             "--test: two sets of pairs have one name"),
            (["--batch", "18", "--methods", "scratch,correlation-groups"], 2,
             "--batch 18: must be a multiple of 4 for correlation-groups"),
            (["--only", "nothing"], 1, "--only nothing: names none of the runs"),
            (["--methods", "assistant", "--widths", ".5"], 1, "these options name no run"),
            (["--held-out", "23"], 1, "--held-out 23: must be from 20 to 22"),
            (["--faces", folder, "--lfw", folder, "--pairs", file], 1,
             f"--out {folder}/bad: must be outside of --faces {folder}, whose images are read\n"),
            (["--faces", "cfg", "--lfw", folder, "--pairs", file, "--unlabelled", folder], 1,
             f"--out {folder}/bad: must be outside of --unlabelled {folder}, whose images")):
        done = study("--out", os.path.join(folder, "bad"), *SMALL, *more)
        check(done.returncode == status and text in done.stderr and "Traceback" not in done.stderr
              and "classifier train" not in done.stdout, " ".join(more), done.stderr)


with tempfile.TemporaryDirectory() as temporary:
    for test in (plans, tables, held_out, numbers, some_seeds):
        attempt(test.__name__, test)
    attempt("commits", commits, os.path.join(temporary, "checkout"))
    for test in (joined, whole, identifies, best, refusals):
        attempt(test.__name__, test, temporary)
summary()
