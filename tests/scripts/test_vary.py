"""Tests scripts/vary_faces.py, also on broken and unreadable images."""
import errno
import glob
import os
import random
import shutil
import subprocess
import sys
import tempfile

import common
from common import SCRIPTS, check, needed, summary, write
from small_run import faults

with needed():
    import numpy as np
    from PIL import Image
import vary_faces


def vary(*words, **more):
    return common.script("vary_faces.py", *words, **more)


def save(path, red):
    pixels = np.random.RandomState(red).randint(0, 40, (28, 24, 3)).astype(np.uint8)
    pixels[..., 0] += np.uint8(red)
    Image.fromarray(pixels).save(path)


def contents(folder):
    found = {}
    for path in sorted(glob.glob(os.path.join(folder, "*"))):
        with open(path, "rb") as f:
            found[os.path.basename(path)] = f.read()
    return found


def check_command():
    os.makedirs("faces/a")
    os.makedirs("faces/b")
    for k in range(6):
        save(f"faces/{'ab'[k % 2]}/{k}.png", 30 * k)
    write("faces/b/none.txt", "not an image")
    done = vary("faces", "--out", "one", "--varied", "1", "--mixed", "2")
    check(done.returncode == 0, "the command", done.stderr)
    check(done.stdout == "6 images, 0 left out, 18 faces in one\n", "what it says", done.stdout)
    one = contents("one")
    check(len(one) == 18, "faces", len(one))
    check(all(Image.open(p).size == (24, 28) for p in glob.glob("one/*")), "another size")
    check(len(set(one.values())) == 18, "two faces are the same")
    vary("faces", "--out", "two", "--varied", "1", "--mixed", "2")
    check(contents("two") == one, "the same seed gives other faces")
    vary("faces", "--out", "three", "--varied", "1", "--mixed", "2", "--seed", "2")
    check(not set(contents("three").values()) & set(one.values()), "the seed changes nothing")
    done = common.darknet("embed", "net.cfg", "w", "one", "features")
    check(done.returncode == 0, "darknet reads the folder", done.stderr)


def check_pixels():
    a, b = Image.new("RGB", (30, 40), (200, 0, 0)), Image.new("RGB", (30, 40), (0, 0, 100))
    averages = lines = 0
    for k in range(60):
        m = np.asarray(vary_faces.mixed(a, b, random.Random(k)), float)
        share = m[..., 0] / 200
        check(np.abs(m[..., 2] / 100 - (1 - share)).max() < .02, "shares do not add up to 1", k)
        if share.max() - share.min() < .01:
            averages += 1
            check(.29 < share.mean() < .71, "share of an average", share.mean())
        else:
            lines += 1
            check(share.max() > .97 and share.min() < .03, "a side is not of one face", k)
            across = [np.ptp(share, axis=i).max() for i in (0, 1)]
            check(min(across) < .01, "the border is not a line along a side", across)
    check(averages > 10 and lines > 10, "kinds of mixes", averages, lines)
    spot = Image.new("RGB", (112, 112))
    spot.paste((255, 255, 255), (50, 50, 62, 62))
    places = []
    for k in range(60):
        p = np.asarray(vary_faces.varied(spot, random.Random(k)).convert("L"), float)
        places.append([(p * i).sum() / p.sum() - 55.5 for i in np.mgrid[0:112, 0:112]])
    places = np.array(places)
    check(np.abs(places.mean(0)).max() < 1.2, "the middle moves to one side", places.mean(0))
    check((1.5 < places.std(0)).all() and (places.std(0) < 3.6).all(), "how far the middle moves",
          places.std(0))


def check_errors():
    with open("faces/a/0.png", "rb") as f:
        png = bytearray(f.read())
    png[13] = 255  # damages the name of the chunk IHDR
    write("faces/b/broken.jpg", b"\xff\xd8 no image")
    write("faces/b/broken.png", bytes(png))
    Image.new("RGB", (30, 20), (200, 0, 0)).save("faces/b/other.png")
    done = vary("faces", "--out", "four", "--varied", "1", "--mixed", "2")
    check(done.returncode == 0 and "9 images, 2 left out, 21 faces" in done.stdout, "broken images",
          done.stdout, done.stderr)
    check("2 images cannot be read: faces/b/broken.jpg, ...; all are named in "
          "four.unreadable.txt" in done.stderr, "does not name them", done.stderr)
    with open("four.unreadable.txt", encoding="utf-8") as f:
        check(f.read().split() == ["faces/b/broken.jpg", "faces/b/broken.png"], "the file of names")
    write("none/broken.jpg", b"\xff\xd8 no image")
    os.makedirs("empty")
    before = contents("one")
    write("mine/photo.txt", "mine")
    for words, text in ((("faces", "--out", "one"), "folder 1: was 7 files"),
                        (("faces", "--out", "mine"), "is not empty, and not of this script"),
                        (("faces", "--out", "mine/photo.txt"), "is a file, not a folder"),
                        (("none", "--out", "none-out"), "no image can be read"),
                        (("faces", "--out", "faces/b/more"), "vary_faces.py: --out faces/b/more: "
                         "must be outside of faces, whose images are read\n"),
                        (("nowhere", "--out", "five"), "nowhere: No such folder"),
                        (("faces", "nowhere", "--out", "five"), "nowhere: No such folder"),
                        (("empty", "--out", "five"), "no images in empty"),
                        (("faces", "--out", "five", "--varied", "0", "--mixed", "0"), "both 0")):
        done = vary(*words)
        check(done.returncode != 0 and text in done.stderr and "Traceback" not in done.stderr,
              words, done.stderr)
    check(contents("one") == before and not os.path.exists("five"), "an error wrote something")


def check_unreadable():
    """When reading fails, no face is lost, and the same faces are mixed as without failures."""
    words = ("faces", "--varied", "1", "--mixed", "2", "--out", "away")
    whole = vary(*words[:-1], "whole")
    check(whole.returncode == 0, "whole", whole.stderr)
    # The script opens the file first for its fingerprint. The second open(), for the image, fails.
    for why in (errno.EIO, errno.EMFILE):
        done = vary(*words, env=faults("faces/a/2.png", 2, 1, why))
        check(done.returncode == 0 and contents("away") == contents("whole"), f"a hiccup {why}",
              done.stderr)
        shutil.rmtree("away")
    done = vary(*words, env=faults("faces/a/2.png", 2, 10**6, errno.EIO))
    check(done.returncode == 1 and "faces/a/2.png: Input/output error: " in done.stderr and
          "the same command tries them again" in done.stderr, "it cannot be read", done.stderr)
    with open("away.unreadable.txt", encoding="utf-8") as f:
        check("faces/a/2.png: Input/output error\n" in f.read(), "the file of names")
    done = vary(*words)
    check(done.returncode == 0 and contents("away") == contents("whole"), "later", done.stderr)
    check("2 images cannot be read: faces/b/broken.jpg" in done.stderr, "broken", done.stderr)


def check_going_on():
    """A second call does nothing. An interrupted run continues."""
    words = ("faces", "--varied", "1", "--mixed", "2", "--out", "five")
    os.symlink(".", "faces/self")
    os.makedirs("faces/.thumbnails")
    save("faces/.thumbnails/0.png", 10)
    done = vary(*words)
    check("9 images, 2 left out, 21 faces" in done.stdout, "links", done.stdout, done.stderr)
    whole = contents("five")
    times = {n: os.stat(os.path.join("five", n)).st_mtime_ns for n in whole}
    again = vary(*words)
    check(again.stdout == done.stdout and again.returncode == 0, "again", again.stderr)
    check(times == {n: os.stat(os.path.join("five", n)).st_mtime_ns for n in whole}, "made twice")
    for name in sorted(whole)[:5]:
        os.remove(os.path.join("five", name))
    record = os.path.join("five", ".record.json")
    with open(record, encoding="utf-8") as f:
        write(record, f.read().replace('"done": true', '"done": false'))
    again = vary(*words)
    check(again.returncode == 0 and contents("five") == whole, "continues", again.stderr)
    code = ("import os, signal, sys\nsys.argv[0] = 'vary_faces.py'\nimport vary_faces\n"
            "def die(face, r):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
            "vary_faces.varied = die\nsys.exit(vary_faces.main())\n")
    try:
        done = subprocess.run([sys.executable, "-c", code, "faces", "--out", "six"], check=False,
                              capture_output=True, text=True, timeout=60,
                              env=dict(os.environ, PYTHONPATH=SCRIPTS))
        check(done.returncode == 1 and "a worker process died" in done.stderr and
              "Traceback" not in done.stderr, "a dead worker", done.stderr)
    except subprocess.TimeoutExpired:
        check(False, "a dead worker hangs the script")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        os.chdir(tmp)
        write("net.cfg", "[net]\nbatch=2\nheight=28\nwidth=24\nchannels=3\n[connected]\noutput=3\n"
              "activation=linear\n")
        common.darknet("init", "net.cfg", "w")
        check_command()
        check_pixels()
        check_errors()
        check_unreadable()
        check_going_on()
    summary()


if __name__ == "__main__":
    main()
