"""test_kills_two.py - kills two trainings that share a teacher's cache, at random moments. -resume
must give the results of a run without faults. KILLS=200 is the long version."""
import os
import random
import shutil
import signal
import subprocess
import time

from common import DARKNET, attempt_all, darknet, expect, expect_end, read, summary, write

KILLS = int(os.environ.get("KILLS", "60"))
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
NET = """[net]
height=56
width=56
channels=3
batch=16
seed=3
learning_rate=0.02
max_batches=600
[convolutional]
filters=8
size=3
stride=4
pad=1
batch_normalize=1
activation=prelu
[depthwise]
size=3
stride=2
pad=1
batch_normalize=1
activation=relu
[global_depthwise]
batch_normalize=1
[connected]
output=8
activation=linear
"""
LOSSES = """[margin_softmax]
classes=12
s=8
[kd_feature]
teacher=t.cfg
weights=t.weights
weight=4
"""
TRAIN = ("classifier", "train", "syn/faces.data", "net.cfg", "-every", "20", "-verify", "60",
         "-pairs",
         "syn/pairs.txt", "-faces", "syn/test", "-threads", "1", "-name", "n")


def start():
    expect_end(darknet("synth", "syn", "-identities", "12", "-images", "8", "-size", "56", "-seed",
                       "3",
                       "-pairs", "40"))
    expect_end(darknet("init", write("t.cfg", NET), "t.weights"))
    write("net.cfg", NET + LOSSES)
    expect_end(darknet(*TRAIN, "-cache", "c", "-out", "undisturbed"))


def launch(name):
    words = [*TRAIN, "-cache", "shared", "-out", name]
    if os.path.exists(f"{name}/n.state"):
        words.append("-resume")
    with open(f"{name}.err", "w", encoding="utf-8") as error:
        return subprocess.Popen([DARKNET, *words], stdout=subprocess.DEVNULL, stderr=error)


def verified(name):
    rows = read(f"{name}/n.csv").decode().split("\n")[1:]
    return [(row.split(",")[0], row.split(",")[7]) for row in rows if row]


def check_whole(name):
    expect(read(f"{name}/n.weights") == read("undisturbed/n.weights"), f"{name}: other weights")
    expect(verified(name) == verified("undisturbed"), f"{name}: other accuracies")


def is_whole(name, status, robbed=False):
    """Returns True, and checks the results, when the training is complete. robbed: the cache was
    removed meanwhile, so a missing cache file is allowed."""
    text = read(f"{name}.err").decode()
    whole = status == 0 or (status == 1 and "nothing is left to train" in text)
    lost = robbed and status == 1 and "shared/" in text and "No such file" in text
    expect(whole or lost or status < 0 or "stopped" in text, f"{name}: {status} {text}")
    if whole:
        check_whole(name)
    return whole


def two_at_once():
    draw, running, robbed, kills = random.Random(7), {}, set(), 0
    while kills < KILLS:
        for name in "ab":
            if name in running and running[name].poll() is not None:
                if is_whole(name, running.pop(name).returncode, name in robbed):
                    shutil.rmtree(name)
                robbed.discard(name)
            if name not in running:
                running[name] = launch(name)
        if draw.random() < .1:
            shutil.rmtree("shared", ignore_errors=True)
            robbed.update(running)
        time.sleep(draw.uniform(.02, .5))
        name = draw.choice("ab")
        if running[name].poll() is None:
            running[name].send_signal(draw.choice(SIGNALS))
            running[name].wait(10)
            kills += 1
    for name, process in running.items():
        if not is_whole(name, process.wait(), name in robbed):
            expect(is_whole(name, launch(name).wait()), f"{name} does not end")


attempt_all(start, two_at_once)
summary()
