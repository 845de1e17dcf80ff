"""scripts/cluster_faces.py groups noise images of several people. No existing file is lost."""
import csv
import json
import os
import shutil

from common import (DARKNET, Wrong, attempt_all, darknet, expect, expect_end, needed, needs, run,
                    script, summary, write, write_png)
from detector import make_detector, photograph
from pictures import png

needs("scipy")
with needed():
    import numpy as np
    from PIL import Image

import cluster_faces
from lib.errors import Failure

CFG = ("[net]\nheight=28\nwidth=28\nchannels=3\ninput_mean=127.5\ninput_scale=0.0078125\nseed=1\n"
       "[connected]\noutput=64\nactivation=linear\n")


def start():
    make_detector("detector")
    write("net.cfg", CFG)
    expect_end(darknet("init", "net.cfg", "net.weights"))
    write("large.cfg", CFG.replace("=28", "=112"))
    expect_end(darknet("init", "large.cfg", "large.weights"))
    rng = np.random.default_rng(1)
    for person, shots in enumerate((5, 3, 2, 1)):
        face = rng.integers(0, 200, (28, 28, 3))
        for shot in range(shots):
            noisy = face + rng.integers(0, 40, face.shape)
            write_png(f"crops/{shot}/p{person}.png", 28, 28, noisy.astype(np.uint8).tobytes())


def cluster(*words, net="net", photos="crops"):
    return script("cluster_faces.py", f"{net}.cfg", f"{net}.weights", photos, *words)


def files(folder):
    return sorted(os.listdir(folder))


def people_of_noise():
    done = cluster("out", "--aligned", "--threshold", "0.8")
    expect_end(done)
    expect(done.stdout.endswith("11 faces: 3 people, 1 face alone; out/sheets shows them\n"),
           done.stdout)
    expect(files("out/people/person-0001") == [f"{i}_p0.png" for i in range(5)],
           files("out/people/person-0001"))
    expect(files("out/people/person-0003") == ["0_p2.png", "1_p2.png"], "the third")
    expect(files("out/alone") == ["0_p3.png"], files("out/alone"))
    with open("out/people.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    of_name = {"0": "1", "1": "2", "2": "3", "3": "-"}
    expect(len(rows) == 11 and all((r["person"] or "-")[-1] == of_name[r["face"][-5]]
                                   for r in rows), rows)
    with Image.open("out/sheets/person-0001.jpg") as sheet:
        expect(sheet.size == (5 * 112, 112), sheet.size)


def the_verb_runs_the_script():
    done = darknet("cluster", "net.cfg", "net.weights", "crops", "by verb", "-aligned",
                   "-threshold", "0.8", "-least", "3")
    expect_end(done)
    expect(done.stdout.endswith("11 faces: 2 people, 3 faces alone; by verb/sheets shows them\n"),
           done.stdout)
    expect_end(darknet("cluster", "net.cfg", "net.weights", "nowhere", "o"), 1,
               "cluster_faces.py: nowhere: No such file or directory\n")
    shutil.copy(DARKNET, "alone-here")
    done = run("./alone-here", "cluster", "net.cfg", "net.weights", "crops", "o")
    expect_end(done, 1, "/scripts/cluster_faces.py: No such file or directory; `darknet cluster` "
               "needs the source folder: run the bin/darknet there\n")


def another_call_replaces_only_when_asked():
    write("out/people/person-0001/mine.txt", "a note")
    expect_end(cluster("out", "--aligned", "--threshold", "0.8"), 1,
               "out: has people already; -force groups again")
    expect(os.path.exists("out/people/person-0001/mine.txt"), "lost")
    expect_end(cluster("out", "--aligned", "--threshold", "0.8", "--least", "3", "--force"))
    expect(files("out/people") == ["person-0001", "person-0002"], files("out/people"))
    write("broken/a.png", "text")
    expect_end(cluster("out", "--aligned", "-force", photos="broken"), 1,
               "broken/a.png: is not an image")
    expect(files("out/people") == ["person-0001", "person-0002"], "lost by a call that failed")
    expect("unfinished" not in files("out"), files("out"))


def an_interrupted_replacement_is_repeated():
    """When a kill interrupts the replacement of an older result, the next call does all work again:
    no mixture of both results remains."""
    class Stop(Exception):
        pass

    def stop(path):
        raise Stop(path)
    call = ("half", "--aligned", "--threshold", "0.8")
    expect_end(cluster(*call))
    whole = files("half/people")
    write("half/unfinished/people/person-0001/new.png", "a crop")
    remove_tree = cluster_faces.shutil.rmtree
    cluster_faces.shutil.rmtree = stop
    try:
        cluster_faces.put_in_place("half/unfinished", "half")
        raise Wrong("rmtree was not called")
    except Stop:
        pass
    finally:
        cluster_faces.shutil.rmtree = remove_tree
    expect_end(cluster(*call))
    expect(files("half/people") == whole and "unfinished" not in files("half"), files("half"))


def no_face_replaces_another():
    """a/b_c.png and a_b/c.png show one person. Both copies would have the name a_b_c.png, so one of
    them gets another name."""
    os.makedirs("alike/a")
    os.makedirs("alike/a_b")
    shutil.copy("crops/0/p0.png", "alike/a/b_c.png")
    shutil.copy("crops/1/p0.png", "alike/a_b/c.png")
    expect_end(cluster("both", "-aligned", photos="alike"))
    expect(files("both/people/person-0001") == ["a_b_c-2.png", "a_b_c.png"],
           files("both/people/person-0001"))


def photographs_are_cut_first():
    photograph("photos/one.png", 120, 110, (20, 30))
    photograph("photos/same.png", 120, 110, (20, 30))
    write("photos/text.png", "no picture")
    done = cluster("found", "--mtcnn", "detector", "--min-face", "60", net="large", photos="photos")
    expect_end(done, 0, "photos/text.png: is not an image")
    expect(files("found/people/person-0001") == ["one.jpg", "same.jpg"], files("found"))
    done = cluster("found", "--mtcnn", "nodetector", "--force", net="large", photos="photos")
    expect_end(done, 1, "make faces-deps", "darknet faces photos ended with status 1")
    done = cluster("found", "--mtcnn", "detector", "--min-face", "60", "--force", net="large",
                   photos="photos")
    expect_end(done, 0, "photos/text.png: is not an image")


def a_single_face():
    os.makedirs("single")
    shutil.copy("crops/0/p0.png", "single/a.png")
    done = cluster("alone", "--aligned", photos="single")
    expect(done.stdout.endswith("1 face: 0 people, 1 face alone; alone/sheets shows them\n"),
           done.stdout + done.stderr)


def own_results_are_no_photographs():
    """The output must not be inside the folder of photographs, nor the photographs inside the
    output. Otherwise a second call would take the copies of the first call for photographs, and
    would delete photographs in people/ and alone/, the folders of the output."""
    for folder in ("mixed/0", "mixed-2/people/person-0001", "mixed-2/faces"):
        os.makedirs(folder)
    os.symlink("mixed", "link")
    for photos, out in (("mixed", "mixed"), ("mixed", "mixed/groups"), ("mixed/", "mixed/0/new"),
                        ("link", "mixed/groups"), (".", "mixed"), ("mixed-2/people", "mixed-2"),
                        ("mixed-2/people/person-0001", "mixed-2"), ("mixed-2/alone", "mixed-2")):
        try:
            cluster_faces.check_apart(photos, out)
        except Failure as e:
            expect(str(e) == f"{out}: must be a folder apart from the images in {photos}", str(e))
        else:
            raise Wrong(f"{photos} and {out} are not refused")
    for photos, out in (("mixed", "mixed-2"), ("mixed-2/faces", "mixed-2"), ("mixed", ".")):
        cluster_faces.check_apart(photos, out)
    expect_end(cluster("crops/groups", "-aligned"), 1,
               "crops/groups: must be a folder apart from the images in crops\n")
    expect(not os.path.exists("crops/groups"), "made")


def sheets_show_what_the_network_saw():
    """The sheet shows a 16-bit grey face, a transparent face and a rotated face with the pixels
    that the network got."""
    level = np.full((28, 28, 1), 65535 * 80 // 255)
    write("deep/grey.png", png(level, 16, 0))
    write("deep/seen.png", png(np.dstack([np.full((28, 28, 3), 160), np.full((28, 28), 128)]),
                               colour=6))
    expect_end(cluster("deep-out", "-aligned", "--threshold=-.9", photos="deep"))
    with Image.open("deep-out/sheets/person-0001.jpg") as sheet:
        for x in (56, 168):
            pixel = sheet.getpixel((x, 56))
            expect(all(abs(v - 80) < 5 for v in pixel), f"at {x}: {pixel}")


def wrong_calls():
    write("other.json", '{"format": "darknet threshold 1", "threshold": 0.3, "network": '
          '"0123456789abcdef", "flip": "none"}')
    told = json.loads(darknet("check", "net.cfg", "net.weights", "-json").stdout)
    write("mirrored.json", json.dumps({"format": "darknet threshold 1", "threshold": .3,
                                       "network": told["fingerprint"], "flip": "sum"}))
    for words, status, why in (
            (("o", "--threshold", "mirrored.json"), 1, "mirrored.json: is of features with "
             "mirrored images; measure it without --flip\n"),
            (("o", "--threshold", "2"), 1, "--threshold 2: must be a cosine between -1 and 1"),
            (("o", "--threshold", "net.cfg"), 1,
             "net.cfg: is neither a cosine nor a threshold.json"),
            (("o", "--threshold", "other.json"), 1, "other.json: was measured with the network "
             "0123456789abcdef, this is "),
            (("o", "--least", "0"), 2, "--least: 0: must be at least 1")):
        expect_end(cluster(*words, "--aligned"), status, why)
    expect_end(cluster("o", photos="nowhere"), 1, "nowhere: No such file or directory")
    os.makedirs("empty")
    os.makedirs("mine")
    write("text.weights", "no weights")
    for words in (("--mtcnn", "nodetector"), ("--aligned",)):
        for out in ("o", "mine"):
            expect_end(cluster(out, *words, photos="empty"), 1, "empty: no images\n")
    expect_end(cluster("o", "--mtcnn", "nodetector"), 1, "make faces-deps")
    write("crops/faces.record", "")
    expect_end(cluster("o", "--mtcnn", "nodetector"), 1, "crops of darknet faces: -aligned takes")
    done = script("cluster_faces.py", "net.cfg", "text.weights", "photos", "o")
    expect_end(done, 1, "text.weights: not a weights file")
    expect(not os.path.exists("o") and os.path.exists("mine"), "left after an error")


attempt_all(start, people_of_noise, the_verb_runs_the_script, another_call_replaces_only_when_asked,
            an_interrupted_replacement_is_repeated, no_face_replaces_another,
            photographs_are_cut_first, a_single_face, own_results_are_no_photographs,
            sheets_show_what_the_network_saw, wrong_calls)
summary()
