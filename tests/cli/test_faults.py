"""Makes the system calls on a user's files fail: one call, or one call and all calls after it. Then
the earlier result must still be there, or the new result must be complete. The message must name
the file and the reason. When the command runs once more, it must give the same result as a command
without failures.

SAMPLE=N tests N failures in each case (default 4), SAMPLE=all tests every possible failure.
Arguments name the cases to run; without arguments, slow cases are left out when N is 4."""
import collections
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

from common import (DARKNET, ROOT, SCRIPTS, Skipped, check, expect_end, needed, needs, read, run,
                    skip, summary, write)
from detector import make_detector, photograph
from small_run import CFG, NAMES, faults, make_inputs

needs("PIL")
with needed():
    import numpy as np
import tempfile

# again: the command that runs after a failure. result: the files that are compared. costs: above 1
# for a slow case; divides the number of tested failures and multiplies the time limit.
Case = collections.namedtuple("Case", "name command again result costs", defaults=(1,))
HANG = 10  # seconds after which a command counts as hanging, on a machine without other work
SAMPLE = os.environ.get("SAMPLE", "4")  # the number of failures in each case, or "all"
BINARY = """[net]
height=16
width=16
channels=3
[convolutional]
filters=8
size=3
pad=1
activation=relu
[binary]
filters=8
size=3
pad=1
[connected]
output=8
"""
KD = CFG.replace("[softmax]\n", "[kd_feature]\nteacher=net.cfg\nweights=w\n")
TRAIN = (DARKNET, "classifier", "train", "run.data", "net.cfg", "-threads", "1", "-every", "4",
         "-batches", "8")
CACHE = (DARKNET, "classifier", "train", "kd.data", "kd.cfg", "-threads", "1", "-batches", "4",
         "-cache", "cache")
HOMEWORK = ("--identities 4 --images 4 --synthetic-pairs 20 --size 32 --batch 4 --batches 2 "
            "--teacher-batches 2 --widths .125 --methods scratch").split()
CHANGES = ("seconds", "date", "ms", "made_from")  # keys of results that differ in each run


def python(name, *words):
    return (sys.executable, os.path.join(SCRIPTS, name), *words)


def case(name, command, *result, again=None, costs=1):
    return Case(name, command, again or command, result, costs)


def cases():
    low_rank = (DARKNET, "compress", "low-rank", "net.cfg", "w", "lfw", "low.cfg", "low.weights",
                "-rank", "4", "-samples", "200", "-threads", "1", "-csv", "low.csv", "-force")
    verified = (*TRAIN, "-pairs", "pairs.txt", "-faces", "lfw", "-verify", "4")
    listed = (DARKNET, "classifier", "train", "list.data", *TRAIN[4:])
    yield case("train", (*TRAIN, "-force"), "run/net.weights")
    yield case("list", (*listed, "-force"), "list/net.weights")
    yield case("verify", (*verified, "-force"), "run/net.weights", "run/net-best.weights")
    yield case("resume", (*TRAIN[:-1], "16", "-resume"), "run/net.weights",
               again=(*TRAIN[:-1], "16", "-resume"))
    yield case("cache", (*CACHE, "-force"), "kd/kd.weights")
    yield case("init", (DARKNET, "init", "net.cfg", "w", "-force"), "w")
    yield case("pack",
               (DARKNET, "compress", "pack", "bits.cfg", "bits.weights", "packed", "-force"),
               "packed")
    yield case("unpack", (DARKNET, "compress", "unpack", "bits.packed", "bits.cfg", "unpacked",
                          "-force"), "unpacked")
    yield case("raw", (DARKNET, "classifier", "raw", "net.cfg", "w", "in.f32", "out.f32", "-force"),
               "out.f32")
    yield case("embed", (DARKNET, "embed", "net.cfg", "w", "lfw", "features", "-threads", "2",
                         "-force"), "features")
    yield case("low-rank", low_rank, "low.cfg", "low.weights", "low.csv")
    yield case("strip", (DARKNET, "strip", "net.cfg", "w", "bare.cfg", "bare.weights", "-to", "2",
                         "-force"), "bare.cfg", "bare.weights")
    yield case("partial", (DARKNET, "partial", "net.cfg", "w", "part.weights", "2", "-force"),
               "part.weights")
    yield case("synth", (DARKNET, "synth", "drawn", "-identities", "2", "-images", "2", "-pairs",
                         "20", "-size", "32", "-threads", "2"), "drawn/synth.txt",
               "drawn/faces.data", "drawn/pairs.txt", "drawn/train/id0001/0001.jpg",
               "drawn/test/test0000/test0000_0002.jpg")
    yield case("align", (DARKNET, "align", "lfw", "points.txt", "crops"),
               *(f"crops/ann/ann_{i:04}.jpg" for i in range(4)))
    yield case("faces", (DARKNET, "faces", "photos", "found", "-mtcnn", "detector", "-min-face",
                         "60", "-threads", "2"), "found/one.jpg", "found/two.jpg",
               "found/two.2.jpg")
    yield case("vary", python("vary_faces.py", "lfw", "--out", "varied", "--varied", "1", "--mixed",
                              "0"), "varied/0000000-0.jpg")
    yield case("eval", python("eval_lfw.py", "net.cfg", "w", "lfw", "pairs.txt", "--out", "eval",
                              "--threads", "1", "--no-pictures"), "eval/results.json")
    yield case("homework", python("homework.py", "--out", "work", "--threads", "1", *HOMEWORK),
               "work/results.json", "work/scratch-0.125-seed1/net.weights", costs=10)


def setup():
    make_inputs()
    write("kd.cfg", KD)
    write("bits.cfg", BINARY)
    write("run.data", "classes=3\ntrain=faces\nbackup=run\n")
    write("kd.data", "classes=3\ntrain=faces\nbackup=kd\n")
    write("list.data", "classes=3\ntrain=list.txt\nbackup=list\n")
    write("list.txt", "".join(f"faces/{n}/{i:02}.jpg {c}\n"
                              for c, n in enumerate(NAMES) for i in range(0, 20, 2)))
    lines, points = [], ""
    for k in range(2):
        lines += [f"ann\t{k}\t{k + 2}\n", f"ann\t{k}\tbob\t{k}\n"]
    for name in NAMES[:2]:
        for i in range(4):
            write(f"lfw/{name}/{name}_{i:04}.jpg", read(f"faces/{name}/{4 * i + 1:02}.jpg"))
            points += f"{name}/{name}_{i:04}.jpg 6 8 11 8 8 11 6 13 10 13\n"
    write("pairs.txt", "2\t1\n" + "".join(lines))
    write("points.txt", points)
    make_detector("detector")
    photograph("photos/one.png", 90, 80, (10, 10))
    photograph("photos/two.png", 160, 90, (0, 10), (90, 20))
    write("in.f32", np.linspace(0, 1, 2 * 768, dtype=np.float32).tobytes())
    for words in (("init", "net.cfg", "w"), ("init", "bits.cfg", "bits.weights"),
                  ("compress", "pack", "bits.cfg", "bits.weights", "bits.packed")):
        expect_end(run(DARKNET, *words))


def call(command, folder, env=None, limit=HANG):
    """Runs a command. Returns the finished process, or None when it hangs. When a training reports
    that it waits for an unreadable image, this function ends it with SIGTERM."""
    with tempfile.TemporaryFile("a+", errors="replace") as err:
        with subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=err) as p:
            end, text = time.monotonic() + limit * max(1, os.getloadavg()[0]), ""
            while p.poll() is None and time.monotonic() < end:
                time.sleep(.01)
                if "waiting for it" not in text:
                    err.seek(0)
                    text = err.read()
                    if "waiting for it" in text:
                        p.terminate()
            hangs = p.poll() is None
            if hangs:
                p.kill()
        err.seek(0)
        return None if hangs else subprocess.CompletedProcess(command, p.returncode, "", err.read())


def steady(value):
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k not in CHANGES}
    return [steady(v) for v in value] if isinstance(value, list) else value


def result(path):
    if not os.path.exists(path):
        return None
    return steady(json.loads(read(path))) if path.endswith(".json") else read(path)


def results(case_, folder):
    return [result(os.path.join(folder, p)) for p in case_.result]


def leftovers(folder):
    return [os.path.join(at, n) for at, _, names in os.walk(folder) for n in names
            if n.endswith((".tmp", ".part"))]


def prepare(case_, base, folder):
    """Copies base to folder and adds the files that the case needs from an earlier command."""
    shutil.copytree(base, folder)
    if case_.name == "resume":
        expect_end(call(TRAIN, folder))
    elif case_.name == "homework":  # the teacher is trained, the student is not
        expect_end(call(case_.command, folder, limit=HANG * case_.costs))
        shutil.rmtree(os.path.join(folder, "work", "scratch-0.125-seed1"))
        os.remove(os.path.join(folder, "work", "results.json"))
    elif "-force" in case_.command or case_.name == "eval":
        for path in case_.result:
            write(os.path.join(folder, path), "an earlier result" if path.endswith((".cfg", ".csv"))
                  else '{"an": "earlier result"}' if path.endswith(".json")
                  else struct.pack("<4iQ5f", 0, 2, 0, 1, 0, 1, 2, 3, 4, 5))


def renew(before, folder):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(before, folder)


def judge(case_, folder, done, failed, old, new):
    """Returns a text that says what is wrong after the run `done`, or None. failed: a line for each
    system call that failed in it; old, new: results before it, and after a run without failures."""
    if done is None:
        return "it hangs"
    if done.returncode not in (0, 1):
        return f"exit status {done.returncode}: {done.stderr[-600:]}"
    now = results(case_, folder)
    for path, was, is_, whole in zip(case_.result, old, now, new):
        if is_ not in (was, whole) and not is_progress(case_, path) and not tells_skipped(done):
            return f"{path} is neither the earlier nor the new one: {done.stderr[-600:]}"
    if done.returncode == 0 and now != new:
        return f"exit status 0 without a result: {done.stderr[-600:]}"
    if not failed:
        return None
    name, why, path = failed[0].split(" ", 2)
    names = [os.strerror(int(f.split(" ", 2)[1])) for f in failed]
    if done.returncode == 1 and not any(n in done.stderr for n in names + ["no memory"]):
        return f"the reason is not named ({names[0]}): {done.stderr[-600:]}"
    if done.returncode == 1 and name not in ("fork", "thread") and \
            not any(os.path.basename(p) in done.stderr for p in known_as(failed)):
        return f"the file {path} is not named: {done.stderr[-600:]}"
    rest = leftovers(folder)
    return f"left behind: {rest}" if rest else None


def tells_skipped(done):
    """Returns true when the command says that it left out an image that cannot be read."""
    named = any(f".skipped names {word}" in done.stderr for word in ("it", "them"))
    return done.returncode == 1 and named


def is_progress(case_, path):
    """Returns true when `path` is the weights file of a training. After a failure, this file may be
    a checkpoint of the unfinished training."""
    return case_.command[1] == "classifier" and case_.command[2] == "train" and \
        path.endswith(".weights")


def known_as(failed):
    """Yields the file names that the message may give for the failed calls."""
    for line in failed:
        path = line.split(" ", 2)[2].rstrip("/")
        yield path
        if path.endswith((".tmp", ".partial")):
            path = path.rsplit(".", 3 if path.endswith(".tmp") else 1)[0]
            yield path
        yield os.path.dirname(path)


def inject(case_, before, folder, new, at, count):
    """Runs the case with `count` failing system calls, the first of which is number `at`. Returns a
    text that says what is wrong afterwards, or None."""
    renew(before, folder)
    old = results(case_, folder)
    log = folder + ".log"
    for path in (log, log + ".count"):
        if os.path.exists(path):
            os.remove(path)
    kinds = "files" if case_.command[0] == sys.executable else "all"
    limit = HANG * case_.costs
    done = call(case_.command, folder, faults(folder + "/", at, count, 0, kinds, log), limit)
    failed = read(log).decode(errors="replace").splitlines() if os.path.exists(log) else []
    wrong = judge(case_, folder, done, failed, old, new)
    if not wrong and done.returncode:
        done = call(case_.again, folder, limit=limit)
        if done is None or done.returncode:
            wrong = f"afterwards: {done.stderr[-600:] if done else 'it hangs'}"
        elif results(case_, folder) != new:
            wrong = "the command gives something else afterwards"
    what = failed[0].replace(folder + "/", "") if failed else "no call"
    return f"call {at} ({what}), {'once' if count == 1 else 'from then on'}: {wrong}" \
        if wrong else None


def all_calls(case_, before, folder):
    """Runs the case without failing calls. Returns (a line for each system call, the results)."""
    log = folder + ".log"
    renew(before, folder)
    kinds = "files" if case_.command[0] == sys.executable else "all"
    done = call(case_.command, folder, faults(folder + "/", 0, 0, 0, kinds, log),
                HANG * case_.costs)
    expect_end(done)
    lines = read(log).decode(errors="replace").splitlines()
    os.remove(log)
    os.remove(log + ".count")
    return lines, results(case_, folder)


def choose(lines, most):
    """Returns the numbers (from 1) of at most `most` system calls, of as many kinds as possible.
    Two calls are of one kind when they have the same name and their paths differ only in digits."""
    kinds, each = {}, 1
    for at, line in enumerate(lines, 1):
        name, _, path = line.split(" ", 2)
        kinds.setdefault((name, re.sub(r"\d+", "", path)), []).append(at)
    most = min(most, len(lines))
    while sum(min(len(calls), each) for calls in kinds.values()) < most:
        each += 1
    found = sorted(calls[i * len(calls) // n] for calls in kinds.values()
                   for n in (min(len(calls), each),) for i in range(n))
    return [found[i * len(found) // most] for i in range(most)]


def test(case_, base, top):
    before, folder, n = os.path.join(top, "before"), os.path.join(top, "work"), 0
    shutil.rmtree(before, ignore_errors=True)
    prepare(case_, base, before)
    lines, new = all_calls(case_, before, folder)
    check(len(lines) > 2 and None not in new, f"{case_.name}: calls and results", len(lines))
    most = len(lines) if SAMPLE == "all" else max(1, int(SAMPLE) // (2 * case_.costs))
    for at in choose(lines, most):
        for count in (1, 10**6):
            wrong = inject(case_, before, folder, new, at, count)
            check(not wrong, f"{case_.name}: {wrong or f'call {at}'}")
            n += 1
    return n, len(lines)


def errno_stays(top):
    """faults.c keeps errno when it raises a signal at a call, and when it only counts the call."""
    program = ("import ctypes, os, signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
               "libc = ctypes.CDLL(None, use_errno=True)\n"
               "f = os.open('kept', os.O_RDWR)\nctypes.set_errno(77)\n"
               "print(libc.write(f, b'x', 1), ctypes.get_errno())")
    write(os.path.join(top, "kept"), "")
    for count, what in ((1, -signal.SIGUSR1), (0, 5)):
        env = faults("kept", 1, count, what, "write", "/nowhere/log")
        # Python is built without sanitizers, so it preloads only faults.c
        env["LD_PRELOAD"] = env["LD_PRELOAD"].split()[-1]
        said = subprocess.run((sys.executable, "-c", program), env=env, cwd=top, text=True,
                              stdout=subprocess.PIPE, check=False).stdout
        check(said == "1 77\n", f"faults.c, {what}: errno", said)


def main():
    chosen, injected = [a for a in sys.argv[1:] if not a.startswith("-")], 0
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as top:
        base = os.path.join(top, "base")
        os.makedirs(base)
        os.chdir(base)
        setup()
        os.chdir(top)
        errno_stays(top)
        for case_ in cases():
            if case_.name not in chosen if chosen else case_.costs > 1 and SAMPLE == "4":
                continue
            start = time.time()
            try:
                n, calls = test(case_, base, top)
            except Skipped as e:
                skip(case_.name, e)
                continue
            except Exception as e:  # pylint: disable=broad-except
                check(False, f"{case_.name}: {e!r}")
                continue
            injected += n
            if "-v" in sys.argv[1:]:
                print(f"{case_.name}: {n} points of {calls} calls, {time.time() - start:.0f} s",
                      flush=True)
        os.chdir(ROOT)
    print(f"{injected} points injected")
    summary()


main()
