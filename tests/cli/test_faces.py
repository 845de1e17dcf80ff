"""Tests darknet faces. The test makes its own detector: it needs neither MTCNN nor photographs."""
import json
import os
import pickle
import shutil
import signal
import subprocess
import time

from common import DARKNET, attempt_all, darknet, expect, expect_end, read, run, summary, write
from detector import make_detector, photograph
from pictures import HUGE, chunk, exif

FACES = ("-mtcnn", "detector", "-min-face", "60", "-threads", "2")


def start():
    make_detector("detector")
    photograph("photos/ann/one.png", 120, 110, (20, 30))
    photograph("photos/ann/two of them.png", 300, 120, (10, 20), (120, 30))
    photograph("photos/bob/größe.png", 200, 200, (70, 60))
    photograph("photos/none.png", 100, 90)
    photograph("photos/dot.png", 1, 1)
    write("photos/text.png", "this is no picture\n")
    write("photos/long.ppm", b"P6\n20000 20\n255\n" + bytes(20000 * 20 * 3))


def faces(*words, **more):
    return darknet("faces", *words, *FACES, **more)


def files(folder):
    return sorted(os.path.relpath(os.path.join(top, name), folder)
                  for top, _, names in os.walk(folder) for name in names)


CROPS = ["ann/one.jpg", "ann/two of them.2.jpg", "ann/two of them.jpg", "bob/größe.jpg"]
LISTS = ["faces.record", "no-face.txt", "skipped.txt"]


def the_tree_is_kept():
    done = faces("photos", "out", "-landmarks", "points.txt", "-sheet", "sheet.jpg")
    expect(read("sheet.jpg")[:3] == b"\xff\xd8\xff", "no sheet")
    expect_end(done, 1, "photos/text.png: is not an image\n",
               f"photos/long.ppm: {HUGE}\n")
    expect(done.stdout.startswith("7 photographs, 5 new: 4 faces; 2 without a face, "
                                  "2 skipped, "), done.stdout)
    expect(files("out") == sorted(CROPS + LISTS), files("out"))
    expect(read("out/no-face.txt").decode() == "dot.png\nnone.png\n", read("out/no-face.txt"))
    expect(b"text.png: is not an image" in read("out/skipped.txt"), read("out/skipped.txt"))
    expect(read("points.txt").decode().count("\n") == 4, read("points.txt"))


def scripts_read_json():
    done = faces("photos", "json", "-json")
    expect(done.returncode == 1, done.stderr)
    told = json.loads(done.stdout)
    counts = [told[k] for k in ("photographs", "new", "faces", "without_face", "skipped", "out")]
    expect(counts == [7, 5, 4, 2, 2, "json"], told)
    expect(told["windows"][1] > 0 and 0 < told["page"][0] <= 192 and told["ms"]["p"] > 0, told)
    again = json.loads(faces("photos", "json", "-json").stdout)
    expect(again["new"] == 0 and again["faces"] == 4, again)


def the_same_call_goes_on():
    before = {name: os.stat(f"out/{name}").st_mtime_ns for name in CROPS}
    os.unlink("out/ann/one.jpg")
    photograph("photos/new.png", 100, 100, (0, 0))
    done = faces("photos", "out")
    expect(done.stdout.startswith("8 photographs, 2 new: 5 faces"), done.stdout)
    expect(os.path.exists("out/new.jpg") and os.path.exists("out/ann/one.jpg"), "not made")
    same = all(os.stat(f"out/{n}").st_mtime_ns == before[n] for n in CROPS[1:])
    expect(same, "made again")
    os.unlink("photos/new.png")


def other_options_never_mix():
    done = faces("photos", "out", "-largest")
    expect_end(done, 1,
               "out/faces.record: lists crops made with min-face=60 largest=0 detector=",
               "-overwrite makes them again, or name another folder\n")
    expect(os.path.exists("out/ann/two of them.2.jpg"), "removed")
    expect_end(faces("photos", "out", "-largest", "-overwrite"), 1)
    expect(files("out") == sorted([c for c in CROPS if ".2" not in c] + LISTS), files("out"))
    write("mine/a.jpg", read("out/ann/one.jpg"))
    expect_end(faces("photos", "mine", "-overwrite"), 1,
               "mine: has images that `darknet faces` did "
               "not put there, such as a.jpg; name another folder\n")
    expect(files("mine") == ["a.jpg"], files("mine"))


def other_photographs_never_mix():
    photograph("one/a.png", 100, 90, (0, 0))
    photograph("two/a.png", 100, 90, (30, 20))
    expect_end(faces("one", "mixed"))
    before = read("mixed/a.jpg")
    here = os.path.realpath(".")
    expect_end(faces("two", "mixed"), 1, f"mixed/faces.record: lists crops of {here}/one, not "
               f"of {here}/two; -overwrite makes them again, or name another folder\n")
    expect(read("mixed/a.jpg") == before, "written")
    expect_end(faces("one/", "mixed/"))
    expect(faces("two", "mixed", "-overwrite").stdout.startswith("1 photograph, 1 new"),
           "not again")
    for folder in ("one", "two"):
        write(f"{folder}.txt", f"{here}/{folder}/a.png\n")
        expect_end(faces(f"{folder}.txt", "absolute"))
    expect(len([f for f in files("absolute") if f.endswith("a.jpg")]) == 2, files("absolute"))


def a_changed_photograph_is_new():
    photograph("changing/a.png", 300, 120, (10, 20), (120, 30))
    photograph("changing/b.png", 100, 90)
    photograph("changing/c.png", 100, 90, (0, 0))
    expect_end(faces("changing", "changed"))
    expect("2 new" not in faces("changing", "changed").stdout, "made again")
    photograph("changing/a.png", 100, 90, (0, 0))
    photograph("changing/b.png", 100, 90, (0, 0))
    done = faces("changing", "changed")
    expect(done.stdout.startswith("3 photographs, 2 new: 3 faces; 0 without"), done.stdout)
    expect(files("changed") == ["a.jpg", "b.jpg", "c.jpg", "faces.record"], files("changed"))
    # a new modification time, even in the future (2106), does not make the crops again
    os.utime("changing/a.png", (1 << 32, 1 << 32))
    expect("3 photographs, 0 new" in faces("changing", "changed").stdout, "made again")
    os.unlink("changing/a.png")
    write("changing/d.heic", "photograph")
    done = faces("changing", "changed")
    expect_end(done, 0, "changed: also has crops of 1 photograph that is no longer in changing, "
               "such as a.png\n", "changing: 1 file was left out, without the name of a "
               "photograph\n")


def names_of_faces_and_of_photographs():
    """The crop a.2.jpg could be the second face of a.png or the main face of a.2.png: an error."""
    photograph("numbers/a.png", 300, 120, (10, 20), (120, 30))
    photograph("numbers/a.2.png", 100, 90, (0, 0))
    done = faces("numbers", "numbered")
    expect_end(done, 1, "a.png: the crop of its face 2 would be numbered/a.2.jpg, as that of "
               "another photograph: rename one\n")
    expect(done.stdout.startswith("2 photographs, 1 new: 1 face"), done.stdout)
    expect(files("numbered") == ["a.2.jpg", "faces.record", "skipped.txt"], files("numbered"))
    photograph("apart/a.png", 100, 90, (0, 0))
    photograph("apart/a.k.png", 100, 90, (0, 0))
    write("apart/a.ppm", b"P6\n2 2\n255\n" + bytes(12))
    expect_end(faces("apart", "o"), 1, "a.ppm: its crop would be o/a.jpg, as that of a.png\n")


def align_reads_the_landmarks():
    photograph("clean/a b.png", 300, 120, (10, 20))
    expect_end(faces("clean", "cut", "-landmarks", "clean.txt"))
    done = darknet("align", "clean", "clean.txt", "aligned")
    expect_end(done)
    expect(read("cut/a b.jpg") == read("aligned/a b.jpg"), "other pixels")


def turned_photographs():
    """A photograph with EXIF orientation 5 gives the crop and landmarks of its upright copy."""
    photograph("upright/a.png", 300, 120, (30, 20))
    photograph("turned/a.png", 120, 300, (20, 30))
    stored = read("turned/a.png")
    write("turned/a.png", stored[:33] + chunk(b"eXIf", exif(5)) + stored[33:])
    for name in ("upright", "turned"):
        done = faces(name, f"{name}-crops", "-landmarks", f"{name}.txt")
        expect(done.stdout.startswith("1 photograph, 1 new: 1 face"), done.stdout)
    expect(read("upright-crops/a.jpg") == read("turned-crops/a.jpg"), "another crop")
    expect(read("upright.txt") == read("turned.txt"), read("turned.txt"))


def lists_and_single_photographs():
    write("list.txt", f"photos/ann/one.png\n{os.path.abspath('photos/bob/größe.png')}\n")
    expect_end(faces("list.txt", "listed"))
    expect("ann/one.jpg" in str(files("listed")), files("listed"))
    expect(len([f for f in files("listed") if f.endswith(".jpg")]) == 2, files("listed"))
    expect_end(faces("photos/ann/one.png", "single"))
    expect(files("single") == ["faces.record", "one.jpg"], files("single"))
    expect_end(faces(os.path.abspath("photos/ann/one.png"), "single"))
    expect(files("single") == ["faces.record", "one.jpg"], files("single"))
    photograph("photos/bob/one.png", 100, 90, (0, 0))
    expect_end(faces("photos/bob/one.png", "single"), 1, "photos/ann, not of ", "photos/bob; ")
    os.unlink("photos/bob/one.png")


def names_that_no_list_can_hold():
    photograph("odd/a\nb.png", 100, 90, (0, 0))
    photograph("odd/#c.png", 100, 90, (0, 0))
    photograph("odd/ e.png", 100, 90, (0, 0))
    photograph("odd/d.png", 100, 90, (0, 0))
    done = faces("odd", "odd-out")
    expect_end(done, 1, "has a line break in its name: rename it", "begins with # in its name",
               " e.png: begins with a space in its name")
    expect("d.jpg" in files("odd-out") and "4 photographs, 1 new: 1 face" in done.stdout,
           done.stdout)


def no_photograph_is_replaced():
    photograph("kept/a.png", 100, 90, (0, 0))
    before = read("kept/a.png")
    os.link("kept/a.png", "same.png")
    for photos, name in (("kept", "kept/a.png"), ("kept/a.png", "kept/a.png"),
                         ("kept", "same.png")):
        for option in ("-sheet", "-landmarks"):
            expect_end(faces(photos, "kept-out", option, name), 1,
                       f"{name}: cannot write: it is an input of this command (kept/a.png)\n")
    expect(read("kept/a.png") == before and not os.path.exists("kept-out"), "lost, or left behind")
    os.makedirs("kept-out")
    for words, name in ((("-sheet", "both", "-landmarks", "both"), "both"),
                        (("-sheet", "both", "-landmarks", "kept-out/../both"), "both"),
                        (("-sheet", "kept-out/faces.record"), "kept-out/faces.record"),
                        (("-landmarks", "kept-out/skipped.txt"), "kept-out/skipped.txt"),
                        (("-landmarks", "kept-out/no-face.txt"), "kept-out/no-face.txt")):
        expect_end(faces("kept", "kept-out", *words), 1, f"{name}: is named for two outputs\n")
    expect(not os.path.exists("both") and files("kept-out") == [], "left behind")
    os.symlink("kept", "link")
    for option in "-sheet", "-landmarks":
        for name, folder in (("kept/new.jpg", "kept"), ("link/new.PNG", "kept"),
                             ("kept-out/a.jpg", "kept-out"),
                             ("kept/../kept-out/./sheet.bmp", "kept-out")):
            expect_end(faces("kept", "kept-out", option, name), 1,
                       f"{name}: has the name of an image: must be outside of the folder "
                       f"{folder}\n")
    expect(files("kept") == ["a.png"] and files("kept-out") == [], "left behind")
    expect_end(faces("kept", "kept-out", "-sheet", "kept-out.jpg", "-landmarks", "kept-out/p.txt"))


def wrong_calls():
    os.makedirs("empty", exist_ok=True)
    expect_end(faces("empty", "o"), 1, "empty: no images\n")
    expect_end(faces("nowhere", "o"), 1, "nowhere: cannot open: No such file or directory\n")
    expect_end(faces("photos", "photos/out"), 1, "must be a folder apart from the images in photos")
    expect_end(faces("photos", "sheetless", "-sheet", "photos"), 1, "photos: cannot write: ")
    expect_end(faces("photos/none.png", "sheetless", "-landmarks", "photos"), 1, "cannot write: ")
    expect(not os.path.exists("photos/out") and not os.path.exists("sheetless"), "left behind")
    expect_end(faces("photos/none.png", "photos/dot.png"), 1, "photos/dot.png: is not a folder\n")
    expect_end(darknet("faces", "photos", "o", "-min-face", "11"), 2,
               "-min-face 11: must be a whole "
               "number from 12 to 16384\n")
    done = darknet("faces", "photos", "o", "-mtcnn", "nodetector")
    expect_end(done, 1, "nodetector/mtcnn-p.cfg: No such file or directory; `make faces-deps` "
               "installs the face detector\n")
    done = run(DARKNET, "faces", "photos", "o", env={"XDG_CACHE_HOME": "/none"})
    expect_end(done, 1, "/none/thinface/mtcnn/mtcnn-p.cfg: No such file", "make faces-deps")
    photograph("twins/a.png", 100, 90, (0, 0))
    write("twins/a.ppm", b"P6\n2 2\n255\n" + bytes(12))
    expect_end(faces("twins", "o"), 1, "its crop would be o/a.jpg, as that of a.png")
    picture = read("photos/none.png")
    write("set.bin", pickle.dumps(([picture, picture], [True]), protocol=2))
    expect_end(faces("set.bin", "o"), 1, "set.bin: is a verification set: its images are crops\n")
    shutil.copytree("detector", "wrong")
    shutil.copy("wrong/mtcnn-r.cfg", "wrong/mtcnn-o.cfg")
    expect_end(darknet("faces", "photos", "o", "-mtcnn", "wrong"), 1,
               "wrong/mtcnn-o.cfg: must take 48 x 48 x 3 and give 16 numbers\n")


def goes_on_after_a_kill():
    """After kills and signals, the crops equal those of an uninterrupted run."""
    for i in range(150):
        photograph(f"many/p{i % 7}/{i:03}.png", 130, 120, (i % 6 * 10, i % 5 * 10))
    expect_end(faces("many", "whole", "-landmarks", "whole.txt"))
    stopped = 0
    for number, (sign, after) in enumerate(((signal.SIGKILL, .1), (signal.SIGTERM, .15),
                                            (signal.SIGKILL, .03), (signal.SIGKILL, .3),
                                            (signal.SIGKILL, .04), (signal.SIGTERM, .2))):
        with subprocess.Popen([DARKNET, "faces", "many", "parts", *FACES],
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as child:
            time.sleep(after)
            child.send_signal(sign)
            said = child.communicate()[1]
        stopped += child.returncode != 0
        if child.returncode > 0:
            expect("; the same command continues" in said, (number, said))
    expect_end(faces("many", "parts", "-landmarks", "parts.txt"))
    for name in files("whole"):
        if name != "faces.record":
            expect(read(f"whole/{name}") == read(f"parts/{name}"), f"{name} differs")
    expect([f for f in files("parts")] == files("whole"), "other files")
    expect(read("whole.txt") == read("parts.txt"), "other landmarks")
    print(f"# {stopped} of 6 were stopped before their end")


attempt_all(start, the_tree_is_kept, the_same_call_goes_on, scripts_read_json,
            other_options_never_mix, other_photographs_never_mix, a_changed_photograph_is_new,
            names_of_faces_and_of_photographs, align_reads_the_landmarks, turned_photographs,
            lists_and_single_photographs, names_that_no_list_can_hold,
            no_photograph_is_replaced, wrong_calls,
            goes_on_after_a_kill)
summary()
