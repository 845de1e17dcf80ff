#!/usr/bin/python3
"""vary_faces.py: more faces for distillation, made of aligned faces.

A teacher has an output for any face, so a student without labels may learn from faces of no real
person. For each image of the folders FACES this writes into OUT, a folder without identities,

  --varied  copies, moved, turned, scaled a little, with other light and colours, some grey or soft;
  --mixed   faces made of this one and another: an average of the two, or one part of each with a
            soft border. Most of them are varied, too.

Aligned faces have their eyes and mouths in the same places: this is why a mix looks like a face.
Train on FACES and OUT together, `train=FACES,OUT` in the .data file, with losses that need no
labels. Faces are mixed with others of their size. A file that is no image is left out and named in
OUT.unreadable.txt. The status is 1 when a folder is missing, when no image is usable, or when files
could not be read, by a fault of the disk for example: the same command then makes their faces, too.

An interrupted run goes on with the same command; OUT/.record.json tells what OUT is made from.
"""
import argparse
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
from lib.arguments import whole
from lib.files import make_folder, read_result, remove, whole_file, write, write_json
from lib.folders import images_below
from lib.lock import folder_lock
from lib.pictures import read_rgb
from lib.processes import each

BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # as Pillow has it


class Unread(Exception):
    """The path of a file that cannot be read now, whatever it holds, and why."""


def load(path):
    try:
        return read_rgb(path)
    except OSError as e:
        if e.errno:
            raise Unread(path, e.strerror) from e
        raise


def varied(image, r):
    """Moved around the middle, then light and colours. Sizes of change are standard deviations."""
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
    """An average of two faces, or one side of a soft line from each. Either may be mirrored."""
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
    """Any image of the face's size; the face itself where such images are rare."""
    for _ in range(100):
        try:
            image = load(paths[r.randrange(len(paths))])
            if image.size == face.size:
                return image
        except BROKEN:
            continue
    return face


def write_all(i, paths, args):
    """The faces made of image i; returns how many, or the path when it is no image, or Unread. A
    face that is there already is whole and stays."""
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
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("faces", nargs="+", metavar="FACES", help="folders of aligned faces")
    p.add_argument("--out", required=True, help="a new folder")
    p.add_argument("--varied", type=whole(0, 1000), default=2, help="of each image (2)")
    p.add_argument("--mixed", type=whole(0, 1000), default=3, help="of each image (3)")
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
    """The record of OUT when it is done, None when there is work to do. Failure when it holds
    something else."""
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
    print(f"{images} images, {len(broken)} left out, {faces} faces in {args.out}")
    if not broken:
        remove(args.out + ".unreadable.txt")
        return
    write(args.out + ".unreadable.txt", "".join(f"{path}\n" for path in broken))
    print(f"vary_faces.py: {len(broken)} images cannot be read: {broken[0]}"
          + (", ..." if len(broken) > 1 else "") + f"; all are named in {args.out}.unreadable.txt",
          file=sys.stderr)


def work(args):
    paths = [p for folder in args.faces for p in images_below(folder)]
    if not paths:
        raise Failure(f"no images in {' '.join(args.faces)}")
    now, path = fingerprint(args), os.path.join(args.out, ".record.json")
    args.out = args.out.rstrip("/") or "/"
    make_folder(args.out)
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
