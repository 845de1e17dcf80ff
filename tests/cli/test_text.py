"""Tests text files as users have them: lists, .data files, labels."""
import os
import shutil

from common import attempt_all, darknet, expect, expect_end, needed, read, summary, write

with needed():
    from PIL import Image

CFG = """[net]
batch=6
height=8
width=8
channels=3
max_batches=2
learning_rate=0.01
policy=constant
[connected]
output=3
activation=linear
[softmax]
"""
BOM = b"\xef\xbb\xbf"


def start():
    lines = []
    for c in range(3):
        os.makedirs(f"faces/{c}")
        for i in range(4):
            Image.new("RGB", (8, 8), (80 * c, 20 * i, 90)).save(f"faces/{c}/{i}.png")
            lines.append(f"faces/{c}/{i}.png {c}\n")
    write("list", "".join(lines))
    write("net.cfg", CFG)
    write("bare.cfg", CFG.replace("[softmax]\n", ""))
    expect_end(darknet("init", "bare.cfg", "bare.weights"))


def train(**options):
    text = options.pop("text", None)
    options = {"classes": 3, "train": "list", "backup": "b", **options}
    write("x.data", text or "".join(f"{k}={v}\n" for k, v in options.items()))
    return darknet("classifier", "train", "x.data", "net.cfg", "-threads", "1", "-batches", "1",
                   "-force")


def trains(count, **options):
    done = train(**options)
    expect_end(done)
    expect(done.stdout.startswith(f"{count} images, 0 broken"), f"{options}: {done.stdout[:200]}")
    return done


def encodings():
    text = read("list").decode()
    for name, data in (("bom", BOM + text.encode()), ("utf16le", text.encode("utf-16")),
                       ("utf16be", b"\xfe\xff" + text.encode("utf-16-be")),
                       ("crlf", text.replace("\n", "\r\n").encode()),
                       ("cr", text.replace("\n", "\r").encode()),
                       ("csv", ("path,label\n" + text.replace(" ", ",")).encode()),
                       ("tabs", text.replace(" ", "\t").encode()),
                       ("joined", BOM + text[:64].encode() + BOM + text[64:].encode())):
        write(f"{name}.list", data)
        trains(12, train=f"{name}.list")
    labels = "".join(f"/{c}/\n" for c in range(3))
    write("paths", BOM + "".join(line.split()[0] + "\n" for line in text.splitlines()).encode())
    for name, data in (("bom", BOM + labels.encode()), ("utf16", labels.encode("utf-16"))):
        write(f"{name}.labels", data)
        trains(12, train="paths", labels=f"{name}.labels")
    for data in (BOM + b"classes=3 # persons\r\ntrain = list\t; all\r\nbackup=b\r\n",
                 "classes=3\ntrain=list\nbackup=b\n".encode("utf-16")):
        trains(12, text=data)


def classes_first_and_back_slashes():
    """Reads spreadsheets with the class in the first column, and lists with Windows paths."""
    lines = [line.split() for line in read("list").decode().splitlines()]
    for separator in ",\t":
        write("first.csv", f"label{separator}path\n" +
              "".join(f"{c}{separator}{p}\n" for p, c in lines))
        trains(12, train="first.csv")
    write("first.csv", "label,path\n0,faces/0/0.png\nfaces/0/1.png,0\n")
    expect_end(train(train="first.csv"), 1,
               "first.csv:3: must be CLASS,PATH, as the first line says")
    for form in ("{} {}\r\n", "{}\t{}\r\n", "{},{}\r\n"):
        write("windows.list", "".join(form.format(p.replace("/", "\\"), c) for p, c in lines))
        trains(12, train="windows.list")


def marks_are_told():
    """A byte order mark is reported once on stderr, with the name of the file."""
    text = read("list")
    write("told.list", BOM + text)
    write("told.utf16", text.decode().encode("utf-16"))
    write("told.labels", BOM + b"/0/\n/1/\n/2/\n")
    write("plain", read("paths")[3:])
    write("told.cfg", BOM + CFG.encode())
    for options, files in (({"train": "told.list"}, ["told.list: begins with a byte order mark"]),
                           ({"train": "told.utf16"},
                            ["told.utf16: begins with a byte order mark of UTF-16"]),
                           ({"train": "plain", "labels": "told.labels"},
                            ["told.labels: begins with a byte order mark"])):
        done = trains(12, **options)
        said = [f"{line}; read as text without it" for line in files]
        expect([line for line in done.stderr.splitlines() if "byte order" in line] == said,
               f"{options}: {done.stderr}")
    expect_end(darknet("check", "told.cfg"), 0,
               "told.cfg: begins with a byte order mark; read as text without it\n")
    expect_end(darknet("embed", "bare.cfg", "bare.weights", "told.list", "told.dnxe"), 0,
               "told.list: begins with a byte order mark; read as text without it\n")


def told_before_the_folder_is_looked_at():
    write("mine.data", "classes=3\ntrain=told.list\nbackup=mine\n")
    write("mine/net.weights", "not a run of training")
    done = darknet("classifier", "train", "mine.data", "net.cfg")
    expect_end(done, 1, "told.list: begins with a byte order mark; read as text without it\n",
               "mine/net.weights: a run of this name is there")


def mxnet_lists():
    text = [line.split() for line in read("list").decode().splitlines()]
    for name, form in (("lst", "1\t{}\t{}"), ("box", "1\t{}\t{}\t1\t2\t7.5\t8"),
                       ("index", "5\t{1}.000000\t{0}"), ("turned", "{1}\t{0}")):
        write(f"{name}.lst", "\n".join(form.format(*words) for words in text))
        trains(12, train=f"{name}.lst")
    write("raw.lst", "1\tfaces/0/0.png\t0\n0\tfaces/0/1.png\t0\n")
    expect_end(train(train="raw.lst"), 1, "raw.lst:2: 0 faces/0/1.png: its face is not cut out")


def record_folder():
    """A folder with train.rec has InsightFace's layout. Its file `property` has the number of
    classes and the size of the images."""
    import struct
    os.makedirs("emore", exist_ok=True)
    data, index = b"", ""
    for i, line in enumerate(read("list").decode().splitlines()):
        path, c = line.split()
        content = struct.pack("<IfQQ", 0, int(c), 0, 0) + read(path)
        index += f"{i}\t{len(data)}\n"
        data += struct.pack("<II", 0xced7230a, len(content)) + content + b"\0" * (-len(content) % 4)
    write("emore/train.rec", data)
    write("emore/train.idx", BOM + index.encode())
    trains(12, train="emore")
    write("emore/property", "3,112,112\n")
    trains(12, train="emore/")
    expect_end(train(train="emore", classes=2), 1,
               "x.data:1: [data] classes=2: emore/property says that there are 3")
    write("emore/property", "many\n")
    expect_end(train(train="emore"), 1, "emore/property:1: must be CLASSES,HEIGHT,WIDTH")
    os.remove("emore/property")
    expect_end(train(train="emore/train.idx"), 1, "is an index; name emore/train.rec instead")


def identity_folders():
    """A broken link to a class folder is an error: leaving it out would renumber the classes."""
    trains(12, train="faces")
    for name in ("loose.png", "notes.txt", "faces.index", "align.txt"):
        write(f"faces/{name}", "x")  # darknet ignores faces.index and align.txt, its own files
    expect_end(trains(12, train="faces"), 0, "faces/loose.png: skipped: is in no identity folder",
               "faces/notes.txt: skipped: is in no identity folder",
               "2 files in no identity folder were left out")
    for name in ("loose.png", "notes.txt", "faces.index", "align.txt"):
        os.remove(f"faces/{name}")
    os.symlink("nowhere", "faces/00")
    expect_end(train(train="faces"), 1, "faces/00: cannot read: No such file",
               "the classes after it would change their numbers")
    os.remove("faces/00")


def one_rule_for_paths():
    shutil.copytree("faces", "far/faces")
    Image.new("RGB", (9, 9)).save("faces/0/0.png")  # of another size: an error if far/list used it
    shutil.copy("list", "far/list")
    trains(12, train="far/list")
    done = darknet("embed", "bare.cfg", "bare.weights", "far/list", "far.dnxe")
    expect_end(done)
    expect(done.stdout.startswith("12 images, "), done.stdout)
    expect_end(darknet("embed", "bare.cfg", "bare.weights", "list", "o.dnxe", "-force"), 1,
               "9 x 9 pixels")
    write("v.data", "classes=3\nvalid=far/list\n")
    expect_end(darknet("classifier", "valid", "v.data", "bare.cfg", "bare.weights"))
    shutil.copy("far/faces/0/0.png", "faces/0/0.png")
    shutil.rmtree("far")
    os.mkdir("far")
    shutil.copy("list", "far/list")  # far/ has no images: the paths start at the current folder
    trains(12, train="far/list")
    expect_end(darknet("embed", "bare.cfg", "bare.weights", "far/list", "o.dnxe", "-force"))


def single_images():
    for name in ("faces/0/1.png", "nosuffix"):
        if name == "nosuffix":
            shutil.copy("faces/0/1.png", name)
        done = darknet("embed", "bare.cfg", "bare.weights", name, "o.dnxe", "-force")
        expect_end(done)
        expect(done.stdout.startswith("1 image, "), done.stdout)
    write("gif", b"GIF89a\x01\0\x01\0\0\0\0\0\0\0\0")
    done = darknet("embed", "bare.cfg", "bare.weights", "gif", "o.dnxe", "-force")
    expect_end(done, 1, "gif: ")
    expect("list" not in done.stderr and done.stderr.isascii(), done.stderr)


def valid_needs_classes():
    for text, message in (("valid=list\n", "v.data: [data] needs classes="),
                          ("classes=3\n", "v.data: [data] needs valid="),
                          ("clases=3\nvalid=list\n", "v.data:1: [data] clases=3: no such option; "
                                                     "did you mean 'classes'?"),
                          ("classes=3\nvalid=list\nclasses=3\n", "v.data:3: [data] classes=3: "
                                                                 "given twice; first on line 1"),
                          ("classes=3 0\nvalid=list\n", "v.data:1: [data] classes=3 0: must be a "
                                                        "whole number from 0 to 16777216")):
        write("v.data", text)
        expect_end(darknet("classifier", "valid", "v.data", "bare.cfg", "bare.weights"), 1,
                   message)
        write("t.data", text.replace("valid", "train"))
        if "needs" not in message:
            expect_end(darknet("classifier", "train", "t.data", "net.cfg"), 1,
                       message.replace("v.data", "t.data"))
    write("twice", "faces/0/0.png 0\nfaces/0/0.png 1\n")
    write("v.data", "classes=3\nvalid=twice\n")
    expect_end(darknet("classifier", "valid", "v.data", "bare.cfg", "bare.weights"), 1,
               "twice:2: faces/0/0.png: has class 1, but class 0 on line 1")


def valid_takes_what_train_takes():
    def valid(text):
        write("v.data", text)
        return darknet("classifier", "valid", "v.data", "bare.cfg", "bare.weights")
    listed = valid("classes=3\nvalid=list\n")
    expect_end(listed)
    by_name = [line for line in listed.stdout.splitlines() if ".png," in line]
    for source in ("faces", "faces/"):
        done = valid(f"classes=3\nvalid={source}\n")
        expect_end(done)
        lines = [line.replace("//", "/") for line in done.stdout.splitlines() if ".png," in line]
        expect(sorted(lines) == sorted(by_name), done.stdout)
    for source, count in (("emore/train.rec", 12), ("list, list", 24)):
        done = valid(f"classes=3\nvalid={source}\n")
        expect_end(done)
        expect(f"\n{count - 1}: top 1: " in done.stdout, done.stdout)
    expect_end(valid("classes=4\nvalid=faces\n"), 1, "v.data:2: [data] valid=faces: identity "
               "folders of 3 of 4 classes: a folder's rank is its class, so make empty ones for "
               "the others")
    expect_end(valid("classes=3\nvalid=nowhere\n"), 1, "nowhere: cannot read: No such file or "
               "directory (valid= of v.data:2)")


attempt_all(start, encodings, classes_first_and_back_slashes, marks_are_told,
            told_before_the_folder_is_looked_at, mxnet_lists,
            record_folder, identity_folders, one_rule_for_paths, single_images, valid_needs_classes,
            valid_takes_what_train_takes)
summary()
