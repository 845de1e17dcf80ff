#!/usr/bin/python3
"""vary_faces.py: more faces for distillation, made of aligned faces.

A teacher can say what it sees in any face, so a student without labels may learn from faces that
nobody has. For each image of the folders FACES this writes into OUT, a folder without identities,

  --varied  copies, moved, turned, scaled a little, with other light and colours, some grey or soft;
  --mixed   faces made of this one and another: an average of the two, or one part of each with a
            soft border. Most of them are varied, too.

Aligned faces have their eyes and mouths in the same places: this is why a mix looks like a face.
Train on FACES and OUT together, `train=FACES,OUT` in the .data file, with losses that need no
labels. An image that cannot be read is left out; faces are mixed with others of their size.
"""
import argparse
import functools
import math
import multiprocessing
import os
import random
import sys

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

KINDS = (".jpg", ".jpeg", ".png", ".bmp")
BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # as Pillow has it


def images_of(folders):
    found = []
    for folder in folders:
        for at, inner, names in os.walk(folder, followlinks=True):
            inner.sort()
            found += [os.path.join(at, n) for n in sorted(names) if n.lower().endswith(KINDS)]
    return found


def load(path):
    with Image.open(path) as image:
        return image.convert("RGB")


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
            with Image.open(paths[r.randrange(len(paths))]) as image:
                if image.size == face.size:
                    return image.convert("RGB")
        except BROKEN:
            continue
    return face


def write_all(i, paths, args):
    """The faces made of image i; returns how many, or the path when it cannot be read."""
    r = random.Random(f"{args.seed}/{i}")
    try:
        face = load(paths[i])
    except BROKEN:
        return paths[i]
    made = [varied(face, r) for _ in range(args.varied)]
    for _ in range(args.mixed):
        mix = mixed(face, partner(paths, face, r), r)
        made.append(varied(mix, r) if r.random() < .6 else mix)
    for k, image in enumerate(made):
        image.save(os.path.join(args.out, f"{i:07}-{k}.jpg"), quality=92)
    return len(made)


def parse():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("faces", nargs="+", metavar="FACES", help="folders of aligned faces")
    p.add_argument("--out", required=True, help="a new folder")
    p.add_argument("--varied", type=int, default=2, help="of each image (2)")
    p.add_argument("--mixed", type=int, default=3, help="of each image (3)")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    if args.varied < 0 or args.mixed < 0 or not args.varied + args.mixed:
        p.error("--varied, --mixed: 0 or more, and not both 0")
    return args


def main():
    args = parse()
    paths = images_of(args.faces)
    if not paths:
        sys.exit(f"vary_faces.py: no images in {' '.join(args.faces)}")
    try:
        os.makedirs(args.out)
    except OSError as e:
        sys.exit(f"vary_faces.py: --out: {e}")
    one = functools.partial(write_all, paths=paths, args=args)
    try:
        with multiprocessing.Pool() as pool:
            done = pool.map(one, range(len(paths)), chunksize=64)
    except OSError as e:
        sys.exit(f"vary_faces.py: {args.out}: {e}")
    broken = [d for d in done if isinstance(d, str)]
    for path in broken[:10]:
        print(f"vary_faces.py: {path} cannot be read", file=sys.stderr)
    if len(broken) == len(paths):
        sys.exit("vary_faces.py: no image can be read")
    print(f"{len(paths)} images, {len(broken)} left out, "
          f"{sum(d for d in done if not isinstance(d, str))} faces in {args.out}")


if __name__ == "__main__":
    main()
