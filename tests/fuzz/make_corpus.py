"""make_corpus.py - writes the corpora of some fuzz targets into tests/data/corpus."""
import os
import struct
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "lib"))

# pylint: disable-next=wrong-import-position
from common import darknet, expect_end, read, write, write_png

OUT = os.path.join(TOP, "tests", "data", "corpus")
PACKED = """[net]
batch=1
height=2
width=2
channels=3
[convolutional]
filters=2
size=1
activation=relu
[binary]
filters=9
size=1
[connected]
output=1
"""
STUDENT = """[net]
batch=1
height=2
width=2
channels=3
max_batches=6
learning_rate=.01
[connected]
output=3
[{}]
"""


def save(kind, name, data):
    write(os.path.join(OUT, kind, name), data)


def packed():
    write("b.cfg", PACKED)
    expect_end(darknet("init", "b.cfg", "w"))
    for name, more in (("plain", ()), ("half", ("-half",))):
        expect_end(darknet("compress", "pack", "b.cfg", "w", name, *more))
        save("packed", name, read(name))
    save("packed", "short", read("plain")[:90])
    save("packed", "head", read("plain")[:40])


def training():
    for c in range(3):
        for i in range(2):
            write_png(f"faces/{c}/{i}.png", 2, 2,
                      bytes((40 * c + 9 * i + k) % 256 for k in range(12)))
    write("run.data", "classes=3\ntrain=faces\nbackup=.\n")
    write("student.cfg", STUDENT.format("softmax"))
    expect_end(darknet("classifier", "train", "run.data", "student.cfg", "-threads", "1"))
    save("state", "whole", read("student.state"))
    save("state", "short", read("student.state")[:100])
    save("state", "other", read("student.state").replace(b"DNXSTAT\0\2", b"DNXSTAT\0\1"))
    log = read("student.csv")
    save("log", "whole", log)
    save("log", "torn", log[:len(log) // 2])
    save("log", "no_lines", log[:log.index(b"\n") + 1])
    save("log", "empty", b"")
    save("log", "nul", log.replace(b"3,", b"3\0", 1))
    lines = log.split(b"\n")
    save("log", "order", b"\n".join(lines[:2] + lines[5:3:-1] + lines[2:4]) + b"\n")
    write("teacher.cfg", STUDENT.format("softmax").replace("[softmax]\n", ""))
    write("kd.cfg", STUDENT.format("kd_feature") + "teacher=teacher.cfg\nweights=t\n")
    expect_end(darknet("init", "teacher.cfg", "t"))
    expect_end(darknet("classifier", "train", "run.data", "kd.cfg", "-threads", "1", "-cache", "c"))
    cache = read(os.path.join("c", sorted(os.listdir("c"))[0]))
    save("cache", "whole", cache)
    save("cache", "partial", cache[:len(cache) - 20])
    save("cache", "no_rows", struct.pack("<4s5IQ", b"DNXE", 3, 0, 2, 256, 0, 7).ljust(128, b"\0"))


def records():
    def record(flag, labels, image, key=1, part=0):
        body = struct.pack("<IfQQ", flag, labels[0], key, 0)
        if flag:
            body += struct.pack(f"<{flag}f", *labels[:flag])
        body += image
        return struct.pack("<II", 0xced7230a,
                           part << 29 | len(body)) + body + b"\0" * (-len(body) % 4)

    def both(name, records_, keys=None):
        index, data = "", b""
        for i, r in enumerate(records_):
            index += f"{keys[i] if keys else i} {len(data)}\n"
            data += r
        save("rec", name, index.encode() + b"\0" + data)

    images = [record(0, [c], bytes([c, 9, 8, 7, 6])) for c in range(3)]
    both("plain", images)
    both("header", [record(2, [3, 4], b"")] + images[:2] + [record(2, [1, 3], b"")])
    both("flags", [record(3, [1, 2, 3], b"x" * 40)] + images)
    first, more = record(0, [5], b"abcd", part=1), b"efgh"
    both("parts", [first + struct.pack("<II", 0xced7230a, 3 << 29 | 4) + more])
    both("twice", images, keys=[1, 1, 2])
    save("rec", "offsets", b"0 99999999999\n1 18446744073709551615\n\0" + images[0])
    save("rec", "no_index", b"\0" + images[0])


def words():
    for name, text in (
            ("all", "net.cfg\nfast\n-n\n5\n-file\nx\n-from\na\nb\n-word\nccc\n-number\n1e-3\n"
                    "-flag"),
            ("end", "--\n-net.cfg\nslow\nmore"), ("help", "-h"), ("none", ""), ("near", "-nn\n5"),
            ("equals", "a\nfast\n-n=5"), ("twice", "a\nfast\n-flag\n-flag"),
            ("negative", "a\nfast\n-n\n-1"), ("large", "a\nfast\n-n\n99999999999999999999"),
            ("nan", "a\nfast\n-number\nnan"), ("missing", "a\nfast\n-from\nx"),
            ("word", "a\nquick"), ("many", "a\nfast\nb\nc")):
        save("args", name, text)


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    packed()
    training()
    records()
    words()
