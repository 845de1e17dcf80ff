"""Tests the data of darknet classifier train."""
import io
import os
import random
import resource
import struct
import time

from common import (attempt_all, column, darknet, expect, expect_end, needed, peak_memory, read,
                    skip_sanitizer, summary, write)
from pictures import HUGE

with needed():
    import numpy as np
    from PIL import Image

CFG = """[net]
batch=6
height=8
width=8
channels=3
max_batches=12
learning_rate=0.01
policy=constant
[connected]
output=3
activation=linear
[softmax]
"""
MAGIC = struct.pack("<I", 0xced7230a)
LINES = []  # lines of faces.txt


def train(name, *args, cfg="net.cfg", limit=60, before=None, **options):
    """Trains on NAME.data. One thread makes the weights comparable bit for bit."""
    options = {"backup": name, **options}
    write(f"{name}.data", "".join(f"{k}={v}\n" for k, v in options.items()))
    return darknet("classifier", "train", f"{name}.data", cfg, "-threads", "1", "-force", *args,
                   timeout=limit, preexec_fn=before)


def weights(name, *args, **options):
    expect_end(train(name, *args, **options))
    return read(f"{name}/net.weights")


def refuses(name, *texts, cfg="net.cfg", **options):
    expect_end(train(name, cfg=cfg, **options), 1, *texts)


def make_inputs():
    """Writes net.cfg, ten images in each folder faces/CLASS, and faces.txt with their paths and
    classes."""
    rng = np.random.default_rng(1)
    write("net.cfg", CFG)
    for c in range(3):
        os.makedirs(f"faces/{c}")
        for i in range(10):
            pixels = rng.normal(60, 30, (8, 8, 3))
            pixels[..., c] += 90
            end, kind = ("ppm", "PPM") if i == 3 else ("png", "PNG") if i == 4 else ("jpg", "JPEG")
            path = f"faces/{c}/{i}.{end}"
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, kind)
            LINES.append(f"{path} {c}\n")
    write("faces.txt", "".join(LINES))


# ---- record files, written as MXNet does ----

def frame(content):
    """Returns a record as MXNet writes it: split wherever the content has the magic number."""
    parts, start = [], 0
    for at in range(0, len(content) - 3, 4):
        if content[at:at + 4] == MAGIC:
            parts.append(content[start:at])
            start = at + 4
    parts.append(content[start:])
    out = b""
    for i, part in enumerate(parts):
        flag = 0 if len(parts) == 1 else 1 if i == 0 else 3 if i == len(parts) - 1 else 2
        out += MAGIC + struct.pack("<I", flag << 29 | len(part)) + part + b"\0" * (-len(part) % 4)
    return out


def record(labels, image=b"", many=False):
    if many:
        return (struct.pack("<IfQQ", len(labels), 0, 0, 0) +
                struct.pack(f"<{len(labels)}f", *labels) + image)
    return struct.pack("<IfQQ", 0, labels[0], 0, 0) + image


def write_rec(name, items, header=True, many=False):
    """Writes NAME.rec and its index. items: (class, bytes of the image file); header: also writes
    InsightFace's header record and identity records; many: writes two labels for each image.
    Returns the offsets of the records."""
    contents = [record([c], b, many) if not many else record([c, 7], b, True) for c, b in items]
    if header:
        n = len(items)
        classes = sorted({int(c) for c, _ in items})
        contents.insert(0, record([n + 1, n + 1 + len(classes)], many=True))
        for c in classes:
            own = [i + 1 for i, (k, _) in enumerate(items) if int(k) == c]
            contents.append(record([own[0], own[-1] + 1], many=True))
    data, index = b"", []
    for key, content in enumerate(contents):
        index.append(f"{key}\t{len(data)}\n")
        data += frame(content)
    write(f"{name}.rec", data)
    write(f"{name}.idx", "".join(index))
    return [int(line.split("\t")[1]) for line in index]


def items():
    return [(int(line.split()[1]), read(line.split()[0])) for line in LINES]


def record_files():
    """A record file gives the same weights as a list of its images, bit for bit."""
    want = weights("listed", classes=3, train="faces.txt")
    for name, options in (("plain", {"header": False}), ("insight", {}), ("many", {"many": True})):
        write_rec(name, items(), **options)
        expect(weights(f"{name}-rec", classes=3, train=f"{name}.rec") == want,
               f"{name}: weights differ")
    lines = read("plain.idx").split(b"\n")[:-1]
    write("plain.idx", b"\r\n".join(reversed(lines)) + b"\n")
    expect(weights("turned", classes=3, train="plain.rec") == want, "a turned index")


def split_records():
    """An image is read completely when its bytes contain the magic number of record files."""
    rng = random.Random(3)
    faces = []
    for i in range(12):
        pixels = bytearray(rng.randrange(256) for _ in range(192))
        for at in rng.sample(range(0, 188, 4), i % 4):
            pixels[at:at + 4] = MAGIC
        faces.append((i % 3, b"P6\n#" + b"-" * (i % 4) + b"\n8 8\n255\n" + bytes(pixels)))
        write(f"split{i}.ppm", faces[-1][1])
    write("split.txt", "".join(f"split{i}.ppm {c}\n" for i, (c, _) in enumerate(faces)))
    write_rec("split", faces, header=False)
    expect(struct.unpack("<I", read("split.rec")[4:8])[0] >> 29 == 0 and
           any(w >> 29 == 3 for w in np.frombuffer(read("split.rec"), np.uint32)), "no parts")
    expect(weights("split-rec", classes=3, train="split.rec") ==
           weights("split-list", classes=3, train="split.txt"), "weights differ")


def bad_records():
    """Damaged record files are refused. tests/data/bad_data has more cases."""
    at = write_rec("r", items())
    whole, index = read("r.rec"), read("r.idx").decode()

    def check(text, rec=whole, idx=index, classes=3):
        write("bad.rec", rec)
        write("bad.idx", idx)
        refuses("bad", text, "(train= of bad.data:", classes=classes, train="bad.rec")
        expect(not os.path.exists("bad"), "a folder was made")

    check(f"record at byte {at[30]} is cut short", rec=whole[:at[30] + 40])
    check("bad.rec: record 0 at byte 0 is cut short", rec=b"")
    check(f"record at byte {at[5] + 4} has a wrong magic number",
          idx=index.replace(f"5\t{at[5]}\n", f"5\t{at[5] + 4}\n"))
    check("is the middle of another",
          rec=whole[:at[5] + 7] + bytes([whole[at[5] + 7] | 3 << 5]) + whole[at[5] + 8:])
    check("has no label", rec=whole[:at[5] + 8] + b"\xff\xff\xff\x7f" + whole[at[5] + 12:])
    check("bad.idx: key 4 is there twice", idx=index + "4\t0\n")
    check("its header says 30 images, but bad.idx has 28",
          idx="".join(index.splitlines(True)[:29]))
    write_rec("half", [(.5, read("faces/0/0.jpg"))], header=False)
    refuses("half", "record at byte 0: class 0.5: must be from 0 to 2", classes=3, train="half.rec")


def broken_in_records():
    good = items() * 11
    write_rec("broken", good[:300] + [(1, b"no image")] + [(2, read("faces/0/0.jpg")[:200])])
    expect_end(train("broken", "-batches", "60", classes=3, train="broken.rec"), 0,
               "skipped: is not an image", "skipped: cannot be decoded", "broken.rec, record at ")


# ---- sources ----

def joined():
    write("a.txt", "".join(LINES[:11]))
    write("b.txt", "".join(LINES[11:]))
    write_rec("tail", items()[20:], header=False)
    want = read("listed/net.weights")
    expect(weights("two", classes=3, train="a.txt, b.txt") == want, "two lists: weights differ")
    write("c.txt", "".join(LINES[:20]))
    refuses("past", "tail.rec: record at byte 0: class 2: must be from 0 to 0", classes=3,
            train="c.txt,tail.rec")
    write("pre.txt", "".join(LINES[:20]) * 6 + "missing.jpg 1\n")
    write("all.txt", "".join(LINES[:20]) * 6 + "".join(LINES[20:]))
    write_rec("tail0", [(0, b) for _, b in items()[20:]], header=False)
    expect(weights("after", "-batches", "22", classes=3, train="pre.txt,tail0.rec") ==
           weights("all", "-batches", "22", classes=3, train="all.txt"), "a .rec after a fault")
    refuses("gap", "gap.data:3: [data] train=a.txt,,b.txt: an empty name between commas",
            classes=3, train="a.txt,,b.txt")
    refuses("lost", "nowhere.txt: cannot read: No such file", "(train= of lost.data:3)", classes=3,
            train="a.txt,nowhere.txt")
    os.makedirs("flat", exist_ok=True)
    write("flat/1.jpg", read("faces/0/0.jpg"))
    refuses("mixed", "flat: has no identity folders", classes=3, train="faces.txt,flat")
    write("bare.txt", "faces/0/0.jpg\n")
    refuses("bare", "bare.txt:1: faces/0/0.jpg: has no class", classes=3,
            train="faces.txt,bare.txt")


def folders_that_end_with_an_empty_one():
    """An empty identity folder counts as a class. So the class numbers of the next folder in train=
    begin after the empty folder's number."""
    for folder in "left/0", "left/1", "right/2":
        os.makedirs(folder)
        for name in os.listdir(f"faces/{folder[-1]}") if folder != "left/1" else ():
            os.link(f"faces/{folder[-1]}/{name}", f"{folder}/{name}")
    pairs = [line.split() for line in LINES]
    write("empty.txt", "".join(f"{path} {k}\n" for path, k in pairs if k != "1"))
    expect(weights("empty", classes=3, train="left,right") ==
           weights("written", classes=3, train="empty.txt"), "the classes moved")
    expect(read("empty/net.names") == b"0\n\n2\n", f"names: {read('empty/net.names')}")
    write("ranked.data", "classes=3\ntrain=faces.txt\nvalid=left,right\n")
    done = darknet("classifier", "valid", "ranked.data", "net.cfg", "empty/net.weights")
    expect_end(done)
    expect("right/2/9.jpg, 2, " in done.stdout, done.stdout)


def no_labels():
    os.makedirs("flat", exist_ok=True)
    write("bare.txt", "faces/0/0.jpg\n")
    refuses("none", "net.cfg:12: [softmax] learns from classes, but none.data has none",
            train="flat,bare.txt")
    refuses("zero", "[softmax] learns from classes, but zero.data has none", classes=0,
            train="faces.txt")


def by_a_teacher():
    write("teacher.cfg", CFG)
    expect_end(darknet("init", "teacher.cfg", "teacher.weights"))
    write("student.cfg", CFG.replace("batch=6\n", "batch=6\nseed=5\n").replace(
        "[softmax]", "[kd_feature]\nteacher=teacher.cfg\nweights=teacher.weights"))
    write("folder.txt", "".join(line.split()[0] + "\n" for line in LINES))
    expect_end(train("kd", "-batches", "40", cfg="student.cfg", train="folder.txt,faces,faces.txt"))
    loss = column("kd/student.csv", "loss")
    expect(sum(loss[-5:]) < sum(loss[:5]) / 2, f"the loss went from {loss[0]} to {loss[-1]}")
    write("wrong.cfg", read("student.cfg").decode().replace(
        "batch=6\n", "batch=6\nsampler=balanced\nidentities=3\nimages=2\n"))
    refuses("kd2", "wrong.cfg:3: [net] sampler=balanced: needs classes, but kd2.data has none",
            cfg="wrong.cfg", train="folder.txt")


# ---- faulty images ----

def jpeg(side=8, mode="RGB"):
    f = io.BytesIO()
    Image.new(mode, (side, side), 90).save(f, "JPEG")
    return f.getvalue()


def faulty_images():
    """A broken image is skipped, and the reason is printed. Grey and CMYK images are used."""
    huge = jpeg()
    at = huge.index(b"\xff\xc0") + 5
    png = io.BytesIO()
    Image.new("RGB", (8, 8)).save(png, "PNG")
    png = png.getvalue()
    tests = {
        "empty.jpg": (b"", "is empty"), "text.jpg": (b"hello, world", "is not an image"),
        "huge.jpg": (huge[:at] + struct.pack(">HH", 60000, 60000) + huge[at + 4:], HUGE),
        "wide.jpg": (huge[:at] + struct.pack(">HH", 10000, 10000) + huge[at + 4:], HUGE),
        "huge.png": (png[:16] + struct.pack(">II", 60000, 60000) + png[24:], HUGE),
        "huge.bmp": (b"BM" + bytes(12) + struct.pack("<Iii", 40, 50000, -50000) + bytes(40), HUGE),
        "huge.gif": (b"GIF89a" + struct.pack("<HH", 60000, 60000) + bytes(20),
                     "is a GIF image; JPEG, PNG, BMP and PNM are read"),
        "huge.ppm": (b"P6 # big\n50000 50000\n255\n", HUGE),
        "short.jpg": (read("faces/0/0.jpg")[:-40], "cannot be decoded"),
        "short.png": (png[:40], "is cut short"),
    }
    for name, (content, _) in tests.items():
        write(name, content)
    write("gray.jpg", jpeg(mode="L"))
    write("cmyk.jpg", jpeg(mode="CMYK"))
    os.makedirs("folder.jpg")
    os.mkfifo("fifo.jpg")
    os.symlink("loop.jpg", "loop.jpg")
    bad = list(tests) + ["missing.jpg", "folder.jpg", "fifo.jpg", "loop.jpg", "$(touch ran).jpg"]
    write("faulty.txt", "".join(LINES) * 67 + "gray.jpg 0\ncmyk.jpg 0\n" +
          "".join(f"{b} 1\n" for b in bad))
    done = train("faulty", "-batches", "340", classes=3, train="faulty.txt")
    expect_end(done, 0, "missing.jpg: skipped: No such file", "folder.jpg: skipped: is not a file",
               "fifo.jpg: skipped: is not a file", "loop.jpg: skipped: Too many levels")
    for name, (_, why) in tests.items():
        expect(done.stderr.count(f"{name}: skipped: {why}\n") == 1, f"{name} in {done.stderr}")
    for name in "gray.jpg", "cmyk.jpg":
        expect(name not in done.stderr, f"{name} is broken")
    expect(not os.path.exists("ran"), "a name was run by a shell")


def memory_of_huge():
    """Images whose headers claim huge sizes are skipped within 2 GB of address space."""
    skip_sanitizer()
    write("claims.txt", "".join(LINES) * 10 + "huge.jpg 0\nhuge.png 0\nwide.jpg 1\n")

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))
    expect_end(train("claims", "-batches", "60", before=limit, classes=3, train="claims.txt"))


def long_list():
    write("long.data", "classes=3\ntrain=long.txt\nbackup=long\n")

    def memory(n):
        write("long.txt", "".join(LINES) * (n // 30))
        return peak_memory("classifier", "train", "long.data", "net.cfg", "-threads", "1",
                           "-batches", "1", "-force")

    start = time.time()
    used = memory(200000)
    took = time.time() - start
    expect(took < 20, f"{took:.1f} s")
    text = os.path.getsize("long.txt")
    used -= memory(30)
    # Measured: a byte of text takes 5.5 to 6 bytes of memory (3.9 to 4.1 when OpenCV is loaded).
    expect(used < 6.5 * text, f"{used} bytes for {text} of text")


# ---- options of [net] ----

def options():
    base = read("listed/net.weights")
    for option in ("flip=0", "erase=.5\ngray=.5\nlowres=.5\nshift=2", "center=1\nhue=.3",
                   "saturation=2\nexposure=2\nangle=20\naspect=.7\nmax_ratio=1.5\nmin_ratio=.5",
                   "max_crop=12\nmin_crop=6", "sampler=balanced\nidentities=3\nimages=2"):
        write("opt.cfg", CFG.replace("batch=6\n", f"batch=6\n{option}\n"))
        expect_end(train("option", cfg="opt.cfg", classes=3, train="faces.txt"))
        expect(read("option/opt.weights") != base, f"{option}: changes nothing")


def resumed():
    write("bal.cfg", CFG.replace("batch=6\n", "batch=6\nsampler=balanced\nidentities=2\nimages=3\n"
                                              "hue=.1\nmax_crop=12\nerase=.5\n"))
    for name, steps in (("once", (["-batches", "40"],)),
                        ("twice", (["-batches", "17"], ["-batches", "40", "-resume"]))):
        for args in steps:
            expect_end(train(name, *args, cfg="bal.cfg", classes=3, train="faces.txt"))
    expect(read("once/bal.weights") == read("twice/bal.weights"), "weights differ")


attempt_all(make_inputs, record_files, split_records, bad_records, broken_in_records, joined,
            folders_that_end_with_an_empty_one, no_labels, by_a_teacher, faulty_images,
            memory_of_huge, long_list, options, resumed)
summary()
