"""Tests darknet compare and find: their cosines equal those of NumPy on the features of `embed`."""
import json
import os
import re
import shutil
import subprocess

from common import (DARKNET, attempt_all, darknet, dnxe, expect, expect_end, needed, read, summary,
                    write, write_png)
from detector import make_detector, photograph

with needed():
    import numpy as np

    from lib.embeddings import Embeddings

CFG = ("[net]\nheight=28\nwidth=28\nchannels=3\ninput_mean=127.5\ninput_scale=0.0078125\nseed=%d\n"
       "[convolutional]\nfilters=8\nsize=3\nstride=2\nactivation=prelu\n"
       "[connected]\noutput=16\nactivation=linear\n")
NET = ("net.cfg", "net.weights")
FINDS = ("-mtcnn", "detector", "-min-face", "60")


def start():
    make_detector("detector")
    for name, seed in (("net", 1), ("other", 2)):
        write(f"{name}.cfg", CFG % seed)
        expect_end(darknet("init", f"{name}.cfg", f"{name}.weights"))
    write("wide.cfg", (CFG % 1).replace("output=16", "output=17"))
    expect_end(darknet("init", "wide.cfg", "wide.weights"))
    photograph("one.png", 120, 110, (20, 30))
    photograph("grey.png", 120, 110, (20, 30), grey=251)
    photograph("two.png", 300, 120, (10, 20), (210, 20))
    photograph("none.png", 100, 90)
    rng = np.random.default_rng(1)
    for person in range(4):
        face = rng.integers(0, 200, (28, 28, 3))
        for shot in range(3):
            noisy = face + rng.integers(0, 30, face.shape)
            write_png(f"gallery/person {person}/{shot}.png", 28, 28,
                      noisy.astype(np.uint8).tobytes())
    shutil.copy("gallery/person 2/0.png", "crop.png")
    os.unlink("gallery/person 2/0.png")


def compare(*words):
    return darknet("compare", *NET, *words)


def cosine_of(done):
    return float(re.search(r"cosine (-?[\d.]+)", done.stdout)[1])


def the_cosine_is_that_of_embed():
    expect_end(darknet("embed", *NET, "gallery", "g.dnxe"))
    e = Embeddings("g.dnxe")
    rows = dict(zip(e.names, e.rows(0, e.count)))
    for a, b in (("person 0/0.png", "person 0/1.png"), ("person 0/0.png", "person 3/2.png")):
        done = compare(f"gallery/{a}", f"gallery/{b}", "-aligned")
        expect_end(done)
        u, v = rows[a], rows[b]
        want = float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
        expect(abs(cosine_of(done) - want) < 1e-4, (done.stdout, want))


def photographs_are_aligned():
    done = compare("one.png", "one.png", *FINDS, "-threshold", "0.5")
    expect_end(done)
    expect(done.stdout == "cosine 1.0000: the same person\nthreshold 0.5000\n", done.stdout)
    expect_end(darknet("faces", "one.png", "crops", "-mtcnn", "detector", "-min-face", "60"))
    again = compare("one.png", "grey.png", *FINDS)
    expect(cosine_of(again) > .99 and "no verdict" in again.stdout, again.stdout)


def several_faces():
    done = compare("one.png", "two.png", *FINDS)
    expect_end(done)
    expect("two.png: 2 faces, took the main one; -all compares each\n" in done.stdout, done.stdout)
    done = compare("two.png", "two.png", *FINDS, "-all")
    expect(done.stdout.count("cosine 1.0") == 4 and "face 2 and face 1: cosine" in done.stdout,
           done.stdout)


def a_sheet_shows_both():
    with needed():
        from PIL import Image
    expect_end(compare("one.png", "two.png", *FINDS, "-sheet", "sheet.jpg"))
    picture = np.asarray(Image.open("sheet.jpg").convert("RGB"), int)
    expect(picture.shape == (480 + 28 + 48, 996, 3), picture.shape)
    green = (abs(picture - (0, 158, 115)).sum(2) < 60).sum()
    orange = (abs(picture - (213, 94, 0)).sum(2) < 60).sum()
    expect(green > 500 and orange > 100, (green, orange))
    expect_end(compare("one.png", "two.png", *FINDS, "-sheet", "sheet.jpg"), 1,
               "sheet.jpg: exists; -force replaces it\n")
    before = [read(name) for name in ("one.png", "two.png")]
    os.symlink("one.png", "link.png")
    expect_end(compare("one.png", "two.png", *FINDS, "-force"), 2, "-force is for -sheet")
    for sheet, photo in (("one.png", "one.png"), ("two.png", "two.png"), ("link.png", "one.png")):
        expect_end(compare("one.png", "two.png", *FINDS, "-sheet", sheet, "-force"), 1,
                   f"{sheet}: cannot write: it is an input of this command ({photo})\n")
    expect(before == [read(name) for name in ("one.png", "two.png")], "a photograph is lost")


def faces_that_are_not_there():
    for pair in (("none.png", "one.png"), ("one.png", "none.png")):
        expect_end(compare(*pair, *FINDS), 1,
                   "none.png: no face of 60 pixels or more was found\n")
    photograph("dark.png", 90, 90)
    done = compare("none.png", "dark.png", *FINDS)
    for name in ("none.png", "dark.png"):
        expect_end(done, 1, f"{name}: no face of 60 pixels or more was found\n")
    expect(done.stderr.startswith("none.png: "), done.stderr)
    expect(compare("none.png", "none.png", *FINDS).stderr.count("\n") == 1, "said twice")
    expect_end(compare("missing.png", "one.png", *FINDS), 1,
               "missing.png: cannot open: No such file")
    expect_end(compare("net.cfg", "one.png", *FINDS), 1, "net.cfg: is not an image\n")
    expect_end(compare("one.png", "crop.png", "-aligned"), 1,
               "one.png: is 120 x 110 pixels; a crop "
               "for this network has 28 x 28\n")
    expect_end(compare("one.png", "one.png", "-mtcnn", "nowhere"), 1,
               "nowhere/mtcnn-p.cfg: No such file or directory; `make faces-deps` installs the "
               "face detector\n")


def thresholds():
    print_of = json.loads(darknet("check", *NET, "-json").stdout)["fingerprint"]
    told = {"format": "darknet threshold 1", "threshold": .25, "false_match_rate": .001,
            "network": print_of, "flip": "none"}
    write("t.json", json.dumps(told, indent=1))
    done = compare("gallery/person 0/0.png", "gallery/person 0/1.png", "-aligned", "-threshold",
                   "t.json")
    expect_end(done)
    expect("threshold 0.2500: of pairs of different people, 0.1 % are above it\n" in done.stdout,
           done.stdout)
    done = darknet("compare", "other.cfg", "other.weights", "crop.png", "crop.png", "-aligned",
                   "-threshold", "t.json")
    expect_end(done, 1, f"t.json: was measured with the network {print_of}, this is ")
    expect_end(compare("crop.png", "crop.png", "-aligned", "-threshold", "2"), 1,
               "-threshold 2: a cosine is from -1 to 1\n")
    for negative in ("-0.1", "-1e-3", "-.5", "-1"):
        done = compare("crop.png", "crop.png", "-aligned", "-threshold", negative)
        expect(done.stdout == f"cosine 1.0000: the same person\nthreshold {float(negative):.4f}\n",
               done.stdout + done.stderr)
    expect_end(compare("crop.png", "crop.png", "-aligned", "-threshold", "-2"), 1,
               "-threshold -2: a cosine is from -1 to 1\n")
    for word in ("-5x", "-aligned"):
        done = compare("crop.png", "crop.png", "-threshold", word)
        expect(done.returncode == 2 and f"'{word}' begins with '-'" in done.stderr, done.stderr)
    expect_end(compare("crop.png", "crop.png", "-aligned", "-threshold", "0,4"), 1,
               "-threshold 0,4: is neither a number, such as 0.4, nor a file\n")


def find(gallery, *words, net=NET):
    return darknet("find", *net, gallery, *words)


def people_are_found():
    done = find("gallery", "crop.png", "-aligned", "-top", "3")
    expect_end(done, 0, "gallery: features of 11 faces computed\n")
    lines = done.stdout.splitlines()
    expect(lines[0] == "the face: nearest" and "  person 2  person 2/" in lines[1], done.stdout)
    expect(len({l.split("  ")[2] for l in lines[1:4]}) == 3, done.stdout)
    best = float(lines[1].split()[0])
    again = find("gallery", "crop.png", "-aligned", "-threshold", f"{best - .001:.4f}")
    expect(again.stderr == "" and again.stdout.startswith("the face: person 2\n"), again.stdout)
    again = find("gallery", "crop.png", "-aligned", "-threshold", f"{best + .001:.4f}")
    expect(again.stdout.startswith("the face: unknown; nearest\n"), again.stdout)
    done = find("gallery", "two.png", *FINDS)
    expect(done.stdout.count("face ") >= 2 and "face 2 at " in done.stdout, done.stdout)


def scripts_read_json():
    done = compare("two.png", "one.png", *FINDS, "-all", "-json", "-threshold", "0.5")
    expect_end(done)
    told, text = json.loads(done.stdout), compare("two.png", "one.png", *FINDS, "-all").stdout
    expect(list(told) == ["photographs", "pairs", "threshold", "false_match_rate"], told)
    expect([len(p["boxes"]) for p in told["photographs"]] == [2, 1], told)
    expect([p["faces"] for p in told["pairs"]] == [[1, 1], [2, 1]], told)
    expect(told["threshold"] == .5, told)
    for pair in told["pairs"]:
        expect(f"cosine {pair['cosine']:.4f}" in text and pair["is_same"] is True, (pair, text))
    told = json.loads(compare("crop.png", "crop.png", "-aligned", "-json").stdout)
    expect(told["pairs"][0]["is_same"] is None and told["threshold"] is None, told)
    expect(told["photographs"][0]["boxes"] == [None], told)
    done = find("gallery", "two.png", *FINDS, "-json", "-top", "2", "-threshold", "0")
    told = json.loads(done.stdout)
    text = find("gallery", "two.png", *FINDS, "-top", "2").stdout
    expect(len(told["faces"]) == 2 and told["photograph"] == "two.png", told)
    for face in told["faces"]:
        first = face["people"][0]
        expect(face["identity"] == (first["name"] if first["cosine"] > 0 else None), face)
        expect(len(face["people"]) == 2, face)
        expect(f"{first['cosine']:.4f}  {first['name']}  {first['crop']}\n" in text, (face, text))
    told = json.loads(find("gallery", "crop.png", "-aligned", "-json", "-threshold", "1").stdout)
    expect(told["faces"][0]["identity"] is None and told["faces"][0]["box"] is None, told)

    # \xe9 and the others are not UTF-8: a character of Latin-1, one cut short, one too long, half
    # of a surrogate pair, a code above the last one. The last name is UTF-8.
    for name in (b"a\xe9b", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
                 "z\u00fcrich \u4eba \U0001f642".encode()):
        photo = os.fsdecode(name) + ".png"
        shutil.copy("crop.png", photo)
        done = subprocess.run([DARKNET, "compare", *NET, photo, photo, "-aligned", "-json"],
                              capture_output=True, check=True)
        told = json.loads(done.stdout)
        expect(os.fsencode(told["photographs"][0]["file"]) == name + b".png", (name, done.stdout))


def a_person_of_many_crops_hides_nobody():
    for i in range(50):
        write(f"crowd/ann/{i}.png", read("crop.png"))
    for name in ("bob", "eve", "ida"):
        write(f"crowd/{name}/1.png", read("gallery/person 0/0.png"))
    done = find("crowd", "crop.png", "-aligned", "-top", "4")
    names = [line.split("  ")[2] for line in done.stdout.splitlines()[1:5]]
    expect(names[0] == "ann" and sorted(names[1:]) == ["bob", "eve", "ida"], done.stdout)
    near, far = [1.] + 15 * [0.], 15 * [0.] + [1.]
    write("crowd.dnxe", dnxe([f"ann/{i}.png" for i in range(30000)] + ["bob/1.png"],
                             30000 * [near] + [[-1. * v for v in far]]))
    done = find("crowd.dnxe", "crop.png", "-aligned")
    expect("  ann  " in done.stdout and "  bob  " in done.stdout, done.stdout)


def the_index_follows_the_gallery():
    os.utime("gallery/person 1/0.png", (1, 1))
    expect_end(find("gallery", "crop.png", "-aligned"), 0, "features of 11 faces computed")
    expect(find("gallery", "crop.png", "-aligned").stderr == "", "computed again")
    shutil.copy("crop.png", "gallery/person 3/new.png")
    done = find("gallery", "crop.png", "-aligned", "-top", "1")
    expect("1.0000  person 3  person 3/new.png" in done.stdout, done.stdout)
    done = find("gallery", "crop.png", "-aligned", net=("other.cfg", "other.weights"))
    expect_end(done, 0, "features of 12 faces computed")
    data = bytearray(read("gallery/faces.index"))
    write("gallery/faces.index", bytes(data[:-3]))
    expect_end(find("gallery", "crop.png", "-aligned", net=("other.cfg", "other.weights")), 0,
               "features of 12 faces computed")
    done = find("gallery", "crop.png", "-aligned", net=("other.cfg", "other.weights"))
    expect(done.stderr == "", f"a damaged index is not replaced: {done.stderr}")


def galleries_of_other_networks():
    expect(find("g.dnxe", "crop.png", "-aligned").stderr == "", "doubts about g.dnxe")
    done = find("g.dnxe", "crop.png", "-aligned", net=("other.cfg", "other.weights"))
    expect_end(done, 1, "g.dnxe: was made with the network ", ", this is ")
    write("old.dnxe", dnxe(["a/1.png"], [[1.] * 16]))
    expect_end(find("old.dnxe", "crop.png", "-aligned"), 0,
               "old.dnxe: does not tell which network it was made with\n")
    for flip, dim in (("sum", 16), ("concat", 32)):
        expect_end(darknet("embed", *NET, "gallery", "flip.dnxe", "-flip", flip, "-force"))
        expect(Embeddings("flip.dnxe").dim == dim, flip)
        expect_end(find("flip.dnxe", "crop.png", "-aligned"), 1, "flip.dnxe: has features with "
                   "mirrored images; make it without -flip\n")
    expect_end(find("g.dnxe", "crop.png", "-aligned", net=("wide.cfg", "wide.weights")), 1,
               "g.dnxe: has features of 16 numbers, the network's have 17\n")
    done = find("gallery/faces.index", "crop.png", "-aligned")
    expect_end(done, 1, "gallery/faces.index: was made with the network ", ", this is ")
    for gallery, why in (("net.cfg", "net.cfg: is not a file of `darknet embed`"),
                         ("nowhere", "nowhere: cannot open: No such file"),
                         ("crops", "crops: no image of it can be used; the first: crops/")):
        expect_end(find(gallery, "crop.png", "-aligned"), 1, why)
    write("gallery/person 1/broken.png", "text")
    expect_end(find("gallery", "crop.png", "-aligned"), 0, "broken.png: is not an image\n")


def files_of_commands_are_no_surprise():
    """`embed` and `find` ignore the files that `faces` and `find` put beside the crops."""
    photograph("own/a/face.png", 120, 110, (20, 30))
    photograph("own/none.png", 100, 90)
    write("own/text.png", "text")
    expect_end(darknet("faces", "own", "own-crops", *FINDS), 1, "text.png: is not an image\n")
    for name in ("faces.record.partial", "faces.lock"):
        write(f"own-crops/{name}", "")
    ours = {name for name in os.listdir("own-crops") if name != "a"}
    expect(len(ours) == 5, ours)
    write("large.cfg", (CFG % 1).replace("=28", "=112"))
    net = "large.cfg", "large.weights"
    expect_end(darknet("init", *net))
    expect_end(darknet("find", *net, "own-crops", "one.png", *FINDS))
    done = darknet("embed", *net, "own-crops", "own.dnxe")
    expect(not done.returncode and not done.stderr, done.stderr)


def features_of_zeros():
    """Features that are all zero have no direction: they are reported."""
    write("dark.cfg", (CFG % 1).replace("input_mean=127.5\n", ""))
    expect_end(darknet("init", "dark.cfg", "dark.weights"))
    net = ("dark.cfg", "dark.weights")
    for name in ("a", "b"):
        write(f"dim/{name}/0.png", read("crop.png"))
    write_png("dim/a/black.png", 28, 28, bytes(28 * 28 * 3))
    why = "a/black.png: the features are all zero"
    for flags in ((), ("-unit",), ("-flip", "sum")):
        done = darknet("embed", *net, "dim", "dim.dnxe", "-force", *flags)
        expect_end(done, 1, "1 of 3 images was skipped: dim.dnxe.skipped names it")
        expect(why in read("dim.dnxe.skipped").decode(), read("dim.dnxe.skipped"))
        e = Embeddings("dim.dnxe")
        expect(list(e.names) == ["a/0.png", "b/0.png"] and e.rows(0, 2).any(1).all(), e.names)
    expect_end(darknet("compare", *net, "crop.png", "dim/a/black.png", "-aligned"), 1,
               "dim/a/black.png: the features are all zero")
    expect_end(find("dim", "crop.png", "-aligned", net=net), 0, why)
    write("zero.dnxe", dnxe(["x/1.png", "y/2.png"], [[1] * 16, [0] * 16]))
    expect_end(find("zero.dnxe", "crop.png", "-aligned", net=net), 1,
               "zero.dnxe: y/2.png: the features are all zero")


def weights_that_cannot_be_read():
    write("short.weights", read("net.weights")[:-4])
    for weights, why in (("absent.weights", "cannot open: No such file or directory"),
                         ("short.weights", "too short")):
        for verb, *words in (("compare", "crop.png", "crop.png", "-aligned"),
                             ("find", "gallery", "crop.png", "-aligned"),
                             ("embed", "gallery", "never.dnxe"), ("bench",), ("check",),
                             ("strip", "never.cfg", "never.weights")):
            done = darknet(verb, "net.cfg", weights, *words)
            expect_end(done, 1)
            expect(f"{weights}: {why}" in done.stderr, f"{verb}: {done.stderr}")


attempt_all(start, the_cosine_is_that_of_embed, photographs_are_aligned, several_faces,
            a_sheet_shows_both, faces_that_are_not_there, thresholds, people_are_found,
            scripts_read_json, a_person_of_many_crops_hides_nobody, the_index_follows_the_gallery,
            galleries_of_other_networks, files_of_commands_are_no_surprise, features_of_zeros,
            weights_that_cannot_be_read)
summary()
