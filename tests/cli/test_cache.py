"""Tests the cache of a teacher's outputs."""
import os
import shutil
import signal
import struct
import subprocess
import time

from common import (DARKNET, attempt_all, darknet, expect, expect_end, needed, read, summary, write)

with needed():
    import numpy as np
    from PIL import Image
from lib import embeddings

IMAGES, DIM = 400, 6
NET = """[net]
batch=4
height=12
width=12
channels=3
max_batches=2
learning_rate=.001
{}
[convolutional]
filters=8
size=3
activation=relu
"""
TEACHER = NET.format("") + "[connected]\noutput=6\nactivation=linear\n"
# a teacher that is slow enough to be interrupted
SLOW = NET.format("") + 30 * "[convolutional]\nfilters=64\nsize=3\npad=1\n" \
    + "[connected]\noutput=6\nactivation=linear\n"


def student(name, teacher="t", options=""):
    write(f"{name}.cfg", NET.format(options) + f"""[connected]
output=6
activation=linear
[kd_feature]
teacher={teacher}.cfg
weights={teacher}.weights
""")


def make_inputs():
    draw = np.random.RandomState(1)
    os.makedirs("faces/a")
    for i in range(IMAGES):
        pixels = draw.randint(0, 256, (12 if i % 2 else 9, 12, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(f"faces/a/{i:03}.png")
    write("x.data", "train=faces\nbackup=out\n")
    for name, text in (("t", TEACHER), ("slow", SLOW)):
        write(f"{name}.cfg", text)
        expect_end(darknet("init", f"{name}.cfg", f"{name}.weights"))
        student("s" if name == "t" else "s-slow", name)


def command(cfg, *more, cache="cache", out="out"):
    return ["classifier", "train", "x.data", f"{cfg}.cfg", "-cache", cache, "-force", "-threads",
            "1", "-out", out, *more]


def train(cfg, *more, **where):
    return darknet(*command(cfg, *more, **where))


def files(cache="cache"):
    return sorted(n for n in os.listdir(cache) if n.endswith(".embeddings"))


def fresh():
    shutil.rmtree("cache", ignore_errors=True)


def rows_of(cfg):
    """Makes the cache for a student's cfg without interruption, and returns its bytes."""
    shutil.rmtree("want", ignore_errors=True)
    expect_end(train(cfg, cache="want"))
    return read(os.path.join("want", files("want")[0]))


def two_processes_make_it_once():
    want = rows_of("s-slow")
    fresh()
    both = [subprocess.Popen([DARKNET, *command("s-slow", "-name", name)], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for name in "ab"]
    texts = [p.communicate(timeout=120) for p in both]
    for p, text in zip(both, texts):
        expect(p.returncode == 0, f"status {p.returncode}: {text}")
    waits = [out for out, _ in texts if "waiting for process " in out]
    expect(len(waits) == 1 and "classifier train x.data" in waits[0], f"who waits: {texts}")
    expect(os.listdir("cache") == files(), f"left: {os.listdir('cache')}")
    expect(read(os.path.join("cache", files()[0])) == want, "other rows")


def stop(number, after):
    """Sends the signal `number` to a training when its cache has more than `after` bytes."""
    child = subprocess.Popen([DARKNET, *command("s-slow")], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
    for _ in range(2000):
        found = [n for n in os.listdir("cache")] if os.path.isdir("cache") else []
        sizes = [os.path.getsize(os.path.join("cache", n)) for n in found if "partial" in n]
        if sizes and sizes[0] > after:
            break
        time.sleep(.01)
    child.send_signal(number)
    error = child.communicate(timeout=60)[1]
    return child.returncode, error


def it_goes_on_where_it_was_stopped():
    want = rows_of("s-slow")
    for number in signal.SIGTERM, signal.SIGKILL:
        fresh()
        status, error = stop(number, 0)
        expect(status == (1 if number == signal.SIGTERM else -number), f"status {status}: {error}")
        expect(not files(), f"a part of a cache has its name: {os.listdir('cache')}")
        expect([n for n in os.listdir("cache") if n.endswith(".partial")], "nothing is kept")
        expect_end(train("s-slow"))
        expect(os.listdir("cache") == files(), f"left: {os.listdir('cache')}")
        expect(read(os.path.join("cache", files()[0])) == want, "rows after going on")


def a_damaged_part_is_made_again():
    fresh()
    want = rows_of("s")
    name = files("want")[0]
    for cut, at in ((len(want) - 30, None), (len(want) // 2, 40), (len(want) - 8, len(want) - 900),
                    (10, None), (len(want), 0)):
        fresh()
        os.mkdir("cache")
        part = bytearray(want[:cut])
        if at is not None:
            part[at:at + 4] = b"\1\2\3\4"
        write(f"cache/{name}.partial", bytes(part))
        expect_end(train("s"))
        expect(read(f"cache/{name}") == want, f"a part of {cut} bytes, damaged at {at}")


def torn_rows_are_refused():
    fresh()
    expect_end(train("s"))
    path = os.path.join("cache", files()[0])
    want = read(path)
    # The offset of the first row in the file. Each image has 2 rows, because of its mirror image. A
    # row has DIM numbers of 2 bytes. Each block of 256 rows ends with a checksum of 8 bytes.
    end = len(want) - (2 * IMAGES * DIM * 2 + 8 * -(-2 * IMAGES // 256))
    for at, n, text in ((len(want) - 900, 600, "damaged: a checksum is wrong"),
                        (end, 256 * DIM * 2 + 8, "damaged: a checksum is wrong"),
                        (40, 3, "damaged: the checksum of its head is wrong")):
        write(path, want[:at] + bytes(n) + want[at + n:])
        expect_end(train("s"), 1, f"{path}: {text}; remove it to have it made again")
    for n in 0, 20, 1000, len(want) - 1:
        write(path, want[:n])
        expect_end(train("s"), 1, path)
    write(path, want + b"\0")
    expect_end(train("s"), 1, "damaged: too long")
    write(path, b"DNXE" + struct.pack("<5IQ", 2, 2 * IMAGES, DIM, 2, 0, 5) + want[32:])
    expect_end(train("s"), 1,
               "is of an older version of this program; remove it to have it made again")


def other_inputs_get_other_rows():
    fresh()
    expect_end(train("s"))
    name, = files()
    student("s-center", options="center=1")
    expect_end(train("s-center"), 1, f"cache/{name}: is of other images, or of another size, mean, "
               "scale or center= of the input; remove it")
    before = read("faces/a/000.png")
    Image.fromarray(np.zeros((12, 12, 3), np.uint8)).save("faces/a/000.png")
    expect_end(train("s"), 1, "is of other images")
    write("faces/a/000.png", before)  # the old bytes with a new time: the cache is valid again
    expect_end(train("s"))
    shutil.rmtree("cache")
    expect_end(train("s"))
    os.makedirs("other")
    shutil.copy("t.cfg", "other/t.cfg")
    expect_end(darknet("init", "slow.cfg", "none.weights"))
    w = np.frombuffer(read("t.weights")[20:], np.float32) * 2
    write("other/t.weights", read("t.weights")[:20] + w.tobytes())
    student("s-two")
    write("s-two.cfg", read("s-two.cfg") + b"[kd_feature]\nfrom=1\nteacher=other/t.cfg\n"
          b"weights=other/t.weights\n")
    expect_end(train("s-two"))
    expect(len(files()) == 2, f"two teachers of one name: {files()}")
    _, one = embeddings.read(os.path.join("cache", files()[0]))
    _, two = embeddings.read(os.path.join("cache", files()[1]))
    expect(one.shape == two.shape == (2 * IMAGES, DIM) and (one != two).any(), "their rows")
    write("t.cfg", b"# a comment\n" + read("t.cfg").replace(b"filters=8", b"filters = 8 "))
    expect_end(train("s"))
    expect(len(files()) == 2, "another text of the same teacher")


def flips_add_both_rows():
    """flips=1 gives the same loss with and without a cache."""
    losses = {}
    for name, options in (("plain", ""), ("sum", "flips=1\n")):
        student(f"s-{name}", options="seed=5")
        write(f"s-{name}.cfg", read(f"s-{name}.cfg") + options.encode() + b"normalize=0\n")
        for how, words in (("cache", ["-cache", "both"]), ("none", [])):
            done = darknet("classifier", "train", "x.data", f"s-{name}.cfg", "-force", "-threads",
                           "1", "-out", f"out-{name}-{how}", "-batches", "1", *words)
            expect_end(done)
            losses[name, how] = float(read(f"out-{name}-{how}/s-{name}.csv").decode()
                                      .split("\n")[1].split(",")[2])
    for name in ("plain", "sum"):
        a, b = losses[name, "cache"], losses[name, "none"]
        expect(abs(a - b) < 2e-3 * b, f"{name}: {a} with the cache, {b} without")
    expect(abs(losses["sum", "none"] / losses["plain", "none"] - 1) > .1, f"no sum: {losses}")
    expect(len([f for f in os.listdir("both") if f.endswith(".embeddings")]) == 1, "one file")
    write("s-plain.cfg", read("s-plain.cfg") + b"flips=1\n")
    expect_end(darknet("classifier", "train", "x.data", "s-plain.cfg", "-resume", "-out",
                       "out-plain-none"), 1, "layer 2 imitates: was layer 1 of teacher 0, is layer "
               "1 of teacher 0, flips=1")


def no_numbers_are_an_error():
    fresh()
    w = np.frombuffer(read("t.weights")[20:], np.float32).copy()
    for scale, text in ((1e30, "t.weights: NaN or infinity in layer 1 for faces/a/000.png"),
                        (3e2, "and a cache holds at most 65504: train without -cache")):
        shutil.copy("t.weights", "sound.weights")
        write("t.weights", read("t.weights")[:20] + (w * np.float32(scale)).tobytes())
        done = train("s")
        expect_end(darknet("embed", "t.cfg", "t.weights", "faces", "f", "-half", "-force"), 1,
                   "the features are not numbers" if scale > 1e20 else "and -half holds at most")
        shutil.copy("sound.weights", "t.weights")
        expect_end(done, 1, text)
        expect(not files(), "a cache was made")
        left = [n for n in os.listdir("cache") if "partial" in n]
        expect(not left, f"{left} stay for ever")


def main():
    attempt_all(make_inputs, two_processes_make_it_once, it_goes_on_where_it_was_stopped,
                a_damaged_part_is_made_again, torn_rows_are_refused, other_inputs_get_other_rows,
                flips_add_both_rows, no_numbers_are_an_error)
    summary()


main()
