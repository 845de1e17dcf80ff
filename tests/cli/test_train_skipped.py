"""NAME.skipped lists the images that training does not use, with the reason."""
import os

from common import attempt_all, darknet, expect, expect_end, read, summary, write
from small_run import data, make_inputs

OTHERS = ("Thumbs.db", "notes.txt", "faces.json", "list")


def train(file, *args):
    return darknet("classifier", "train", file, "net.cfg", "-threads", "1", *args, timeout=120)


def lines(path):
    return sorted(read(path).decode().splitlines())


def files_that_are_no_images():
    """12 files of other kinds do not count as broken images, of which training allows 1 %."""
    for name in ("ann", "bob", "cid"):
        for other in OTHERS:
            write(f"faces/{name}/{other}", f"{other} is not an image\n")
    os.makedirs("faces/ann/more")
    write("faces/bob/.hidden", "uncounted")
    os.rename("faces/ann/07.jpg", "faces/ann/by content")
    done = train(data("faces", "others"))
    expect_end(done, 0, "faces/ann/Thumbs.db: left out: neither named as an image nor one by its "
               "content", "13 files were left out")
    expect("60 images, 0 broken" in done.stdout, done.stdout)
    expect("others/net.skipped: 13 lines" in done.stdout, done.stdout)
    want = [f"faces/{n}/{o}: left out: neither named as an image nor one by its content"
            for n in ("ann", "bob", "cid") for o in OTHERS]
    want.append("faces/ann/more: left out: a folder in the folder of an identity")
    expect(lines("others/net.skipped") == sorted(want), lines("others/net.skipped"))
    done = darknet("check", "net.cfg", "-data", "others.data")
    expect_end(done, 0, "13 files were left out")


def those_that_are_broken():
    """One image is found broken before training, another when training reads it. -resume keeps the
    lines of both, also when it reads the second image again."""
    write("short.jpg", read("faces/ann/00.jpg")[:300])
    listed = "".join(f"faces/{n}/{i:02}.jpg {k}\n" for k, n in enumerate(("ann", "bob", "cid"))
                     for i in range(20) if (n, i) != ("ann", 7))
    write("few.txt", listed * 6 + "missing.jpg 0\nshort.jpg 2\n")
    done = train(data("few.txt", "few"), "-batches", "40")
    expect_end(done, 0, "missing.jpg: skipped: No such file", "short.jpg: skipped: cannot be")
    found = lines("few/net.skipped")
    expect(len(found) == 2 and found[0].startswith("missing.jpg: skipped: No such file") and
           found[1].startswith("short.jpg: skipped: cannot be decoded"), found)
    expect_end(train("few.data", "-resume", "-batches", "100"))
    expect(lines("few/net.skipped") == found, lines("few/net.skipped"))


def nothing_to_tell():
    write("whole.txt", "".join(f"faces/bob/{i:02}.jpg 1\n" for i in range(20)))
    expect_end(train(data("whole.txt", "few"), "-force", "-batches", "2"))
    expect(not os.path.exists("few/net.skipped"), "the lines of the replaced run")


attempt_all(make_inputs, files_that_are_no_images, those_that_are_broken, nothing_to_tell)
summary()
