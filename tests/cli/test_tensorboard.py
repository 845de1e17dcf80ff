"""Tests classifier train -tensorboard with a reader in this file, and with TensorBoard."""
import glob
import os
import signal
import struct
import subprocess
import time

from common import (DARKNET, attempt_all, column, darknet, expect, expect_end, read, summary, write)
from tiny_run import NET, make_images


def event_file(folder="tb/net"):
    (path,) = glob.glob(folder + "/events.out.tfevents.0000000000.*")
    return path


def start():
    make_images()
    write("net.cfg", NET.format(40))


def train(*more):
    return darknet("classifier", "train", "t.data", "net.cfg", "-tensorboard", "tb", "-threads",
                   "1", *more)


# ---- a reader of TensorBoard's format ----

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    crc ^= 0xffffffff
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff


def fields(data):
    out, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value
    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            value = varint()
        else:
            n = {1: 8, 5: 4}.get(kind) or varint()
            value, at = data[at:at + n], at + n
            value = struct.unpack("<d", value)[0] if kind == 1 else \
                struct.unpack("<f", value)[0] if kind == 5 else value
        out.append((key >> 3, value))
    return out


def events():
    """Returns [(step, {tag: value})] of all records after the first."""
    data, at, out = read(event_file()), 0, []
    while at < len(data):
        length, crc = struct.unpack_from("<QI", data, at)
        body = data[at + 12:at + 12 + length]
        expect(crc == crc32c(data[at:at + 8]), f"the length's CRC at {at}")
        expect(struct.unpack_from("<I", data, at + 12 + length)[0] == crc32c(body), f"CRC at {at}")
        at += 16 + length
        m = dict(fields(body))
        expect(abs(m[1] - time.time()) < 3600, f"time {m[1]}")
        values = [dict(fields(v)) for _, v in fields(m.get(5, b""))]
        out.append((m[2], {v[1].decode(): v[2] for v in values}, m.get(3)))
    expect(out[0] == (0, {}, b"brain.Event:2"), out[0])
    return [e[:2] for e in out[1:]]


def as_the_log(batches):
    got = events()
    expect([step for step, _ in got] == list(range(1, batches + 1)), [step for step, _ in got])
    for tag, name in (("loss", "loss"), ("rate", "rate"), ("losses/softmax_1", "softmax_1")):
        for (step, values), want in zip(got, column("out/net.csv", name)):
            expect(abs(values[tag] - want) <= 1e-6 * abs(want), f"{tag} of {step}: {values}")
    return got


# ---- the tests ----

def whole():
    expect_end(train("-batches", "10"))
    got = as_the_log(10)
    expect({"loss", "rate", "images_per_second", "accuracy", "losses/softmax_1"} == set(got[0][1]),
           got[0][1])
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    except ImportError:
        return
    expect(len(list(EventFileLoader(event_file()).Load())) == 11, "TensorBoard's own reader")


def resumed():
    """-resume removes the records after the checkpoint, also an incomplete record."""
    data = read(event_file())
    write(event_file(), data + data[-60:] + b"torn")
    expect_end(train("-batches", "14", "-resume"))
    first = as_the_log(14)
    expect_end(train("-batches", "20", "-resume"))
    expect(as_the_log(20)[:14] == first, "what was there changed")


def old_curves_stay():
    """A new run, or another run of the same name, overwrites no curves."""
    old = read(event_file())
    done = train("-out", "other", "-batches", "3")
    expect(done.returncode == 1 and done.stderr == "tb/net: has the curves of another run: give "
           "another folder to -tensorboard\n", done.stderr)
    expect(read(event_file()) == old, "another run of this name changed the curves")
    expect_end(train("-batches", "10", "-force"))
    as_the_log(10)
    expect(read(event_file("tb/net.old-1")) == old, "the curves of the earlier run changed")
    expect_end(train("-batches", "9", "-force"))
    as_the_log(9)
    expect(sorted(os.listdir("tb")) == ["net", "net.old-1", "net.old-2"], os.listdir("tb"))


def killed():
    write("net.cfg", NET.format(100000))
    child = subprocess.Popen([DARKNET, "classifier", "train", "t.data", "net.cfg", "-tensorboard",
                              "tb", "-force", "-threads", "1", "-every", "50"],
                             stdout=subprocess.DEVNULL)
    deadline = time.time() + 60
    while time.time() < deadline and not os.path.exists("out/net.state"):
        time.sleep(.05)
    time.sleep(1)
    child.send_signal(signal.SIGKILL)
    child.wait()
    log = len(column("out/net.csv", "loss"))
    expect_end(train("-resume", "-batches", str(log + 100)))
    as_the_log(log + 100)


def bad():
    write("file", "x")
    done = darknet("classifier", "train", "t.data", "net.cfg", "-force", "-tensorboard", "file")
    expect(done.returncode == 1 and done.stderr.startswith("file"), done.stderr)
    path = write(event_file(), "mine")
    done = train("-resume", "-batches", "100001")
    expect(done.returncode == 1 and done.stderr ==
           f"{path}: is not an event file of TensorBoard's\n", done.stderr)
    expect(read(path) == b"mine", "a file of another kind is changed")


attempt_all(start, whole, resumed, old_curves_stay, killed, bad)
summary()
