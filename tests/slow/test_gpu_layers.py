"""test_gpu_layers.py - small versions of MobileFaceNet's cfg files train on the stand-in GPU as on
the processor."""
import csv
import os
import re

from common import (ROOT, attempt_all, darknet, expect, expect_end, needed, read, run, summary,
                    write)
from gpu_command import GPU, STANDIN, build
from small_run import make_inputs

with needed():
    import numpy as np

ENV = dict(os.environ, LD_LIBRARY_PATH=STANDIN)
TEACHERS = ("mobilefacenet", "mobilefacenet-am")
STUDENTS = ("am", "half-am", "half-kd-correlation", "half-kd-feature", "half-kd-ec",
            "half-kd-grouped", "half-kd-probability")
HEAD = "[margin_softmax]\nclasses=3\nmargin=arcface\n"


def smaller(name, more=""):
    text = read(os.path.join(ROOT, "cfg", name + ".cfg")).decode()
    for key, value in (("width", 32), ("height", 32), ("batch", 6), ("subdivisions", 1),
                       ("width_multiplier", .125), ("classes", 3), ("learning_rate", .01)):
        text = re.sub(rf"^{key}=.*$", f"{key}={value}", text, flags=re.M)
    text = re.sub(r"^weights=.*/(.*)$", r"weights=\1", text, flags=re.M)
    write(name + ".cfg", text + more)


def start():
    build()
    make_inputs()
    write("run.data", "classes=3\ntrain=faces\nbackup=run\n")
    for name in TEACHERS:
        smaller(name)
        expect_end(darknet("init", name + ".cfg", name + ".weights"))
    for name in STUDENTS:
        smaller("mobilefacenet-" + name)
    for name in ("bwn", "xnor"):
        smaller("mobilefacenet-" + name, "\n" + HEAD)


def has_no_borders(name):
    cfg = f"mobilefacenet-{name}.cfg"
    done = run(GPU, "bench", cfg, "-train", "-batch", "2", "-runs", "1", "-gpu", "0", env=ENV,
               timeout=900)
    expect_end(done, 0, "GPU 0: stand-in 0")
    layers = re.findall(r"^ *\d+  (\w+) .*?(GPU|processor)$", done.stdout, re.M)
    expect(len(layers) > 60, f"{cfg}: {done.stdout}")
    expect(all(where == "GPU" for _, where in layers), f"{cfg}: {layers}")


def accuracies(path):
    with open(path) as log:
        return [row["accuracy"] for row in csv.DictReader(log)]


def trains_alike(name):
    """Signs amplify rounding errors, so binary layers are compared after one update."""
    updates = "1" if name in ("bwn", "xnor") else "3"
    cfg = f"mobilefacenet-{name}.cfg"
    expect_end(darknet("init", cfg, name + "first"))
    runs = {"a": ("-gpu", "0"), "b": ("-gpu", "0"), "cpu": ("-nogpu",)}
    for folder, where in runs.items():
        expect_end(run(GPU, "classifier", "train", "run.data", cfg, "-out", name + folder,
                       "-threads", "1", "-batches", updates, "-every", updates, *where, env=ENV,
                       timeout=900))
    a, b, cpu = (read(f"{name}{folder}/mobilefacenet-{name}.weights") for folder in runs)
    expect(a == b, f"{cfg}: two runs give different weights")
    right = [accuracies(f"{name}{folder}/mobilefacenet-{name}.csv") for folder in runs]
    expect(right[0] == right[2], f"{cfg}: accuracies {right}")
    first = read(f"{name}first")
    a, cpu, first = (np.frombuffer(w[20:], np.float32) for w in (a, cpu, first))
    apart, change = np.abs(a - cpu).max(), np.abs(cpu - first).max()
    print(f"# {cfg}: {apart:.2g} from the processor's weights, which have changed by {change:.2g}")
    expect(0 < apart < 1e-4 * change, f"{cfg}: {apart} from the processor's weights")


def each(test, names):
    made = []
    for name in names:
        def one(name=name):
            test(name)
        one.__name__ = f"{test.__name__}: {name}"
        made.append(one)
    return made


attempt_all(start, *each(has_no_borders, (*STUDENTS, "bwn", "xnor")),
            *each(trains_alike, ("am", "half-kd-correlation", "half-kd-feature", "half-kd-grouped",
                                 "bwn", "xnor")))
summary()
