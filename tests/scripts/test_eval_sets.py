#!/usr/bin/python3
"""test_eval_sets.py - eval_sets.py gives eval_lfw.py's numbers, and measures no set twice."""
import json
import os
import pickle
import shutil
import sys

from os.path import abspath, dirname, join

sys.path.insert(0, join(dirname(dirname(abspath(__file__))), "lib"))
from common import (attempt_all, darknet, expect, expect_end, needs, read, script,  # noqa: E402
                    summary, write)

needs("numpy", "scipy", "matplotlib")


def start():
    expect_end(darknet("synth", "syn", "-identities", "1", "-images", "1", "-size", "32", "-pairs",
                       "40"))
    write("net.cfg", "[net]\nheight=32\nwidth=32\nchannels=3\n[convolutional]\nfilters=8\nsize=3\n"
          "stride=4\nactivation=linear\n")
    expect_end(darknet("init", "net.cfg", "net.weights"))
    images = sorted(join(at, n) for at, _, names in os.walk("syn/test") for n in names)[:40]
    data = [read(p) for p in images]
    write("some.bin", pickle.dumps((data, [True, False] * 10)))


def sets(*words):
    return script("eval_sets.py", "net.cfg", "net.weights", "--no-pictures", *words)


def one_table():
    words = ("--sets", "syn=syn/test:syn/pairs.txt,some=some.bin", "--out", "out")
    done = sets(*words)
    expect_end(done)
    got = json.loads(read("out/results.json"))
    expect(list(got["sets"]) == ["syn", "some"] and got["sets"]["some"]["pairs"] == 20, got)
    alone = script("eval_lfw.py", "net.cfg", "net.weights", "syn/test", "syn/pairs.txt", "--out",
                   "alone", "--no-pictures")
    expect_end(alone)
    expect(json.loads(read("alone/results.json"))["accuracy"] == got["sets"]["syn"]["accuracy"],
           "another accuracy than by eval_lfw.py")
    table = read("out/table.csv").decode().split("\n")
    expect(len(table) == 4 and table[1].startswith("syn,"), table)
    again = sets(*words)
    expect_end(again)
    expect("pairs of" not in again.stdout and "syn" in again.stdout, again.stdout)


def broken_images():
    """A second call does not measure a set with broken images again."""
    shutil.copytree("syn/test", "some")
    names = sorted(join(at, n) for at, _, names in os.walk("some") for n in names)
    write(names[0], "text")
    words = ("--sets", "some=some:syn/pairs.txt", "--out", "broken", "--allow-missing")
    first = sets(*words)
    expect_end(first)
    again = sets(*words)
    expect_end(again)
    expect("pairs of" in first.stdout and "pairs of" not in again.stdout, again.stdout)


def pictures():
    """The first call draws no pictures. A second call, with pictures, draws them."""
    words = ("--sets", "syn=syn/test:syn/pairs.txt", "--out", "drawn")
    expect_end(sets(*words))
    expect_end(script("eval_sets.py", "net.cfg", "net.weights", *words))
    expect(read("drawn/syn/roc.png")[:4] == b"\x89PNG", "no picture")


def mistakes():
    for words, status, text in (
            (("--sets", "syn=syn/test:syn/none.txt"), 1, "--sets syn: syn/none.txt: No such file"),
            (("--sets", "a=none.bin"), 1, "--sets a: none.bin: No such file"),
            (("--sets", "syn/test"), 2, "syn/test: must be NAME=FILE.bin or NAME=FOLDER:PAIRS"),
            (("--sets", "a=syn/test"), 2, "a=syn/test: a folder needs its pairs"),
            (("--sets", "a=some.bin,a=some.bin"), 2, "a is given twice"),
            (("--sets", "../a=some.bin"), 2, "must be NAME=FILE.bin")):
        done = sets(*words, "--out", "wrong")
        expect_end(done, status, text)
        expect("Traceback" not in done.stderr, done.stderr)


attempt_all(start, one_table, broken_images, pictures, mistakes)
summary()
