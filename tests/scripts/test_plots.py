#!/usr/bin/python3
"""Tests scripts/plot_training.py and plot_energy.py, also on incomplete logs."""
import math
import os
import tempfile

from common import check, needs, read, script, summary, write

needs("matplotlib")
from report import curves

HEAD = "batch,epoch,loss,rate,images_per_second,wait,accuracy,pairs,exclusivity,gradient,am_3\n"
ENERGY = "layer,filters,rank,energy,chosen\n2,3,1,0.5,2\n2,3,2,0.9,2\n2,3,3,1,2\n"


def log(path, losses):
    return write(path, HEAD + "".join(f"{i},0.1,{v},0.1,100,0,,{'.6' if i % 9 == 0 else ''},,,{v}\n"
                                      for i, v in enumerate(losses, 1)))


def smoothing():
    for f in (lambda i: 3 - .01 * i, lambda i: 5.):
        line = [f(i) for i in range(200)]
        got = curves.smooth(line)
        check(max(abs(a - b) for a, b in zip(got, line)) < 1e-9, "a straight line stays: no lag")
    step = [1.] * 100 + [0.] * 100
    got = curves.smooth(step)
    check(abs(got[99] + got[100] - 1) < 1e-9 and got[90] == 1 and got[110] == 0,
          "a step stays in its place", got[97:103])
    got = curves.smooth([1, math.nan, 3, math.nan, math.nan])
    check(got[1] == 2 and math.isnan(got[4]), "NaN stays out", got)
    check(curves.smooth([7.]) == [7.], "one value")
    check(curves.names_of(["/x/runs/a/net.csv", "/x/runs/b/net.csv"]) == ["a", "b"], "names",
          curves.names_of(["/x/runs/a/net.csv", "/x/runs/b/net.csv"]))
    check(curves.names_of(["/x/runs/a/net.csv"]) == ["a/net"], "one name")


def plots():
    one, two = log("a/net.csv", [3 - i / 50 for i in range(90)]), log("b/net.csv", [2, -1, 0.5])
    for words in ((one,), (one, two)):
        done = script("plot_training.py", *words, "out.png")
        check(done.returncode == 0 and read("out.png")[:4] == b"\x89PNG", f"{len(words)} logs",
              done.stderr)
    with open(one, "a", encoding="utf-8") as f:
        f.write("91,0.1,1.")
    check(script("plot_training.py", one, "out.png").returncode == 0, "a torn last line")
    check(len(curves.read(one)["batch"]) == 90, "is left out")
    done = script("plot_training.py", one, "out.svg")
    check(done.returncode == 0 and b"a/net" in read("out.svg"), "SVG, with the run's name",
          done.stderr)
    done = script("plot_energy.py", write("low/energy.csv", ENERGY), "e.svg", "-title", "mynet")
    check(done.returncode == 0 and b"mynet" in read("e.svg"), "energies", done.stderr)
    done = script("plot_energy.py", "low/energy.csv", "e.svg")
    check(b"low/energy" in read("e.svg"), "energies name their file", done.stderr)


def refusals():
    good = log("good.csv", [1, 2])
    os.makedirs("folder", exist_ok=True)
    for name, words, text in (
            ("plot_training.py", (write("empty.csv", ""), "o.png"), "empty.csv: is empty"),
            ("plot_training.py", (write("head.csv", HEAD), "o.png"), "holds no batches yet"),
            ("plot_training.py", (write("x.csv", "a,b\n1,x\n"), "o.png"), "x.csv: is not a"),
            ("plot_training.py", (write("n.csv", "a,b\n1,2\n"), "o.png"), "has no column batch"),
            ("plot_training.py", ("none.csv", "o.png"), "none.csv: No such file"),
            ("plot_training.py", (good, "folder"), "folder: is a folder"),
            ("plot_training.py", (good, "o.xyz"), "o.xyz: a picture cannot be written as .xyz"),
            ("plot_training.py", (good, "good.csv/o.png"), "good.csv"),
            ("plot_energy.py", (good, "o.png"), "good.csv: is not a table of energies"),
            ("plot_energy.py", (write("e.csv", ENERGY.replace("2,3,2", "2,3,3")), "o.png"),
             "rank 3 is out of order"),
            ("plot_energy.py", (write("c.csv", ENERGY.replace(",2\n", ",9\n")), "o.png"),
             "rank 9 of 3"),
            ("plot_energy.py", (write("h.csv", ENERGY[:33]), "o.png"), "h.csv: holds no layers")):
        done = script(name, *words)
        check(done.returncode == 1 and text in done.stderr and done.stderr.startswith(name + ": ")
              and done.stderr.count("\n") == 1, f"{name} {words}", done.stderr)
    check(not os.path.exists("o.png"), "nothing is written")
    for name in ("plot_training.py", "plot_energy.py"):
        done = script(name, good)
        check(done.returncode == 2 and "usage: " + name in done.stderr, "usage", done.stderr)


with tempfile.TemporaryDirectory() as temporary:
    os.chdir(temporary)
    for test in (smoothing, plots, refusals):
        test()
    os.chdir("/")
summary()
