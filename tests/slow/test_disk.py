"""Makes disk faults at random moments of a training with a teacher's cache. Repeating the command
must give the weights and losses of a run without faults. TIMES=200 is the long version."""
import errno
import os
import random
import shutil

from common import attempt_all, column, darknet, expect, expect_end, needs, read, summary, write

needs("numpy")
from small_run import CFG, data, faults, make_inputs

TIMES = int(os.environ.get("TIMES", "30"))
KINDS = (("write", errno.ENOSPC), ("fsync", errno.ENOSPC), ("open", errno.EROFS),
         ("rename", errno.EROFS), ("open", errno.EACCES), ("mkdir", errno.ENOSPC),
         ("ftruncate", errno.EIO), ("read", errno.EIO), ("files", errno.EROFS))


def run(*more, env=None):
    return darknet("classifier", "train", "kd.data", "kd.cfg", "-threads", "1", "-batches", "40",
                   "-every", "5", "-cache", "trained/cache", "-out", "trained/run", *more, env=env,
                   timeout=120)


def empty():
    shutil.rmtree("trained", ignore_errors=True)
    os.mkdir("trained")


def start():
    empty()
    make_inputs()
    expect_end(darknet("init", "net.cfg", "w"))
    write("kd.cfg", CFG.replace("[softmax]\n", "[kd_feature]\nteacher=net.cfg\nweights=w\n"))
    data("faces", "kd")
    log = os.path.abspath("calls")
    expect_end(run(env=faults("/trained/", 0, 0, 0, "files", log)))
    for line in read(log).decode().splitlines():
        name = line.split(" ")[0]
        calls[name] = calls.get(name, 0) + 1
    calls["files"] = sum(calls.values())
    whole.update(weights=read("trained/run/kd.weights"), loss=column("trained/run/kd.csv", "loss"))
    empty()


def ends_whole(what, done):
    for _ in range(3):
        if done.returncode == 0:
            break
        expect(done.returncode == 1, f"{what}: {done.returncode} {done.stderr}")
        done = run(*(["-resume"] if os.path.exists("trained/run/kd.state") else []))
    expect(done.returncode == 0, f"{what}: {done.stderr}")
    expect(read("trained/run/kd.weights") == whole["weights"], f"{what}: other weights")
    expect(column("trained/run/kd.csv", "loss") == whole["loss"], f"{what}: other losses")
    left = [n for _, _, names in os.walk("trained") for n in names
            if n.endswith((".tmp", ".partial"))]
    expect(not left, f"{what}: {left}")


def at_random_moments():
    draw = random.Random(5)
    for i in range(TIMES):
        name, why = KINDS[i % len(KINDS)]
        first = draw.randrange(1, calls.get(name, 1) + 1)
        count = draw.choice((1, 3, 10, 50))
        what = f"{name} {first} to {first + count - 1}: {os.strerror(why)}"
        done = run(env=faults("/trained/", first, count, why, name))
        expect(done.returncode == 0 or os.strerror(why) in done.stderr, f"{what}: {done.stderr}")
        ends_whole(what, done)
        if i % 5 == 4:
            ends_whole(f"{what}: again", run("-force"))
        empty()


calls, whole = {}, {}
attempt_all(start, at_random_moments)
summary()
