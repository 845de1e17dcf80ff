"""Tests darknet bench, also beside busy processes and with threads bound to processors."""
import json
import os
import signal
import subprocess
import time

from common import DARKNET, ROOT, attempt_all, darknet, expect, expect_end, summary, write

CFG = os.path.join(ROOT, "cfg", "mobilefacenet-eighth.cfg")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(c) for c in f.read().split()]


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < end, what)
        time.sleep(0.02)


def spread_is_said():
    said = json.loads(darknet("bench", CFG, "-runs", "9", "-json").stdout)
    expect(said["spread"] >= 0, f"spread {said['spread']}")
    expect(said["steady"] == (said["spread"] <= 0.1), f"{said}")
    text = darknet("bench", CFG, "-runs", "2", "-batch", "5", "-threads", "2").stdout
    expect("forward, batch 5, 2 threads" in text, text[-200:])


def algorithms_are_named():
    cfg = write("kinds.cfg", "[net]\nheight=28\nwidth=28\nchannels=8\n"
                "[convolutional]\nfilters=64\nsize=3\npad=1\n[convolutional]\nfilters=32\n"
                "[depthwise]\npad=1\n[binary]\nfilters=64\nmode=xnor\n[connected]\noutput=2\n")
    rows = [l[43:].strip() for l in darknet("bench", cfg, "-runs", "1").stdout.split("\n")[1:6]]
    expect(rows[0].startswith("Winograd") and rows[1:3] == ["product", "depthwise"], f"{rows}")
    expect(rows[3] in ("counting bits", "bytes in AMX tiles") and rows[4] == "", f"{rows}")
    rows = darknet("bench", cfg, "-runs", "1", "-train").stdout.split("\n")
    expect(rows[1].endswith("products of windows"), rows[1])


def busy_is_compared():
    said = json.loads(darknet("bench", CFG, "-busy", "2", "-runs", "1", "-threads", "2",
                              "-json").stdout)
    expect(said["busy"] == 2 and said["threads"] == 2, f"{said}")
    for side in ("one", "all"):
        expect(said[side]["busy"] > 0 and said[side]["quiet"] > 0, f"{said}")


def busy_processes_end_with_it():
    for how in (signal.SIGKILL, signal.SIGINT):
        p = subprocess.Popen([DARKNET, "bench", CFG, "-busy", "3"], stdout=subprocess.DEVNULL)
        wait_for("three children", lambda p=p: len(children(p.pid)) == 3)
        mine = children(p.pid)
        p.send_signal(how)
        p.wait()
        wait_for(f"{how}: children are left", lambda mine=mine: not any(map(is_alive, mine)))


def bad_count():
    expect_end(darknet("bench", CFG, "-busy", "0"), 2, "-busy 0")


def binding_is_undone():
    allowed = os.sched_getaffinity(0)
    p = subprocess.Popen([DARKNET, "bench", CFG, "-runs", "100000", "-threads", "2"],
                         stdout=subprocess.DEVNULL, env={**os.environ, "OMP_PROC_BIND": "true"})
    try:
        tasks = f"/proc/{p.pid}/task"
        more = 1 + (len(allowed) > 1)
        wait_for("its threads", lambda: len(os.listdir(tasks)) >= more)
        for task in os.listdir(tasks):
            expect(os.sched_getaffinity(int(task)) == allowed, f"bound to "
                   f"{os.sched_getaffinity(int(task))}, not {allowed}")
    finally:
        p.kill()
        p.wait()


attempt_all(lambda: None, spread_is_said, algorithms_are_named, busy_is_compared,
            busy_processes_end_with_it, bad_count, binding_is_undone)
summary()
