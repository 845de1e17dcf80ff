"""The faces of an experiment: the training data, and the pairs that are verified."""
import argparse
import dataclasses
import os
import shutil
import tempfile

from lib import fingerprints
from lib.errors import Failure
from lib.files import write
from lib.folders import check_outside, identities, is_image
from lib.pairs import read_pairs
from lib.processes import darknet, run
from experiments.verification import find_images

# options of the scripts whose paths must exist
FOLDERS = ("faces", "lfw", "development_faces")
FILES = ("pairs", "teacher_cfg", "teacher_weights", "development_pairs")
WATCHED = 800  # synthetic pairs for the accuracy curve during training
WATCHED_SEED = 3
DEVELOPMENT_SEED = 2  # draws people to choose loss weights on; seed 1 draws the test's people


@dataclasses.dataclass
class Pairs:
    faces: str  # folder of the pairs' images
    path: str
    name: str

    def read(self):
        return read_pairs(self.path)


@dataclasses.dataclass
class Faces:
    path: str  # .data file
    images: int
    source: dict  # fingerprint of the images


@dataclasses.dataclass
class Data:
    label: str  # the name of the faces in reports
    classes: int
    labelled: Faces  # only images with identities
    every: Faces  # all images, also those without identities
    test: Pairs
    faces: str = ""  # folder with a sub-folder for each identity
    watched: Pairs = None  # verified during training, only to draw a curve


def synthetic(args, folder, identities_, images, seed, pairs):
    """Draws synthetic faces. Returns [training folder, test folder, file of pairs]."""
    if os.path.exists(os.path.join(folder, "synth.partial")):
        print(f"{folder}: drawing was interrupted; it begins again", flush=True)
        shutil.rmtree(folder)
    run([darknet(), "synth", folder, "-identities", str(identities_), "-images", str(images),
         "-size", str(args.size), "-seed", str(seed), "-pairs", str(pairs)], show=True)
    return [os.path.join(folder, p) for p in ("train", "test", "pairs.txt")]


def images_of(folder, named):
    """Returns (the number of images that training takes from a folder, the path of the first).
    named: True counts only images in the folders of identities."""
    count, first = 0, None
    places = [os.path.join(folder, i) for i in identities(folder)] + ([] if named else [folder])
    for place in places:
        for name in sorted(os.listdir(place)):
            if is_image(name) and os.path.isfile(os.path.join(place, name)):
                first = first or os.path.join(place, name)
                count += 1
    if not count:
        raise Failure(f"{folder}: has no images" + (" in folders of identities" if named else ""))
    return count, first


def check_size(path, size):
    from PIL import Image, UnidentifiedImageError
    try:
        with Image.open(path) as image:
            if image.size != (size, size):
                raise Failure(f"{path}: is {image.size[0]} x {image.size[1]} pixels, --size is "
                              f"{size}: align and crop the faces to that size")
    except (UnidentifiedImageError, SyntaxError) as e:
        raise Failure(f"{path}: cannot be read as an image") from e


def check_pairs(pairs, size):
    found, _, _ = find_images(pairs.faces, pairs.read(), False)
    check_size(os.path.join(pairs.faces, next(iter(found.values()))), size)


def make_data(args):
    """Without --faces, draws faces. Checks the faces and writes .data files. Returns the Data."""
    if args.faces:
        faces, label = args.faces, "real faces"
        test = Pairs(args.lfw, args.pairs, os.path.basename(args.pairs))
    else:
        out = os.path.join(args.out, "synthetic")
        faces, lfw, pairs = synthetic(args, out, args.identities, args.images, 1,
                                      args.synthetic_pairs)
        label, test = "SYNTHETIC faces", Pairs(lfw, pairs, "synthetic pairs")
    count, first = images_of(faces, True)
    check_size(first, args.size)
    check_pairs(test, args.size)
    classes = len(identities(faces))
    if classes < 2:
        raise Failure(f"{faces}: has {classes} folder of an identity; at least 2 are needed")
    labelled = Faces(os.path.join(args.out, "labelled.data"), count,
                     {"faces": fingerprints.of_folder(faces)})
    write(labelled.path, f"classes={classes}\ntrain={faces}\nbackup={args.out}\n")
    every = labelled
    if args.unlabelled:
        counts = [images_of(folder, False) for folder in args.unlabelled]
        for _, first in counts:
            check_size(first, args.size)
        every = Faces(os.path.join(args.out, "all.data"), count + sum(n for n, _ in counts), dict(
            labelled.source,
            **{f"unlabelled {i + 1}": fingerprints.of_folder(f)
               for i, f in enumerate(args.unlabelled)}))
        write(every.path, f"classes=0\ntrain={','.join([faces, *args.unlabelled])}\n"
                          f"backup={args.out}\n")
    return Data(label, classes, labelled, every, test, faces)


def data_of_plan(args):
    """Returns the Data for --plan. Draws no synthetic faces and leaves no files behind."""
    if not args.faces:
        drawn = Faces("", args.identities * args.images, {})
        return Data("", args.identities, drawn, drawn, None)
    with tempfile.TemporaryDirectory() as folder:
        return make_data(argparse.Namespace(**{**vars(args), "out": folder}))


def tests_of(args, data):
    tests = {"lfw": data.test}
    for name, folder, path in args.test:
        tests[name] = Pairs(folder, path, os.path.basename(path))
        check_pairs(tests[name], args.size)
    return tests


def development_pairs(args):
    if args.development_pairs:
        pairs = Pairs(args.development_faces, args.development_pairs,
                      os.path.basename(args.development_pairs))
    else:
        out = os.path.join(args.out, "development")
        _, lfw, path = synthetic(args, out, 2, 1, DEVELOPMENT_SEED, args.synthetic_pairs)
        pairs = Pairs(lfw, path, "synthetic development pairs")
    check_pairs(pairs, args.size)
    return pairs


def watched_pairs(args):
    if args.development_pairs:
        return development_pairs(args)
    out = os.path.join(args.out, "watched")
    _, faces, path = synthetic(args, out, 2, 1, WATCHED_SEED, WATCHED)
    return Pairs(faces, path, "synthetic pairs")


def check_paths(args):
    """Checks that the user's files and folders exist."""
    named = [("--" + key.replace("_", "-"), getattr(args, key), key in FOLDERS)
             for key in (*FOLDERS, *FILES) if getattr(args, key)]
    for name, path, is_folder in named + [("--unlabelled", p, True) for p in args.unlabelled]:
        if not (os.path.isdir if is_folder else os.path.isfile)(path):
            what = "folder" if is_folder else "file"
            raise Failure(f"{name} {path}: " + (f"is not a {what}" if os.path.exists(path) else
                                                f"No such {what}"))
        if "\n" in path or is_folder and "," in path:
            raise Failure(f"{name} {path}: a comma or a new line cannot stand in this path: "
                          "a .data file separates folders by them")
        if name in ("--faces", "--unlabelled"):
            check_outside(args.out, path, f"{name} ")
