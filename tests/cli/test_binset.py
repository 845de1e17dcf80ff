"""Tests darknet embed on verification sets: the features equal those of the same images in a
folder."""
import io
import os
import pickle
import tempfile

import common
from common import check, needed, python2, read, summary, write

with needed():
    import numpy as np
    from PIL import Image
from lib import embeddings

NET = """[net]
batch=2
height=8
width=6
channels=3
[connected]
output=5
activation=linear
"""


def darknet(*words):
    done = common.darknet(*words)
    return done.returncode, done.stderr


def picture(k, suffix, size=(6, 8)):
    draw, buffer = np.random.RandomState(k), io.BytesIO()
    pixels = draw.randint(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, suffix)
    return buffer.getvalue()


def main():
    images = [picture(k, "png" if k % 3 else "jpeg") for k in range(8)]
    images[5] = images[4]  # both are one object, which pickle stores only once
    same = [True, False, True, False]
    with tempfile.TemporaryDirectory() as tmp:
        os.chdir(tmp)
        write("net.cfg", NET)
        status, error = darknet("init", "net.cfg", "w")
        check(status == 0, "init", error)
        os.mkdir("faces")
        for k, data in enumerate(images):
            write(f"faces/{k}.{'png' if k % 3 else 'jpg'}", data)
        status, error = darknet("embed", "net.cfg", "w", "faces", "want")
        check(status == 0, "a folder", error)
        _, want = embeddings.read("want")
        sets = {p: pickle.dumps((images, same), p) for p in (3, 4, 5)}
        sets[2] = python2(images, same)
        arrays = [np.frombuffer(b, np.uint8) for b in images]
        for p in range(6):
            sets[f"Python 3's {p}"] = pickle.dumps([images, same], p)
            sets[f"arrays of {p}"] = pickle.dumps((arrays, np.array(same)), p)
            sets[f"columns of {p}"] = pickle.dumps(([a[:, None] for a in arrays],
                                                    [np.bool_(v) for v in same]), p)
            sets[f"objects of {p}"] = pickle.dumps((np.array(images, object),
                                                    np.array(same, int)), p)
        for protocol, data in sets.items():
            write("set.bin", data)
            status, error = darknet("embed", "net.cfg", "w", "set.bin", "got", "-threads", "2",
                                    "-force")
            check(status == 0, f"protocol {protocol}", error)
            names, got = embeddings.read("got")
            check(names == [f"{k:06d}" for k in range(8)], f"names of {protocol}", names)
            check(np.array_equal(got, want), f"numbers of {protocol}")
        os.remove("got")
        for call in ("unpacked", "unpacked again"):
            status, error = darknet("pairs", "set.bin", "-unpack", "mine")
            check(status == 0 and read("mine/set/set_0002.png") == images[1], call, error)
        write("mine/set/set_0008.png", "of another set")
        os.remove("mine/set/set_0001.jpg")
        status, error = darknet("pairs", "set.bin", "-unpack", "mine")
        check(status == 1 and error == "mine/set/set_0008.png: is another image; choose another "
              "folder\n", "no image is replaced by -unpack", error)
        check(read("mine/set/set_0008.png") == b"of another set", "it stays")
        check(not os.path.exists("mine/set/set_0001.jpg"), "nothing is written before all fit")
        large = pickle.dumps((images[:3] + [picture(9, "png", (7, 8))], [True, True]))
        for name, data, text in (
                ("cut", sets[4][:-20], "bad.bin: byte "),
                ("a call", pickle.dumps(([os.system], [True])), "names a class or a function"),
                ("pixels", pickle.dumps(([np.zeros((8, 6, 3), np.uint8)] * 2, [True])),
                 "bad.bin: image 0: is an array of 8 x 6 x 3 pixels; a set has image files"),
                ("a list", b"faces/1.png\n", "bad.bin: no verification set")):
            write("bad.bin", data)
            status, error = darknet("embed", "net.cfg", "w", "bad.bin", "got", "-force")
            check(status == 1 and text in error, name, error)
            check(not os.path.exists("got"), f"{name}: writes nothing")
        for name, data, text in (
                ("no image", pickle.dumps((images[:3] + [b"GIF?"], [True] * 2)),
                 "bad.bin: image 000003: is not an image"),
                ("another size", large, "bad.bin: image 000003: is 7 x 8 pixels")):
            write("bad.bin", data)
            status, error = darknet("embed", "net.cfg", "w", "bad.bin", "got", "-force")
            check(status == 1 and text in error, name, error)
            names, got = embeddings.read("got")
            check(names == [f"{k:06d}" for k in range(3)], f"{name}: the others", names)
            check(np.array_equal(got, want[:3]), f"{name}: their numbers")
        os.chdir("/")


main()
summary()
