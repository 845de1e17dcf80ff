#!/usr/bin/python3
"""vary_faces.py: makes more faces for distillation from aligned faces.

A teacher has an output for any face. So a student that needs no labels can also learn from faces
that belong to no real person. For each image in the folders FACES the script writes into the folder
OUT:

  --varied N  copies that are moved, turned and scaled a little, with other light and colours; some
              are grey or blurred;
  --mixed N   mixtures with another face: the average of the two, or one part of each with a soft
              border. Most of them are also varied.

In aligned faces the eyes and mouths have the same places, so a mixture looks like a face. A face is
mixed only with faces of the same size. Train on FACES and OUT together (`train=FACES,OUT` in the
.data file), with losses that need no labels.

A file that is not an image is left out and named in OUT.unreadable.txt. When a file cannot be read
now (a fault of the disk, for example), the exit status is 1, and the same command makes the missing
faces later.

The same command continues an interrupted run. OUT/.record.json contains the inputs of OUT.
"""
import functools
import math
import os
import random
import sys

from lib.errors import Failure, needs, run_main

needs("numpy", "PIL")
import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from lib import fingerprints
from lib.arguments import command_line, whole
from lib.files import read_result, remove, whole_file, write, write_json
from lib.folders import check_outside, images_below
from lib.lock import folder_lock
from lib.pictures import BROKEN, read_rgb
from lib.processes import each
from lib.text import counted


class Unread(Exception):
    """A file could not be read now. Arguments: path, reason."""


def load(path):
    try:
        return read_rgb(path)
    except OSError as e:
        if e.errno:
            raise Unread(path, e.strerror) from e
        raise


def varied(image, r):
    """Returns the image moved, turned, scaled, in other light and colours. r: a random.Random."""
    w, h = image.size
    angle, scale = math.radians(r.gauss(0, 4)), math.exp(r.gauss(0, .05))
    dx, dy = r.gauss(0, w * .022), r.gauss(0, h * .022)
    c, s, x, y = math.cos(angle) / scale, math.sin(angle) / scale, (w - 1) / 2, (h - 1) / 2
    image = image.transform(
        image.size, Image.AFFINE,
        (c, s, x - c * (x + dx) - s * (y + dy), -s, c, y + s * (x + dx) - c * (y + dy)),
        Image.BILINEAR)
    image = ImageEnhance.Brightness(image).enhance(math.exp(r.gauss(0, .2)))
    image = ImageEnhance.Contrast(image).enhance(math.exp(r.gauss(0, .2)))
    image = ImageEnhance.Color(image).enhance(0 if r.random() < .08 else math.exp(r.gauss(0, .25)))
    if r.random() < .15:
        image = image.filter(ImageFilter.GaussianBlur(w / 112 * r.uniform(.3, 1.3)))
    return image


def mixed(a, b, r):
    """Returns a weighted average of the faces a and b, or a picture with a on one side of a blurred
    line and b on the other. Each face may first be mirrored."""
    w, h = a.size
    a, b = (np.asarray(i.transpose(Image.FLIP_LEFT_RIGHT) if r.random() < .5 else i, np.float32)
            for i in (a, b))
    if r.random() < .5:
        part = r.uniform(.3, .7)
    else:
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        across = y - h * r.uniform(.45, .8) if r.random() < .7 else x - w * r.uniform(.36, .64)
        part = 1 / (1 + np.exp(-across / (w / 112 * r.uniform(2, 6))))[..., None]
        if r.random() < .5:
            part = 1 - part
    return Image.fromarray(np.clip(a * part + b * (1 - part), 0, 255).astype(np.uint8))


def partner(paths, face, r):
    """Returns a random image of the size of `face`, or `face` itself when 100 draws find none."""
    for _ in range(100):
        try:
            image = load(paths[r.randrange(len(paths))])
            if image.size == face.size:
                return image
        except BROKEN:
            continue
    return face


def write_all(i, paths, args):
    """Writes the faces for image i and returns their number. Returns the path of the image when it
    is broken, or an Unread when it cannot be read now."""
    r = random.Random(f"{args.seed}/{i}")
    names = [os.path.join(args.out, f"{i:07}-{k}.jpg") for k in range(args.varied + args.mixed)]
    if all(os.path.exists(name) and os.path.getsize(name) for name in names):
        return len(names)
    try:
        face = load(paths[i])
        made = [varied(face, r) for _ in range(args.varied)]
        for _ in range(args.mixed):
            mix = mixed(face, partner(paths, face, r), r)
            made.append(varied(mix, r) if r.random() < .6 else mix)
    except BROKEN:
        return paths[i]
    except Unread as e:
        return e
    for name, image in zip(names, made):
        with whole_file(name, binary=True, sync=False) as f:
            image.save(f, "JPEG", quality=92)
    return len(made)


def parse():
    p = command_line(__doc__)
    p.add_argument("faces", nargs="+", metavar="FACES", help="folders of aligned faces")
    p.add_argument("--out", required=True, help="a new folder")
    p.add_argument("--varied", type=whole(0, 1000), default=2,
                   help="varied copies of each image (2)")
    p.add_argument("--mixed", type=whole(0, 1000), default=3, help="mixed copies of each image (3)")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    if not args.varied + args.mixed:
        p.error("--varied, --mixed: 0 or more, and not both 0")
    return args


def fingerprint(args):
    made = {f"folder {i + 1}": fingerprints.of_folder(os.path.abspath(folder))
            for i, folder in enumerate(args.faces)}
    return dict(made, varied=str(args.varied), mixed=str(args.mixed), seed=str(args.seed))


def check_record(args, path, now):
    """Returns the record of a finished OUT, or None. Fails when OUT was made from other inputs."""
    if any(not name.startswith(".") for name in os.listdir(args.out)):
        record = read_result(path, "made_from", "done")
        if record is None:
            raise Failure(f"--out: {args.out}: is not empty, and not of this script; choose a new "
                          "folder")
        lines = fingerprints.differences(record["made_from"], now)
        if lines:
            raise Failure(f"--out: {args.out}: was made from other inputs; choose a new folder"
                          + fingerprints.listed(lines))
        return record if record["done"] else None
    return None


def tell(args, images, broken, faces):
    print(f"{counted(images, 'image')}, {len(broken)} left out, {counted(faces, 'face')} in "
          f"{args.out}")
    if not broken:
        remove(args.out + ".unreadable.txt")
        return
    write(args.out + ".unreadable.txt", "".join(f"{path}\n" for path in broken))
    print(f"vary_faces.py: {counted(len(broken), 'image')} cannot be read: {broken[0]}"
          + (", ..." if len(broken) > 1 else "") + f"; all are named in {args.out}.unreadable.txt",
          file=sys.stderr)


def work(args):
    paths = [p for folder in args.faces for p in images_below(folder)]
    if not paths:
        raise Failure(f"no images in {' '.join(args.faces)}")
    for folder in args.faces:
        check_outside(args.out, folder)
    now, path = fingerprint(args), os.path.join(args.out, ".record.json")
    args.out = args.out.rstrip("/") or "/"
    with folder_lock(args.out):
        record = check_record(args, path, now)
        if record is None:
            write_json(path, {"made_from": now, "done": False})
            record = make(args, paths, {"made_from": now, "done": True})
            os.sync()
            write_json(path, record)
    tell(args, record["images"], record["broken"], record["faces"])


def make(args, paths, record):
    one = functools.partial(write_all, paths=paths, args=args)
    done = list(each(one, range(len(paths)), chunk=64))
    unread = [": ".join(d.args) for d in done if isinstance(d, Unread)]
    if unread:
        write(args.out + ".unreadable.txt", "".join(f"{line}\n" for line in unread))
        raise Failure(f"{unread[0]}: {len(unread)} of {len(paths)} files cannot be read, all are "
                      f"named in {args.out}.unreadable.txt; the same command tries them again")
    broken = [d for d in done if isinstance(d, str)]
    if len(broken) == len(paths):
        remove(os.path.join(args.out, ".record.json"))
        raise Failure(f"no image can be read, of {len(paths)}: {broken[0]}, ...")
    return dict(record, images=len(paths), broken=broken,
                faces=sum(d for d in done if not isinstance(d, str)))


def main():
    return run_main(work, parse(), again=True)


if __name__ == "__main__":
    sys.exit(main())
